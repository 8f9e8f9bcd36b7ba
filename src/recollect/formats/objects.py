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
        if isinstance(found, Broken):
            broken = True
            yield Damage(found.offset, found.reason)
            continue
        for record in decoded(found.raw or b"", found.offset, decoder):
            if isinstance(record, Damage):
                yield record
            elif not marks.isdisjoint(record.value):
                broken = False
                yield record
            elif not broken:
                keys = " or ".join(sorted(marks))
                yield Damage(found.offset, f"no conversation: it has no key {keys}")


def decoded(raw: bytes, offset: int, decoder: Decode = decode) -> Iterator[Record | Damage]:
    """A record from its bytes, and what is damaged. Where a byte is no UTF-8, the mark U+FFFD takes
    its place: the other messages of the conversation are worth more than a character."""
    try:
        value = decoder(raw)
    except UnicodeDecodeError as error:
        yield Damage(offset + error.start, "a byte there is not UTF-8")
        try:
            value = decoder(raw.decode("utf-8", "replace").encode())
        except ValueError as again:
            yield Damage(offset, f"no JSON: {again}")
            return
    except ValueError as error:
        yield Damage(offset, f"no JSON: {error}")
        return
    if isinstance(value, dict):
        yield Record(value, offset, offset + len(raw))
    else:
        yield Damage(offset, "an object was expected")


def opens_json(head: bytes) -> bool:
    """Whether a file begins like an object or an array, with or without a byte-order mark."""
    return head[:256].removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")
