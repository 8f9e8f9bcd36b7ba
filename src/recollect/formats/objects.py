"""Files that hold whole conversations as JSON objects: one, one behind the other, or an array of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from .base import Damage, Source
from .jsonstream import MAX_VALUE, Broken, Cursor, decode


class Record(NamedTuple):
    """An object of a file: what it says, where it begins, and the offset behind its last byte."""

    value: dict[str, Any]
    offset: int
    end: int


Decode = Callable[[bytes], Any]


def read_objects(
    source: Source, marks: frozenset[str], decoder: Decode = decode
) -> Iterator[Record | Damage]:
    """The conversations of a file, or of the array that it is, in order; one is in memory at a time.

    An object is one when it has any of the keys ``marks``. What is none is damage, except right
    behind damage: there it is a piece of the conversation that is broken.
    """
    cursor = Cursor(source.read)
    cursor.start()
    broken = False
    for found in cursor.records(MAX_VALUE):
        record = (
            Damage(found.offset, found.reason)
            if isinstance(found, Broken)
            else decoded(found.raw or b"", found.offset, decoder)
        )
        if isinstance(record, Record) and marks.isdisjoint(record.value):
            if broken:
                continue
            record = Damage(found.offset, f"no conversation: it has no key {' or '.join(sorted(marks))}")
        broken = isinstance(found, Broken) or (broken and isinstance(record, Damage))
        yield record


def decoded(raw: bytes, offset: int, decoder: Decode = decode) -> Record | Damage:
    """A record from its bytes."""
    try:
        value = decoder(raw)
    except ValueError as error:
        return Damage(offset, f"no JSON: {error}")
    if not isinstance(value, dict):
        return Damage(offset, "an object was expected")
    return Record(value, offset, offset + len(raw))


def opens_json(head: bytes) -> bool:
    """Whether a file begins like an object or an array, with or without a byte-order mark."""
    return head[:256].removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")
