"""Files that hold whole conversations as JSON objects: one, one behind the other, or an array of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from .base import Damage, Source
from .jsonstream import MAX_VALUE, Broken, Cursor, decode
from .salvage import Mended, Shape, mended

SALVAGED_AT_MOST = 64 << 20
"""Of a conversation that is broken this much is looked at."""
_LOOKS = 50
"""A file that is made to look broken again and again costs no more than this many readings of it."""


class Record(NamedTuple):
    """An object of a file: what it says, where it begins, and the offset behind its last byte."""

    value: dict[str, Any]
    offset: int
    end: int


Decode = Callable[[bytes], Any]


def read_objects(
    source: Source, marks: frozenset[str], shape: Shape, decoder: Decode = decode
) -> Iterator[Record | Damage]:
    """The conversations of a file, or of the array that it is, in order; one is in memory at a time.

    An object is one when it has any of the keys ``marks``. What is none is damage, except right
    behind damage: there it is a piece of the conversation that is broken. Of such a one as many
    messages are read as ``shape`` finds.
    """
    cursor = Holding(source.read)
    cursor.start()
    broken: BrokenRecord | None = None
    for found in cursor.records(MAX_VALUE):
        if isinstance(found, Broken):
            broken = broken or BrokenRecord(cursor, found.offset, shape, decoder)
            broken.damages.append(Damage(found.offset, found.reason))
            continue
        for record in decoded(found.raw or b"", found.offset, shape, decoder):
            if broken is not None:
                if isinstance(record, Damage) or marks.isdisjoint(record.value) or broken.holds(found.offset):
                    continue
                yield from broken.end(found.offset)
                broken = None
            if isinstance(record, Damage) or not marks.isdisjoint(record.value):
                yield record
            else:
                keys = " or ".join(sorted(marks))
                yield Damage(found.offset, f"no conversation: it has no key {keys}")
    if broken is not None:
        yield from broken.end(cursor.offset)


class Holding(Cursor):
    """Keeps the text of what is broken, from its beginning on."""

    def resync(self) -> None:
        if self._held is None:
            self.hold(SALVAGED_AT_MOST)
        super().resync()


class BrokenRecord:
    """A conversation that is no JSON; where it ends shows only when another begins."""

    def __init__(
        self, cursor: Cursor, offset: int, shape: Shape, decoder: Decode, *, takes_lists: bool = False
    ) -> None:
        self._cursor = cursor
        self._offset = offset
        self._shape = shape
        self._decoder = decoder
        self._takes_lists = takes_lists
        self._looks = _LOOKS
        self.damages: list[Damage] = []
        """What the cursor said of it."""

    def so_far(self) -> Mended:
        """What can be read of all that was passed since it began."""
        return mended(self._cursor.held(), self._offset, self._shape, self._decoder)

    def holds(self, offset: int) -> bool:
        """Whether what was read at a place is a part of this conversation, from before the break."""
        self._looks -= 1
        return self._looks >= 0 and self.so_far().clear_to > offset

    def end(self, offset: int) -> Iterator[Record | Damage]:
        """What can be read of it, now that it is known to end before ``offset``."""
        text = self._cursor.held()[: offset - self._offset]
        self._cursor.release()
        found = mended(text, self._offset, self._shape, self._decoder)
        if isinstance(found.value, dict) or (found.value is not None and self._takes_lists):
            yield from found.damages or self.damages
            yield Record(found.value, self._offset, offset)
        else:
            yield from self.damages


def decoded(raw: bytes, offset: int, shape: Shape, decoder: Decode = decode) -> Iterator[Record | Damage]:
    """A record from its bytes, and what is damaged: that costs only the message that it stands in,
    and of a byte that is no UTF-8 only the character, in whose place U+FFFD stands."""
    try:
        value = decoder(raw)
    except UnicodeDecodeError as error:
        damages = [Damage(offset + error.start, "a byte there is not UTF-8")]
        try:
            value = decoder(raw.decode("utf-8", "replace").encode())
        except ValueError:
            value, more = mended(raw, offset, shape, decoder)[:2]
            damages = more or damages
        yield from damages
    except ValueError as error:
        value, damages = mended(raw, offset, shape, decoder)[:2]
        yield from damages or [Damage(offset, f"no JSON: {error}")]
    if isinstance(value, dict):
        yield Record(value, offset, offset + len(raw))
    elif value is not None:
        yield Damage(offset, "an object was expected")


def opens_json(head: bytes) -> bool:
    """Whether a file begins like an object or an array, with or without a byte-order mark."""
    return head[:256].removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")
