"""Records of append-only logs: JSON lines, read fast, and carefully where they are damaged.

A line that is one record is decoded as it is. From the first one that is not (two records glued
together, raw line feeds in a string, a record cut off) a ``Cursor`` finds the records instead.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Generic, NamedTuple, TypeVar

import msgspec

from .base import Damage
from .jsonstream import CHUNK, MAX_VALUE, Broken, Cursor, decode

T = TypeVar("T")
_LONGEST_LINE = 64 << 20
_SPACE = b" \t\r"
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
    read: Callable[[int], bytes], decoder: Callable[[bytes], T], offset: int = 0
) -> Iterator[Record[T] | Damage]:
    """The records that ``read`` gives, and what is damaged; ``offset`` is where it stands."""
    held = b""
    while True:
        fresh = read(max(CHUNK, len(held)))
        whole = held + fresh if held else fresh
        if not offset and whole.startswith(_BOM):
            whole, offset = whole[len(_BOM) :], len(_BOM)
        cut = whole.rfind(b"\n") + 1 if fresh else len(whole)
        start = 0
        while start < cut:
            end = whole.find(b"\n", start, cut)
            line = whole[start : end if end >= 0 else cut]
            records = _records_of(line, decoder, offset + start)
            if records is None:
                yield from _carefully(whole[start:], read, decoder, offset + start)
                return
            yield from records
            start += len(line) + 1
        held = whole[cut:]
        offset += cut
        if len(held) > _LONGEST_LINE:
            yield from _carefully(held, read, decoder, offset)
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
        found = list(_carefully(line, io.BytesIO().read, decoder, offset))
        return None if any(isinstance(piece, Damage) for piece in found) else found  # type: ignore[return-value]  # no Damage is left


def _carefully(
    held: bytes, read: Callable[[int], bytes], decoder: Callable[[bytes], T], offset: int
) -> Iterator[Record[T] | Damage]:
    """The records of ``held`` and what ``read`` gives behind it."""
    head = io.BytesIO(held)
    del held
    cursor = Cursor(lambda size: head.read(size) or read(size))
    for found in cursor.records(MAX_VALUE):
        place = offset + found.offset
        if isinstance(found, Broken):
            yield Damage(place, found.reason)
            continue
        raw = found.raw or b""
        try:
            yield Record(place, raw, decoder(raw))
        except ValueError as error:
            yield Damage(place, f"no record: {error}")
