"""Cutting values out of a stream: every chunking gives the same, damage is bounded."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recollect.formats import jsonstream
from recollect.formats.jsonstream import Broken, Cursor, decode


def records(data: bytes, limit: int = 1 << 20, step: int = 0):
    stream = io.BytesIO(data)
    cursor = Cursor((lambda size: stream.read(step)) if step else stream.read)
    cursor.start()
    return list(cursor.records(limit))


def values(data: bytes, step: int = 0):
    return [decode(found.raw) for found in records(data, step=step) if not isinstance(found, Broken)]


def damage(data: bytes):
    return [(found.offset, found.reason) for found in records(data) if isinstance(found, Broken)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(st.text(), JSON), min_size=1), st.integers(1, 9), st.sampled_from([None, 2]))
def test_arrays_and_lines_come_apart_whatever_the_chunks(objects, step, indent):
    array = json.dumps(objects, indent=indent).encode()
    assert values(array, step) == objects
    lines = "\n".join(json.dumps(one, indent=indent, ensure_ascii=False) for one in objects)
    assert values(lines.encode("utf-8", "surrogatepass"), step) == objects


def test_offsets_are_those_of_the_file():
    data = b'\xef\xbb\xbf {"a":1}\n  {"b":2}'
    assert [found.offset for found in records(data)] == [4, 14]


def test_objects_glued_on_one_line_come_apart():
    assert values(b'{"a":1}{"a":2}{"a":3}\n{"a":4}') == [{"a": 1}, {"a": 2}, {"a": 3}, {"a": 4}]
    assert damage(b'{"a":1}{"a":2}\n') == []


def test_a_record_cut_short_does_not_take_the_next_one_with_it():
    data = b'{"id":"a","text":"one"}\n{"id":"b","text":"cut in the mid{"id":"c","text":"whole"}\n{"id":"d"}\n'
    assert [value["id"] for value in values(data)] == ["a", "c", "d"]
    assert [offset for offset, _ in damage(data)] == [24]


def test_a_record_cut_outside_of_a_string_ends_with_its_line():
    data = b'{"id":"a","list":[{"x":1}\n{"id":"b"}\n{"id":"c","list":[1,\n{"id":"d"}\n{"id":"e"}\n'
    assert [value["id"] for value in values(data)] == ["b", "d", "e"]
    assert [offset for offset, _ in damage(data)] == [0, 37]


def test_zero_bytes_are_reported_and_skipped():
    data = b'{"a":1}\n' + b"\0" * 700 + b'{"a":2}\n'
    assert values(data) == [{"a": 1}, {"a": 2}]
    assert damage(data) == [(8, "700 zero bytes stand there")]


def test_raw_control_characters_in_strings_are_tolerated():
    assert values(b'{"a":"one\ntwo\ttab"}\n{"a":"b"}') == [{"a": "one\ntwo\ttab"}, {"a": "b"}]


def test_the_last_line_may_be_cut_or_lack_its_end():
    assert values(b'{"a":1}\n{"a":2}') == [{"a": 1}, {"a": 2}]
    assert damage(b'{"a":1}\n{"a":2, "b":') == [(8, "the text ends in the middle of a record")]


def test_damage_inside_an_array_leaves_the_elements_behind_it():
    data = b'[{"id":1,"m":[{"r":"x"}]}, {"id":2,"m":[{"r":"x" oops}]}, {"id":3,"m":[{"r":"x"}]}]'
    assert [value["id"] for value in values(data)] == [1, 3]
    assert [offset for offset, _ in damage(data)] == [27]


def test_a_lost_quote_shows_at_once_and_not_at_the_end_of_the_file(monkeypatch):
    lines = [json.dumps({"id": i, "text": "many words of text " * 20}).encode() for i in range(5000)]
    lines[10] = lines[10].replace(b'"text": "', b'"text": ')
    taken = 0
    stream = io.BytesIO(b"\n".join(lines))

    def read(size: int) -> bytes:
        nonlocal taken
        taken += size
        return stream.read(size)

    cursor = Cursor(read)
    cursor.start()
    found = cursor.records(1 << 20)
    first = [next(found) for _ in range(12)]
    assert isinstance(first[10], Broken)
    assert not isinstance(first[11], Broken)
    assert taken <= 2 * jsonstream.CHUNK


def test_a_long_value_is_stepped_into():
    data = json.dumps({"a": [1, "two", {"three": 3}], "b": "x" * 500, "c": None}).encode()
    stream = io.BytesIO(data)
    cursor = Cursor(lambda size: stream.read(7))
    cursor.start()
    (found,) = [next(cursor.records(100))]
    assert found.raw is None
    taken = {}
    for key in cursor.members():
        taken[key] = (
            [decode(cursor.value()) for _ in cursor.items()] if key == "a" else decode(cursor.value())
        )
    assert taken == json.loads(data)


@pytest.mark.parametrize(
    "data",
    [b'{"a" 1}', b'{"a":1', b'{"a":1]', b"{1:2}", b'{"a":1 "b":2}', b'["a"]', b""],
)
def test_stepping_into_what_is_no_object_is_an_error(data):
    cursor = Cursor(io.BytesIO(data).read)
    with pytest.raises(Broken):
        [cursor.value() for _ in cursor.members()]


def test_numbers_that_json_lacks_are_refused():
    with pytest.raises(ValueError, match="NaN"):
        decode(b'{"a":NaN}')
    assert decode(b'{"a":123456789012345678901234567890}') == {"a": 123456789012345678901234567890}
    assert decode(rb'{"a":"\ud800"}') == {"a": "\ud800"}


def test_a_string_with_millions_of_escapes_needs_no_memory_for_backtracking():
    data = b'{"a":"' + b"\\n" * 3_000_000 + b'"}'
    (found,) = records(data, limit=1 << 30)
    assert len(decode(found.raw)["a"]) == 3_000_000


def test_a_list_that_ends_too_soon_is_told():
    for text, whole in (
        (b'[{"a":1},', False),
        (b'[{"a":1}', False),
        (b"[ ", False),
        (b'[{"a":1}]', True),
        (b"[]", True),
    ):
        cursor = Cursor(io.BytesIO(text).read)
        cursor.start()
        broken = [found.reason for found in cursor.records(1 << 20) if isinstance(found, Broken)]
        assert broken == ([] if whole else ["the text ends before the list does"])
