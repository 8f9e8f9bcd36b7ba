"""Conversations as objects of a file: arrays, lines, damage between and inside of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from recollect.formats.base import Damage
from recollect.formats.objects import Record, opens_json, read_objects
from recollect.formats.salvage import Shape

from .format_sources import Source

MARKS = frozenset(("talk",))
SHAPE = Shape(lists=frozenset(("said",)))


def read(data: bytes) -> list[Record | Damage]:
    return list(read_objects(Source(data), MARKS, SHAPE))


def test_objects_come_with_their_places() -> None:
    for data in (
        b'[{"talk":1}, {"talk":2}]',
        b'{"talk":1}\n{"talk":2}\n',
        b'\xef\xbb\xbf[\n{"talk":1},{"talk":2}\n]',
    ):
        found = read(data)
        assert [record.value for record in found if isinstance(record, Record)] == [{"talk": 1}, {"talk": 2}]
        for record in found:
            assert isinstance(record, Record)
            assert data[record.offset : record.end] == b'{"talk":%d}' % record.value["talk"]


def test_what_is_no_conversation_is_damage_once() -> None:
    assert [type(one).__name__ for one in read(b'[{"talk":1},{"a":1},[2],{"talk":2}]')] == [
        *("Record", "Damage", "Damage", "Record")
    ]
    pieces = b",".join(b'{"talk":%d,"x":{"a":"b"}}' % number for number in range(3))
    found = read(b'[{"talk":0,"x":[{"talk" {"a":1},{"a":2},{"a":3}' + pieces + b"]")
    assert isinstance(found[0], Damage)
    assert [one.value["talk"] for one in found if isinstance(one, Record)] == [0, 1, 2]
    assert len(found) == 5  # where it breaks, and the beginning of an object in it


def test_bytes_that_are_not_utf8_cost_a_character() -> None:
    damage, record, after = read(b'{"talk":"a\xffb"}\n{"talk":2}')
    assert damage == Damage(10, "a byte there is not UTF-8")
    assert isinstance(record, Record)
    assert (record.value, record.offset, record.end) == ({"talk": "a\ufffdb"}, 0, 14)
    assert isinstance(after, Record)
    both = read(b'{"talk":"\xff",1}')
    assert both == [Damage(9, "a byte there is not UTF-8"), Damage(12, "a key was expected")]


def test_one_object_is_read_at_a_time() -> None:
    class Endless(Source):
        def __init__(self) -> None:
            super().__init__(b"")
            self.given = 0

        def read(self, size: int | None = -1, /) -> bytes:
            self.given += 1
            return b'{"talk":1}\n' * 10_000

    source = Endless()
    found: Iterator[Record | Damage] = read_objects(source, MARKS, SHAPE)
    for _ in range(100):
        assert isinstance(next(found), Record)
    assert source.given <= 2


@pytest.mark.parametrize(
    ("head", "expected"),
    [(b" \n{", True), (b"\xef\xbb\xbf[", True), (b"", False), (b"x{", False), (b"\xef\xbb", False)],
)
def test_openings(head: bytes, expected: bool) -> None:
    assert opens_json(head) is expected
