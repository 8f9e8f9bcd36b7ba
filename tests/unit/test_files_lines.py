"""Lines: readable, checked, and everything comes back byte for byte."""

from __future__ import annotations

import json
import re
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recollect.backend import MESSAGE, UPDATE, Key, Record
from recollect.backends.filestore import lines
from recollect.backends.filestore.columns import from_id, from_moment, to_id, to_moment
from recollect.errors import CorruptError, InvalidError, UnsupportedError
from recollect.testing import making as m
from recollect.testing import strategies
from recollect.testing.hazards import BODIES

KEY = Key("default", "s1")
UUID = b"u" + bytes(range(16))


def line_of(records=(), row=None, base=0, *, texts=False):
    row = row or m.row(KEY, base + len(records))
    encoded = lines.encode_records(records, base, texts=texts)
    line = lines.encode_line(base, encoded, lines.encode_row(row))
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    return line[:-1]


def bodies_of(line):
    return [record[3] for record in lines.stored_records(lines.decode_reads(line), 0, 2**62, None)]


def test_a_line_is_what_it_says():
    records = [m.message(1, "hello", message_id=UUID, role="user", body=b'{"text":"hi \\u2028"}')]
    parsed = json.loads(line_of(records, m.row(KEY, 1, name="n", tags=("a",), body=b'{"x":1}')))
    crc = parsed.pop("crc")
    assert re.fullmatch("[0-9a-f]{8}", crc)
    assert parsed == {
        "v": 1,
        "base": 0,
        "records": [
            {
                "seq": 1,
                "kind": "message",
                "id": "00010203-0405-0607-0809-0a0b0c0d0e0f",
                "at": "2024-10-04T00:00:00Z",
                "role": "user",
                "body": {"text": "hi \u2028"},
            }
        ],
        "row": {
            "namespace": "default",
            "session": "s1",
            "version": 1,
            "created_at": "2024-10-04T00:00:00Z",
            "updated_at": "2024-10-04T00:00:00Z",
            "name": "n",
            "tags": ["a"],
            "body": {"x": 1},
        },
    }


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:20]))
def test_bodies_come_back_byte_for_byte(body):
    line = line_of([m.message(1, body=body)], m.row(KEY, 1, body=body))
    assert bodies_of(line) == [body]
    row = lines.decode_row(line, KEY, "x")
    assert row is not None
    assert row.body == body


@pytest.mark.parametrize(
    ("body", "readable"),
    [
        (b'{"a":1}', True),
        (b'{"a":123456789012345678901234567890,"b":"\xc3\xa9"}', True),
        (b'{"a":"\xff"}', False),
        (b'{"a": 1} ', False),
        (b'{"a":\n1}', False),
        (b'{"a":1}}', False),
        (b'{"a":"\\ud800"}', False),
        (b"[1]", False),
        (b'{"a":' + b"[" * 90 + b"]" * 90 + b"}", True),
        (b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}", False),
    ],
)
def test_json_objects_stand_as_they_are(body, readable):
    line = line_of([m.message(1, body=body)])
    assert (body in line) is readable
    assert bodies_of(line) == [body]


texts = st.text(max_size=50).map(lambda text: b"s" + text.encode("utf-8", "surrogatepass"))


@given(st.binary(max_size=300) | texts)
def test_message_ids_come_back(raw):
    text = to_id(raw)
    if text is not None:
        assert from_id(text) == raw
    line = line_of([Record(1, MESSAGE, 0, raw, 0, "user", b"{}")])
    assert lines.decode_full(line).records[0].message_id == raw


def test_an_id_that_looks_like_a_uuid_is_not_taken_for_one():
    text = b"s00010203-0405-0607-0809-0a0b0c0d0e0f"
    assert to_id(text) is None
    assert lines.decode_full(line_of([m.message(1, message_id=text)])).records[0].message_id == text


@given(st.integers(-(2**63), 2**63 - 1))
def test_moments_come_back(moment):
    line = line_of([m.message(1, at=moment)])
    assert from_moment(lines.decode_full(line).records[0].at) == moment
    assert from_moment(to_moment(moment)) == moment


@given(strategies.rows())
def test_rows_come_back(rows):
    for row in rows:
        line = lines.encode_line(0, b"[]", lines.encode_row(row))[:-1]
        assert lines.decode_row(line, row.key, "x") == row


def test_lone_surrogates_are_replaced_in_columns():
    leaf = (("k\ud800", '"\ud800"'),)
    row = m.row(KEY, name="a\ud800", tags=("\udfff",), metadata=leaf, provider="\ud800", model="m")
    decoded = lines.decode_row(line_of(row=row), KEY, "x")
    assert decoded is not None
    assert (decoded.name, decoded.tags, decoded.provider) == ("a\ufffd", ("\ufffd",), "\ufffd")
    assert decoded.metadata == (("k\ufffd", '"\ufffd"'),)


@pytest.mark.parametrize(
    "record",
    [
        m.message(1, at=2**63),
        m.message(2**32),
        m.message(0),
        m.message(1)._replace(role="nobody"),
        m.message(1)._replace(kind=99),
    ],
)
def test_records_that_cannot_be_stored_are_refused(record):
    with pytest.raises(InvalidError):
        lines.encode_records([record], 0, texts=False)


def test_records_ascend():
    for seqs in ([1, 1], [2, 1], [3, 4]):
        with pytest.raises(InvalidError):
            lines.encode_records([m.message(seq) for seq in seqs], 3 if seqs == [3, 4] else 0, texts=False)


@pytest.mark.parametrize("field", ["cost", "updated_at", "expires_at", "deleted_at", "message_count"])
def test_numbers_beyond_64_bits_are_refused(field):
    with pytest.raises(InvalidError):
        lines.encode_row(m.row(KEY, **{field: 2**63}))


def test_every_flipped_bit_is_noticed():
    line = line_of([m.message(1, "x"), m.update(2)])
    assert lines.is_intact(line)
    assert lines.base_of(line) == 0
    for at in range(len(line)):
        for bit in (1, 32, 128):
            damaged = bytearray(line)
            damaged[at] ^= bit
            # Upper-case hex digits of the checksum mean the same number.
            assert not lines.is_intact(bytes(damaged)) or (14 <= at < 22 and bit == 32)


def test_a_line_of_other_software_is_no_crash():
    rest = b'"base":0,"records":[{"seq":"x"}],"row":{"namespace":1}}'
    line = b'{"v":1,"crc":"%08x",%b' % (crc32(rest), rest)
    assert lines.is_intact(line)
    for decode in (lines.decode_full, lambda line: lines.decode_row(line, KEY, "x")):
        with pytest.raises(CorruptError):
            decode(line)


def test_every_cut_is_noticed():
    line = line_of([m.message(1, "x")])
    assert not any(lines.is_intact(line[:size]) for size in range(len(line)))


def test_newer_layouts_are_refused():
    with pytest.raises(UnsupportedError, match="layout 2"):
        lines.refuse_newer(b'{"v":2,"whatever":1}', "x.jsonl")
    for other in (b'{"v":1,"crc":"', b"{}", b"", b'{"v":x,'):
        lines.refuse_newer(other, "x.jsonl")


def test_a_renamed_file_is_noticed():
    with pytest.raises(CorruptError, match="renamed or copied"):
        lines.decode_row(line_of(), Key("default", "s2"), "s2.jsonl")


def test_rewriting_takes_body_texts_and_row_away():
    records = [m.message(1, "secret", body=b"secret"), m.message(2, "kept", body=b"kept"), m.update(3)]
    line = line_of(records, m.row(KEY, 3, body=b'{"preview":"secret"}'), texts=True)
    again = lines.rewritten(line, {1: (b'{"gone":1}', ())})
    assert lines.is_intact(again[:-1])
    assert b"secret" not in again
    assert bodies_of(again) == [b'{"gone":1}', b"kept", b"{}"]
    assert [record.texts for record in lines.decode_full(again).records] == [None, ["kept", "", ""], None]
    assert [record.kind for record in lines.decode_full(again).records] == ["message", "message", "update"]
    assert lines.NUMBERS["update"] == UPDATE
    assert lines.decode_row(again, KEY, "x") is None
