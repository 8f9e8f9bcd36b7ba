"""Claude's exports: lines and trees, tools inside of answers, attachments, damage."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from recollect import FilePart, Message, ReasoningPart, TextPart, ToolCallPart, ToolCallResponsePart
from recollect.formats import chatgpt, claude_ai
from recollect.formats.base import HEAD_BYTES, Conversation, Damage
from recollect.model import OtherPart

from .format_sources import TRANSCRIPTS, Source, conversations, lines, messages, real

NO_PARENT = "00000000-0000-4000-8000-000000000000"


def said(uuid: str, sender: str, *blocks: Any, **more: Any) -> dict[str, Any]:
    content = [{"type": "text", "text": block} if isinstance(block, str) else block for block in blocks]
    return {
        "uuid": uuid,
        "text": "",
        "content": content,
        "sender": sender,
        "created_at": "2026-01-02T03:04:05.678901Z",
        "attachments": [],
        "files": [],
        **more,
    }


def export(*found: Any, **more: Any) -> dict[str, Any]:
    return {"uuid": "c-1", "name": "Soup", "chat_messages": list(found), **more}


def one(*found: Any, **more: Any) -> Conversation:
    (conversation,) = conversations(claude_ai, Source(json.dumps([export(*found, **more)])))
    return conversation


def test_a_line_with_what_is_known_of_it() -> None:
    conversation = one(
        said("a", "human", "Which soup?"),
        None,
        said("b", "assistant", {"type": "text", "text": "Leek.", "citations": [{"url": "u"}]}),
        said("c", "human", text="old exports have this alone"),
        created_at="2026-01-02T03:04:05Z",
        updated_at="never",
        account={"uuid": "acc"},
        project={"uuid": "p", "name": "Kitchen"},
        summary="About soup.",
    )
    found = messages(conversation)
    assert [(m.role, m.text, m.id) for m in found] == [
        ("user", "Which soup?", "a"),
        ("assistant", "Leek.", "b"),
        ("user", "old exports have this alone", "c"),
    ]
    assert found[0].created_at == datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
    assert found[1].parts == (TextPart("Leek.", {"citations": [{"url": "u"}]}),)
    assert (conversation.head, conversation.native_id) == (None, "c-1")
    assert conversation.attributes == {
        "name": "Soup",
        "provider": "anthropic",
        "metadata": {
            "created_at": "2026-01-02T03:04:05.000000Z",
            "summary": "About soup.",
            "project": "Kitchen",
            "project_id": "p",
            "account_id": "acc",
        },
    }
    assert one(name="").attributes == {"provider": "anthropic"}


def test_edits_and_retries_are_branches_and_the_newest_leaf_is_active() -> None:
    conversation = one(
        said("q1", "human", "first", parent_message_uuid=NO_PARENT),
        said("a1", "assistant", "new", parent_message_uuid="q1", created_at="2026-01-09T00:00:00Z"),
        said("a2", "assistant", "old", parent_message_uuid="q1"),
        said("q2", "human", "edited", parent_message_uuid=NO_PARENT),
        said("x", "human", "follows what stands before it"),
        said("y", "human", "an orphan", parent_message_uuid="gone"),
    )
    assert [[m.id for m in line] for line in lines(conversation)] == [
        ["q1", "a1"],
        ["a2"],
        ["q2", "x"],
        ["y"],
    ]
    chosen = one(
        said("q", "human", "?", parent_message_uuid=NO_PARENT),
        said("a", "assistant", "1", parent_message_uuid="q"),
        said("b", "assistant", "2", parent_message_uuid="q"),
        current_leaf_message_uuid="a",
    )
    assert chosen.head == "a"
    circle = one(
        said("q", "human", "?", parent_message_uuid="a"), said("a", "human", "?", parent_message_uuid="q")
    )
    assert len(messages(circle)) == 2


def test_tools_split_an_answer_into_replies_and_results() -> None:
    result = {
        "type": "tool_result",
        "tool_use_id": "t1",
        "name": "find",
        "content": [{"type": "text", "text": "found"}],
    }
    failed = {"type": "tool_result", "tool_use_id": "t2", "content": [{"type": "image"}], "is_error": True}
    call = {"type": "tool_use", "id": "t1", "name": "find", "input": {"q": 1}, "integration_name": "Finder"}
    conversation = one(
        said("q", "human", "?", parent_message_uuid=NO_PARENT),
        said(
            "a",
            "assistant",
            {"type": "thinking", "thinking": "Hm.", "summaries": [{"summary": "s"}], "cut_off": False},
            call,
            result,
            failed,
            {"type": "text", "text": "Done.", "start_timestamp": "2026-01-02T04:00:00Z"},
            {"type": "token_budget", "left": 5},
            parent_message_uuid="q",
            stop_reason="stop_sequence",
        ),
        said("b", "human", "more", parent_message_uuid="a"),
        said("c", "human", "other", parent_message_uuid="a"),
    )
    main, other = lines(conversation)
    assert [m.role for m in main] == ["user", "assistant", "tool", "tool", "assistant", "user"]
    assert main[1].id == "a"
    assert main[1].parts == (
        ReasoningPart("Hm.", {"summaries": [{"summary": "s"}], "cut_off": False}),
        ToolCallPart("find", {"q": 1}, "t1", {"integration_name": "Finder"}),
    )
    assert main[1].metadata == {"claude_ai": {"stop_reason": "stop_sequence"}}
    assert main[2].parts == (ToolCallResponsePart("found", "t1", {"name": "find"}),)
    assert main[3].parts == (ToolCallResponsePart([{"type": "image"}], "t2", {"is_error": True}),)
    assert main[4].parts == (
        TextPart("Done."),
        OtherPart("token_budget", {"type": "token_budget", "left": 5}),
    )
    assert main[4].created_at == datetime(2026, 1, 2, 4, tzinfo=UTC)
    assert [m.parent_id for m in other] == [main[4].id]


def test_attachments_and_files() -> None:
    attachment = {"file_name": "a.txt", "file_type": "text/plain", "file_size": 3, "extracted_content": "abc"}
    files = [{"file_uuid": "f", "file_name": "b.png", "file_kind": "image"}, {"file_name": "c"}, {}, 5]
    (message,) = messages(one(said("q", "human", "Read", attachments=[attachment, 7, {}], files=files)))
    assert message.parts == (
        TextPart("Read"),
        TextPart("abc", {"attachment": {"file_name": "a.txt", "file_type": "text/plain", "file_size": 3}}),
        TextPart("", {"attachment": {}}),
        FilePart("f", None, "image", {"file_name": "b.png", "file_kind": "image"}),
        FilePart("c", None, None, {"file_name": "c"}),
        OtherPart("file", {}),
        OtherPart("file", 5),
    )


def test_messages_without_an_id_or_with_one_that_is_taken() -> None:
    nodes = [said("", "human", "?"), said("a", "assistant", "1"), said("a", "assistant", "2"), {}]
    found = messages(one(*nodes))
    assert found == messages(one(*nodes, said("b", "human", "later")))[:4]
    assert [m.text for m in found] == ["?", "1", "2", ""]


WRONG: list[Any] = [
    None,
    3,
    "x",
    True,
    [],
    {},
    [None, 1, {}, "x", []],
    {"type": 5},
    [{"type": "text", "text": 1}],
]


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize(
    "key", ["uuid", "text", "content", "sender", "created_at", "attachments", "files", "parent_message_uuid"]
)
def test_wrong_values_lose_no_message(key: str, wrong: Any) -> None:
    broken = said("b", "assistant", "!") | {key: wrong}
    for blocks in (
        "?",
        {"type": "tool_use", "input": wrong, "name": wrong},
        {"type": "tool_result", "content": wrong},
    ):
        found = messages(one(said("a", "human", blocks), broken, name=wrong, account=wrong, created_at=wrong))
        assert len(found) == 2


def test_damage_is_told_and_the_rest_is_read() -> None:
    whole = json.dumps(export(said("q", "human", "?")))
    data = f'[{whole}, {{"uuid": "no messages"}}, {whole}, {whole[:-9]}'
    pieces = list(claude_ai.read(Source(data)))
    kinds = [type(piece).__name__ for piece in pieces]
    assert kinds[:4] == ["Conversation", "Damage", "Conversation", "Damage"]
    assert set(kinds[4:]) <= {"Damage"}
    many = json.dumps(export(*[said(str(n), "human", "?") for n in range(50)]))
    assert 1 <= len(list(claude_ai.read(Source(f"[{many[:-30]}")))) <= 2  # not one for each message in it
    (conversation,) = claude_ai.read(Source(json.dumps(export(5, said("q", "human", "?")))))
    lost, kept = conversation.messages
    assert isinstance(lost, Damage)
    assert isinstance(kept, Message)
    assert one(name="none").messages is not None
    assert messages(one()) == []


def test_slices_and_detection() -> None:
    values = [export(said("q", "human", "é"), uuid=str(number)) for number in range(3)]
    data = json.dumps(values, indent=2, ensure_ascii=False).encode()
    found = conversations(claude_ai, Source(data))
    assert [json.loads(data[one.offset : one.end]) for one in found] == values
    assert claude_ai.detect(data, "conversations.json") > 0.9
    assert claude_ai.detect(b'[{"uuid":"u","name":"","created_at":"2","account":{"uuid":"a"},"ch', "x") > 0.5
    assert chatgpt.detect(data, "conversations.json") == 0
    assert claude_ai.detect(b'{"messages":[{"role":"user","content":"\\"chat_messages\\": []"}]}', "x") == 0


class TestReal:
    pytestmark = real

    def test_the_real_export(self) -> None:
        path = TRANSCRIPTS / "claude_ai" / "conversations.json"
        found = conversations(claude_ai, Source.at(path))
        assert len(found) == 43
        assert sum(len(messages(one)) for one in found) == 330
        assert claude_ai.detect(path.read_bytes()[:HEAD_BYTES], path.name) > 0.9
