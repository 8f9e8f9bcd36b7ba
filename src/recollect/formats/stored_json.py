"""JSON files with one object or a list each, read so that damage costs only what it hits."""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Any, NamedTuple

from .base import Damage, Source
from .jsonstream import Broken, Cursor, decode

_DEPTH = 4
_NOTHING: frozenset[str] = frozenset()


class Value(NamedTuple):
    """A value of the file's outermost level, as far as it could be read, and what is wrong with it."""

    offset: int
    value: Any
    damage: list[Damage]
    end: int


def values(
    source: Source, inside: Container[str] = _NOTHING, lists: Container[str] = _NOTHING
) -> Iterator[Value]:
    """The file's outermost values, or those of the one array around them.

    An object is entered, as are those under its keys ``inside``; arrays under the keys ``lists`` are
    taken element by element, where Damage stands for one that is no JSON. Behind a place that cannot
    be understood what follows comes as values of its own.
    """
    cursor = Cursor(source.read)
    cursor.start()
    for found in cursor.records(0):
        if isinstance(found, Broken):
            yield Value(found.offset, None, [Damage(found.offset, found.reason)], cursor.offset)
            continue
        reader = _Reader(cursor, inside, lists)
        value: Any = {}
        try:
            if cursor.peek() == 0x7B:
                reader.object(value, _DEPTH)
            else:
                value = reader.value()
        except Broken as broken:
            reader.damage.append(Damage(broken.offset, broken.reason))
            cursor.resync()
        yield Value(found.offset, value, reader.damage, cursor.offset)


class _Reader:
    """Reads one value at a cursor."""

    def __init__(self, cursor: Cursor, inside: Container[str], lists: Container[str]) -> None:
        self._cursor = cursor
        self._inside = inside
        self._lists = lists
        self.damage: list[Damage] = []

    def object(self, into: dict[str, Any], depth: int) -> None:
        """The object here, member by member. Raises Broken, with what came before in ``into``."""
        cursor = self._cursor
        for key in cursor.members():
            first = cursor.peek()
            if first == 0x7B and depth and key in self._inside:
                below: dict[str, Any] = {}
                into[key] = below
                self.object(below, depth - 1)
            elif first == 0x5B and key in self._lists:
                into[key] = items = []
                for _ in cursor.items():
                    items.append(self.value(report=False))
            else:
                value = self.value()
                if not isinstance(value, Damage):
                    into[key] = value

    def value(self, *, report: bool = True) -> Any:
        """The value here, Damage when it is no JSON. Raises Broken."""
        offset = self._cursor.offset
        raw = self._cursor.value() or b""
        try:
            return decode(raw)
        except ValueError:
            damage = Damage(offset, "this is no JSON")
            if report:
                self.damage.append(damage)
            return damage
