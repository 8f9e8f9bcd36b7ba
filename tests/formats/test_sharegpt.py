"""ShareGPT files: turns, tools without ids, placeholders of images; and back again."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from recollect import (
    BlobPart,
    Message,
    ReasoningPart,
    SessionInfo,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
)
from recollect.formats import openai_chat, sharegpt
from recollect.formats.base import HEAD_BYTES, Conversation, Damage
from recollect.model import OtherPart, UriPart

from .format_sources import Source, archived, conversations, messages, real

BEGUN = datetime(2026, 1, 2, tzinfo=UTC)


def export(*turns: tuple[str, Any], **more: Any) -> dict[str, Any]:
    return {"conversations": [{"from": speaker, "value": value} for speaker, value in turns], **more}


def one(value: Any) -> Conversation:
    (conversation,) = conversations(sharegpt, Source(json.dumps(value)))
    return conversation


def test_turns_with_tools() -> None:
    tools = '[{"name": "f"}]'
    conversation = one(
        export(
            ("system", "Be kind."),
            ("gpt", "Hello"),
            ("human", "?"),
            ("function_call", '{"name": "f", "arguments": {"x": 1}}'),
            ("observation", '{"y": 2}'),
            ("function_call", '[{"name": "g", "arguments": "{\\"z\\": 3}"}, {"name": "h"}]'),
            ("tool", "first"),
            ("observation", "second"),
            ("observation", "for nobody"),
            ("function_call", "no json"),
            ("chatgpt", "!"),
            ("oracle", "…"),
            id="s-1",
            system="Be brief.",
            tools=tools,
            source="invented",
            title="T",
            model="m",
        )
    )
    found = messages(conversation)
    assert conversation.native_id == "s-1"
    assert conversation.attributes == {
        "name": "T",
        "model": "m",
        "system_prompt": "Be brief.",
        "metadata": {"tools": tools, "source": "invented"},
    }
    assert [m.role for m in found[:4]] == ["system", "assistant", "user", "assistant"]
    calls = [part for m in found for part in m.parts if isinstance(part, ToolCallPart)]
    assert [(call.name, call.arguments) for call in calls] == [("f", {"x": 1}), ("g", {"z": 3}), ("h", None)]
    answers = [part for m in found for part in m.parts if isinstance(part, ToolCallResponsePart)]
    assert [answer.id for answer in answers] == [*(call.id for call in calls), None]
    assert [answer.response for answer in answers] == ['{"y": 2}', "first", "second", "for nobody"]
    assert found[9].parts == (OtherPart("function_call", "no json"),)
    assert [(m.role, m.metadata) for m in found[10:]] == [
        ("assistant", {"sharegpt": {"from": "chatgpt"}}),
        ("assistant", {"sharegpt": {"from": "oracle"}}),
    ]


def test_placeholders_stand_for_the_next_of_their_kind() -> None:
    images = ["a.jpg", "data:image/png;base64,AAE=", {"bytes": 1}, "unused.jpg"]
    conversation = one(
        export(("human", "<image>Who? <video><image>"), ("gpt", "<image>"), images=images, videos="v.mp4")
    )
    first, second = messages(conversation)
    assert first.parts == (
        UriPart("a.jpg", None, "image"),
        TextPart("Who? "),
        UriPart("v.mp4", None, "video"),
        BlobPart(b"\0\1", "image/png", "image"),
    )
    assert second.parts == (OtherPart("image", {"bytes": 1}),)
    assert conversation.attributes["metadata"] == {"images": ["unused.jpg"]}
    (message,) = messages(one(export(("human", "a <image> b"))))
    assert message.parts == (TextPart("a <image> b"),)


def test_the_variant_with_messages() -> None:
    pieces = [
        {"type": "reasoning", "value": "Hm."},
        {"type": "text", "value": "Look"},
        {"type": "tool_call", "value": '{"name": "f", "arguments": {}}'},
        {"type": "image_url", "value": "i.png"},
        {"type": "novel", "value": "x"},
        {"type": "text", "text": "as OpenAI has it"},
    ]
    value = {
        "messages": [
            {"role": "assistant", "content": pieces, "loss_weight": 0.0},
            {"role": "user", "content": None},
        ]
    }
    first, second = messages(one(value))
    assert first.parts == (
        ReasoningPart("Hm."),
        TextPart("Look"),
        ToolCallPart("f", {}, "call_1_0"),
        UriPart("i.png", None, "image"),
        OtherPart("novel", pieces[4]),
        TextPart("as OpenAI has it"),
    )
    assert first.metadata == {"sharegpt": {"loss_weight": 0.0}}
    assert second.parts == ()


WRONG: list[Any] = [None, 3, "x", True, [], {}, [None, 1, {}, "x", []], {"type": 5}]


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_values_lose_no_message(wrong: Any) -> None:
    for speaker in (wrong, "human", "gpt", "function_call", "observation", "system"):
        assert len(messages(one(export(("human", "<image>"), (speaker, wrong), images=wrong)))) == 2
    for key in ("id", "system", "tools", "images", "title", "x\n"):
        assert len(messages(one(export(("human", "?"), **{key: wrong})))) == 1
    for value in (
        {"conversations": wrong},
        {"conversations": [wrong]},
        {"messages": [{"role": "user", "content": wrong}]},
    ):
        (conversation,) = sharegpt.read(Source(json.dumps(value)))
        assert isinstance(conversation, Conversation)
        assert all(isinstance(m, Message | Damage) for m in conversation.messages)


def test_damage_slices_and_detection() -> None:
    values = [export(("human", "é"), id=str(n)) for n in range(3)]
    array = json.dumps(values, indent=1, ensure_ascii=False).encode()
    rows = "\n".join(json.dumps(value) for value in values).encode()
    for data in (array, rows):
        found = conversations(sharegpt, Source(data))
        assert [json.loads(data[one.offset : one.end]) for one in found] == values
        assert sharegpt.detect(data, "x") > 0.9 > openai_chat.detect(data, "x")
    whole = json.dumps(values[0])
    kinds = [
        type(piece).__name__ for piece in sharegpt.read(Source(f'[{whole},{{"a":1}},{whole},{whole[:-9]}'))
    ]
    assert kinds == ["Conversation", "Damage", "Conversation", "Damage", "Conversation"]
    for other in (
        b'{"conversations":[{"conversation":{"id":"x"}}]}',
        b'{"messages":[{"role":"user"}]}',
        b"conversations",
    ):
        assert sharegpt.detect(other, "x") == 0


TEXT = st.text(max_size=20).filter(lambda text: "<" not in text)
WORD = st.text(st.sampled_from("abc_"), min_size=1, max_size=6)
ARGUMENTS = st.none() | st.dictionaries(WORD, st.integers(-9, 9) | TEXT | st.lists(st.booleans(), max_size=2))
MEDIUM = st.builds(UriPart, WORD, st.none(), st.sampled_from(("image", "video", "audio"))) | st.builds(
    BlobPart, st.binary(max_size=9), st.just("image/png"), st.just("image")
)


@st.composite
def line(draw: st.DrawFn) -> list[Message]:
    """What turns can say: one text with or without reasoning, media between texts, calls, results
    in the order of the calls; no ids, times or models."""
    found: list[Message] = []
    waiting: list[str] = []
    for number in range(1, draw(st.integers(0, 6)) + 1):
        kinds = ["system", "user", "assistant", "thinking", "calls", *(["result"] if waiting else [])]
        kind = draw(st.sampled_from(kinds))
        if kind == "calls":
            names = draw(st.lists(WORD, min_size=1, max_size=3))
            ids = [f"call_{number}_{i}" for i in range(len(names))]
            calls = [ToolCallPart(name, draw(ARGUMENTS), i) for name, i in zip(names, ids, strict=True)]
            found.append(Message(role="assistant", parts=tuple(calls)))
            waiting += ids
        elif kind == "result":
            found.append(Message(role="tool", parts=(ToolCallResponsePart(draw(TEXT), waiting.pop(0)),)))
        elif kind == "thinking":
            found.append(
                Message(
                    role="assistant", parts=(ReasoningPart(draw(TEXT)), TextPart(draw(TEXT.filter(bool))))
                )
            )
        elif kind == "user" and draw(st.booleans()):
            texts = [TextPart(draw(TEXT.filter(bool))) for _ in range(draw(st.integers(0, 2)))]
            media = [draw(MEDIUM) for _ in range(len(texts) + 1)]
            woven = [part for pair in zip(media, texts, strict=False) for part in pair]
            found.append(Message(role="user", parts=(*woven, media[-1])))
        else:
            role = kind if kind in ("system", "user", "assistant") else "user"
            found.append(Message(role=role, parts=(TextPart(draw(TEXT)),)))  # type: ignore[arg-type]  # one of the three
    return found


def written(info: SessionInfo, found: list[Message]) -> str:
    pieces: list[str] = []
    sharegpt.write(info, found, pieces.append)
    return "".join(pieces)


@given(line(), st.none() | WORD, st.none() | TEXT.filter(bool))
@example([Message(role="user", parts=(BlobPart(b"", "image/png", "image"),))], None, None)
def test_reading_gives_back_what_was_written(
    found: list[Message], name: str | None, prompt: str | None
) -> None:
    info = SessionInfo("s-1", "default", 1, BEGUN, BEGUN, name, None, name, prompt, metadata={"tools": "[]"})
    (conversation,) = conversations(sharegpt, Source(written(info, found)))
    assert [replace(message, id="") for message in messages(conversation)] == found
    assert conversation.native_id == "s-1"
    attributes = conversation.attributes
    assert attributes["metadata"] == {"tools": "[]"}
    assert (attributes.get("name"), attributes.get("model"), attributes.get("system_prompt")) == (
        name,
        name,
        prompt,
    )


def test_what_turns_cannot_say_is_said_as_nearly_as_they_can() -> None:
    reply = Message.assistant([TextPart("Look"), ToolCallPart("f", {"x": 1}, "c")])
    found = [Message.developer("D"), reply, Message.tool("c", {"y": 2}), Message.user([])]
    info = SessionInfo("s", "default", 1, BEGUN, BEGUN, metadata={"imported": {"id": "native"}})
    lines = written(info, found).splitlines()
    assert json.loads(lines[0]) == {
        "id": "native",
        "conversations": [
            {"from": "system", "value": "D"},
            {"from": "gpt", "value": "Look"},
            {"from": "function_call", "value": '{"name":"f","arguments":{"x":1}}'},
            {"from": "observation", "value": '{"y":2}'},
            {"from": "human", "value": ""},
        ],
    }
    assert len(lines) == 1


class TestReal:
    pytestmark = real

    def test_real_files(self) -> None:
        expected = {
            "fastchat_dummy_conversation.json": (500, 2000),
            "glaive_toolcall_en_demo.json": (300, 1914),
            "mllm_demo.json": (6, 24),
            "v1_sft_demo.jsonl": (500, 1000),
        }
        for path, data in archived("sharegpt.tar.xz"):
            found = conversations(sharegpt, Source(data, path))
            assert (len(found), sum(len(messages(one)) for one in found)) == expected.pop(
                path.rsplit("/", 1)[-1]
            )
            head = data[:HEAD_BYTES]
            assert sharegpt.detect(head, path) > openai_chat.detect(head, path)
            answers = [
                p
                for one in found
                for m in one.messages
                for p in getattr(m, "parts", ())
                if isinstance(p, ToolCallResponsePart)
            ]
            assert all(answer.id for answer in answers)
        assert not expected

    def test_real_turns_come_back_from_what_is_written_of_them(self) -> None:
        for path, data in archived("sharegpt.tar.xz"):
            for one in conversations(sharegpt, Source(data, path))[::20]:
                found = [replace(message, id="", metadata=None) for message in messages(one)]
                info = SessionInfo(
                    "s", "default", 1, BEGUN, BEGUN, metadata=one.attributes.get("metadata", {})
                )
                (again,) = conversations(sharegpt, Source(written(info, found)))
                assert [replace(message, id="") for message in messages(again)] == found
                assert again.attributes == one.attributes
