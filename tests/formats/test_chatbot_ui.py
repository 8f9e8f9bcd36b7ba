"""chatbot-ui's exports: conversations of a history, without ids or times of messages; damage."""

from __future__ import annotations

import json
from typing import Any

import pytest

from recollect import Message, TextPart
from recollect.formats import chatbot_ui, open_webui, openai_chat
from recollect.formats.base import HEAD_BYTES, Conversation, Damage
from recollect.model import OtherPart, UriPart

from .format_sources import TRANSCRIPTS, Source, conversations, messages, real


def said(role: Any, content: Any) -> dict[str, Any]:
    return {"role": role, "type": "text", "content": content}


def chat(key: Any, *found: Any, **more: Any) -> dict[str, Any]:
    return {
        "id": key,
        "name": "Soup",
        "messages": list(found),
        "model": {"id": "gpt-4", "name": "GPT-4"},
        **more,
    }


def export(*found: Any, **more: Any) -> dict[str, Any]:
    return {
        "version": 4,
        "history": list(found),
        "folders": [{"id": "f", "name": "F"}],
        "prompts": [],
        **more,
    }


def test_conversations_of_a_history() -> None:
    value = export(
        chat(
            "c-1", said("user", "?"), said("assistant", "!"), prompt="Be kind.", temperature=0.5, folderId="f"
        ),
        chat(7, said("user", "?"), said("assistant", "!"), said("user", "?"), model="m"),
        chat("c-3", name=""),
    )
    for data in (json.dumps(value), "\ufeff" + json.dumps(value, indent=2), json.dumps(value["history"])):
        first, second, third = conversations(chatbot_ui, Source(data))
        assert [(m.role, m.text) for m in messages(first)] == [("user", "?"), ("assistant", "!")]
        assert first.native_id == "c-1"
        assert first.attributes == {
            "name": "Soup",
            "model": "gpt-4",
            "system_prompt": "Be kind.",
            "metadata": {"folder_id": "f", "temperature": 0.5},
        }
        assert [m.text for m in messages(second)] == ["?", "!", "?"]
        assert (second.native_id, second.attributes["model"]) == ("7", "m")
        assert (messages(third), third.attributes) == ([], {"model": "gpt-4"})


def test_ids_stay_the_same_when_a_conversation_goes_on() -> None:
    begun = [said("user", "?"), said("user", "?")]
    (short,) = conversations(chatbot_ui, Source(json.dumps(export(chat("c", *begun)))))
    (longer,) = conversations(chatbot_ui, Source(json.dumps(export(chat("c", *begun, said("user", "!"))))))
    assert messages(longer)[:2] == messages(short)


def test_contents_of_other_kinds_and_roles() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.org/i.png"}}
    found = [said("user", ["x", image]), said("oracle", "hm"), said("user", {"a": 1}), {}, None]
    (conversation,) = conversations(chatbot_ui, Source(json.dumps(export(chat("c", *found)))))
    assert [m.parts for m in messages(conversation)] == [
        (OtherPart("unknown", "x"), UriPart("https://example.org/i.png", None, "image")),
        (TextPart("hm"),),
        (OtherPart("content", {"a": 1}),),
        (),
    ]
    assert messages(conversation)[1].metadata == {"chatbot_ui": {"role": "oracle"}}


WRONG: list[Any] = [None, 3, "x", True, [], {}, [None, 1, {}, "x"], {"a": 5}]


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_values_are_read(wrong: Any) -> None:
    for key in ("id", "name", "model", "prompt", "temperature", "folderId"):
        (conversation,) = chatbot_ui.read(
            Source(json.dumps(export(chat("c", said("user", "?"), **{key: wrong}))))
        )
        assert isinstance(conversation, Conversation)
        assert len(messages(conversation)) == 1
    for piece in chatbot_ui.read(
        Source(json.dumps(export(chat("c") | {"messages": wrong}, wrong, history=[wrong])))
    ):
        if isinstance(piece, Conversation):
            assert all(isinstance(m, Message | Damage) for m in piece.messages)
    assert all(
        piece
        for piece in chatbot_ui.read(Source(json.dumps(export() | {"history": wrong, "folders": wrong})))
    )


@pytest.mark.parametrize("indent", [None, 2])
def test_damage_is_told_and_the_rest_is_read(indent: int | None) -> None:
    data = json.dumps(export(*(chat(f"c-{n}", said("user", f"text {n}")) for n in range(4))), indent=indent)
    broken = data.replace('"text 1"', '"text 1')
    pieces = list(chatbot_ui.read(Source(broken)))
    found = [piece.native_id for piece in pieces if isinstance(piece, Conversation)]
    assert "c-1" not in found
    assert {"c-0", "c-3"} <= set(found)
    assert any(isinstance(piece, Damage) for piece in pieces)
    cut = list(chatbot_ui.read(Source(data[: data.index("text 3")])))
    assert [piece.native_id for piece in cut if isinstance(piece, Conversation)] == ["c-0", "c-1", "c-2"]
    assert isinstance(cut[-1], Damage)


def test_slices_and_detection() -> None:
    value = export(*(chat(f"c-{n}", said("user", "é")) for n in range(3)))
    data = json.dumps(value, indent=1, ensure_ascii=False).encode()
    found = conversations(chatbot_ui, Source(data))
    assert [json.loads(data[one.offset : one.end]) for one in found] == value["history"]
    assert chatbot_ui.detect(data, "x") > 0.9 > openai_chat.detect(data, "x")
    assert open_webui.detect(data, "x") == 0
    assert chatbot_ui.detect(b'{"history": {"messages": {}}}', "x") == 0


class TestReal:
    pytestmark = real

    def test_the_real_export(self) -> None:
        path = TRANSCRIPTS / "chatbotui" / "chatbotui-export.json"
        found = conversations(chatbot_ui, Source.at(path))
        assert [len(messages(one)) for one in found] == [4, 2]
        assert chatbot_ui.detect(path.read_bytes()[:HEAD_BYTES], path.name) > 0.9
