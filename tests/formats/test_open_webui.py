"""Open WebUI's chats: siblings, tools and reasoning inside of texts, doubled quotes, damage."""

from __future__ import annotations

import html
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from recollect import (
    BlobPart,
    FilePart,
    Message,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    Usage,
)
from recollect.formats import open_webui, openai_chat
from recollect.formats.base import HEAD_BYTES, Conversation, Damage
from recollect.formats.open_webui_details import read_text
from recollect.model import OtherPart, UriPart

from .format_sources import TRANSCRIPTS, Source, conversations, lines, messages, real


def said(key: str, parent: str | None, role: str, content: Any, **more: Any) -> dict[str, Any]:
    base = {"id": key, "parentId": parent, "childrenIds": [], "role": role, "content": content}
    return {**base, "timestamp": 1_744_577_557, **more}


def chat(*found: dict[str, Any], **more: Any) -> dict[str, Any]:
    history = {"messages": {one["id"]: one for one in found}, "currentId": found[-1]["id"] if found else None}
    return {"title": "Soup", "models": ["m1"], "history": history, "messages": list(found), **more}


def one(value: Any) -> Conversation:
    (conversation,) = conversations(open_webui, Source(json.dumps(value)))
    return conversation


def answer(**more: Any) -> list[Message]:
    content = more.pop("content", "")
    return messages(one(chat(said("a", None, "assistant", content, **more))))


def test_a_row_with_what_is_known_of_it() -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 2}}
    inner = chat(
        said("a", None, "user", "Which?", models=["m1"]),
        said(
            "b",
            "a",
            "assistant",
            "Leek.",
            model="m1",
            modelIdx=0,
            usage=usage,
            done=False,
            error={"content": "cut"},
        ),
        params={"system": "Be short."},
        tags=["x", {"name": "y"}, 5, "bad\n"],
    )
    row = {
        "id": "row",
        "title": "Title",
        "chat": inner,
        "created_at": 1_744_577_000,
        "updated_at": 1_744_577_001,
    }
    row |= {
        "archived": False,
        "pinned": True,
        "meta": {"tags": ["z", "x"]},
        "folder_id": None,
        "user_id": "u",
    }
    for value in ([row], row, [row | {"chat": json.dumps(inner)}]):
        conversation = one(value)
        found = messages(conversation)
        assert [(m.id, m.role, m.text, m.model) for m in found] == [
            ("a", "user", "Which?", None),
            ("b", "assistant", "Leek.", "m1"),
        ]
        assert found[1].usage == Usage(5, 7, 2)
        assert found[1].metadata == {
            "open_webui": {"modelIdx": 0, "error": {"content": "cut"}, "done": False}
        }
        assert found[0].created_at == datetime.fromtimestamp(1_744_577_557, UTC)
        assert (conversation.native_id, conversation.head) == ("row", None)
        assert conversation.attributes == {
            "name": "Title",
            "model": "m1",
            "system_prompt": "Be short.",
            "tags": ["x", "y", "z"],
            "metadata": {
                "created_at": "2025-04-13T20:43:20.000000Z",
                "updated_at": "2025-04-13T20:43:21.000000Z",
                "archived": False,
                "pinned": True,
                "user_id": "u",
            },
        }


def test_several_models_and_regenerations_are_siblings() -> None:
    conversation = one(
        chat(
            said("q", None, "user", "?", models=["m1", "m2"]),
            said("a", "q", "assistant", "1", model="m1", modelIdx=0),
            said("b", "q", "assistant", "2", model="m2", modelIdx=1, timestamp=1_744_577_999),
            said("c", "a", "user", "more"),
            models=["m1", "m2"],
            timestamp=1_744_577_557_127,
        )
    )
    assert [[m.id for m in line] for line in lines(conversation)] == [["q", "a", "c"], ["b"]]
    assert conversation.attributes["metadata"] == {
        "created_at": "2025-04-13T20:52:37.127000Z",
        "models": ["m1", "m2"],
    }
    for current in ("gone", None, 5):
        value = chat(
            said("q", None, "user", "?"), said("a", "q", "assistant", "1"), said("b", "q", "assistant", "2")
        )
        value["history"]["messages"]["a"]["timestamp"] += 9
        value["history"]["currentId"] = current
        assert one(value).head == "a"


def test_without_a_history_the_flat_list_is_the_line() -> None:
    value = {
        "title": "t",
        "messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": "!"}],
    }
    found = messages(one(value))
    assert [m.text for m in found] == ["?", "!"]
    value["messages"].append({"role": "user", "content": "more"})  # type: ignore[attr-defined]  # it is a list
    assert messages(one(value))[:2] == found


def details(**attributes: str) -> str:
    stated = " ".join(f'{key}="{html.escape(value)}"' for key, value in attributes.items())
    return f"<details {stated}>\n<summary>Tool Executed</summary>\n</details>"


def test_reasoning_and_tools_inside_of_a_text() -> None:
    thought = (
        '<details type="reasoning" done="true" duration="5">\n<summary>Thought</summary>\n'
        "&gt; Is 1 &lt; 2?\n&gt;\n&gt; Yes.\n</details>\n"
    )
    calls = [
        details(
            type="tool_calls",
            done="true",
            id=f"c{n}",
            name="find",
            arguments=json.dumps('{"q": 1}'),
            result='"r"',
        )
        for n in (1, 2)
    ]
    open_call = details(type="tool_calls", done="false", id="c3", name="find", arguments="not json")
    content = f"{thought}Look:\n{calls[0]}\n{calls[1]}\nThere it is.\n{open_call}\n"
    found = answer(content=content, model="m", usage={"prompt_tokens": 3})
    assert [m.role for m in found] == ["assistant", "tool", "tool", "assistant"]
    assert found[0].parts == (
        ReasoningPart("Is 1 < 2?\n\nYes.", {"duration": "5", "summary": "Thought"}),
        TextPart("Look:"),
        ToolCallPart("find", {"q": 1}, "c1"),
        ToolCallPart("find", {"q": 1}, "c2"),
    )
    assert [m.parts for m in found[1:3]] == [
        (ToolCallResponsePart("r", "c1", {"name": "find"}),),
        (ToolCallResponsePart("r", "c2", {"name": "find"}),),
    ]
    assert found[3].parts == (TextPart("There it is."), ToolCallPart("find", "not json", "c3"))
    assert [m.usage for m in found] == [Usage(3), None, None, None]
    assert found[0].id == "a"


@pytest.mark.parametrize(
    "text",
    [
        "<details>\n<summary>x</summary>\nplain\n</details>",
        '<details type="reasoning">never closed\n',
        '</details> <details type="files"></details>\n',
        "<details",
        "a < b",
        "",
    ],
)
def test_other_elements_stay_text(text: str) -> None:
    assert read_text(text) == [TextPart(text)]
    assert messages(one(chat(said("q", None, "user", text))))[0].text == text


def test_many_elements_take_linear_time() -> None:
    assert len(read_text("<details" * 20_000)) == 1
    assert len(read_text('<details type="reasoning">x</details>' * 5_000)) == 5_000


def test_the_structured_output_goes_before_the_text() -> None:
    output = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}], "duration": 2},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"x": 1}'},
        {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "42"}]},
        {"type": "function_call_output", "id": "d", "output": {"k": 1}, "status": "failed"},
        {"type": "message", "content": [{"type": "output_text", "text": "Done."}, {"type": "refusal"}]},
        {"type": "open_webui:novel"},
        7,
    ]
    found = answer(content="<details>ignored</details>", output=output)
    assert found[0].parts == (ReasoningPart("Hm.", {"duration": 2}), ToolCallPart("f", {"x": 1}, "c"))
    assert found[1].parts == (ToolCallResponsePart("42", "c"),)
    assert found[2].parts == (ToolCallResponsePart({"k": 1}, "d", {"is_error": True}),)
    assert found[3].parts == (
        TextPart("Done."),
        OtherPart("refusal", {"type": "refusal"}),
        OtherPart("open_webui:novel", {"type": "open_webui:novel"}),
        OtherPart("output", 7),
    )


def test_files() -> None:
    files = [
        {"type": "image", "url": "data:image/png;base64,AAE="},
        {"type": "image", "url": "/api/v1/files/f1/content"},
        {"type": "file", "id": "f2", "name": "a.txt", "size": 3},
        "odd",
    ]
    (message,) = messages(one(chat(said("q", None, "user", "Look", files=files))))
    assert message.parts == (
        TextPart("Look"),
        BlobPart(b"\0\1", "image/png", "image"),
        UriPart("/api/v1/files/f1/content", None, "image"),
        FilePart("f2", None, None, {"name": "a.txt", "type": "file", "size": 3}),
        OtherPart("file", "odd"),
    )


def test_quotes_that_a_dump_doubled_are_halved() -> None:
    doubled = json.dumps(chat(said("q", None, "user", "I don''t know, it''s ''''x''")))
    (conversation,) = conversations(open_webui, Source(doubled))
    assert messages(conversation)[0].text == "I don't know, it's ''x'"
    for text in ("x = '' and I don't", "x = ''", "don't"):
        (conversation,) = conversations(open_webui, Source(json.dumps(chat(said("q", None, "user", text)))))
        assert messages(conversation)[0].text == text


WRONG: list[Any] = [None, 3, "x", True, [], {}, [None, 1, {}, "x"], {"a": 5}]


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_values_lose_no_message(wrong: Any) -> None:
    broken = said("b", "a", "assistant", "!")
    keys = (
        "parentId",
        "role",
        "content",
        "timestamp",
        "model",
        "usage",
        "output",
        "files",
        "sources",
        "error",
        "info",
    )
    for key in keys:
        found = messages(one([chat(said("a", None, "user", "?"), broken | {key: wrong})]))
        assert len(found) == 2, key
    for key in ("title", "models", "params", "tags", "timestamp", "messages"):
        assert len(messages(one({"id": wrong, "chat": chat(broken, **{key: wrong}), "meta": wrong}))) == 1
    assert list(one({"chat": wrong}).messages) == []
    (conversation,) = open_webui.read(Source(json.dumps({"chat": {"history": {"messages": {"q": wrong}}}})))
    assert isinstance(conversation, Conversation)
    assert len(list(conversation.messages)) == (wrong is not None)


def test_damage_is_told_and_the_rest_is_read() -> None:
    whole = json.dumps({"id": "r", "chat": chat(said("q", None, "user", "?"))})
    pieces = list(open_webui.read(Source(f'[{whole}, {{"id": 5}}, {whole}, {whole[:-9]}')))
    kinds = [type(piece).__name__ for piece in pieces]
    assert kinds[:4] == ["Conversation", "Damage", "Conversation", "Damage"]
    value = chat(said("q", None, "user", "?"))
    value["history"]["messages"]["bad"] = 5
    (conversation,) = open_webui.read(Source(json.dumps(value)))
    assert isinstance(conversation, Conversation)
    assert [type(m) for m in conversation.messages] == [Damage, Message]


def test_slices_and_detection() -> None:
    rows = [{"id": str(n), "chat": chat(said("q", None, "user", "?"))} for n in range(3)]
    data = json.dumps(rows, indent=1).encode()
    found = conversations(open_webui, Source(data))
    assert [json.loads(data[one.offset : one.end]) for one in found] == rows
    assert open_webui.detect(data, "x") > 0.9 > openai_chat.detect(data, "x")
    assert open_webui.detect(json.dumps(chat(said("q", None, "user", "?"))).encode(), "x") > 0.9
    assert open_webui.detect(b'[{"id":"1","title":"t","chat":{"title":"' + b"x" * 99, "x") > 0.5
    for other in (b'{"version":4,"history":[{"id":1}]}', b'{"messages":[{"role":"user"}]}', b"chat"):
        assert open_webui.detect(other, "x") == 0


class TestReal:
    pytestmark = real

    def test_the_real_chat(self) -> None:
        path = TRANSCRIPTS / "open_webui" / "webui-json.json"
        (conversation,) = conversations(open_webui, Source.at(path))
        asked, answered = messages(conversation)
        assert "you can't diagnose" in asked.text
        assert "''" not in answered.text
        assert answered.usage == Usage(26, 310)
        assert open_webui.detect(path.read_bytes()[:HEAD_BYTES], path.name) > 0.9
