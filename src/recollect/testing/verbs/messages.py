"""append and messages: windows, versions, idempotent ids, everything that JSON can carry."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ...errors import ExistsError, InvalidError, NotFoundError
from ...helpers import calculate_cost, count_turns, extract_session_id, total_usage
from ...model import BlobPart, Message, TextPart, ToolCallPart, Usage
from .. import strategies
from ..base import examples
from ..hazards import BAD_IDS, TEXTS
from .base import Store, VerbTests, contents, joined, said

__all__ = ["MessageVerbs"]

_UNSTORABLE: list[Any] = [
    float("nan"), float("inf"), -float("inf"), (1, 2), {1: "a"}, b"bytes", {"a": {"b": [float("nan")]}},
    datetime(2026, 1, 1, tzinfo=UTC), Decimal("1.5"), {1, 2}, object(),
]  # fmt: skip


def _numbered(count: int) -> list[Message]:
    return [Message.user(f"q{n}") if n % 2 else Message.assistant(f"a{n}") for n in range(1, count + 1)]


class MessageVerbs(VerbTests):
    """Messages in and out."""

    def test_appended_messages_come_back(self, store: Store) -> None:
        session = store.open("a")
        stored = session.append(Message.user("one"), Message.assistant("two"), Message.system("three"))
        assert [m.text for m in stored] == ["one", "two", "three"]
        assert session.messages() == stored
        assert len({m.id for m in stored}) == 3
        assert [m.parent_id for m in stored] == [None, stored[0].id, stored[1].id]
        assert all(m.created_at is not None and m.created_at.tzinfo is not None for m in stored)
        (more,) = session.append(Message.user("four"))
        assert more.parent_id == stored[2].id
        assert session.messages() == [*stored, more]

    def test_figures_follow(self, store: Store) -> None:
        session = store.open("a")
        usage = Usage(10, 20, 5, 3, Decimal("0.1"))
        session.append(Message.user("  Hello \n world " + "x" * 60), Message.assistant("hi", usage=usage))
        session.append(Message.user("again"), Message.assistant("yes", usage=usage))
        info = session.info
        assert (info.message_count, info.turn_count) == (4, 2)
        assert info.usage == Usage(20, 40, 10, 6, Decimal("0.2"))
        assert info.preview == ("Hello world " + "x" * 60)[:50]
        assert info.head == session.messages()[-1].id
        assert count_turns(session.messages()) == 2
        assert total_usage(session.messages()) == info.usage
        assert calculate_cost(session.messages()) == Decimal("0.2")
        assert extract_session_id(session.messages()) is None

    def test_appending_nothing_writes_nothing(self, store: Store) -> None:
        session = store.open("a")
        version = session.version
        assert session.append() == []
        assert session.version == version

    def test_windows_are_slices(self, store: Store) -> None:
        session = store.open("a")
        for start in range(0, 60, 6):
            session.append(*_numbered(60)[start : start + 6])
        whole = session.messages()
        assert len(whole) == 60
        for count in (0, 1, 5, 59, 60, 61):
            assert session.messages(last=count) == whole[len(whole) - count :] if count < 60 else whole
            assert session.messages(limit=count) == session.messages(last=count)
        for place in (0, 1, 30, 59):
            before = whole[place].id
            assert session.messages(before=before) == whole[:place]
            assert session.messages(before=before, limit=7) == whole[max(0, place - 7) : place]
        pages: list[Message] = []
        cursor = session.messages(limit=13)
        while cursor:
            pages = cursor + pages
            cursor = session.messages(before=cursor[0].id, limit=13)
        assert pages == whole

    def test_odd_windows_are_refused(self, store: Store) -> None:
        session = store.open("a")
        (message,) = session.append(Message.user("x"))
        with pytest.raises(NotFoundError):
            session.messages(before="no such message")
        for window in ({"last": -1}, {"limit": -1}, {"last": 1, "limit": 1}, {"before": message.id, "at": 1}):
            with pytest.raises(InvalidError):
                session.messages(**window)

    def test_messages_at_a_version(self, store: Store) -> None:
        session = store.open("a")
        texts: list[list[str]] = [[]]
        versions = [session.version]
        for n in range(4):
            session.append(Message.user(f"q{n}"))
            versions.append(session.version)
            texts.append([*texts[-1], f"q{n}"])
        session.clear()
        session.append(Message.user("anew"))
        for version, expected in zip(versions, texts, strict=True):
            assert said(session, at=version) == expected
        assert said(session, at=session.version) == ["anew"]
        assert said(session, at=versions[-1], last=2) == ["q2", "q3"]
        with pytest.raises(NotFoundError):
            session.messages(at=session.version + 1)
        with pytest.raises(InvalidError):
            session.messages(at=0)

    def test_a_supplied_id_is_stored_once(self, store: Store) -> None:
        session = store.open("a")
        message = Message.user("x", id="m1")
        (first,) = session.append(message)
        version = session.version
        assert session.append(message) == [first]
        assert store.open("a").append(message) == [first]
        assert session.version == version
        second = session.append(message, Message.assistant("y"))
        assert [m.text for m in second] == ["x", "y"]
        assert said(session) == ["x", "y"]

    def test_a_supplied_id_with_other_content_exists(self, store: Store) -> None:
        session = store.open("a")
        session.append(Message.user("x", id="m1"))
        version = session.version
        for other in (Message.user("y", id="m1"), Message.assistant("x", id="m1")):
            with pytest.raises(ExistsError):
                session.append(Message.user("before"), other)
        assert session.version == version
        assert said(session) == ["x"]
        store.open("b").append(Message.user("y", id="m1"))
        assert said(store.open("b")) == ["y"]

    def test_an_id_twice_in_one_call_is_refused(self, store: Store) -> None:
        session = store.open("a")
        with pytest.raises(InvalidError):
            session.append(Message.user("x", id="m1"), Message.user("x", id="m1"))
        assert session.messages() == []

    def test_many_supplied_ids(self, store: Store) -> None:
        session = store.open("a")
        messages = [Message.user(f"t{n}", id=f"m{n}") for n in range(300)]
        session.append(*messages[:200])
        session.append(*messages)
        assert said(session) == [f"t{n}" for n in range(300)]
        assert session.info.message_count == 300

    @pytest.mark.parametrize("bad", [bad for bad in BAD_IDS if bad], ids=ascii)
    def test_impossible_message_ids_are_refused(self, store: Store, bad: str) -> None:
        session = store.open("a")
        with pytest.raises(InvalidError):
            session.append(Message.user("x", id=bad))
        assert session.version == 1

    @pytest.mark.parametrize("value", _UNSTORABLE, ids=lambda value: type(value).__name__)
    def test_what_json_cannot_carry_is_refused_before_anything_is_written(
        self, store: Store, value: Any
    ) -> None:
        session = store.open("a")
        version = session.version
        for message in (
            Message.user("x", metadata={"k": value}),
            Message.assistant([ToolCallPart("f", value)]),
            Message.tool("c1", value),
            Message.user(TextPart("x", metadata={"k": [value]})),
        ):
            with pytest.raises(InvalidError):
                session.append(Message.user("first"), message)
        with pytest.raises(InvalidError):
            session.update(metadata={"k": value})
        assert (session.version, session.messages()) == (version, [])

    def test_wrong_types_are_refused(self, store: Store) -> None:
        session = store.open("a")
        wrong: list[Any] = [
            "text",
            {"role": "user", "content": "x"},
            None,
            Message(role="robot"),  # type: ignore[arg-type]  # wrong on purpose
            Message(parts=("text",)),  # type: ignore[arg-type]  # wrong on purpose
            Message.user("x", created_at=datetime(2026, 1, 1)),  # naive on purpose
            Message(parts=(TextPart(5),)),  # type: ignore[arg-type]  # wrong on purpose
        ]
        for value in wrong:
            with pytest.raises(InvalidError):
                session.append(value)
        assert session.messages() == []

    @pytest.mark.parametrize("text", TEXTS, ids=ascii)
    def test_every_odd_text_survives(self, store: Store, text: str) -> None:
        session = store.open("a", name=text, system_prompt=text, metadata={"k": text, "deep": {"l": [text]}})
        message = Message.user(text, metadata={text or "k": text}, model=text)
        call = Message.assistant([ToolCallPart(text, [text])])
        session.append(message, Message.tool(text, {"r": text}), call)
        first, second, third = store.get("a").messages()
        assert first.text == joined(text)
        assert first.metadata == {joined(text) or "k": joined(text)}
        assert second.parts[0].response == {"r": joined(text)}  # type: ignore[union-attr]  # a tool's answer
        assert third.parts[0].arguments == [joined(text)]  # type: ignore[union-attr]  # a tool call
        info = store.get("a").info
        assert (info.name, info.system_prompt) == (joined(text), joined(text))
        assert info.metadata == {"k": joined(text), "deep": {"l": [joined(text)]}}
        report = store.verify()
        assert report.clean, report.findings

    @examples(30)
    @given(messages=st.lists(strategies.messages(), min_size=1, max_size=4))
    def test_any_message_survives(self, store: Store, messages: list[Message]) -> None:
        session = store.open()
        stored = session.append(*messages)
        assert store.get(session.id).messages() == stored
        assert contents(stored) == contents(messages)

    def test_times_are_kept_to_the_microsecond_and_in_utc(self, store: Store) -> None:
        session = store.open("a")
        moments = [datetime(1970, 1, 1, tzinfo=UTC), datetime(2026, 2, 3, 4, 5, 6, 789_012, tzinfo=UTC)]
        session.append(*(Message.user("x", created_at=moment) for moment in moments))
        assert [m.created_at for m in session.messages()] == moments

    def test_large_binary_parts_are_stored_once(self, store: Store) -> None:
        image = bytes(range(256)) * 1024
        session = store.open("a")
        part = BlobPart(image, mime_type="image/png", modality="image")
        small = BlobPart(b"\x00\xff" * 100)
        session.append(Message.user([TextPart("see"), part, small]), Message.user(part))
        assert store.stats().blobs == 1
        first, second = store.get("a").messages()
        blob = first.parts[1]
        assert isinstance(blob, BlobPart)
        assert (blob.content, blob.mime_type, len(blob.digest or "")) == (image, "image/png", 64)
        assert first.parts[2] == small
        assert second.parts == (blob,)
        session.append(first.__class__.user(part))
        assert store.stats().blobs == 1

    @pytest.mark.slow
    def test_a_text_of_64_mib(self, store: Store) -> None:
        text = "0123456789abcde\n" * (4 * 1024 * 1024)
        session = store.open("a")
        session.append(Message.user(text), Message.assistant("small"))
        assert said(session, last=1) == ["small"]
        assert session.messages()[0].text == text

    @pytest.mark.slow
    def test_a_long_session(self, store: Store) -> None:
        session = store.open("a")
        for start in range(0, 10_000, 2_000):
            session.append(*(Message.user(f"t{n}") for n in range(start, start + 2_000)))
        assert said(session) == [f"t{n}" for n in range(10_000)]
        assert said(session, last=2) == ["t9998", "t9999"]
