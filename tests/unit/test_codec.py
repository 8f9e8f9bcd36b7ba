"""Bodies: framed, checked, and read back to equal messages whatever the text holds."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from recollect import CorruptError, InvalidError, Message, UnsupportedError, Usage
from recollect.backend import MESSAGE, Key
from recollect.codec import Codec, dumps, folded, frame_body, is_intact, loads
from recollect.model import BlobPart, OtherPart, Part, ReasoningPart, TextPart, ToolCallPart, UriPart
from recollect.records import Frame, canonical

KEY = Key("default", "s")
FRAME = Frame(0, 2, 1, 2, 1, 3, 1_700_000_000_000_000)
CODEC = Codec()
HAZARDS = ["", "a\0b", "\u2028\u2029", "\ud800", "x\udfffy", "\U0001f600", "\ufeff", "\x1b[31m", '"\\/', "é"]


def _stored(message: Message) -> tuple[int, int, int, bytes]:
    return (3, MESSAGE, 2, CODEC.record(dumps(message), FRAME))


@pytest.mark.parametrize("text", HAZARDS)
def test_any_text_comes_back(text: str) -> None:
    message = Message.user(text, id="m")
    record = _stored(message)
    assert is_intact(record[3])
    assert CODEC.messages(KEY, [record]) == [message]
    assert b"\n" not in record[3]


def test_a_line_with_one_unusual_message_is_read_whole() -> None:
    messages = [Message.user(text, id=str(i)) for i, text in enumerate(HAZARDS)]
    assert CODEC.messages(KEY, [_stored(m) for m in messages]) == messages


@pytest.mark.parametrize(
    "part",
    [
        TextPart("a", {"k": [1, 2.5, None, True, {"n": 2**90}]}),
        ReasoningPart("because", {"signature": "x"}),
        ToolCallPart("f", {"x": [1]}, "c1"),
        BlobPart(b"\0\xff", "image/png"),
        UriPart("https://example.org/a.png"),
        OtherPart("strange", {"deep": {"deeper": []}}),
    ],
)
def test_every_part_comes_back(part: Part) -> None:
    message = Message.assistant([part], id="m", usage=Usage(1, 2, 3, 4, Decimal("0.10")))
    (back,) = CODEC.messages(KEY, [_stored(message)])
    assert back == message
    assert back.usage is not None
    assert str(back.usage.cost_usd) == "0.10"


def test_the_frame_is_found_again_and_other_keys_are_ignored() -> None:
    record = _stored(Message.user("hi", id="m"))
    frame = CODEC.frame(KEY, record)
    assert (frame.at, frame.tip, frame.depth, frame.turn, frame.origin) == (FRAME.at, 3, 2, 1, 2)
    assert json.loads(record[3])["_"][1:] == [2, 1, 2, 1, 3, FRAME.at]


def test_every_flipped_byte_is_noticed() -> None:
    body = frame_body(dumps(Message.user("some words", id="m")), FRAME)
    for place in range(len(body)):
        damaged = bytearray(body)
        damaged[place] ^= 0x01
        assert not is_intact(bytes(damaged)), place
        assert not is_intact(body[:place]), place


def test_damage_names_its_place() -> None:
    record = _stored(Message.user("some words", id="m"))
    with pytest.raises(CorruptError, match="record 3") as caught:
        CODEC.messages(KEY, [record, (3, MESSAGE, 2, record[3][:-9])])
    assert caught.value.place == "session 's', record 3"
    with pytest.raises(CorruptError):
        CODEC.messages(KEY, [(3, MESSAGE, 2, b"")])


def test_two_damaged_bodies_never_pass_as_one_list() -> None:
    a, b = _stored(Message.user("a", id="a")), _stored(Message.user("b", id="b"))
    joined = (3, MESSAGE, 2, a[3] + b"," + b[3])
    with pytest.raises(CorruptError):
        CODEC.messages(KEY, [joined])


def test_other_framings_are_refused_by_name() -> None:
    with pytest.raises(UnsupportedError, match="compressed or sealed"):
        CODEC.messages(KEY, [(1, MESSAGE, 0, b"\x01abc")])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1, object()}])
def test_what_json_cannot_say_is_refused_or_changed_visibly(value: Any) -> None:
    try:
        raw = dumps({"v": value})
    except InvalidError:
        return
    assert loads(raw, object) != {"v": value}


def test_canonical_text_is_equal_for_equal_values() -> None:
    assert canonical({"b": 1, "a": [True, None]}) == canonical({"a": [True, None], "b": 1})
    assert canonical("\ud800") == '"\\ud800"'


def test_folding_ignores_case_and_accents() -> None:
    assert folded("Crème BRÛLÉE") == folded("creme brulee") == folded("Cre\u0300me bru\u0302le\u0301e")


def test_dates_keep_their_microseconds() -> None:
    message = Message.user("x", id="m", created_at=datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC))
    assert CODEC.messages(KEY, [_stored(message)]) == [message]


def test_a_frame_leaves_out_what_the_message_says_itself() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    message = Message.user("x", id="m", created_at=at)
    for nth, length in ((0, 4), (1, 5)):
        frame = Frame(0, 2, 1, 2, nth, 3, 1_767_225_600_000_000)
        body = CODEC.message(dumps(message), frame, 3, frame.at)
        assert len(json.loads(body)["_"]) == length
        assert is_intact(body)
        assert CODEC.frame(KEY, (3, MESSAGE, 2, body)) == replace(frame, crc=json.loads(body)["_"][0])
    with pytest.raises(CorruptError):
        CODEC.frame(KEY, (3, MESSAGE, 2, frame_body(b'{"id":"m"}', frame, 3, frame.at)))
