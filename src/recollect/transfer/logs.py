"""Whole logs into a store, byte for byte: what a session has must be where the file's log begins."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from hashlib import sha256

from ..backend import MESSAGE, Commit, Key, Record
from ..core.base import Core
from ..core.log import Folder, LogEntry, entries
from ..errors import CorruptError, InvalidError
from ..formats.base import LogBlob, LogHeader, LogRecord
from ..model import BlobPart, Message
from ..records import State
from .outbox import Outbox, Parcel
from .tally import Tally

BATCH_RECORDS = 1000
BATCH_BYTES = 8 << 20


class Logs:
    """Takes the pieces of logs in order, one log after the other."""

    def __init__(self, core: Core, outbox: Outbox, tally: Tally) -> None:
        self._core = core
        self._outbox = outbox
        self._tally = tally
        self._log: _Log | None = None

    async def add(self, piece: LogHeader | LogRecord | LogBlob, file: str) -> None:
        """One more piece."""
        report = partial(self._tally.damage, file)
        if isinstance(piece, LogHeader):
            await self.end()
            self._log = await self._begin(piece, report)
        elif self._log is None:
            report(piece.offset, "this belongs to no session: there is no header before it")
        elif not self._log.stopped:
            try:
                await self._log.add(piece)
            except (CorruptError, InvalidError) as error:
                await self._log.stop(piece.offset, error.message)

    async def damage(self) -> None:
        """The log being read has a gap: nothing behind it can follow."""
        if self._log is not None and not self._log.stopped:
            await self._log.stop(None, "")

    async def end(self) -> None:
        """The log being read is complete."""
        log, self._log = self._log, None
        if log is not None and not log.stopped:
            await log.finish()

    async def _begin(self, header: LogHeader, report: Callable[[int, str], None]) -> _Log | None:
        try:
            key = self._core.key(header.session_id)
        except InvalidError as error:
            report(header.offset, error.message)
            return None
        await self._outbox.settle(key)
        row = await self._core.backend.row(key)
        log = _Log(self._core, self._outbox, self._tally, key, header, report)
        if row is not None and not self._core.visible(row):
            where = "in the trash" if row.deleted_at is not None else "expired"
            await log.stop(header.offset, f"session {key.session_id!r} is {where}; nothing was added to it")
        elif row is not None:
            log.meet(row.version)
        return log


class _Log:
    """One log on its way in."""

    def __init__(
        self,
        core: Core,
        outbox: Outbox,
        tally: Tally,
        key: Key,
        header: LogHeader,
        report: Callable[[int, str], None],
    ) -> None:
        self._core = core
        self._outbox = outbox
        self._tally = tally
        self._key = key
        self._header = header
        self._report = report
        self._folder = Folder(core, key)
        self._state: State | None = None
        """After the last record that waits to be sent: the folder may be ahead when it refuses one."""
        self._stored: AsyncIterator[LogEntry] | None = None
        self._stored_version = 0
        self._sent = 0
        self._records: list[Record] = []
        self._blobs: dict[bytes, bytes] = {}
        self._have: set[str] = set()
        self._bytes = 0
        self.stopped = False

    def meet(self, version: int) -> None:
        """The session is there, at this version: the file's log must begin like its own."""
        self._stored = entries(self._core, self._key, version)
        self._stored_version = self._sent = version

    async def add(self, piece: LogRecord | LogBlob) -> None:
        """The next piece. Raises CorruptError when it does not fit."""
        if isinstance(piece, LogBlob):
            self._add_blob(piece)
            return
        entry = LogEntry(piece.seq, piece.kind, piece.parent, piece.body)
        self._check_blobs(entry)
        record = self._folder.add(entry)
        if entry.seq <= self._stored_version:
            await self._compare(piece, entry)
            return
        self._records.append(record)
        self._state = self._folder.state
        self._bytes += len(piece.body)
        if len(self._records) >= BATCH_RECORDS or self._bytes >= BATCH_BYTES:
            await self._send()

    def _add_blob(self, piece: LogBlob) -> None:
        if sha256(piece.content).hexdigest() != piece.digest:
            raise CorruptError("this blob's content does not agree with its digest")
        self._have.add(piece.digest)
        self._blobs[bytes.fromhex(piece.digest)] = piece.content
        self._bytes += len(piece.content)

    def _check_blobs(self, entry: LogEntry) -> None:
        if entry.kind != MESSAGE or b'"digest":' not in entry.body:
            return
        message = self._core.codec.body(self._key, (entry.seq, entry.kind, entry.parent, entry.body), Message)
        for part in message.parts:
            if isinstance(part, BlobPart) and part.digest is not None and part.digest not in self._have:
                raise CorruptError(f"record {entry.seq} refers to a blob that the file does not hold")

    async def _compare(self, piece: LogRecord, entry: LogEntry) -> None:
        assert self._stored is not None
        if await anext(self._stored, None) != entry:
            await self.stop(
                piece.offset,
                f"session {self._key.session_id!r} is stored with another past, from record {entry.seq} on; "
                f"nothing was changed",
            )
        elif entry.seq == self._stored_version:
            self._blobs.clear()

    async def _send(self) -> None:
        state = self._state
        if not self._records or state is None:
            return
        commit = Commit(
            key=self._key,
            base=self._sent,
            row=self._core.codec.row(self._key, state),
            records=self._records,
            blobs=self._blobs,
        )
        added = sum(record.kind == MESSAGE for record in self._records)
        tell = self._tally.updated if self._stored_version else self._tally.created
        self._sent = state.version
        self._records, self._blobs, self._bytes = [], {}, 0
        await self._outbox.put(Parcel(commit, partial(tell, self._key.session_id, added), self._lost))

    async def _lost(self) -> None:
        await self.stop(
            self._header.offset,
            f"session {self._key.session_id!r} was written to by others meanwhile; import it again",
        )

    async def finish(self) -> None:
        """All of the log has come."""
        state = self._folder.state
        version = 0 if state is None else state.version
        if version < self._header.version:
            self._report(
                self._header.offset,
                f"the log of session {self._key.session_id!r} ends at record {version} "
                f"of {self._header.version}",
            )
        if self._records:
            await self._send()
        elif self._stored_version:
            self._tally.unchanged(self._key.session_id)

    async def stop(self, offset: int | None, reason: str) -> None:
        """Take nothing more of this log; what came before stays."""
        if self.stopped:
            return
        self.stopped = True
        if offset is not None:
            self._report(offset, f"{reason}; the rest of this log was left out" if self._sent else reason)
        await self._send()
