"""Gemini CLI chats: the JSON document and the JSON lines, thoughts, tools, tokens, rewinding."""

from __future__ import annotations

import itertools
import json
import random
from typing import Any

import pytest

from recollect import (
    BlobPart,
    Message,
    OtherPart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    UriPart,
    Usage,
)
from recollect.formats import detected, gemini_cli
from recollect.formats.base import Conversation, Damage

from .format_sources import TRANSCRIPTS, Source, archived, conversations, lines, messages, real

HEADER = {"sessionId": "s-1", "projectHash": "beef", "startTime": "2026-01-15T20:51:48.582Z", "kind": "main"}
USER = {"id": "u1", "timestamp": "2026-01-15T20:51:48.582Z", "type": "user", "content": "List the files"}
CALL = {
    "id": "c1",
    "name": "shell",
    "args": {"command": "ls"},
    "status": "success",
    "timestamp": "2026-01-15T20:51:51.000Z",
    "result": [{"functionResponse": {"id": "c1", "name": "shell", "response": {"output": "a.txt"}}}],
}
REPLY: dict[str, Any] = {
    "id": "g1",
    "timestamp": "2026-01-15T20:51:50.000Z",
    "type": "gemini",
    "model": "gemini-9",
    "content": "I look.",
    "thoughts": [{"subject": "Looking", "description": "At files."}, {"description": "Again"}],
    "tokens": {"input": 100, "output": 10, "cached": 40, "thoughts": 5, "tool": 0, "total": 115},
    "toolCalls": [CALL],
}
INFO = {"id": "i1", "timestamp": "2026-01-15T20:51:55.000Z", "type": "info", "content": "Update available"}


def document(*said: Any, **header: Any) -> str:
    return json.dumps({**HEADER, **header, "messages": list(said)}, indent=2)


def jsonl(*records: Any) -> str:
    return "".join(json.dumps(record) + "\n" for record in (HEADER, *records))


def read(text: str) -> Conversation:
    [conversation] = conversations(gemini_cli, Source(text, "session.json"))
    return conversation


@pytest.mark.parametrize(
    "text", [document(USER, REPLY, INFO), jsonl(USER, {"$set": {"lastUpdated": "x"}}, REPLY, INFO)]
)
def test_both_layouts(text: str) -> None:
    assert detected(text.encode(), "x") is gemini_cli
    conversation = read(text)
    assert conversation.native_id == "s-1"
    assert conversation.head is None
    assert conversation.attributes == {
        "name": "List the files",
        "provider": "google",
        "model": "gemini-9",
        "metadata": {"project_hash": "beef", "kind": "main"},
    }
    user, reply, answer, info = messages(conversation)
    assert (user.id, user.role, user.text, user.metadata) == ("u1", "user", "List the files", None)
    assert reply.parts == (
        ReasoningPart("Looking\nAt files."),
        ReasoningPart("Again"),
        TextPart("I look."),
        ToolCallPart("shell", {"command": "ls"}, "c1"),
    )
    assert (reply.model, reply.usage) == ("gemini-9", Usage(100, 10, 40, 5))
    assert answer.parts == (ToolCallResponsePart("a.txt", "c1"),)
    assert answer.usage is None
    assert (info.role, info.text, info.metadata) == ("system", "Update available", {"injected": "info"})


def test_a_younger_file_keeps_the_ids() -> None:
    waiting = {key: value for key, value in REPLY.items() if key != "toolCalls"}
    older = messages(read(document(USER, waiting)))
    younger = messages(read(document(USER, REPLY, INFO)))
    assert [message.id for message in older] == [message.id for message in younger][:2]
    assert older[1].parts == younger[1].parts[:3]


def test_calls_that_failed_or_wait() -> None:
    denied = {**CALL, "id": "c2", "status": "cancelled", "result": None, "resultDisplay": "No"}
    error = {"functionResponse": {"response": {"error": "broken"}}}
    failed = {**CALL, "id": "c3", "status": "error", "result": [error]}
    waiting = {"id": "c4", "name": "shell", "args": {}, "status": "executing"}
    images = [*CALL["result"], {"inlineData": {"data": "aGk=", "mimeType": "image/png"}}]  # type: ignore[misc]  # a list
    seen = {**CALL, "id": "c5", "result": images}
    found = messages(read(document({**REPLY, "toolCalls": [denied, failed, waiting, seen, {"id": "c6"}]})))
    assert [message.parts[0] for message in found[1:]] == [
        ToolCallResponsePart("No", "c2", {"is_error": True}),
        ToolCallResponsePart("broken", "c3", {"is_error": True}),
        ToolCallResponsePart("a.txt", "c5"),
    ]
    assert found[-1].parts[1] == BlobPart(b"hi", "image/png", "image")
    assert found[0].parts[-1] == OtherPart("tool_call", {"id": "c6"})


def test_content_of_parts() -> None:
    pieces = [
        {"text": "See "},
        {"inlineData": {"data": "aGk=", "mimeType": "image/png"}},
        {"fileData": {"fileUri": "gs://a", "mimeType": "text/plain"}},
        {"riddle": 1},
    ]
    model = {"id": "m", "type": "model", "parts": [{"text": "Hm", "thought": True}, {"text": "Ok"}]}
    user, reply = messages(read(document({**USER, "content": pieces}, model)))
    assert user.parts == (
        TextPart("See "),
        BlobPart(b"hi", "image/png", "image"),
        UriPart("gs://a", "text/plain"),
        OtherPart("riddle", {"riddle": 1}),
    )
    assert (reply.role, reply.parts) == ("assistant", (ReasoningPart("Hm"), TextPart("Ok")))


def test_a_later_line_replaces_the_message_of_its_id() -> None:
    begun = {**REPLY, "content": "I", "toolCalls": [], "tokens": None}
    conversation = read(jsonl(USER, begun, REPLY, {"$set": {"summary": "Files"}}))
    assert conversation.attributes["name"] == "Files"
    found = messages(conversation)
    assert [message.role for message in found] == ["user", "assistant", "tool"]
    assert found[1].usage == Usage(100, 10, 40, 5)


def test_what_was_rewound_stays_as_a_branch() -> None:
    again = {**USER, "id": "u2", "content": "Rather not"}
    conversation = read(jsonl(USER, REPLY, {"$rewindTo": "g1"}, again))
    main, other = lines(conversation)
    assert [message.text for message in main] == ["List the files", "Rather not"]
    assert [message.role for message in other] == ["assistant", "tool"]
    assert other[0].parent_id == "u1"


def test_an_id_that_comes_twice_in_a_document_is_told_apart() -> None:
    found = messages(read(document(USER, {**USER, "content": "More"})))
    assert [message.text for message in found] == ["List the files", "More"]


@pytest.mark.parametrize(
    "odd",
    [
        *(
            5,
            None,
            "x",
            [],
            {},
            {"type": 7, "content": 1},
            {"type": "user"},
            {"type": "user", "content": None},
        ),
        {"type": "gemini", "content": {"a": 1}, "thoughts": 3, "tokens": [], "toolCalls": [None, 5, {}]},
        {
            "type": "gemini",
            "content": "",
            "thoughts": [None],
            "tokens": {"input": "many"},
            "toolCalls": {"a": 1},
        },
        {"type": "user", "content": "\ud800\x00", "id": 5, "timestamp": []},
        {"$set": 5, "$rewindTo": {}},
        {"$rewindTo": "nowhere"},
    ],
)
def test_odd_records_stop_nothing(odd: Any) -> None:
    for text in (document(USER, odd, INFO), jsonl(USER, odd, INFO)):
        [conversation] = [p for p in gemini_cli.read(Source(text)) if isinstance(p, Conversation)]
        found = [message.text for message in conversation.messages if isinstance(message, Message)]
        assert (found[0], found[-1]) == ("List the files", "Update available")


@pytest.mark.parametrize(
    "text", [document(USER, REPLY, INFO), jsonl(USER, REPLY, INFO), document(USER, REPLY, INFO)[:-40]]
)
def test_cut_off_and_damaged_files(text: str) -> None:
    data = text.encode()
    whole = {m.id for m in everything(data) if isinstance(m, Message)}
    for cut in range(1, len(data), 7):
        pieces = everything(data[:cut])
        known = {piece.id for piece in pieces if isinstance(piece, Message)}
        assert known <= whole
        assert (
            len(known) == len(whole)
            or any(isinstance(piece, Damage) for piece in pieces)
            or b"\n" in data[cut - 1 : cut + 1]
        )
    chance = random.Random(5)
    for _ in range(300):
        flipped = bytearray(data)
        flipped[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        known = {piece.id for piece in everything(bytes(flipped)) if isinstance(piece, Message)}
        assert len(whole - known) <= 3


def everything(data: bytes) -> list[Message | Damage]:
    found: list[Message | Damage] = []
    for piece in gemini_cli.read(Source(data)):
        found += piece.messages if isinstance(piece, Conversation) else [piece]
    return found


def test_not_recognised() -> None:
    for junk in (
        b"",
        b"{",
        b"[]",
        b'{"sessionId":"x","messages":[]}',
        b'{"type":"session","projectHash":"x"}',
    ):
        assert gemini_cli.detect(junk, "session.json") == 0


class TestReal:
    pytestmark = real

    def test_counts_of_the_manifest(self) -> None:
        """The manifest counts entries of the files; what tools answered inside them comes on top."""
        files = list(archived("gemini_cli.tar.xz"))
        entries = answers = 0
        for name, data in files:
            assert detected(data[: 1 << 16], name) is gemini_cli
            [conversation] = conversations(gemini_cli, Source(data, name))
            found = messages(conversation)
            value = json.loads(data)
            assert conversation.native_id == value["sessionId"]
            said = [message for message in found if message.role != "tool"]
            assert [message.id for message in said] == [entry["id"] for entry in value["messages"]]
            spent = [entry["tokens"] for entry in value["messages"] if entry.get("tokens")]
            assert sum(m.usage.input_tokens for m in said if m.usage) == sum(
                tokens["input"] for tokens in spent
            )
            assert sum(m.usage.reasoning_tokens for m in said if m.usage) == sum(
                tokens["thoughts"] for tokens in spent
            )
            entries += len(said)
            answers += len(found) - len(said)
        assert (len(files), entries, answers) == (4, 28, 15)

    def test_two_ages_of_one_session(self) -> None:
        ages = sorted((data for name, data in archived("gemini_cli.tar.xz") if "f7633853" in name), key=len)
        found = [messages(read(data.decode())) for data in ages]
        for older, younger in itertools.pairwise(found):
            assert [message.id for message in older] == [message.id for message in younger][: len(older)]

    def test_layouts_of_many_versions(self) -> None:
        folder = TRANSCRIPTS / "fixtures_small" / "agent-sessions" / "gemini"
        counts = {path.name: len(messages(read(path.read_text()))) for path in sorted(folder.iterdir())}
        assert counts == {"jsonl_v040.jsonl": 4, "large.json": 9, "small.json": 2}


def test_calls_of_one_id_have_answers_of_different_ids():
    call = {"id": "c", "name": "ls", "args": {}, "result": [{"functionResponse": {"response": {}}}]}
    reply = {"id": "2", "type": "gemini", "content": "Here.", "toolCalls": [call, call, call]}
    document = json.dumps({"sessionId": "s", "projectHash": "p", "startTime": "x", "messages": [reply]})
    (found,) = conversations(gemini_cli, Source(document, "session-x.json"))
    assert [message.role for message in messages(found)] == ["assistant", "tool", "tool", "tool"]
