"""Messages for pydantic-ai and back."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from pydantic_ai import messages as ai
from pydantic_ai.usage import RequestUsage

from recollect import (
    BlobPart,
    FilePart,
    Message,
    OtherPart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    UriPart,
    Usage,
)
from recollect.chat.conversion import from_response, from_return, to_history
from recollect.chat.toolspecs import storable

PNG = b"\x89PNG\r\n\x1a\n"
USER = Message.user("Hi")


def user_content(*parts, provider="openai"):
    [request] = to_history([Message.user(parts)], provider)
    return request.parts[0].content


def kinds(history):
    return [[part.part_kind for part in message.parts] for message in history]


def test_all_between_two_replies_is_one_request():
    history = to_history(
        [
            Message.system("S"), Message.developer("D"), USER, Message.assistant("a"),
            USER, USER, Message.assistant("b"), Message.assistant("c"),
        ],
        "openai",
    )  # fmt: skip
    assert kinds(history) == [
        ["system-prompt", "system-prompt", "user-prompt"],
        ["text"], ["user-prompt", "user-prompt"], ["text"], ["text"],
    ]  # fmt: skip


def test_times_are_kept():
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    [request] = to_history([Message.user("Hi", created_at=moment)], "openai")
    assert request.parts[0].timestamp == moment


def test_messages_of_nothing_are_not_sent():
    line = [USER, Message.assistant(""), Message.assistant([]), Message.user(""), Message.system("")]
    assert kinds(to_history(line, "openai")) == [["user-prompt"]]


def test_pictures_and_files():
    content = user_content(
        TextPart("Look"),
        BlobPart(PNG, "image/png", "image"),
        UriPart("https://example.org/a.jpg", None, "image"),
        UriPart("data:image/gif;base64,R0lGODlh"),
        UriPart("https://example.org/a.pdf", "application/pdf"),
    )
    assert [type(item).__name__ for item in content] == [
        "str",
        "BinaryContent",
        "ImageUrl",
        "BinaryImage",
        "DocumentUrl",
    ]
    assert content[1].data == PNG
    assert content[2].media_type == "image/jpeg"


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (BlobPart(b"x", "application/zip", "file"), "[file left out: application/zip]"),
        (BlobPart(b"x"), "[file left out: application/octet-stream]"),
        (BlobPart(b"x", "image/svg+xml", "image"), "[image left out: image/svg+xml]"),
        (FilePart("file-1", "image/png", "image"), "[image left out: image/png]"),
        (UriPart("gs://bucket/a.png", "image/png", "image"), "[image: gs://bucket/a.png]"),
        (UriPart("https://example.org/thing"), "[file: https://example.org/thing]"),
        (UriPart("data:nonsense", "image/png"), "[file left out: image/png]"),
        (UriPart("data:application/zip;base64,UEs="), "[file left out: application/zip]"),
        (OtherPart("canvas", {"a": 1}), "[canvas]"),
    ],
)
def test_what_a_model_cannot_read_is_named(part, words):
    assert user_content(part) == words


def test_what_only_some_can_hear():
    audio = BlobPart(b"x", "audio/wav", "audio")
    assert user_content(audio, provider="anthropic") == "[audio left out: audio/wav]"
    assert isinstance(user_content(audio, provider="google")[0], ai.BinaryContent)


def test_calls_and_answers_are_paired():
    line = [
        USER,
        Message.assistant([ToolCallPart("a", {"x": 1}, "1"), ToolCallPart("b", None, "2")]),
        Message.tool("1", {"y": 2}),
        Message(role="tool", parts=(ToolCallResponsePart("bad", "2", {"is_error": True}),)),
        Message.assistant(ToolCallPart("c", '{"broken', "3")),
        Message.tool("3", "?", metadata={"synthetic": True}),
    ]
    _, calls, answers, broken, made_up = to_history(line, "openai")
    assert [(part.tool_name, part.args) for part in calls.parts] == [("a", {"x": 1}), ("b", {})]
    assert [(part.tool_name, part.tool_call_id, part.content, part.outcome) for part in answers.parts] == [
        ("a", "1", {"y": 2}, "success"),
        ("b", "2", "bad", "failed"),
    ]
    assert broken.parts[0].args == '{"broken'
    assert made_up.parts[0].outcome == "interrupted"


def test_calls_without_ids_are_paired_in_order():
    line = [
        Message.assistant([ToolCallPart("a", {}), ToolCallPart("b", {})]),
        Message.tool(None, 1),
        Message.tool(None, 2),
        Message.tool(None, 3),
        Message.tool("unknown", 4),
    ]
    calls, answers = to_history(line, "openai")
    ids = [part.tool_call_id for part in calls.parts]
    assert len(set(ids)) == 2
    assert [part.tool_call_id for part in answers.parts[:2]] == ids
    assert [part.content for part in answers.parts[2:]] == ["[answer of a tool] 3", "[answer of a tool] 4"]


def test_files_of_a_tool_go_with_its_answer():
    answer = Message(
        role="tool", parts=(ToolCallResponsePart("seen", "1"), BlobPart(PNG, "image/png", "image"))
    )
    _, request = to_history([Message.assistant(ToolCallPart("look", {}, "1")), answer], "openai")
    [part] = request.parts
    assert part.content[0] == "seen"
    assert part.content[1].data == PNG


SIGNED = ReasoningPart("Hm.", {"signature": "sig", "id": "r1"})


def test_reasoning_goes_back_to_who_wrote_it_only():
    by = {"provider": "anthropic"}
    line = [
        USER,
        Message.assistant([SIGNED, TextPart("a")], metadata=by),
        Message.assistant([SIGNED, TextPart("b")]),
    ]
    history = to_history(line, "anthropic")
    assert kinds(history)[1:] == [["thinking", "text"], ["text"]]
    assert (history[1].parts[0].signature, history[1].parts[0].id) == ("sig", "r1")
    assert history[1].provider_name == "anthropic"
    assert kinds(to_history(line, "google"))[1:] == [["text"], ["text"]]


def test_openai_is_not_sent_reasoning_nor_ids_of_earlier_turns():
    text = TextPart("a", {"id": "msg_1", "details": {"phase": "final"}})
    message = Message.assistant([SIGNED, text], metadata={"provider": "openai"})
    [response] = to_history([message], "openai")
    assert [(part.part_kind, part.id, part.provider_details) for part in response.parts] == [
        ("text", None, {"phase": "final"})
    ]


def test_files_of_a_model_are_named():
    [response] = to_history(
        [Message.assistant([BlobPart(PNG, "image/png", "image"), FilePart("f")])], "openai"
    )
    assert [part.content for part in response.parts] == ["[image]", "[file]"]


# Back


def response(*parts, **fields):
    fields = {"provider_name": "anthropic", "model_name": "claude", "provider_response_id": "r", **fields}
    return ai.ModelResponse(list(parts), **fields)


def test_a_response_as_a_message():
    message = from_response(
        response(
            ai.ThinkingPart("Hm.", signature="sig", id="r1", provider_name="anthropic"),
            ai.TextPart("One, "),
            ai.TextPart(""),
            ai.TextPart("two.", provider_name="anthropic", provider_details={"k": b"\x00"}),
            ai.ToolCallPart("add", '{"a": 1}', "c1"),
            ai.TextPart("Three."),
            ai.ToolCallPart("add", '{"a": ', "c2"),
            ai.FilePart(ai.BinaryContent(PNG, media_type="image/png")),
            finish_reason="tool_call",
        ),
        "asked-for",
    )
    assert message.parts == (
        SIGNED,
        TextPart("One, two.", {"details": {"k": "AA=="}}),
        ToolCallPart("add", {"a": 1}, "c1"),
        TextPart("Three."),
        ToolCallPart("add", '{"a": ', "c2"),
        BlobPart(PNG, "image/png", "image"),
    )
    assert message.role == "assistant"
    assert message.model == "claude"
    assert message.metadata == {"provider": "anthropic", "response_id": "r"}
    assert message.text == "One, two.\nThree."


def test_a_response_that_names_no_model():
    message = from_response(response(ai.TextPart("Hi"), model_name=None, finish_reason="length"), "asked-for")
    assert message.model == "asked-for"
    assert message.metadata["finish_reason"] == "length"


def test_parts_that_only_pydantic_ai_knows_come_back_to_it():
    search = ai.NativeToolCallPart("web_search", {"q": "x"}, "s1", provider_name="anthropic")
    found = ai.NativeToolReturnPart("web_search", {"hits": []}, "s1", provider_name="anthropic")
    message = from_response(response(search, found, ai.TextPart("Nothing.")), "m")
    assert [part.kind for part in message.parts[:2]] == [
        "pydantic_ai.builtin-tool-call",
        "pydantic_ai.builtin-tool-return",
    ]
    stored = msgspec.convert(msgspec.json.decode(msgspec.json.encode(message)), Message)
    [again] = to_history([stored], "anthropic")
    assert [type(part) for part in again.parts] == [type(search), type(found), ai.TextPart]
    assert again.parts[0].args == {"q": "x"}
    [elsewhere] = to_history([stored], "google")
    assert [part.part_kind for part in elsewhere.parts] == ["text"]


def test_what_a_later_pydantic_ai_does_not_know_is_left_out():
    part = OtherPart("pydantic_ai.telepathy", {"part_kind": "telepathy"})
    message = Message.assistant([part, TextPart("a")], metadata={"provider": "anthropic"})
    assert kinds(to_history([message], "anthropic")) == [["text"]]


def test_answers_of_tools():
    message = from_return(ai.ToolReturnPart("add", {"a": Decimal("1.5")}, "c1"))
    assert message == Message(role="tool", parts=(ToolCallResponsePart({"a": "1.5"}, "c1", {"name": "add"}),))
    failed = from_return(ai.ToolReturnPart("add", "no", "c1", outcome="failed"))
    assert failed.parts[0].metadata == {"name": "add", "is_error": True}
    picture = ai.BinaryContent(PNG, media_type="image/png")
    seen = from_return(ai.ToolReturnPart("look", ["here", picture], "c1"))
    assert seen.parts == (
        ToolCallResponsePart("here", "c1", {"name": "look"}),
        BlobPart(PNG, "image/png", "image"),
    )
    assert from_return(ai.ToolReturnPart("look", picture, "c1")).parts[0].response is None


# Figures


@pytest.mark.parametrize(
    ("usage", "details", "wanted"),
    [
        (RequestUsage(), None, None),
        (RequestUsage(input_tokens=3), None, Usage(3)),
        (RequestUsage(input_tokens=3, cost=Decimal("0.5")), None, Usage(3, cost_usd=Decimal("0.5"))),
        (
            RequestUsage(input_tokens=3, cost=Decimal("0.5")),
            {"cost": 0.25},
            Usage(3, cost_usd=Decimal("0.25")),
        ),
        (RequestUsage(input_tokens=3), {"cost": "much"}, Usage(3)),
        (RequestUsage(input_tokens=3), {"cost": float("nan")}, Usage(3)),
        (
            RequestUsage(
                input_tokens=9, output_tokens=5, cache_read_tokens=4, details={"reasoning_tokens": 2}
            ),
            None,
            Usage(9, 5, 4, 2),
        ),
    ],
)
def test_usage(usage, details, wanted):
    message = from_response(response(ai.TextPart("Hi"), usage=usage, provider_details=details), "m")
    assert message.usage == wanted


def test_results_of_any_kind_can_be_stored():
    class Thing:
        def __str__(self) -> str:
            return "a thing"

    loop: list = []
    loop.append(loop)
    assert storable({"t": Thing(), "b": b"\x00", "s": {1}, "at": datetime(2026, 1, 2)}) == {
        "t": "a thing", "b": "AA==", "s": [1], "at": "2026-01-02T00:00:00",
    }  # fmt: skip
    assert storable("\ud800") == "\ud800"
    assert isinstance(storable(loop), str)
