"""pi sessions: the line of version 1, the trees of later ones, costs, and files that grow."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from typing import Any

import pytest

from recollect import (
    BlobPart,
    Message,
    OtherPart,
    ReasoningPart,
    ToolCallPart,
    ToolCallResponsePart,
    Usage,
)
from recollect.formats import detected, pi
from recollect.formats.base import Conversation, Damage, Mark, Restart

from .format_sources import TRANSCRIPTS, Source, archived, conversations, lines, messages, real

NATIVE = "019e19b4-eb48-746a-aa6b-8dfcfa37954b"
PARENT = "d703a1a9-1b7b-4fb1-b512-c9738b1fe617"
AT = "2026-05-12T01:02:27.657Z"


def said(role: str, content: Any, **fields: Any) -> dict[str, Any]:
    return {"message": {"role": role, "content": content, **fields}}


def reply(text: str, **fields: Any) -> dict[str, Any]:
    cost = {"input": 0.1, "total": 0.020599650000000004}
    usage = {"input": 12, "output": 7, "cacheRead": 5, "cacheWrite": 3, "totalTokens": 27, "cost": cost}
    blocks = [{"type": "text", "text": text}]
    return said(
        "assistant", blocks, provider="anthropic", model="opus", usage=usage, stopReason="stop", **fields
    )


class Log:
    """Writes a session of version 3; each entry is the child of the last one unless told otherwise."""

    def __init__(self, **header: Any) -> None:
        first = {"type": "session", "version": 3, "id": NATIVE, "timestamp": AT, "cwd": "/tea/ann"}
        self.entries: list[dict[str, Any]] = [{**first, **header}]
        self.last: str | None = None

    def add(self, kind: str, entry_id: str, *, under: str | None = "", **fields: Any) -> Log:
        parent = self.last if under == "" else under
        entry = {"type": kind, "id": entry_id, "parentId": parent, "timestamp": AT}
        self.entries.append({**entry, **fields})
        self.last = entry_id
        return self

    @property
    def text(self) -> str:
        return "".join(json.dumps(entry) + "\n" for entry in self.entries)


def flat(*entries: dict[str, Any], **header: Any) -> str:
    """A session of version 1."""
    first = {
        "type": "session",
        "id": NATIVE,
        "timestamp": AT,
        "cwd": "/tea/ann",
        "provider": "openai",
        "modelId": "m",
    }
    rest = ({"type": "message", "timestamp": AT, **entry} for entry in entries)
    return "".join(json.dumps(entry) + "\n" for entry in ({**first, **header}, *rest))


def read(text: str | Log) -> Conversation:
    [conversation] = conversations(pi, Source(text if isinstance(text, str) else text.text, "session.jsonl"))
    return conversation


def test_version_1_is_one_line() -> None:
    call = {"type": "toolCall", "id": "c1", "name": "read", "arguments": {"path": "a"}}
    thinking = {"type": "thinking", "thinking": "Hm", "thinkingSignature": "s"}
    picture = {"type": "image", "data": "aGk=", "mimeType": "image/png"}
    wanted = said(
        "assistant",
        [thinking, call],
        provider="anthropic",
        model="opus",
        stopReason="aborted",
        errorMessage="Stop",
    )
    answer = {
        "content": [{"type": "text", "text": "no"}, picture],
        "isError": True,
        "toolCallId": "c1",
        "toolName": "read",
    }
    text = flat(
        said("user", [{"type": "text", "text": "Read a"}], timestamp=1_778_547_747_671),
        wanted,
        {"message": {"role": "toolResult", **answer}},
        {"type": "thinking_level_change", "thinkingLevel": "high"},
        reply("Done"),
        branchedFrom=f"/tea/ann/.pi/agent/sessions/--a--/2025-11-20T00-00-00-000Z_{PARENT}.jsonl",
    )
    assert detected(text.encode(), "x") is pi
    conversation = read(text)
    assert (conversation.native_id, conversation.parent, conversation.relation) == (NATIVE, PARENT, "fork")
    assert conversation.head is None
    assert conversation.attributes == {
        "name": "Read a",
        "provider": "anthropic",
        "model": "opus",
        "metadata": {"cwd": "/tea/ann"},
    }
    user, aborted, failed, last = messages(conversation)
    assert user.created_at is not None
    assert user.created_at.microsecond == 671_000
    assert aborted.parts == (
        ReasoningPart("Hm", {"signature": "s"}),
        ToolCallPart("read", {"path": "a"}, "c1"),
    )
    assert aborted.metadata == {"pi": {"stop_reason": "aborted", "error": "Stop"}}
    assert failed.parts == (
        ToolCallResponsePart("no", "c1", {"is_error": True, "name": "read"}),
        BlobPart(b"hi", "image/png", "image"),
    )
    assert last.usage == Usage(12, 7, 5, 0, Decimal("0.020599650000000004"))
    assert last.metadata == {"pi": {"cache_write_tokens": 3}}


def tree() -> Log:
    log = Log().add("model_change", "e1", provider="anthropic", modelId="opus")
    log.add("message", "e2", **said("user", "One")).add("message", "e3", **reply("Two"))
    log.add("message", "e4", **said("user", "Three")).add("message", "e5", **reply("Four"))
    log.add("branch_summary", "e6", under="e3", fromId="e5", summary="They counted on.")
    return log.add("message", "e7", **said("user", "Drei")).add("label", "e8", targetId="e7", label="x")


def test_the_last_entry_tells_the_main_line() -> None:
    conversation = read(tree())
    main, other = lines(conversation)
    assert [(message.id, message.text) for message in main] == [
        *(("e2", "One"), ("e3", "Two"), ("e6", "They counted on."), ("e7", "Drei"))
    ]
    assert main[2].metadata == {"injected": "branch_summary"}
    assert [(message.id, message.parent_id) for message in other] == [("e4", "e3"), ("e5", "e4")]
    assert conversation.mark is not None
    assert conversation.mark() is None


def test_a_tree_without_branches_is_a_line() -> None:
    log = Log().add("message", "e1", **said("user", "One")).add("message", "e2", **reply("Two"))
    log.add("compaction", "e3", summary="Counting.", firstKeptEntryId="e1").add(
        "session_info", "e4", name="Numbers"
    )
    conversation = read(log.add("message", "e5", **said("user", "Three")))
    assert conversation.head is None
    assert [message.text for message in messages(conversation)] == ["One", "Two", "Counting.", "Three"]
    assert messages(conversation)[2].metadata == {"injected": "compaction"}
    assert conversation.attributes["name"] == "Numbers"
    assert conversation.attributes["metadata"] == {"cwd": "/tea/ann", "pi": {"version": 3}}


def test_two_roots_and_a_parent_that_is_not_there() -> None:
    log = (
        Log()
        .add("message", "e1", **said("user", "One"))
        .add("message", "e2", under=None, **said("user", "Other"))
    )
    main, other = lines(read(log.add("message", "e3", under="gone", **reply("Yes"))))
    assert [message.text for message in main] == ["Other", "Yes"]
    assert [message.text for message in other] == ["One"]


def test_what_no_person_wrote_is_marked() -> None:
    ran = {"role": "bashExecution", "command": "ls", "output": "a", "exitCode": 1, "cancelled": False}
    text = flat(
        {"message": ran},
        {"message": {"role": "compactionSummary", "summary": "So far"}},
        said("custom", "Note", customType="todo"),
        {"type": "custom_message", "customType": "hint", "content": [{"type": "text", "text": "Look"}]},
        {"type": "custom", "customType": "state", "data": {}},
        said("user", "Hello"),
    )
    found = messages(conversation := read(text))
    assert [(message.role, message.text, message.metadata) for message in found] == [
        ("user", "$ ls\na", {"injected": "bash_execution", "exit_code": 1}),
        ("user", "So far", {"injected": "compaction"}),
        ("user", "Note", {"injected": "todo"}),
        ("user", "Look", {"injected": "hint"}),
        ("user", "Hello", None),
    ]
    assert conversation.attributes["name"] == "Hello"


@pytest.mark.parametrize(
    ("cost", "expected"), [(0, "0"), (1e-7, "1E-7"), (0.1, "0.1"), (-1, None), (1e300, None), ("x", None)]
)
def test_costs_are_exact_or_missing(cost: Any, expected: str | None) -> None:
    usage = {"input": 1, "cost": {"total": cost}}
    [message] = messages(read(flat(said("assistant", "x", usage=usage))))
    assert message.usage is not None
    assert message.usage.cost_usd == (None if expected is None else Decimal(expected))


@pytest.mark.parametrize(
    "entry",
    [
        *(5, [], {}, {"type": "message"}, {"type": ["message"], "id": {}}, {"type": "message", "message": 7}),
        {
            "type": "message",
            "id": "x",
            "parentId": 5,
            "message": {"role": "assistant", "content": {"a": 1}, "usage": 3},
        },
        {"type": "message", "message": {"role": "toolResult", "content": [None, 5], "toolCallId": []}},
        {"type": "message", "message": {"role": "user", "content": [{"type": "image", "data": "?"}, "x"]}},
        {"type": "message", "message": {"role": "user", "content": "\ud800\x00", "timestamp": 1e300}},
        {"type": "message", "message": {"role": {}, "content": None}},
        {"type": "compaction", "summary": 5, "timestamp": {}},
        {"type": "session", "id": 5, "cwd": [], "parentSession": {}},
        {"type": "message", "id": "e2", "parentId": "e1", "message": {"role": "user", "content": "again"}},
    ],
)
def test_odd_entries_stop_nothing(entry: Any) -> None:
    log = Log().add("message", "e1", **said("user", "One")).add("message", "e2", **reply("Two"))
    log.entries.append(entry)
    log.add("message", "e9", **said("user", "Nine"))
    [conversation] = [p for p in pi.read(Source(log.text)) if isinstance(p, Conversation)]
    found = [message for message in conversation.messages if isinstance(message, Message)]
    assert {"One", "Two", "Nine"} <= {message.text for message in found}
    assert len({message.id for message in found}) == len(found)


def test_a_message_that_is_none_is_kept_whole() -> None:
    [message] = messages(read(flat({"message": {"mystery": 1}})))
    assert message.parts == (OtherPart("message", {"mystery": 1}),)


def test_a_deep_tree() -> None:
    log = Log()
    for number in range(3000):
        log.add(
            "message", f"a{number}", under=f"a{number - 1}" if number else None, **said("user", str(number))
        )
    log.add("message", "b", under="a0", **said("user", "b"))
    main, other = lines(read(log))
    assert (len(main), len(other)) == (2, 2999)


def assert_grows(whole: bytes, step: int = 1) -> None:
    """Reading a prefix, also one cut within a line, and then the rest gives what reading all gives."""
    full = read(whole.decode())
    expected = messages(full)
    ids = [message.id for message in expected]
    marks = 0
    for end in [place for i, byte in enumerate(whole) if byte == 0x0A for place in (i - 3, i, i + 1)][::step]:
        parts = [piece for piece in pi.read(Source(whole[:end])) if isinstance(piece, Conversation)]
        mark = parts[0].mark() if parts and parts[0].mark else None
        if mark is None:
            continue
        marks += 1
        mark = Mark(mark.offset, json.loads(json.dumps(mark.state)))
        source = Source(whole)
        source.seek(mark.offset)
        [rest] = pi.resume(source, mark)
        assert isinstance(rest, Conversation)
        place = ids.index(rest.after or "") + 1
        assert expected[:place] + messages(rest) == expected
        assert (rest.native_id, rest.attributes, rest.parent) == (
            full.native_id,
            full.attributes,
            full.parent,
        )
    assert marks


def test_reading_can_go_on_behind_the_last_entry() -> None:
    log = (
        Log(parentSession=PARENT)
        .add("message", "e1", **said("user", "One"))
        .add("message", "e2", **reply("Two"))
    )
    log.add("label", "e3").add("message", "e4", **said("user", "Three")).add(
        "session_info", "e5", name="Numbers"
    )
    assert_grows(log.add("message", "e6", **reply("Four")).text.encode())
    assert_grows(flat(said("user", "One"), reply("Two"), said("user", "One"), reply("Two")).encode())


def test_going_on_from_elsewhere_means_reading_anew() -> None:
    log = Log().add("message", "e1", **said("user", "One")).add("message", "e2", **reply("Two"))
    conversation = read(log)
    assert conversation.mark is not None
    mark = conversation.mark()
    assert mark is not None
    source = Source(log.add("message", "e3", under="e1", **reply("Zwei")).text)
    source.seek(mark.offset)
    with pytest.raises(Restart):
        list(pi.resume(source, mark))
    with pytest.raises(Restart):
        list(pi.resume(Source(""), Mark(0, {"records": "many"})))


def test_cut_off_and_damaged_files() -> None:
    data = tree().text.encode()
    chance = random.Random(7)
    for _ in range(300):
        place = chance.randrange(1, len(data))
        flipped = bytearray(data)
        flipped[place] ^= 1 << chance.randrange(8)
        for broken, least in ((data[:place], 0), (bytes(flipped), 4)):
            found = [
                m
                for c in pi.read(Source(broken))
                for m in (c.messages if isinstance(c, Conversation) else [c])
            ]
            assert len([message for message in found if isinstance(message, Message)]) >= least
            if (
                broken != data
                and len(found) < 6
                and not broken.endswith(b"\n")
                and data[place : place + 1] != b"\n"
            ):
                assert [piece for piece in found if isinstance(piece, Damage)]


def test_recognised_by_content() -> None:
    assert detected(tree().text.encode(), "x") is pi
    assert (
        pi.detect(tree().text.partition("\n")[2].encode(), f"2026-05-12T01-02-27-657Z_{NATIVE}.jsonl") == 0.7
    )
    for junk in (b"", b"{", b"[]", b'{"type":"session_meta","payload":{}}', b'{"type":"user","message":{}}'):
        assert pi.detect(junk, "x") == 0


class TestReal:
    pytestmark = real

    def test_counts_of_the_manifest(self) -> None:
        [(name, data)] = archived("pi.tar.xz")
        assert detected(data[: 1 << 16], name) is pi
        conversation = read(data.decode())
        found = messages(conversation)
        assert conversation.native_id == PARENT
        assert [sum(message.role == role for message in found) for role in ("user", "assistant", "tool")] == [
            88,
            453,
            373,
        ]
        assert len(found) == 914
        entries = [json.loads(line, parse_float=Decimal) for line in data.splitlines() if line.strip()]
        usages = [e["message"]["usage"] for e in entries if "usage" in e.get("message", {})]
        spent = sum((message.usage for message in found if message.usage), Usage())
        assert spent.cost_usd == sum(usage["cost"]["total"] for usage in usages)
        assert spent.output_tokens == sum(usage["output"] for usage in usages)
        calls = {part.id for message in found for part in message.parts if isinstance(part, ToolCallPart)}
        assert {part.id for m in found for part in m.parts if isinstance(part, ToolCallResponsePart)} <= calls

    def test_growing(self) -> None:
        [(_, data)] = archived("pi.tar.xz")
        assert_grows(data, 201)

    def test_a_small_tree(self) -> None:
        path = TRANSCRIPTS / "fixtures_small" / "agent-sessions" / "pi" / "small.jsonl"
        found = messages(read(path.read_text()))
        assert [message.role for message in found] == [
            "user",
            "assistant",
            "user",
            "user",
            "assistant",
            "user",
        ]
