"""Whole logs, byte for byte: out of a store and into another one.

An export holds the records exactly as their plain JSON bodies say them, so that a log can be
written elsewhere, checked against the fold on the way, and exported again to the same bytes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from ..backend import HEAD, MESSAGE, SOURCE, UPDATE, Commit, Key, Record
from ..codec import is_intact, place_of
from ..errors import CorruptError
from ..model import BlobPart, Message
from ..records import (
    Frame,
    HeadBody,
    Line,
    SourceBody,
    State,
    UpdateBody,
    applied,
    created,
    extended,
    extended_aside,
    noted,
    pointed,
    preview_of,
    slid,
    to_microseconds,
)
from .base import Core
from .blobs import load_blob
from .drafts import texts_of
from .ids import encode_message_id
from .notes import blobs_in

BATCH = 1000


class LogEntry(Struct, frozen=True, gc=False):
    """A record as exports hold it: kind by number, body as its plain JSON text."""

    seq: int
    kind: int
    parent: int
    body: bytes


async def entries(core: Core, key: Key, upto: int, after: int = 0) -> AsyncIterator[LogEntry]:
    """A session's log in order, from behind ``after`` up to version ``upto``."""
    while after < upto:
        records = await core.backend.read(key, after=after, before=upto + 1, limit=BATCH)
        for record in records:
            if record[0] != after + 1:
                break
            after = record[0]
            yield LogEntry(record[0], record[1], record[2], core.codec.plain(key, record))
        else:
            if records:
                continue
        raise CorruptError(
            f"{place_of(key, after + 1).capitalize()} is missing.", place=place_of(key, after + 1)
        )


def digests_of(core: Core, key: Key, entry: LogEntry) -> list[str]:
    """The digests (hex) of the blobs that a message or a note of an import refers to."""
    if entry.kind == SOURCE:
        record = (entry.seq, entry.kind, entry.parent, entry.body)
        return blobs_in(core.codec.body(key, record, SourceBody))
    if entry.kind == MESSAGE and b'"digest":' in entry.body:
        message = _message(core, key, entry)
        return [part.digest for part in message.parts if isinstance(part, BlobPart) and part.digest]
    return []


async def blobs_of(core: Core, key: Key, entry: LogEntry) -> dict[str, bytes]:
    """The blobs that a message or a note of an import refers to, by digest in hex."""
    return {digest: await load_blob(core, key, entry.seq, digest) for digest in digests_of(core, key, entry)}


def _message(core: Core, key: Key, entry: LogEntry) -> Message:
    return core.codec.body(key, (entry.seq, entry.kind, entry.parent, entry.body), Message)


class Folder:
    """Folds a log entry by entry, checking that each follows from those before it."""

    def __init__(self, core: Core, key: Key, state: State | None = None) -> None:
        self._core = core
        self._key = key
        self.state = state
        self._lines: dict[int, Line] = {0: Line()}
        self._last: tuple[int, int] | None = (0, 0) if state is None else None

    def add(self, entry: LogEntry) -> Record:
        """The next entry as a record to be written. Raises CorruptError when it does not fit."""
        version = 0 if self.state is None else self.state.version
        if entry.seq != version + 1:
            raise self._bad(entry, f"its number should be {version + 1}")
        if not is_intact(entry.body):
            raise self._bad(entry, "its checksum does not agree with its bytes")
        record = (entry.seq, entry.kind, entry.parent, entry.body)
        frame = self._core.codec.frame(self._key, record)
        if frame.nth and self._last not in (None, (frame.at, frame.nth - 1)):
            raise self._bad(entry, "it is not where its commit says")
        self._last = (frame.at, frame.nth)
        if entry.kind == MESSAGE:
            return self._add_message(entry, frame)
        self._fold(entry, frame)
        assert self.state is not None
        self.state = slid(self.state, frame.at)
        if replace(frame, crc=0) != self.state.frame(frame.at, frame.nth):
            raise self._bad(entry, "its frame does not agree with the log before it")
        return Record(entry.seq, entry.kind, entry.parent, b"", frame.at, "", entry.body)

    def _fold(self, entry: LogEntry, frame: Frame) -> None:
        body = self._core.codec.body
        record = (entry.seq, entry.kind, entry.parent, entry.body)
        if self.state is None:
            if entry.kind != UPDATE:
                raise self._bad(entry, "a log begins with an update")
            self.state = created(self._key, frame.at, body(self._key, record, UpdateBody).set)
        elif entry.kind == UPDATE:
            self.state = applied(self.state, frame.at, body(self._key, record, UpdateBody))
        elif entry.kind == HEAD:
            head = body(self._key, record, HeadBody)
            self.state = pointed(self.state, frame.at, head, self._line(entry, head.to))
        else:
            self.state = noted(self.state, frame.at)

    def _add_message(self, entry: LogEntry, frame: Frame) -> Record:
        if self.state is None:
            raise self._bad(entry, "a log begins with an update")
        message = _message(self._core, self._key, entry)
        if frame.tip == entry.seq:
            if entry.parent != self.state.tip:
                raise self._bad(entry, f"its parent should be {self.state.tip}")
            after, (placed,) = extended(self.state, frame.at, [message], frame.nth)
            preview = after.info.preview
        else:
            above = self._line(entry, entry.parent)
            after, (placed,) = extended_aside(self.state, frame.at, [message], entry.parent, above, frame.nth)
            preview = above.preview or (preview_of(message) if frame.origin == entry.seq else "")
        if replace(frame, crc=0) != placed.frame:
            raise self._bad(entry, "its frame does not agree with the log before it")
        self.state = slid(after, frame.at)
        self._lines[entry.seq] = Line(frame.depth, frame.turn, frame.origin, preview)
        at = frame.at if message.created_at is None else to_microseconds(message.created_at)
        return Record(
            entry.seq,
            MESSAGE,
            entry.parent,
            encode_message_id(message.id),
            at,
            message.role,
            entry.body,
            texts_of(message.parts),
        )

    def line_at(self, seq: int) -> Line:
        """What the line that ends in the message ``seq`` counts up to; the empty line for another."""
        return self._lines.get(seq, Line())

    def _line(self, entry: LogEntry, seq: int) -> Line:
        try:
            return self._lines[seq]
        except KeyError:
            raise self._bad(entry, f"it points at record {seq}, which is no message before it") from None

    def _bad(self, entry: LogEntry, why: str) -> CorruptError:
        place = place_of(self._key, entry.seq)
        return CorruptError(f"{place.capitalize()} is wrong: {why}.", place=place)


class LogWriter:
    """Writes log entries as they are behind what a session holds, batch by batch."""

    def __init__(self, core: Core, key: Key, state: State | None = None) -> None:
        core.writable()
        self._core = core
        self._key = key
        self._folder = Folder(core, key, state)

    @property
    def version(self) -> int:
        """How far the session is written."""
        return 0 if self._folder.state is None else self._folder.state.version

    async def write(self, log: Sequence[LogEntry], blobs: dict[bytes, bytes]) -> None:
        """Check and commit the next entries, with the blobs that they refer to."""
        base = self.version
        records = [self._folder.add(entry) for entry in log]
        state = self._folder.state
        if state is None or not records:
            return
        row = self._core.codec.row(self._key, state)
        commit = Commit(key=self._key, base=base, row=row, records=records, blobs=blobs, bulk=True)
        await self._core.backend.commit(commit)
