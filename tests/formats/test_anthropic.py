"""The Anthropic Messages API: what is written it takes, and what is read comes back as it was."""

import base64
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recollect import (
    BlobPart,
    FilePart,
    Message,
    OtherPart,
    ReasoningPart,
    Store,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    UriPart,
)
from recollect.formats import anthropic, detected, openai_chat
from recollect.formats.anthropic_messages import NO_ANSWER, MessageReader, api_messages
from recollect.formats.base import Conversation, Damage

PIXEL = base64.b64encode(b"\x89PNG pixel").decode()


class Source(io.BytesIO):
    name = "chat.json"


def read(value) -> list:
    return list(anthropic.read(Source(value if isinstance(value, bytes) else json.dumps(value).encode())))


def written(*messages: Message, **attributes) -> dict:
    with Store("memory:") as store:
        store.open("s1", **attributes).append(*messages)
        return json.loads(store.export("s1", format="anthropic"))


def test_roles_take_turns_and_tools_answer_for_the_user():
    document = written(
        Message.system("Be brief."),
        Message.developer("Be kind."),
        Message.user("Two clocks?"),
        Message.assistant(
            [
                ReasoningPart("Ask both.", {"signature": "s1g"}),
                TextPart("Let me see."),
                ToolCallPart("clock", {"zone": "UTC"}, "c1"),
                ToolCallPart("clock", {"zone": "CET"}, "c2"),
            ]
        ),
        Message.tool("c2", {"hour": 13}),
        Message(role="tool", parts=(ToolCallResponsePart("stopped", "c1", {"is_error": True}),)),
        Message.user("And?"),
        Message.assistant("One hour"),
        Message.assistant("apart."),
        model="m-1",
        system_prompt="Tell the time.",
        name="Clocks",
        metadata={"cwd": "a folder"},
    )
    assert document == {
        "id": "s1",
        "title": "Clocks",
        "model": "m-1",
        "system": "Tell the time.\n\nBe brief.\n\nBe kind.",
        "messages": [
            {"role": "user", "content": "Two clocks?"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Ask both.", "signature": "s1g"},
                    {"type": "text", "text": "Let me see."},
                    {"type": "tool_use", "id": "c1", "name": "clock", "input": {"zone": "UTC"}},
                    {"type": "tool_use", "id": "c2", "name": "clock", "input": {"zone": "CET"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "c1", "content": "stopped", "is_error": True},
                    {"type": "tool_result", "tool_use_id": "c2", "content": '{"hour":13}'},
                    {"type": "text", "text": "And?"},
                ],
            },
            {
                "role": "assistant",
                "content": [{"type": "text", "text": "One hour"}, {"type": "text", "text": "apart."}],
            },
        ],
    }


def test_a_call_without_an_answer_gets_one_and_an_answer_without_a_call_becomes_words():
    document = written(
        Message.user("Go."),
        Message.assistant([ToolCallPart("run", {}, "c1")]),
        Message.user("Never mind."),
        Message.tool("c1", "too late"),
        Message.assistant([ToolCallPart("run", "now", "c2")]),
    )
    first, _, interrupted, last = document["messages"]
    assert first == {"role": "user", "content": "Go."}
    assert interrupted["content"] == [
        {"type": "tool_result", "tool_use_id": "c1", "content": "too late"},
        {"type": "text", "text": "Never mind."},
    ]
    assert last["content"][0]["input"] == {"arguments": "now"}
    document = written(
        Message.assistant([ToolCallPart("run", {}, "c1")]),
        Message.user("Never mind."),
        Message.assistant("Fine."),
        Message.tool("c1", [1]),
    )
    assert document["messages"][1]["content"][0] == {
        "type": "tool_result",
        "tool_use_id": "c1",
        "content": NO_ANSWER,
        "is_error": True,
    }
    assert document["messages"][3]["content"] == [{"type": "text", "text": "[tool result] [1]"}]


def test_parts_that_the_api_knows_and_others():
    def block(part) -> dict:
        (message,) = written(Message.user([part, TextPart("x")]))["messages"]
        return message["content"][0]

    png = BlobPart(b"\x89PNG", "image/png", "image")
    data = base64.b64encode(b"\x89PNG").decode()
    assert block(png)["source"] == {"type": "base64", "media_type": "image/png", "data": data}
    assert block(BlobPart(b"%PDF", "application/pdf"))["type"] == "document"
    assert block(BlobPart(b"RIFF", "audio/wav")) == {
        "type": "text",
        "text": "[attachment: audio/wav, 4 bytes]",
    }
    assert block(UriPart("https://example.org/a.png", None, "image"))["source"]["type"] == "url"
    assert block(UriPart("file:a.png", None, "image")) == {"type": "text", "text": "file:a.png"}
    assert block(FilePart("file_1", None, "image"))["source"] == {"type": "file", "file_id": "file_1"}
    assert block(ReasoningPart("Hm."))["text"] == "<thinking>\nHm.\n</thinking>"
    hidden = {"type": "redacted_thinking", "data": "eA=="}
    assert block(OtherPart("redacted_thinking", hidden)) == hidden
    assert block(OtherPart("odd", [1])) == {"type": "text", "text": "[odd] [1]"}
    assert written(Message.user([TextPart(""), TextPart("x")]))["messages"][0]["content"] == [
        {"type": "text", "text": "x"}
    ]


def test_a_document_is_read_whole():
    document = {
        "id": "x/1",
        "model": "claude-x",
        "max_tokens": 100,
        "system": [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}],
        "messages": [
            {"role": "user", "content": "Look"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm.", "signature": "s"},
                    {"type": "tool_use", "id": "c1", "name": "look", "input": {"at": 1}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "c1", "content": "seen", "is_error": True},
                    {
                        "type": "image",
                        "source": {"type": "base64", "media_type": "image/png", "data": PIXEL},
                    },
                ],
            },
        ],
    }
    text = json.dumps(document).encode()
    assert detected(text, "x.json") is anthropic
    (found,) = read(text)
    assert isinstance(found, Conversation)
    assert (found.native_id, found.end) == ("x/1", len(text))
    assert found.attributes == {
        "provider": "anthropic",
        "model": "claude-x",
        "system_prompt": "Be brief.\n\nBe kind.",
        "metadata": {"max_tokens": 100},
    }
    messages = list(found.messages)
    assert [message.role for message in messages] == ["user", "assistant", "tool", "user"]
    assert messages[1].parts == (
        ReasoningPart("Hm.", {"signature": "s"}),
        ToolCallPart("look", {"at": 1}, "c1"),
    )
    assert messages[2].parts == (ToolCallResponsePart("seen", "c1", {"is_error": True}),)
    assert messages[3].parts == (BlobPart(b"\x89PNG pixel", "image/png", "image"),)
    assert len({message.id for message in messages}) == 4
    assert [m.id for m in read(text)[0].messages] == [m.id for m in messages]
    with Store("memory:") as store:
        (session_id,) = store.import_(io.BytesIO(text)).sessions
        assert json.loads(store.export(session_id, format="anthropic")) == document


def test_several_conversations_and_damage():
    good = {"system": "s", "messages": [{"role": "user", "content": "a"}]}
    lines = b"\n".join([json.dumps(good).encode(), b'{"messages": 7}', b"{oops", json.dumps(good).encode()])
    pieces = read(lines)
    assert [type(piece) for piece in pieces] == [Conversation, Damage, Damage, Conversation]
    (found,) = read({"messages": [None, {"role": "robot"}, {"role": "user", "content": "a"}]})
    assert [type(item) for item in found.messages] == [Damage, Damage, Message]


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b'{"messages": [{"role": "user", "content": "x"}]}', openai_chat),
        (b'{"system": "s", "messages": [{"role": "user", "content": "x"}]}', anthropic),
        (b'[{"messages":[{"content":[{"type":"tool_result","tool_use_id":"c"}],"role":"user"}]}]', anthropic),
        (b'{"type":"user","message":{"role":"user","content":[{"type":"tool_result"}]}}', None),
    ],
)
def test_detection(head, expected):
    sure = anthropic.detect(head, "x.json")
    assert (sure > openai_chat.detect(head, "x.json")) is (expected is anthropic)


TEXT = st.text(max_size=6)
LOOSE = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=5,
)


def block(kind: str, optional: dict | None = None, **keys):
    return st.fixed_dictionaries({"type": st.just(kind), **keys}, optional=optional or {})


IDS = st.sampled_from(["c1", "c2", ""])
BLOCK = st.one_of(
    block("text", {"cache_control": LOOSE, "citations": LOOSE}, text=TEXT),
    block("thinking", {"more": LOOSE}, thinking=TEXT, signature=TEXT | st.none()),
    block(
        "tool_use",
        {"caller": LOOSE},
        id=IDS,
        name=TEXT,
        input=st.dictionaries(TEXT, LOOSE, max_size=2) | LOOSE,
    ),
    block("tool_result", {"content": TEXT | LOOSE, "is_error": st.booleans() | st.none()}, tool_use_id=IDS),
    block("image", source=st.just({"type": "base64", "media_type": "image/png", "data": PIXEL}) | LOOSE),
    block("document", source=st.just({"type": "file", "file_id": "f"}) | LOOSE),
    block("redacted_thinking", data=TEXT),
    LOOSE,
)
MESSAGE = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["user", "assistant", "system"]),
        "content": TEXT | st.lists(BLOCK, max_size=4) | LOOSE,
    },
    optional={"id": LOOSE, "usage": LOOSE},
)


@given(st.lists(MESSAGE, max_size=5))
def test_any_messages_come_back_as_they_were(values):
    reader = MessageReader()
    messages = [message for value in values for message in reader.read(value)]
    assert list(api_messages(messages)) == values
    assert len({message.id for message in messages}) == len(messages)


def test_what_is_left_of_a_message_that_was_kept_whole_is_still_written():
    reader = MessageReader()
    value = {
        "role": "user",
        "odd": 1,
        "content": [
            {"type": "tool_result", "tool_use_id": "c", "content": "r"},
            {"type": "text", "text": "t"},
        ],
    }
    answer, words = reader.read(value)
    assert list(api_messages([answer, words])) == [value]
    assert list(api_messages([words])) == [{"role": "user", "content": "t"}]


DOCUMENT = json.dumps(
    [
        {
            "id": f"c{number}",
            "system": "s",
            "messages": [
                {"role": "user", "content": "é" * 20},
                {
                    "role": "assistant",
                    "content": [{"type": "tool_use", "id": "c1", "name": "run", "input": {"a": [1]}}],
                },
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "r"}]},
            ],
        }
        for number in range(3)
    ],
    ensure_ascii=False,
).encode()


def is_damage(piece) -> bool:
    return isinstance(piece, Damage)


def test_a_file_cut_anywhere_gives_what_is_complete():
    undamaged = [(piece.end, [message.id for message in piece.messages]) for piece in read(DOCUMENT)]
    for size in range(0, len(DOCUMENT), 3):
        found = [[m.id for m in piece.messages] for piece in read(DOCUMENT[:size]) if not is_damage(piece)]
        complete = sum(end <= size for end, _ in undamaged)
        assert found[:complete] == [ids for _, ids in undamaged[:complete]]
        for ids in found[complete:]:  # at most the one that is cut in two
            assert ids
            assert ids == undamaged[complete][1][: len(ids)]
        assert len(found) <= complete + 1


@given(st.lists(st.tuples(st.integers(0, len(DOCUMENT) - 1), st.integers(0, 255)), min_size=1, max_size=20))
def test_flipped_bytes_never_raise(flips):
    raw = bytearray(DOCUMENT)
    for place, value in flips:
        raw[place] = value
    anthropic.detect(bytes(raw), "x")
    for piece in read(bytes(raw)):
        if isinstance(piece, Conversation):
            assert all(isinstance(item, Message | Damage) for item in piece.messages)
