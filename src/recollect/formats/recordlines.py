"""Records of append-only logs: JSON lines, read fast, and carefully where they are damaged.

A line that is one record is decoded as it is. From the first one that is not (two records glued
together, raw line feeds in a string, a record cut off) a ``Cursor`` finds the records instead.
"""

from __future__ import annotations

import io
import re
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, NamedTuple, TypeVar

import msgspec

from .base import Damage
from .jsonstream import CHUNK, MAX_VALUE, Broken, Cursor, decode

T = TypeVar("T")
_LONGEST_LINE = 64 << 20
_SPACE = b" \t\r"
_LINE_FEED = re.compile(rb"\n")
_BOM = b"\xef\xbb\xbf"


class Record(NamedTuple, Generic[T]):
    """A record: where it begins in the file, its bytes, and what they say."""

    offset: int
    raw: bytes
    value: T


class RecordDecoder(Generic[T]):
    """Decodes records into ``kind``, a struct all of whose fields may be anything."""

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind
        self._fast = msgspec.json.Decoder(kind).decode

    def __call__(self, raw: bytes) -> T:
        """Raises ValueError for what is no JSON or not of that kind."""
        try:
            return self._fast(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass  # the decoder below takes lone surrogates and raw control characters
        value = decode(raw)
        try:
            return msgspec.convert(value, self._kind)
        except (msgspec.ValidationError, RecursionError) as error:
            raise ValueError("it is not a record of this format") from error


def read_records(
    read: Callable[[int], bytes],
    decoder: Callable[[bytes], T],
    offset: int = 0,
    whole: Callable[[T], bool] = bool,
) -> Iterator[Record[T] | Damage]:
    """The records that ``read`` gives, and what is damaged; ``offset`` is where it stands.
    ``whole`` tells a record from a piece of one."""
    held = b""
    while True:
        fresh = read(max(CHUNK, len(held)))
        text = held + fresh if held else fresh
        if not offset and text.startswith(_BOM):
            text, offset = text[len(_BOM) :], len(_BOM)
        cut = text.rfind(b"\n") + 1 if fresh else len(text)
        start = 0
        while start < cut:
            end = text.find(b"\n", start, cut)
            line = text[start : end if end >= 0 else cut]
            records = _records_of(line, decoder, offset + start)
            if records is None:
                yield from _carefully(text[start:], read, decoder, offset + start, whole)
                return
            yield from records
            start += len(line) + 1
        held = text[cut:]
        offset += cut
        if len(held) > _LONGEST_LINE:
            yield from _carefully(held, read, decoder, offset, whole)
            return
        if not fresh:
            return


def _records_of(line: bytes, decoder: Callable[[bytes], T], offset: int) -> list[Record[T]] | None:
    """The records of a line without damage; None for any other."""
    if not line or line.isspace():
        return []
    if line[0] in _SPACE or line[-1] in _SPACE:
        offset += len(line) - len(line.lstrip(_SPACE))
        line = line.strip(_SPACE)
    try:
        return [Record(offset, line, decoder(line))]
    except ValueError:
        found = list(_carefully(line, io.BytesIO().read, decoder, offset, bool))
        return None if any(isinstance(piece, Damage) for piece in found) else found  # type: ignore[return-value]  # no Damage is left


def _carefully(
    held: bytes,
    read: Callable[[int], bytes],
    decoder: Callable[[bytes], T],
    offset: int,
    whole: Callable[[T], bool],
) -> Iterator[Record[T] | Damage]:
    """The records of ``held`` and what ``read`` gives behind it. One damage a line is told, and
    behind it only ``whole`` records are taken there: pieces of the damaged one look like records."""
    lines = _Lines(held, read)
    del held
    cursor = Cursor(lines.read)
    damaged = -1
    for found in cursor.records(MAX_VALUE):
        line = lines.line_at(found.offset)
        if isinstance(found, Broken):
            if line != damaged:
                yield Damage(offset + found.offset, found.reason)
            damaged = line
            continue
        raw = found.raw or b""
        try:
            value = decoder(raw)
        except ValueError as error:
            if line != damaged:
                yield Damage(offset + found.offset, f"no record: {error}")
            damaged = line
            continue
        if line != damaged or whole(value):
            yield Record(offset + found.offset, raw, value)


class _Lines:
    """Reads through and knows which line an offset is on; offsets are asked for in rising order."""

    def __init__(self, held: bytes, read: Callable[[int], bytes]) -> None:
        self._head = io.BytesIO(held)
        self._read = read
        self._passed = 0
        self._line = 0
        self._ends: deque[int] = deque()

    def read(self, size: int) -> bytes:
        fresh = self._head.read(size) or self._read(size)
        self._ends.extend(self._passed + match.start() for match in _LINE_FEED.finditer(fresh))
        self._passed += len(fresh)
        return fresh

    def line_at(self, offset: int) -> int:
        while self._ends and self._ends[0] < offset:
            self._ends.popleft()
            self._line += 1
        return self._line
