"""Records of append-only logs: fast where lines are whole, careful where they are not."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from msgspec import Struct

from recollect.formats import recordlines
from recollect.formats.base import Damage
from recollect.formats.recordlines import Record, RecordDecoder, read_records


class Entry(Struct, gc=False):
    n: Any = None
    inner: Any = None


DECODER = RecordDecoder(Entry)


def whole(entry: Entry) -> bool:
    return entry.n is not None


def read(data: bytes | str, offset: int = 0, size: int = 1 << 18) -> list[Record[Entry] | Damage]:
    data = data.encode() if isinstance(data, str) else data
    source = io.BytesIO(data)
    found = list(read_records(lambda wanted: source.read(min(wanted, size)), DECODER, offset, whole))
    for piece in found:
        if isinstance(piece, Record):
            start = piece.offset - offset
            assert data[start : start + len(piece.raw)] == piece.raw
    return found


def numbers(found: list[Record[Entry] | Damage]) -> list[Any]:
    return [piece.value.n if isinstance(piece, Record) else "damage" for piece in found]


@pytest.mark.parametrize("size", [1, 7, 1 << 18])
def test_lines_of_any_ending(size: int) -> None:
    text = '\ufeff{"n":1}\r\n\n  {"n":2} \n{"n":3}\n{"n":"' + "x" * 40 + '"}'
    assert numbers(read(text, size=size)) == [1, 2, 3, "x" * 40]
    assert read("") == read("\n \n") == []


def test_offsets_count_from_where_reading_began() -> None:
    [first, second] = read('{"n":1}\n{"n":2}', 100)
    assert (first.offset, second.offset) == (100, 108)


def test_two_records_on_one_line() -> None:
    found = read('{"n":1}{"n":2}\n{"n":3}')
    assert numbers(found) == [1, 2, 3]
    assert [piece.offset for piece in found] == [0, 7, 15]


def test_what_json_forbids_but_files_hold() -> None:
    assert numbers(read(b'{"n":"a\tb"}\n{"n":"\\ud800"}\n{"n":"a\nb"}\n{"n":4}')) == [
        "a\tb",
        "\ud800",
        "a\nb",
        4,
    ]


def test_a_cut_record_costs_itself_and_its_pieces_are_no_records() -> None:
    cut = json.dumps({"n": 2, "inner": [{"inner": {"x": 1}}, {"inner": 5}]})[:-1]
    for behind in ("\n", ""):
        found = read('{"n":1}\n' + cut + behind + '{"n":3}\n{"n":4}\n' + cut)
        assert numbers(found) == [1, "damage", 3, 4, "damage"]
    assert numbers(read(b'{"n":1}\n\x00\x00\x00{"n":2}\n{"n":3}')) == [1, "damage", 2, 3]


def test_what_is_no_record() -> None:
    deep = '{"n":' * 200_000 + "1" + "}" * 200_000
    assert numbers(read('{"n":1}\n7\n' + deep + '\n{"n":2}')) == [1, "damage", "damage", 2]


def test_a_file_without_line_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordlines, "_LONGEST_LINE", 1000)
    assert numbers(read('{"n":1}' * 1000, size=64)) == [1] * 1000
