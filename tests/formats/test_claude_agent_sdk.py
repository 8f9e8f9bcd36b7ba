"""Session files of the Claude Agent SDK: both layouts, replies in pieces, figures counted once."""

import json
from decimal import Decimal

import pytest

from recollect import OtherPart, ReasoningPart, TextPart, ToolCallPart, ToolCallResponsePart, Usage
from recollect.formats import claude_agent_sdk, detected
from recollect.formats.base import Damage

from .format_sources import Source, conversations, messages

INIT = {
    "type": "system", "subtype": "init", "session_id": "s1", "cwd": "/srv/x", "model": "claude-x",
    "tools": ["Bash"], "permissionMode": "default",
}  # fmt: skip


def frame(raw, **data):
    return {"data": data, "raw": raw, "subtype": raw.get("subtype"), "type": raw["type"]}


def said(block, name="msg_1", agent=None, **usage):
    message = {"id": name, "role": "assistant", "model": "claude-x", "content": [block], "usage": usage}
    return frame({"type": "assistant", "message": message, "session_id": "s1", "parent_tool_use_id": agent})


def asked(content, agent=None, **more):
    message = {"role": "user", "content": content}
    return frame({"type": "user", "message": message, "parent_tool_use_id": agent, **more})


def text(words):
    return {"type": "text", "text": words}


def result(cost, **usage):
    return frame({
        "type": "result", "subtype": "success", "total_cost_usd": cost, "duration_ms": 5, "num_turns": 1,
        "usage": usage, "is_error": False, "result": "Done",
    })  # fmt: skip


def session(frames, **about):
    meta = {
        "session_id": "s1", "created_at": "2025-10-07T01:02:03.123456Z", "updated_at": "2025-10-07T01:02:04Z",
        "message_count": len(frames), "total_cost": 0.5, "tags": ["a"], "description": "Try", "model": None,
    }  # fmt: skip
    return {"messages": frames, "metadata": {**meta, **about}, "session_id": "s1"}


def read(value):
    source = json.dumps(value, indent=2)
    assert detected(source.encode(), "s1.json") is claude_agent_sdk
    return conversations(claude_agent_sdk, Source(source, "s1.json"))


def test_the_frames_of_a_reply_are_one_message():
    frames = [
        frame(INIT),
        asked("Hi"),
        said({"type": "thinking", "thinking": "Hm", "signature": "x"}, input_tokens=1, output_tokens=1),
        said(text("Let me look"), input_tokens=1, output_tokens=2),
        said({"type": "tool_use", "id": "c1", "name": "Bash", "input": {"command": "ls"}}),
        asked([{"type": "tool_result", "tool_use_id": "c1", "content": "x", "is_error": True}]),
        said(text("Done"), "msg_2"),
        result(0.25, input_tokens=7, output_tokens=8, cache_read_input_tokens=3),
    ]
    (found,) = read(session(frames))
    assert found.native_id == "s1"
    assert found.attributes["model"] == "claude-x"
    assert (found.attributes["name"], found.attributes["tags"]) == ("Try", ["a"])
    metadata = found.attributes["metadata"]
    assert (metadata["cwd"], metadata["tools"]) == ("/srv/x", ["Bash"])
    assert metadata["created_at"] == "2025-10-07T01:02:03.123456Z"
    assert metadata["claude_agent_sdk"]["results"][0]["total_cost_usd"] == 0.25
    person, reply, answer, last = messages(found)
    assert [m.role for m in (person, reply, answer, last)] == ["user", "assistant", "tool", "assistant"]
    assert (reply.id, reply.parts) == ("msg_1", (
        ReasoningPart("Hm", {"claude_agent_sdk": {"signature": "x"}}),
        TextPart("Let me look"),
        ToolCallPart("Bash", {"command": "ls"}, "c1"),
    ))  # fmt: skip
    assert answer.parts == (ToolCallResponsePart("x", "c1", {"is_error": True}),)
    assert [m.usage for m in (reply, last)] == [None, Usage(7, 8, 3, 0, Decimal("0.25"))]


def test_runs_add_up_and_a_run_without_a_result_counts_its_replies():
    frames = [
        frame(INIT), asked("1"), said(text("a"), "m1", output_tokens=99), result(0.1, output_tokens=1),
        frame(INIT), asked("2"), said(text("b"), "m2", output_tokens=5),
        said(text("c"), "m3", output_tokens=6),
        frame(INIT), asked("3"), said(text("d"), "m4", output_tokens=98), result(0.2, output_tokens=2),
    ]  # fmt: skip
    (found,) = read(session(frames))
    spent = [m.usage for m in messages(found) if m.usage]
    assert [usage.output_tokens for usage in spent] == [1, 5, 6, 2]
    assert sum((usage.cost_usd or 0) for usage in spent) == Decimal("0.3")


def test_the_older_layout_and_frames_without_raw():
    frames = [
        {"type": "system", "subtype": "init", "data": {"session_id": "s1", "cwd": "/c"}, "raw": None},
        {"type": "assistant", "subtype": None, "data": {"message": {"content": "Hello"}}, "raw": {}},
        {"type": "result", "subtype": "success", "data": {"total_cost_usd": 0.1}, "raw": None},
    ]  # fmt: skip
    old = {
        "session_id": "s1", "created_at": "2025-10-07T01:02:03Z", "updated_at": "2025-10-07T01:02:03Z",
        "metadata": {"summary": "short"}, "messages": frames,
    }  # fmt: skip
    (found,) = read(old)
    assert found.attributes["metadata"]["summary"] == "short"
    assert found.attributes["metadata"]["created_at"] == "2025-10-07T01:02:03.000000Z"
    (reply,) = messages(found)
    assert (reply.text, reply.usage) == ("Hello", Usage(cost_usd=Decimal("0.1")))


def test_sub_agents_are_sessions_of_their_own():
    frames = [
        frame(INIT), asked("Go"), said({"type": "tool_use", "id": "t1", "name": "Task", "input": {}}),
        asked("Find it", "t1"), said(text("Found"), "sub_1", "t1", output_tokens=3),
        asked([{"type": "tool_result", "tool_use_id": "t1", "content": "Found"}]), result(1, output_tokens=9),
    ]  # fmt: skip
    main, agent = read(session(frames))
    assert (agent.native_id, agent.parent, agent.relation) == ("s1:t1", "s1", "subagent")
    assert [(m.role, m.text) for m in messages(agent)] == [("user", "Find it"), ("assistant", "Found")]
    assert [m.role for m in messages(main)] == ["user", "assistant", "tool"]
    assert messages(agent)[1].usage.output_tokens == 3


def test_other_frames_are_kept_and_marked():
    frames = [
        frame({"type": "stream_event", "event": {"type": "content_block_delta"}}),
        frame({"type": "system", "subtype": "compact_boundary", "trigger": "auto"}),
        asked([text("reminder"), {"type": "tool_result", "tool_use_id": "c", "content": "x"}]),
        frame({"type": "rate_limit_event", "n": 1}),
        said({"type": "hologram", "depth": 1}),
    ]
    (found,) = read(session(frames))
    boundary, *rest = messages(found)
    assert boundary.metadata == {"injected": "system:compact_boundary"}
    assert [m.metadata.get("injected") if m.metadata else None for m in rest] == [
        None, "synthetic", "rate_limit_event", None,
    ]  # fmt: skip
    assert rest[-1].parts == (OtherPart("hologram", {"type": "hologram", "depth": 1}),)


def test_a_result_without_a_reply_and_wrong_types_do_not_stop_it():
    frames = [asked("Hi"), 7, None, {"type": 5}, result(0.1, output_tokens="many")]
    (found,) = claude_agent_sdk.read(Source(json.dumps(session(frames))))
    everything = list(found.messages)
    assert sum(isinstance(item, Damage) for item in everything) == 2
    assert everything[-1].usage.cost_usd == Decimal("0.1")


def test_a_torn_file_keeps_what_came_before():
    source = json.dumps(session([asked(f"Number {n}") for n in range(5)]), indent=2)
    for cut in range(0, len(source), 17):
        pieces = list(claude_agent_sdk.read(Source(source[:cut])))
        told = [m.text for p in pieces if not isinstance(p, Damage) for m in p.messages]
        assert len(told) >= source[:cut].count('"type": "user"\n    }')
        assert not source[:cut] or any(isinstance(piece, Damage) for piece in pieces)


@pytest.mark.parametrize(
    "document",
    [
        {"session_id": "x", "messages": [{"role": "user", "content": "Hi"}]},
        {"messages": [{"type": "user", "text": "x"}], "metadata": {}},
        {"id": "x", "messages": []},
    ],
)
def test_files_of_others_are_left_to_them(document):
    assert claude_agent_sdk.detect(json.dumps(document).encode(), "x.json") == 0
