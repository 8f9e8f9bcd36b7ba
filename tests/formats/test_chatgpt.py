"""ChatGPT exports: trees of nodes, hidden messages, tools without ids, damage."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from recollect import Message, ReasoningPart, ToolCallPart, ToolCallResponsePart
from recollect.formats import chatgpt, openai_chat
from recollect.formats.base import HEAD_BYTES, Conversation, Damage
from recollect.model import OtherPart

from .format_sources import Source, conversations, lines, messages

MOMENT = 1_700_000_000.25


def text(*parts: str) -> dict[str, Any]:
    return {"content_type": "text", "parts": list(parts)}


def node(key: str, parent: str | None, role: str, content: Any, **more: Any) -> dict[str, Any]:
    author = {"role": role, "name": more.pop("name", None), "metadata": {}}
    message = {
        "id": key,
        "author": author,
        "create_time": MOMENT,
        "content": content,
        "status": "finished_successfully",
        "weight": 1.0,
        "metadata": {},
        "recipient": "all",
        **more,
    }
    return {"id": key, "message": message, "parent": parent, "children": []}


def export(*nodes: dict[str, Any], **keys: Any) -> dict[str, Any]:
    root = {"id": "root", "message": None, "parent": None, "children": []}
    current = nodes[-1]["id"] if nodes else "root"
    mapping = {one["id"]: one for one in (root, *nodes)}
    return {"title": "Soup", "create_time": MOMENT, "mapping": mapping, "current_node": current, **keys}


def one(*nodes: dict[str, Any], **keys: Any) -> Conversation:
    (conversation,) = conversations(chatgpt, Source(json.dumps([export(*nodes, **keys)])))
    return conversation


def said(found: list[Message]) -> list[tuple[str, str]]:
    return [(message.role, message.text) for message in found]


def test_a_line_with_all_that_is_known_of_it() -> None:
    conversation = one(
        node("a", "root", "user", text("Which soup?")),
        node(
            "b",
            "a",
            "assistant",
            text("Leek \ue200cite\ue202turn0search1\ue201.", "Or\0pea"),
            metadata={"model_slug": "gpt-5"},
        ),
        id="c-1",
        update_time=MOMENT + 1,
        gizmo_id="g-7",
        is_archived=True,
        plugin_ids=["p"],
        voice={"not": "plain"},
    )
    found = messages(conversation)
    assert said(found) == [
        ("user", "Which soup?"),
        ("assistant", "Leek \ue200cite\ue202turn0search1\ue201.\nOr\0pea"),
    ]
    assert (conversation.head, conversation.native_id) == (None, "c-1")
    assert [message.id for message in found] == ["a", "b"]
    assert found[0].created_at == datetime.fromtimestamp(MOMENT, UTC)
    assert (found[0].model, found[1].model) == (None, "gpt-5")
    assert conversation.attributes == {
        "name": "Soup",
        "provider": "openai",
        "model": "gpt-5",
        "metadata": {
            "created_at": "2023-11-14T22:13:20.250000Z",
            "updated_at": "2023-11-14T22:13:21.250000Z",
            "gizmo_id": "g-7",
            "is_archived": True,
            "plugin_ids": ["p"],
        },
    }
    assert one(conversation_id="x", id="y", default_model_slug="gpt-4o").native_id == "x"
    assert one(default_model_slug="gpt-4o").attributes["model"] == "gpt-4o"


def test_edits_and_regenerations_are_lines_of_a_tree() -> None:
    conversation = one(
        node("q1", "root", "user", text("first try")),
        node("a1", "q1", "assistant", text("no")),
        node("a2", "q1", "assistant", text("yes")),
        node("q2", "root", "user", text("second try")),
        node("b1", "a2", "user", text("more")),
    )
    assert [[message.id for message in line] for line in lines(conversation)] == [
        ["q1", "a2", "b1"],
        ["a1"],
        ["q2"],
    ]
    assert conversation.head == "b1"


@pytest.mark.parametrize("current", ["gone", None, 7, "root"])
def test_without_a_current_node_the_newest_leaf_ends_the_main_line(current: Any) -> None:
    conversation = one(
        node("q", "root", "user", text("?")),
        node("new", "q", "assistant", text("!"), create_time=MOMENT + 9),
        node("old", "q", "assistant", text("…"), create_time=None),
        current_node=current,
    )
    assert conversation.head == "new"


def test_nodes_without_a_message_and_parents_that_are_missing() -> None:
    empty = {"id": "n", "message": None, "parent": "q", "children": []}
    nodes = (node("q", "nowhere", "user", text("?")), empty, node("a", "n", "assistant", text("!")))
    assert [line[-1].id for line in lines(one(*nodes))] == ["a"]
    assert [line[-1].id for line in lines(one(*nodes, empty))] == [
        "q",
        "a",
    ]  # an empty current node: what lies above


def test_circles_are_cut_open() -> None:
    conversation = one(
        node("x", "z", "user", text("1")),
        node("y", "x", "user", text("2")),
        node("z", "y", "user", text("3")),
    )
    assert len(messages(conversation)) == 3
    empty = [{"id": key, "message": None, "parent": parent} for key, parent in (("a", "b"), ("b", "a"))]
    assert len(messages(one(node("q", "a", "user", text("?")), *empty))) == 1


def test_a_line_of_100000_messages() -> None:
    nodes = [node(f"n{i}", f"n{i - 1}", "user", text("x")) for i in range(100_000)]
    nodes += [node("branch", "n50000", "assistant", text("y"))]
    (conversation,) = chatgpt.read(Source(json.dumps([export(*nodes, current_node="n99999")])))
    assert isinstance(conversation, Conversation)
    assert sum(1 for _ in conversation.messages) == 100_001


def test_what_the_person_did_not_write_is_marked() -> None:
    profile = {"content_type": "user_editable_context", "user_profile": "", "user_instructions": "Be short."}
    memory = {"content_type": "model_editable_context", "model_set_context": "Likes soup."}
    found = messages(
        one(
            node(
                "s",
                "root",
                "system",
                text(""),
                weight=0.0,
                metadata={"is_visually_hidden_from_conversation": True},
            ),
            node("p", "s", "user", profile, metadata={"is_visually_hidden_from_conversation": True}),
            node("m", "p", "assistant", memory),
            node("q", "m", "user", text("?")),
            node("o", "q", "assistant", text("unseen"), weight=0),
        )
    )
    assert [(message.metadata or {}).get("injected") for message in found] == [
        *("hidden", "context", "context", None, "out_of_context")
    ]
    assert [message.text for message in found] == ["", "Be short.", "Likes soup.", "?", "unseen"]


def test_calls_and_answers_are_paired_by_order() -> None:
    code = {"content_type": "code", "language": "python", "text": "1 + 1"}
    search = {"content_type": "code", "language": "json", "text": '{"q": "soup"}'}
    quote = {
        "content_type": "tether_quote",
        "url": "https://example.org/",
        "domain": "example.org",
        "text": "Soup.",
    }
    found = messages(
        one(
            node("q", "root", "user", text("?")),
            node("c1", "q", "assistant", code, recipient="python"),
            node("c2", "c1", "assistant", search, recipient="web"),
            node("c3", "c2", "assistant", text("{bad"), recipient="python"),
            node("r1", "c3", "tool", {"content_type": "execution_output", "text": "2"}, name="python"),
            node("r2", "r1", "tool", quote, name="web.run"),
            node("r3", "r2", "tool", quote, name="web.run"),
            node(
                "r4", "r3", "tool", {"content_type": "system_error", "name": "E", "text": "no"}, name="python"
            ),
            node("q2", "r4", "user", text("?")),
            node("r5", "q2", "tool", text("late"), name="python"),
        )
    )
    calls = [part for message in found for part in message.parts if isinstance(part, ToolCallPart)]
    assert [(call.name, call.arguments, call.id) for call in calls] == [
        *(("python", "1 + 1", "c1"), ("web", {"q": "soup"}, "c2"), ("python", "{bad", "c3"))
    ]
    answers = [part for message in found for part in message.parts if isinstance(part, ToolCallResponsePart)]
    assert [(answer.response, answer.id) for answer in answers] == [
        *(("2", "c1"), ("Soup.", "c2"), ("Soup.", "c2"), ("no", "c3"), ("late", None))
    ]
    assert [(answer.metadata or {}).get("is_error") for answer in answers] == [None, None, None, True, None]
    assert (answers[1].metadata or {})["chatgpt"]["url"] == "https://example.org/"


def test_reasoning() -> None:
    thoughts = {
        "content_type": "thoughts",
        "thoughts": [{"summary": "Think", "content": "Hm."}, {"content": "Ah."}, 3],
    }
    recap = {"content_type": "reasoning_recap", "content": "Thought for 5 seconds"}
    first, second = messages(
        one(node("t", "root", "assistant", thoughts), node("r", "t", "assistant", recap))
    )
    assert first.parts == (
        ReasoningPart("Hm.", {"chatgpt": {"summary": "Think"}}),
        ReasoningPart("Ah."),
        OtherPart("thought", 3),
    )
    assert second.parts == (
        ReasoningPart("Thought for 5 seconds", {"chatgpt": {"content_type": "reasoning_recap"}}),
    )


def test_contents_that_nobody_knows_are_kept_whole() -> None:
    novel = {"content_type": "hologram", "beams": [1, 2]}
    (message,) = messages(
        one(node("h", "root", "oracle", novel, metadata={"citations": [{"x": 1}]}, status="in_progress"))
    )
    assert message.parts == (OtherPart("hologram", novel),)
    assert message.role == "assistant"
    assert message.metadata == {
        "chatgpt": {"citations": [{"x": 1}], "status": "in_progress", "role": "oracle"}
    }


WRONG: list[Any] = [None, 3, "x", True, [], {}, [None, 1, {}], {"parts": 3}, {"author": 5}]


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize(
    "key", ["mapping", "current_node", "title", "create_time", "default_model_slug", "id", "plugin_ids"]
)
def test_conversations_with_a_wrong_value_somewhere_are_read(key: str, wrong: Any) -> None:
    value = export(node("q", "root", "user", text("?")), node("a", "q", "assistant", text("!")), id="i") | {
        key: wrong
    }
    (conversation,) = chatgpt.read(Source(json.dumps([value])))
    assert isinstance(conversation, Conversation)
    expected = (1 if isinstance(wrong, dict) and wrong else 0) if key == "mapping" else 2
    found = list(conversation.messages)
    assert len(found) == expected


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize(
    "path",
    [
        "author",
        "content",
        "content.parts",
        "content.content_type",
        "metadata",
        "recipient",
        "weight",
        "status",
        "create_time",
        "author.role",
    ],
)
def test_messages_with_a_wrong_value_somewhere_are_read(path: str, wrong: Any) -> None:
    broken = node("a", "q", "assistant", text("!"))
    *way, last = path.split(".")
    place = broken["message"]
    for key in way:
        place = place[key]
    place[last] = wrong
    found = messages(one(node("q", "root", "user", text("?")), broken))
    assert [message.id for message in found] == ["q", "a"]


def test_damage_is_told_and_the_rest_is_read() -> None:
    whole = json.dumps(export(node("q", "root", "user", text("?")), id="one"))
    data = (
        f'[{whole},\n{{"mapping" {{]}},\n{whole.replace("one", "two")}, 5, {{"a": 1}},\n[1],\n{whole[:-30]}'
    )
    pieces = list(chatgpt.read(Source(data)))
    assert [piece.native_id for piece in pieces if isinstance(piece, Conversation)] == ["one", "two"]
    assert len([piece for piece in pieces if isinstance(piece, Damage)]) == 3
    bad = export({"id": "q", "message": 5, "parent": None}, node("a", "q", "user", text("?")))
    (conversation,) = chatgpt.read(Source(json.dumps(bad)))
    assert isinstance(conversation, Conversation)
    lost, kept = conversation.messages
    assert isinstance(lost, Damage)
    assert isinstance(kept, Message)


def test_slices_of_the_file_are_the_conversations() -> None:
    values = [export(node("q", "root", "user", text("é?")), id=str(number)) for number in range(3)]
    data = ("\ufeff" + json.dumps(values, indent=1, ensure_ascii=False)).encode()
    found = conversations(chatgpt, Source(data))
    assert [json.loads(data[one.offset : one.end]) for one in found] == values


def test_keys_that_no_id_can_be() -> None:
    found = messages(
        one(node("a\0b", "root", "user", text("?")), node("\ud800", "a\0b", "assistant", text("!")))
    )
    assert [message.text for message in found] == ["?", "!"]
    assert all(message.id.isprintable() for message in found)


def test_detection() -> None:
    whole = json.dumps([export(node("q", "root", "user", text("?")))]).encode()
    assert chatgpt.detect(whole, "conversations.json") > 0.9
    assert chatgpt.detect(b"\xef\xbb\xbf" + whole[:130], "x") > 0.5
    late = b'[{"title":"' + b"x" * 70_000 + b'"'
    assert chatgpt.detect(late[:HEAD_BYTES], "x") == 0
    for other in (
        b'[{"role":"user","content":"the \\"mapping\\": {}"}]',
        b'{"messages":[{"role":"user","content":"x"}]}',
        b'{"type":"user","message":{"role":"user"},"uuid":"u"}',
        b"",
        b"# mapping",
    ):
        assert chatgpt.detect(other, "x") == 0
    assert openai_chat.detect(whole, "x") < 0.3
