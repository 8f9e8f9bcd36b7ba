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


def read_objects(source: Source, decoder: Decode = decode) -> Iterator[Record | Damage]:
    """The objects of a file, or of the array that it is, in order; one is in memory at a time."""
    cursor = Cursor(source.read)
    cursor.start()
    for found in cursor.records(MAX_VALUE):
        if isinstance(found, Broken):
            yield Damage(found.offset, found.reason)
            continue
        yield decoded(found.raw or b"", found.offset, decoder)


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
