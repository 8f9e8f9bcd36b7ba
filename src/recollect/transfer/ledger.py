"""Which files were imported, and how far: so that what did not change is not read again.

The ledger is a session of its own, in a namespace that users do not see, one for each of theirs:
a file's newest entry counts. Entries know files by path, size, time and a digest of what was read.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct, to_builtins

from ..backend import SOURCE, Commit, Key
from ..core.base import RESERVED, Core
from ..core.batch import Batch
from ..errors import ConflictError
from ..formats.base import Mark
from ..records import Patch

NAMESPACE = f"{RESERVED}imports"
_BATCH = 4096
_ATTEMPTS = 16
SPARE = 10_000
"""So many entries more than needed, and twice as many, before the log is written anew."""


class Entry(Struct, frozen=True, omit_defaults=True):
    """What an import knows of a file.

    ``prints`` is a digest of samples of the first ``size`` bytes, ``digest`` one of all of them.
    ``sessions`` are those that the file speaks of, the main one first; ``ends`` where each one's part
    of the file ends, if it holds several, and ``rest`` what stands behind the last.
    """

    path: str
    size: int
    modified: int = 0
    """Nanoseconds since 1970."""
    digest: str = ""
    prints: str = ""
    format: str = ""
    sessions: tuple[str, ...] = ()
    ends: tuple[int, ...] = ()
    rest: bytes = b""
    offset: int = 0
    """Where reading can go on; 0: it begins anew."""
    state: Any = None
    kept: bool = False
    """The source's bytes were kept."""
    damaged: bool = False
    """Something in it could not be read."""

    @property
    def mark(self) -> Mark | None:
        """Where reading can go on."""
        return Mark(self.offset, self.state) if self.offset else None


class _Noted(Struct, frozen=True):
    """A record that holds an entry: a SourceBody, decoded in one go."""

    source: Entry


class Ledger:
    """The entries of one namespace."""

    def __init__(self, core: Core) -> None:
        self._core = core.confined(NAMESPACE)
        self._key = Key(NAMESPACE, core.namespace)
        self._entries: dict[str, Entry] | None = None
        self._fresh: list[Entry] = []
        self._version = 0
        self._records = 0

    async def find(self, path: str) -> Entry | None:
        """The newest entry of a path."""
        return (await self._all()).get(path)

    async def entries(self) -> list[Entry]:
        """The newest entry of every path."""
        return list((await self._all()).values())

    async def holding(self, session_id: str) -> list[Entry]:
        """The entries of files that speak of a session, newest last."""
        return [entry for entry in (await self._all()).values() if session_id in entry.sessions]

    def add(self, entry: Entry) -> None:
        """Note a file; durable after ``flush``."""
        if self._entries is not None:
            self._entries.pop(entry.path, None)
            self._entries[entry.path] = entry
        self._fresh.append(entry)

    async def flush(self) -> None:
        """Make the new entries durable."""
        fresh, self._fresh = self._fresh, []
        for start in range(0, len(fresh), _BATCH):
            await self._write(fresh[start : start + _BATCH])
        if fresh and self._entries is not None and self._core.transactional:
            await self._shorten(self._entries, self._records + len(fresh))

    async def _all(self) -> dict[str, Entry]:
        if self._entries is None:
            self._entries = {}
            self._version = self._records = 0
            await self._read()
        return self._entries

    async def _read(self) -> None:
        """Take in what was added since the last look."""
        entries = self._entries
        assert entries is not None
        while records := await self._core.backend.read(
            self._key, after=self._version, limit=_BATCH, kinds=(SOURCE,)
        ):
            self._version = records[-1][0]
            self._records += len(records)
            for record in records:
                entry = self._core.codec.body(self._key, record, _Noted).source
                entries.pop(entry.path, None)
                entries[entry.path] = entry

    async def _write(self, entries: Iterable[Entry]) -> None:
        for _ in range(_ATTEMPTS):
            row = await self._core.backend.row(self._key)
            if row is None:
                batch = Batch.create(self._core, self._key, Patch())
            else:
                batch = Batch(self._core, row, self._core.codec.state(row))
            for entry in entries:
                batch.source(dict(to_builtins(entry)))
            commit: Commit = batch.change(None).commit
            try:
                await self._core.backend.commit(commit)
            except ConflictError:
                continue  # another import wrote its own entries: ours go behind them
            return
        raise ConflictError("The ledger of imports moved too often.", hint="Import again.")

    async def _shorten(self, entries: dict[str, Entry], records: int) -> None:
        """Write the log anew, with the newest entry of each file alone, once it is much longer than
        that: a file that is followed while it grows leaves an entry at every step."""
        if records <= SPARE + 2 * len(entries):
            return
        await self._read()
        row = await self._core.backend.row(self._key)
        if row is None or row.version != self._version:
            return  # another import is just writing its entries: another time, then
        batch = Batch.create(self._core, self._key, Patch())
        for entry in entries.values():
            batch.source(dict(to_builtins(entry)))
        anew: Commit = batch.change(None).commit
        try:
            await self._core.backend.commit(Commit(key=self._key, base=row.version, delete=True), anew)
        except ConflictError:
            return
        assert anew.row is not None
        self._version, self._records = anew.row.version, len(entries)


async def readable(core: Core, entry: Entry) -> bool:
    """Whether every session of an entry is there, so that its file need not be read again."""
    for session_id in entry.sessions:
        if not core.visible(await core.backend.row(core.key(session_id))):
            return False
    return True
