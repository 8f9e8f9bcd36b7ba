"""Copilot CLI sessions: replies, answers, sub-agents, what only the end of a session tells."""

from __future__ import annotations

import json
from typing import Any

import pytest

from recollect import (
    Message,
    OtherPart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    UriPart,
    Usage,
)
from recollect.formats import copilot_cli, detected
from recollect.formats.base import Conversation, Damage, Mark, Restart

from .format_sources import TRANSCRIPTS, Source, archived, conversations, messages, real

NATIVE = "2426852d-6cf5-4e90-be9f-e45fc6c7d5e4"


class Events:
    """Writes the events of a session, each the child of the one before."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        context = {"cwd": "/tea/ann", "branch": "main", "headCommit": "abc", "repository": "ann/tea"}
        self.add("session.start", sessionId=NATIVE, copilotVersion="1.2", selectedModel="m1", context=context)

    def add(self, kind: str, **data: Any) -> Events:
        number = len(self.lines)
        parent = f"e{number - 1}" if number else None
        event = {
            "type": kind,
            "data": data,
            "id": f"e{number}",
            "timestamp": f"2026-06-23T05:17:{number:02}.000Z",
        }
        self.lines.append(json.dumps({**event, "parentId": parent}))
        return self

    @property
    def text(self) -> str:
        return "".join(line + "\n" for line in self.lines)


def session() -> Events:
    events = Events().add("system.message", role="system", content="Be brief")
    events.add("hook.start", hookType="x").add(
        "user.message", content="Tea?", transformedContent="<now/>Tea?"
    )
    request = {"toolCallId": "c1", "name": "bash", "arguments": {"command": "ls"}, "intentionSummary": "Look"}
    events.add(
        "assistant.message",
        messageId="m1",
        model="m2",
        content="I look.",
        toolRequests=[request],
        reasoningText="Hm",
        reasoningOpaque="s3al",
        outputTokens=7,
    )
    events.add("tool.execution_start", toolCallId="c1")
    telemetry = {"metrics": {"durationMs": 4}}
    events.add(
        "tool.execution_complete",
        toolCallId="c1",
        success=True,
        result={"content": "a"},
        toolTelemetry=telemetry,
    )
    events.add("session.model_change", newModel="m3")
    events.add("assistant.message", messageId="m2", content="Yes.", toolRequests=[], outputTokens=2)
    return events


def read(events: Events | str) -> list[Conversation]:
    return conversations(
        copilot_cli, Source(events if isinstance(events, str) else events.text, "events.jsonl")
    )


def test_a_session() -> None:
    totals = {"m2": {"usage": {"inputTokens": 500, "outputTokens": 9}}}
    [conversation] = read(session().add("session.shutdown", modelMetrics=totals, currentModel="m3"))
    assert conversation.native_id == NATIVE
    assert conversation.attributes == {
        "name": "Tea?",
        "provider": "github",
        "model": "m3",
        "metadata": {
            "cwd": "/tea/ann",
            "git_branch": "main",
            "git_commit": "abc",
            "git_repository": "ann/tea",
            "tool_version": "1.2",
            "copilot_cli": {"shutdowns": [{"modelMetrics": totals}]},
        },
    }
    system, user, reply, answer, last = messages(conversation)
    assert (system.role, system.text) == ("system", "Be brief")
    assert (user.text, user.metadata) == ("Tea?", {"copilot_cli": {"transformed_content": "<now/>Tea?"}})
    assert reply.id == "e4"
    assert reply.parts == (
        ReasoningPart("Hm", {"opaque": "s3al"}),
        TextPart("I look."),
        ToolCallPart("bash", {"command": "ls"}, "c1", {"copilot_cli": {"intention": "Look"}}),
    )
    assert (reply.model, reply.usage) == ("m2", Usage(output_tokens=7))
    assert answer.parts == (ToolCallResponsePart("a", "c1"),)
    assert answer.metadata == {"duration_ms": 4}
    assert (last.text, last.model, last.usage) == ("Yes.", "m3", Usage(output_tokens=2))


def test_events_of_one_reply_are_one_message() -> None:
    events = Events().add("assistant.message", messageId="m1", content="One ", outputTokens=3)
    [conversation] = read(events.add("assistant.message", messageId="m1", content="reply.", outputTokens=5))
    [reply] = messages(conversation)
    assert reply.parts == (TextPart("One "), TextPart("reply."))
    assert reply.usage == Usage(output_tokens=5)


def test_reasoning_comes_once_with_its_reply_or_alone() -> None:
    events = (
        Events()
        .add("assistant.reasoning", content="First")
        .add("assistant.message", messageId="m1", content="A")
    )
    events.add("assistant.reasoning", content="Twin")
    events.add("assistant.message", messageId="m2", content="B", reasoningText="Twin")
    [conversation] = read(events.add("assistant.reasoning", content="Cut off").add("abort", reason="user"))
    first, second, alone, abort = messages(conversation)
    assert first.parts == (ReasoningPart("First"), TextPart("A"))
    assert second.parts == (ReasoningPart("Twin"), TextPart("B"))
    assert alone.parts == (ReasoningPart("Cut off"),)
    assert (abort.role, abort.text, abort.metadata) == ("system", "user", {"injected": "abort"})


def test_what_the_client_says_is_marked() -> None:
    events = Events().add("session.error", message="No luck").add("system.notification", content="Agent done")
    events.add("session.compaction_complete", summaryContent="So far").add(
        "user.message", content="x", source="skill-a"
    )
    [conversation] = read(
        events.add("session.info", message="Nothing").add("session.title_changed", title="Tea time")
    )
    found = [(m.role, m.text, (m.metadata or {}).get("injected")) for m in messages(conversation)]
    assert found == [
        ("system", "No luck", "error"),
        ("system", "Agent done", "notification"),
        ("user", "So far", "compaction"),
        ("user", "x", "skill-a"),
    ]
    assert conversation.attributes["name"] == "Tea time"


def test_failures_attachments_and_odd_forms() -> None:
    files = [
        {"type": "file", "path": "/tea/ann/a b.txt", "displayName": "a b"},
        {"type": "selection", "text": "x"},
    ]
    events = Events().add("user.message", content="See", attachments=files)
    events.add("assistant.message", content="", toolRequests=[{"toolCallId": "c1"}], messageId="m1")
    error = {"message": "denied", "code": "no"}
    events.add("tool.execution_complete", toolCallId="c1", success=False, error=error)
    [conversation] = read(events)
    user, reply, answer = messages(conversation)
    assert user.parts == (
        TextPart("See"),
        UriPart("/tea/ann/a b.txt", metadata={"name": "a b"}),
        OtherPart("attachment", files[1]),
    )
    assert reply.parts == (OtherPart("tool_request", {"toolCallId": "c1"}),)
    assert answer.parts == (ToolCallResponsePart("denied", "c1", {"is_error": True}),)
    assert answer.metadata == {"error": "no"}


def test_a_sub_agent_is_a_session_of_its_own() -> None:
    events = session().add("subagent.started", toolCallId="c9", agentName="x", agentDisplayName="Explorer")
    events.add("assistant.message", messageId="m8", parentToolCallId="c9", content="Sub", model="small")
    events.add("tool.execution_complete", parentToolCallId="c9", toolCallId="c10", result={"content": "r"})
    main, agent = read(events.add("assistant.message", messageId="m9", content="Main"))
    assert [message.text for message in messages(main)][-1] == "Main"
    assert "Sub" not in [message.text for message in messages(main)]
    assert (agent.native_id, agent.parent, agent.relation) == (f"{NATIVE}:c9", NATIVE, "subagent")
    assert agent.attributes == {"name": "Explorer", "provider": "github", "model": "small"}
    assert [message.role for message in messages(agent)] == ["assistant", "tool"]
    assert main.mark is not None
    assert main.mark() is None


def test_an_id_that_comes_twice_is_told_apart() -> None:
    lines = session().lines
    [conversation] = read("\n".join([*lines, lines[3]]))
    found = messages(conversation)
    assert found[-1].text == "Tea?"
    assert found[-1].id != found[1].id


@pytest.mark.parametrize(
    "line",
    [
        *(
            "7",
            "[]",
            "{}",
            '{"type":"user.message"}',
            '{"type":["x"],"data":[]}',
            '{"type":"abort","data":7,"id":{}}',
        ),
        '{"type":"user.message","data":{"content":[1],"attachments":{"a":1},"source":5},"id":""}',
        '{"type":"assistant.message","data":{"content":3,"toolRequests":[null,{}],"outputTokens":"many"}}',
        '{"type":"tool.execution_complete","data":{"result":[],"error":"x","toolTelemetry":4}}',
        '{"type":"session.start","data":{"sessionId":5,"context":[]}}',
        '{"type":"user.message","data":{"content":"\\ud800\\u0000"},"timestamp":5,"id":"\\udc00"}',
        '{"type":"user.message","data":{"content":"cut',
    ],
)
def test_odd_events_stop_nothing(line: str) -> None:
    lines = session().lines
    pieces = list(copilot_cli.read(Source("\n".join([*lines[:4], line, *lines[4:]]))))
    [conversation] = [piece for piece in pieces if isinstance(piece, Conversation)]
    found = [message.text for message in conversation.messages if isinstance(message, Message)]
    assert found[:2] == ["Be brief", "Tea?"]
    assert found[-1] == "Yes."


def test_nothing_but_damage_is_no_session() -> None:
    pieces = list(copilot_cli.read(Source('{"type":"user')))
    assert [type(piece) for piece in pieces] == [Damage]


def assert_grows(whole: bytes) -> None:
    [full] = copilot_cli.read(Source(whole))
    assert isinstance(full, Conversation)
    expected = messages(full)
    ids = [message.id for message in expected]
    marks = 0
    for end in [i + 1 for i, byte in enumerate(whole) if byte == 0x0A][:: max(1, len(ids) // 25)]:
        [part] = copilot_cli.read(Source(whole[:end]))
        assert isinstance(part, Conversation)
        assert part.mark is not None
        mark = part.mark()
        if mark is None:
            continue
        marks += 1
        mark = Mark(mark.offset, json.loads(json.dumps(mark.state)))
        source = Source(whole)
        source.seek(mark.offset)
        [rest] = copilot_cli.resume(source, mark)
        assert isinstance(rest, Conversation)
        place = ids.index(rest.after or "") + 1
        assert expected[:place] + messages(rest) == expected
        assert rest.attributes == full.attributes
        assert rest.native_id == full.native_id
    assert marks


def test_reading_can_go_on_where_the_last_reply_began() -> None:
    events = (
        session()
        .add("assistant.reasoning", content="More")
        .add("assistant.message", messageId="m3", content="C")
    )
    assert_grows(events.add("session.shutdown", currentModel="m3", totalPremiumRequests=1).text.encode())
    with pytest.raises(Restart):
        list(copilot_cli.resume(Source("{}"), Mark(0, {"records": "many"})))


def test_a_new_sub_agent_means_reading_anew() -> None:
    events = session()
    [conversation] = read(events)
    assert conversation.mark is not None
    mark = conversation.mark()
    assert mark is not None
    source = Source(events.add("subagent.started", toolCallId="c9").text)
    source.seek(mark.offset)
    with pytest.raises(Restart):
        list(copilot_cli.resume(source, mark))


def test_recognised_by_content() -> None:
    text = session().text.encode()
    assert detected(text, "x") is copilot_cli
    for junk in (b"", b"{", b'{"type":"session","version":3}', b'{"type":"user","message":{}}'):
        assert copilot_cli.detect(junk, "events.jsonl") == 0


class TestReal:
    pytestmark = real

    def test_counts_of_the_manifest(self) -> None:
        """The manifest counts what people and models said: system messages and answers come on top."""
        said = answers = 0
        files = list(archived("copilot_cli.tar.xz"))
        for name, data in files:
            assert detected(data[: 1 << 16], name) is copilot_cli
            [conversation] = conversations(copilot_cli, Source(data, name))
            found = messages(conversation)
            assert conversation.native_id == name.split("/")[-2]
            said += sum(message.role in ("user", "assistant") for message in found)
            answers += sum(message.role == "tool" for message in found)
            assert sum(m.usage.output_tokens for m in found if m.usage) == sum(
                json.loads(line)["data"]["outputTokens"]
                for line in data.splitlines()
                if line.startswith(b'{"type":"assistant.message"')
            )
        assert (len(files), said, answers) == (5, 63, 68)

    def test_growing(self) -> None:
        largest = max((data for _, data in archived("copilot_cli.tar.xz")), key=len)
        assert_grows(largest)

    def test_layouts_of_many_versions(self) -> None:
        folder = TRANSCRIPTS / "fixtures_small" / "agent-sessions" / "copilot"
        counts = {
            str(path.relative_to(folder)).split("/")[0]: [
                len(messages(conversation)) for conversation in conversations(copilot_cli, Source.at(path))
            ]
            for path in sorted(folder.rglob("*.jsonl"))
        }
        assert counts == {"large.jsonl": [9], "small.jsonl": [13, 2], "subdir_v1": [4]}
