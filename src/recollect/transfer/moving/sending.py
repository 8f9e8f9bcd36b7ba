"""Commits on their way into the destination: many small ones together, each answered for.

A commit that the destination refuses costs its own session only. One whose outcome is unknown is
looked for before it is sent again: its base makes sure that it is stored once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ...backend import Commit, Key
from ...core.base import Core
from ...errors import ConflictError, InvalidError, StoreError, UnknownOutcomeError, UnsupportedError

MAX_RECORDS = 2000
MAX_BYTES = 4 << 20
ATTEMPTS = 4
_PAUSE = 0.25  # seconds
_ITS_OWN = (ConflictError, InvalidError, UnsupportedError)
"""What is wrong with one commit, and not with the store."""


class Parcel(NamedTuple):
    """A commit, what to do once it is durable, when another writer was faster, and when it is refused."""

    commit: Commit
    done: Callable[[], None]
    lost: Callable[[], None]
    refused: Callable[[StoreError], None]


class Sender:
    """Gathers commits up to a bounded size."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._waiting: list[Parcel] = []
        self._keys: set[Key] = set()
        self._records = 0
        self._bytes = 0

    async def put(self, parcel: Parcel) -> None:
        """One more commit; sends what has gathered when it is enough."""
        commit = parcel.commit
        await self.settle(commit.key)
        self._waiting.append(parcel)
        self._keys.add(commit.key)
        self._records += len(commit.records)
        self._bytes += sum(len(record.body) for record in commit.records)
        self._bytes += sum(map(len, commit.blobs.values()))
        if self._records >= MAX_RECORDS or self._bytes >= MAX_BYTES or not self._core.transactional:
            await self.flush()

    async def settle(self, key: Key) -> None:
        """Make sure that what is read of this session next is its newest state."""
        if key in self._keys:
            await self.flush()

    async def flush(self) -> None:
        """Send everything: in one transaction, or one by one when one of them stands in the way."""
        waiting, self._waiting = self._waiting, []
        self._keys.clear()
        self._records = self._bytes = 0
        if len(waiting) > 1 and await self._together(waiting):
            return
        for parcel in waiting:
            await self._alone(parcel)

    async def _together(self, parcels: list[Parcel]) -> bool:
        try:
            await self._core.backend.commit(*[parcel.commit for parcel in parcels])
        except (*_ITS_OWN, UnknownOutcomeError):
            return False  # one by one it will be found out which, or whether all are stored
        for parcel in parcels:
            parcel.done()
        return True

    async def _alone(self, parcel: Parcel) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await self._core.backend.commit(parcel.commit)
            except ConflictError:
                stored = await self._is_stored(parcel.commit)
                (parcel.done if stored else parcel.lost)()
            except UnknownOutcomeError:
                if attempt == ATTEMPTS:
                    raise
                await self._core.clock.sleep(_PAUSE * attempt)
                continue  # sent again on the same base, it is stored once, or found to be there
            except _ITS_OWN as error:
                parcel.refused(error)
            else:
                parcel.done()
            return

    async def _is_stored(self, commit: Commit) -> bool:
        """Whether an earlier attempt, or a move beside this one, has stored the same records."""
        wanted = [(record.seq, record.body) for record in commit.records]
        found = await self._core.backend.read(commit.key, after=commit.base, limit=len(wanted))
        return [(record[0], record[3]) for record in found] == wanted
