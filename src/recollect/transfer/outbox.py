"""Commits on their way: many small ones are made durable together, each all or nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from ..backend import Commit, Key
from ..core.base import Core
from ..errors import ConflictError

MAX_RECORDS = 2000
MAX_BYTES = 4 << 20


class Parcel(NamedTuple):
    """A commit, what to do once it is durable, and what when another writer was faster."""

    commit: Commit
    done: Callable[[], None]
    lost: Callable[[], Awaitable[None]]


class Outbox:
    """Gathers commits up to a bounded size."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._parcels: list[Parcel] = []
        self._keys: set[Key] = set()
        self._records = 0
        self._bytes = 0

    async def put(self, parcel: Parcel) -> None:
        """One more commit; sends what has gathered when it is enough."""
        if parcel.commit.key in self._keys:
            await self.flush()
        self._parcels.append(parcel)
        self._keys.add(parcel.commit.key)
        self._records += len(parcel.commit.records)
        self._bytes += sum(len(record.body) for record in parcel.commit.records)
        self._bytes += sum(map(len, parcel.commit.blobs.values()))
        if self._records >= MAX_RECORDS or self._bytes >= MAX_BYTES or not self._core.transactional:
            await self.flush()

    async def settle(self, key: Key) -> None:
        """Make sure that what is read of this session next is its newest state."""
        if key in self._keys:
            await self.flush()

    async def flush(self) -> None:
        """Send everything: in one transaction, or one by one when somebody else interferes."""
        parcels, self._parcels = self._parcels, []
        self._keys.clear()
        self._records = self._bytes = 0
        if len(parcels) > 1 and await self._send([parcel.commit for parcel in parcels]):
            for parcel in parcels:
                parcel.done()
            return
        for parcel in parcels:  # one alone, or one of them came too late: find out which
            if await self._send([parcel.commit]):
                parcel.done()
            else:
                await parcel.lost()

    async def _send(self, commits: list[Commit]) -> bool:
        try:
            await self._core.backend.commit(*commits)
        except ConflictError:
            return False
        return True
