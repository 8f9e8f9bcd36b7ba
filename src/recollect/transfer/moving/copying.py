"""Writes one log into a session, behind what the session has, in batches of bounded size."""

from __future__ import annotations

from functools import partial
from typing import Protocol

from ...backend import MESSAGE, Commit, Key, Record, Scrubs
from ...core.base import Core
from ...core.log import Folder, LogEntry, digests_of, entries
from ...errors import CorruptError, InvalidError, StoreError
from ...model import Message
from ...records import State, is_tombstone
from .origins import Log
from .sending import Parcel, Sender

BATCH_RECORDS = 1000
BATCH_BYTES = 4 << 20


class Written:
    """What was written so far, durable."""

    def __init__(self) -> None:
        self.records = self.messages = self.blobs = self.bytes = 0

    def add(self, commit: Commit) -> None:
        """Count a commit."""
        self.records += len(commit.records)
        self.messages += sum(record.kind == MESSAGE for record in commit.records)
        self.blobs += len(commit.blobs)
        self.bytes += sum(len(record.body) for record in commit.records)
        self.bytes += sum(map(len, commit.blobs.values()))


class Watcher(Protocol):
    """Who is told what becomes of a copy."""

    def sent(self, records: int) -> None:
        """So many more records are on their way."""

    def lost(self) -> None:
        """Another writer was faster."""

    def refused(self, error: StoreError) -> None:
        """The destination cannot hold what it was sent."""


class Copy:
    """One log on its way into the session ``key``, which has its first ``have`` records already.

    ``changed`` are those of them whose bodies the log has otherwise: erased, or completed.
    """

    def __init__(
        self, core: Core, sender: Sender, log: Log, key: Key, have: int, changed: tuple[int, ...] = ()
    ) -> None:
        self._core = core
        self._sender = sender
        self._log = log
        self._key = key
        self._have = self._sent = have
        self._changed = frozenset(changed)
        self._folder = Folder(core, key)
        self._state: State | None = None
        self._records: list[Record] = []
        self._blobs: dict[bytes, bytes] = {}
        self._known: set[str] = set()
        self._erased: list[tuple[int, bytes]] = []
        self._amended: list[tuple[int, bytes, tuple[str, ...]]] = []
        self._drop: list[bytes] = []
        self._bytes = 0

    async def run(self, written: Written, watcher: Watcher) -> None:
        """Write the log. Raises CorruptError where it is damaged; what stands before is written."""
        if self._changed:
            self._drop = await self._unused()
        try:
            async for entry in self._log.entries():
                await self._add(entry)
                if len(self._records) >= BATCH_RECORDS or self._bytes >= BATCH_BYTES:
                    await self._send(written, watcher)
        except (CorruptError, InvalidError):
            await self._send(written, watcher)
            raise
        await self._send(written, watcher)
        if (self._changed or self._drop) and isinstance(self._core.backend, Scrubs):
            await self._sender.flush()
            await self._core.backend.scrub()

    async def _add(self, entry: LogEntry) -> None:
        record = self._folder.add(entry)
        if entry.seq > self._have or entry.seq in self._changed:
            blobs = await self._log.blobs(entry, self._known)
            self._known.update(blobs)
            self._blobs.update((bytes.fromhex(digest), content) for digest, content in blobs.items())
            self._bytes += len(entry.body) + sum(map(len, blobs.values()))
        if entry.seq > self._have:
            self._records.append(record)
        elif entry.seq in self._changed:
            self._replace(entry, record)
        self._state = self._folder.state

    def _replace(self, entry: LogEntry, record: Record) -> None:
        """A record that is stored with the body it had before it was erased or completed."""
        if entry.kind == MESSAGE:
            stored = (entry.seq, entry.kind, entry.parent, entry.body)
            if not is_tombstone(self._core.codec.body(self._key, stored, Message)):
                self._amended.append((entry.seq, record.body, record.texts))
                return
        self._erased.append((entry.seq, record.body))

    async def _unused(self) -> list[bytes]:
        """The blobs that go with what was erased: the log refers to them no more."""
        before: set[str] = set()
        async for entry in entries(self._core, self._key, self._have):
            if entry.seq in self._changed:
                before.update(digests_of(self._core, self._key, entry))
        if before:
            async for entry in self._log.entries():
                before.difference_update(self._log.digests(entry))
        return [bytes.fromhex(digest) for digest in sorted(before)]

    async def _send(self, written: Written, watcher: Watcher) -> None:
        if not self._records or self._state is None:
            return
        commit = Commit(
            key=self._key,
            base=self._sent,
            row=self._core.codec.row(self._key, self._state),
            records=self._records,
            blobs=self._blobs,
            erased=self._erased,
            amended=self._amended,
            drop_blobs=self._drop,
        )
        self._sent = self._state.version
        self._records, self._blobs, self._bytes = [], {}, 0
        self._erased, self._amended, self._drop = [], [], []
        parcel = Parcel(commit, partial(written.add, commit), watcher.lost, watcher.refused)
        await self._sender.put(parcel)
        watcher.sent(len(commit.records))
