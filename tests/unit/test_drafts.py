"""What may be stored: exactly what comes back equal; everything else is refused before a write."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from recollect import InvalidError, Message, Usage
from recollect.codec import loads
from recollect.core.drafts import BLOB_THRESHOLD, MAX_DEPTH, drafts, texts_of
from recollect.model import BlobPart, OtherPart, ReasoningPart, TextPart, ToolCallPart, ToolCallResponsePart

NOW = 1_790_000_000_000_000


def _nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        -float("inf"),
        (1, 2),
        {1: "a"},
        {None: 1},
        b"bytes",
        date(2026, 1, 1),
        datetime(2026, 1, 1, tzinfo=UTC),
        Decimal("0.1"),
        {1, 2},
        object(),
        _nested(MAX_DEPTH + 1),
        _nested(100_000),
    ],
)
def test_what_json_would_bend_is_refused(value: Any) -> None:
    for message in (
        Message.user("x", metadata={"a": {"b": value}}),
        Message.assistant([ToolCallPart("f", value)]),
        Message.tool("c", [value]),
        Message.user([OtherPart("k", {"v": value})]),
    ):
        with pytest.raises(InvalidError):
            drafts([message], NOW)


def test_the_error_names_the_place() -> None:
    with pytest.raises(InvalidError, match=r"metadata\.a\[1\]\.b"):
        drafts([Message.user("x", metadata={"a": [0, {"b": float("nan")}]})], NOW)
    with pytest.raises(InvalidError, match=r"parts\[1\]\.arguments"):
        drafts([Message.assistant([TextPart("x"), ToolCallPart("f", {"x": (1,)})])], NOW)


@pytest.mark.parametrize(
    "value", [0, -1, 2**64, -(2**70), 0.1, 1e22, "", "\0", "\ud800", [], {}, None, _nested(100)]
)
def test_every_json_value_survives(value: Any) -> None:
    (d,) = drafts([Message.user("x", metadata={"v": value, "\udc00k": [value]})], NOW)
    back = loads(d.raw, Message)
    assert back.metadata == {"v": value, "\udc00k": [value]}


def test_surrogate_halves_in_a_row_are_the_character_they_spell() -> None:
    (d,) = drafts([Message.user("x", metadata={"v": "\ud83d\ude00"})], NOW)
    assert loads(d.raw, Message).metadata == {"v": "\U0001f600"}


@pytest.mark.parametrize(
    "message",
    [
        Message(role="robot"),  # type: ignore[arg-type]
        Message.user(["text"]),  # type: ignore[list-item]
        Message.user([TextPart(7)]),  # type: ignore[arg-type]
        Message.user("x", model=7),
        Message.user("x", metadata=[1]),
        Message.user("x", usage={"input_tokens": 1}),
        Message.user([BlobPart("text")]),  # type: ignore[arg-type]
        Message.user("x", created_at=datetime(2026, 1, 1)),
        Message.user("x", id="a\nb"),
        {"role": "user"},
    ],
)
def test_wrong_types_are_refused(message: Any) -> None:
    with pytest.raises(InvalidError):
        drafts([message], NOW)


def test_constructors_refuse_what_is_no_content() -> None:
    with pytest.raises(InvalidError, match="int"):
        Message.user(7)  # type: ignore[arg-type]


def test_usage_takes_numbers_exactly_and_refuses_nonsense() -> None:
    assert Usage(cost_usd=0.1).cost_usd == Decimal("0.1")  # type: ignore[arg-type]
    for wrong in ("NaN", "Infinity", "abc", float("nan")):
        with pytest.raises(InvalidError):
            Usage(cost_usd=wrong)  # type: ignore[arg-type]


def test_times_are_kept_in_utc() -> None:
    east = timezone(timedelta(hours=2))
    (d,) = drafts([Message.user("x", created_at=datetime(2026, 1, 1, 2, tzinfo=east))], NOW)
    assert d.message.created_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert d.message.created_at.tzinfo is UTC
    assert d.at == 1_767_225_600_000_000


def test_large_binary_parts_leave_the_body_once() -> None:
    content = b"\0" * (BLOB_THRESHOLD + 1)
    (d,) = drafts([Message.user([BlobPart(content), BlobPart(content), BlobPart(b"small")])], NOW)
    assert list(d.blobs.values()) == [content]
    assert len(d.raw) < 1000
    assert [len(p.content) for p in d.message.parts if isinstance(p, BlobPart)] == [len(content)] * 2 + [5]


def test_texts_are_sorted_by_kind() -> None:
    parts = (
        TextPart("said"),
        ReasoningPart("thought"),
        ToolCallPart("search", {"q": "rust", "n": 3, "deep": ["a", {"k": "b"}]}),
        ToolCallResponsePart({"out": "found"}),
        OtherPart("odd", "kept"),
        TextPart("more"),
    )
    assert texts_of(parts) == ("said\nmore", "thought", "search\nrust\n3\na\nb\nfound\nkept")
    assert texts_of(()) == ()
