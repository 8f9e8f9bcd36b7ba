"""LibreChat's exports: nested and flat, orphans, tools inside of answers, any depth, damage."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from recollect import FilePart, Message, ReasoningPart, TextPart, ToolCallPart, ToolCallResponsePart, Usage
from recollect.formats import librechat, openai_chat
from recollect.formats.base import HEAD_BYTES, Conversation, Damage
from recollect.formats.deep_json import decode_nested
from recollect.model import OtherPart, UriPart

from .format_sources import TRANSCRIPTS, Source, conversations, lines, messages, real

NO_PARENT = "00000000-0000-0000-0000-000000000000"


def said(key: str, parent: str | None, text: str = "?", *, user: bool = False, **more: Any) -> dict[str, Any]:
    base = {"messageId": key, "parentMessageId": parent, "text": text, "isCreatedByUser": user}
    return {**base, "sender": "User" if user else "GPT", **more}


def export(*found: Any, **more: Any) -> dict[str, Any]:
    return {"conversationId": "c-1", "title": "Soup", "recursive": False, "messages": list(found), **more}


def one(*found: Any, **more: Any) -> Conversation:
    (conversation,) = conversations(librechat, Source(json.dumps(export(*found, **more))))
    return conversation


def test_a_line_with_what_is_known_of_it() -> None:
    options = {"model": "gpt-4", "promptPrefix": "Be kind.", "temperature": 0.8, "chatGptLabel": "Cook"}
    conversation = one(
        said("a", None, user=True, tokenCount=9, createdAt="2024-05-01T16:35:11.530Z"),
        said(
            "b",
            "a",
            "!",
            model="gpt-4",
            tokenCount=5,
            promptTokens=20,
            error=True,
            unfinished=False,
            finish_reason="stop",
        ),
        endpoint="openAI",
        exportAt="13:18:04",
        options=options,
    )
    asked, answered = messages(conversation)
    assert (asked.role, asked.model, asked.usage, asked.metadata) == ("user", None, None, None)
    assert asked.created_at == datetime(2024, 5, 1, 16, 35, 11, 530_000, tzinfo=UTC)
    assert (answered.role, answered.model, answered.usage) == ("assistant", "gpt-4", Usage(20, 5))
    assert answered.metadata == {"librechat": {"finish_reason": "stop", "error": True, "sender": "GPT"}}
    assert (conversation.native_id, conversation.head) == ("c-1", None)
    assert conversation.attributes == {
        "name": "Soup",
        "provider": "openai",
        "model": "gpt-4",
        "system_prompt": "Be kind.",
        "metadata": {
            "endpoint": "openAI",
            "exported_at": "13:18:04",
            "preset": {"temperature": 0.8, "chatGptLabel": "Cook"},
        },
    }


def test_nested_and_flat_exports_are_the_same_tree() -> None:
    flat = [
        said("q", NO_PARENT, user=True),
        said("a", "q"),
        said("x", "a"),
        said("b", "q"),
        said("late", "b", createdAt="2024-05-01T00:00:00Z"),
        said("y", "b"),
        said("orphan", "gone"),
    ]
    of = {node["messageId"]: {**node, "children": []} for node in flat}
    nested = []
    for node in of.values():
        above = of.get(node["parentMessageId"])
        (nested if above is None else above["children"]).append(node)
    expected = [["q", "b", "late"], ["y"], ["a", "x"], ["orphan"]]
    for conversation in (one(*flat), one(*nested, recursive=True)):
        assert sorted([m.id for m in line] for line in lines(conversation)) == sorted(expected)
        assert conversation.head == "late"


def test_without_times_the_last_children_are_the_main_line() -> None:
    found = one(said("q", None, user=True), said("a", "q"), said("b", "q"), said("x", "a"))
    assert found.head == "x"
    nested = said("q", None, children=[said("a", "q", children=[said("x", "a")]), said("b", "q"), None, 5])
    (conversation,) = librechat.read(Source(json.dumps(export(nested))))
    assert isinstance(conversation, Conversation)
    assert conversation.head == "b"
    assert len([m for m in conversation.messages if isinstance(m, Damage)]) == 1


@pytest.mark.parametrize("depth", [600, 100_000])
def test_conversations_are_as_deep_as_they_are_long(depth: int) -> None:
    opened = "".join(f'{{"messageId":"{n}","text":"t{n}","children":[ ' for n in range(depth))
    after = json.dumps(export(said("q", None)))
    data = f'[{{"conversationId":"c","messages":[{opened}{"]}" * depth}]}},{after}]'
    deep, plain = conversations(librechat, Source(data))
    assert sum(1 for _ in deep.messages) == depth
    assert deep.head is None
    assert len(messages(plain)) == 1


def test_depth_elsewhere_is_damage() -> None:
    deep = "[" * 100_000 + "]" * 100_000
    after = json.dumps(export(said("q", None)))
    data = f'[{{"conversationId":"c","messages":[{{"messageId":"a","files":{deep}}}]}},{after}]'
    lost, mended, kept = librechat.read(Source(data))
    assert isinstance(lost, Damage)
    assert isinstance(mended, Conversation)
    assert [message.id for message in messages(mended)] == ["a"]
    assert isinstance(kept, Conversation)


@pytest.mark.parametrize(
    "text", ['{"a" 1}', '{"a":1 "b":2}', "{", '{"a":[', '{"a":1}x', '{"a":[1,]}', '{"a":NaN}', "[1"]
)
def test_the_deep_decoder_takes_json_only(text: str) -> None:
    deep = '{"k":' * 5000 + "{}" + "}" * 5000
    keys = frozenset(("k", "a"))
    with pytest.raises(ValueError, match=r"\w"):
        decode_nested(f'{{"k":{deep},"a":{text}}}'.encode(), keys)
    assert decode_nested(f'{{"k":{deep},"b":[1,"x\n",{{"c":null}}]}}'.encode(), keys)["b"] == [
        1,
        "x\n",
        {"c": None},
    ]
    assert decode_nested(f"[ {deep} , {{}} ]".encode(), keys)[1] == {}


def test_contents_in_pieces() -> None:
    calls = [
        {
            "type": "tool_call",
            "tool_call": {"id": f"c{n}", "name": "f", "args": '{"x": 1}', "output": f"r{n}"},
        }
        for n in (1, 2)
    ]
    content = [
        {"type": "think", "think": "Hm."},
        {"type": "text", "text": {"value": "Look:"}},
        *calls,
        {"type": "text", "text": "Done."},
        {"type": "tool_call", "tool_call": {"name": "g", "args": {"y": 2}}},
        {"type": "image_file", "image_file": {"file_id": "f1", "filepath": "/p", "type": "image/png"}},
        {"type": "image_file", "image_file": {"filepath": "/q"}},
        {"type": "image_url", "image_url": {"url": "https://example.org/i.png"}},
        {"type": "error", "error": "Oh."},
        {"type": "agent_update", "agent_update": {}},
        3,
    ]
    files = [{"file_id": "f2", "type": "text/plain", "filename": "a.txt"}, {}]
    found = messages(one(said("a", None, "", content=content, files=files)))
    assert [m.role for m in found] == ["assistant", "tool", "tool", "assistant"]
    assert found[0].parts == (
        ReasoningPart("Hm."),
        TextPart("Look:"),
        ToolCallPart("f", {"x": 1}, "c1"),
        ToolCallPart("f", {"x": 1}, "c2"),
    )
    assert found[2].parts == (ToolCallResponsePart("r2", "c2", {"name": "f"}),)
    assert found[3].parts == (
        TextPart("Done."),
        ToolCallPart("g", {"y": 2}),
        FilePart("f1", "image/png", "image", {"filepath": "/p"}),
        UriPart("/q", None, "image"),
        UriPart("https://example.org/i.png", None, "image"),
        TextPart("Oh."),
        OtherPart("agent_update", {"type": "agent_update", "agent_update": {}}),
        OtherPart("content", 3),
        FilePart("f2", "text/plain", None, {"filename": "a.txt"}),
        OtherPart("file", {}),
    )


WRONG: list[Any] = [None, 3, "x", True, [], {}, [None, 1, {}, "x"], {"a": 5}]


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_values_lose_no_message(wrong: Any) -> None:
    keys = (
        "messageId",
        "parentMessageId",
        "text",
        "isCreatedByUser",
        "sender",
        "content",
        "files",
        "createdAt",
        "model",
    )
    for key in keys:
        assert len(messages(one(said("a", None), said("b", "a") | {key: wrong}))) == 2, key
    for key in ("conversationId", "title", "options", "endpoint", "exportAt"):
        assert len(messages(one(said("a", None), **{key: wrong}))) == 1
    for piece in ("text", "think", "tool_call", "image_file"):
        assert messages(one(said("a", None, content=[{"type": piece, piece: wrong}])))
    (conversation,) = librechat.read(Source(json.dumps(export() | {"messages": wrong})))
    assert isinstance(conversation, Conversation)
    assert all(isinstance(m, Message | Damage) for m in conversation.messages)


def test_damage_slices_and_detection() -> None:
    values = [export(said("a", None, "é"), conversationId=str(n)) for n in range(3)]
    data = json.dumps(values, indent=1, ensure_ascii=False).encode()
    found = conversations(librechat, Source(data))
    assert [json.loads(data[one.offset : one.end]) for one in found] == values
    whole = json.dumps(values[0])
    kinds = [
        type(piece).__name__ for piece in librechat.read(Source(f'[{whole},{{"a":1}},{whole},{whole[:-9]}'))
    ]
    assert kinds[:4] == ["Conversation", "Damage", "Conversation", "Damage"]
    assert set(kinds[4:]) <= {"Damage"}
    assert librechat.detect(data, "x") > 0.9 > openai_chat.detect(data, "x")
    for other in (
        b'{"conversationId":"x","messages":[{"role":"user"}]}',
        b'{"messages":[]}',
        b"",
        b"conversationId",
    ):
        assert librechat.detect(other, "x") == 0


class TestReal:
    pytestmark = real

    @pytest.mark.parametrize(
        ("name", "total", "main"), [("librechat-linear.json", 2, 2), ("librechat-tree.json", 9, 4)]
    )
    def test_real_exports(self, name: str, total: int, main: int) -> None:
        path = TRANSCRIPTS / "librechat" / name
        (conversation,) = conversations(librechat, Source.at(path))
        assert len(messages(conversation)) == total
        assert len(lines(conversation)[0]) == main
        assert librechat.detect(path.read_bytes()[:HEAD_BYTES], name) > 0.9
