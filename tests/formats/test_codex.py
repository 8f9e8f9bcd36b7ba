"""Codex rollouts: replies, answers, what the client injected, forks, usage, and files that grow."""

from __future__ import annotations

import json
from typing import Any

from recollect import (
    BlobPart,
    OtherPart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    Usage,
)
from recollect.formats import codex, detected

from .codex_rollouts import OWN, PARENT, Rollout, read
from .format_sources import messages


def test_one_reply_is_one_message_and_each_answer_one() -> None:
    rollout = Rollout(cwd="/tea/ann").turn().typed("List the files")
    rollout.item("reasoning", summary=[{"type": "summary_text", "text": "Look"}], encrypted_content="s3al")
    rollout.said("I look.").call("c1", "ls").call("c2", "pwd").count(100, 40, 10, 5)
    rollout.answer("c1", "a.txt").answer("c2", "/tea/ann").said("One file.").count(120, 100, 4, 0)
    user, reply, first, second, last = messages(read(rollout))
    assert (user.role, user.text, user.metadata) == ("user", "List the files", None)
    assert reply.parts == (
        ReasoningPart("Look", {"encrypted_content": "s3al"}),
        TextPart("I look."),
        ToolCallPart("shell", {"cmd": "ls"}, "c1"),
        ToolCallPart("shell", {"cmd": "pwd"}, "c2"),
    )
    assert reply.model == "gpt-9"
    assert reply.usage == Usage(100, 10, 40, 5)
    assert first.parts == (ToolCallResponsePart("a.txt", "c1"),)
    assert second.parts == (ToolCallResponsePart("/tea/ann", "c2"),)
    assert (last.text, last.usage) == ("One file.", Usage(120, 4, 100, 0))


def test_usage_that_stands_behind_the_answers_belongs_to_the_reply() -> None:
    rollout = Rollout().turn().typed("Go").said("Yes.").call("c1").answer("c1").count(100, 0, 10, 0)
    rollout.event("token_count", info=None).count().said("Done.").count(130, 90, 3, 0)
    _, reply, _, last = messages(read(rollout))
    assert reply.usage == Usage(100, 10)
    assert last.usage == Usage(130, 3, 90)


def test_totals_that_begin_anew_are_counted_from_nothing() -> None:
    rollout = Rollout().turn().typed("Go").said("One.").count(100, 0, 10, 0).typed("On")
    rollout.spent = [0, 0, 0, 0]
    _, first, _, second = messages(read(rollout.said("Two.").count(50, 0, 20, 0)))
    assert (first.usage, second.usage) == (Usage(100, 10), Usage(50, 20))


def test_only_what_the_client_shows_as_typed_is_the_persons_own() -> None:
    rollout = Rollout().turn().told("Be careful", "developer")
    rollout.told("# AGENTS.md instructions for /tea/ann\n\nBe kind").told("<environment_context>\n x")
    rollout.typed("<b>Why?</b>\n" * 40).told("loose context").said("Because.")
    developer, agents, context, own, loose, _ = messages(conversation := read(rollout))
    assert (developer.role, developer.metadata) == ("developer", None)
    assert agents.metadata == {"injected": "agents_md"}
    assert context.metadata == {"injected": "environment_context"}
    assert own.metadata is None
    assert loose.metadata == {"injected": "client"}
    name = conversation.attributes["name"]
    assert name.startswith("<b>Why?</b> <b>")
    assert len(name) == 80


def test_an_echo_may_stand_before_its_message() -> None:
    rollout = Rollout().event("user_message", message="Start").turn().told("Start").said("Yes.")
    assert messages(read(rollout))[0].metadata is None


def test_the_layout_before_envelopes() -> None:
    bare: list[dict[str, Any]] = [
        {
            "id": OWN,
            "timestamp": "2025-06-01T10:00:00.000Z",
            "instructions": "Be kind",
            "git": {"branch": "main"},
        },
        {"record_type": "state"},
        {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "<environment_context>x"}],
        },
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]},
        {"type": "local_shell_call", "call_id": "c1", "status": "completed", "action": {"command": ["ls"]}},
        {"type": "function_call_output", "call_id": "c1", "output": {"content": "no", "success": False}},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]},
    ]
    text = "\n".join(map(json.dumps, bare))
    assert detected(text.encode(), "old.jsonl") is codex
    conversation = read(text)
    assert conversation.native_id == OWN
    assert conversation.attributes["system_prompt"] == "Be kind"
    assert conversation.attributes["name"] == "Hello"
    assert conversation.attributes["metadata"] == {"git_branch": "main"}
    context, user, call, answer, reply = messages(conversation)
    assert context.metadata == {"injected": "environment_context"}
    assert user.metadata is None
    assert call.parts == (
        ToolCallPart("local_shell", {"command": ["ls"]}, "c1", {"codex": {"type": "local_shell_call"}}),
    )
    assert answer.parts == (ToolCallResponsePart("no", "c1", {"is_error": True}),)
    assert reply.text == "Hi"


def test_the_layout_of_messages_without_types() -> None:
    bare: list[dict[str, Any]] = [
        {"role": "user", "content": "Which branch?", "model": "m0"},
        {"type": "tool_call", "function": {"name": "git"}, "arguments": "status"},
        {"type": "tool_call", "function": {"name": "date"}, "arguments": "{}"},
        {"type": "tool_result", "name": "git", "result": "On main"},
        {"type": "tool_result", "name": "date", "result": "Today"},
        {"role": "assistant", "content": "main"},
        {"type": "error", "text": "No more"},
    ]
    text = "\n".join(json.dumps({"timestamp": "2025-09-10T12:00:00Z", **line}) for line in bare)
    assert detected(text.encode(), "x") is codex
    user, reply, first, second, last, error = messages(conversation := read(text))
    assert (conversation.attributes["name"], conversation.attributes["model"]) == ("Which branch?", "m0")
    assert user.metadata is None
    calls = [part for part in reply.parts if isinstance(part, ToolCallPart)]
    assert [(call.name, call.arguments) for call in calls] == [("git", "status"), ("date", {})]
    assert first.parts == (ToolCallResponsePart("On main", calls[0].id),)
    assert second.parts == (ToolCallResponsePart("Today", calls[1].id),)
    assert (last.text, last.model) == ("main", "m0")
    assert (error.text, error.metadata) == ("No more", {"injected": "error"})


def test_how_tools_fared() -> None:
    rollout = Rollout().turn().typed("Go").call("c1").call("c2").call("c3").call("c4").call("c5")
    rollout.event("exec_command_end", call_id="c1", exit_code=2, duration={"secs": 1, "nanos": 500_000_000})
    rollout.answer("c1", "broken").answer("c2", "Chunk ID: 1\nProcess exited with code 1\nOutput:\nno")
    rollout.answer("c3", json.dumps({"output": "ok", "metadata": {"exit_code": 0, "duration_seconds": 0.25}}))
    rollout.answer("c4").event("patch_apply_end", call_id="c4", success=False)
    rollout.answer("c5").event("mcp_tool_call_end", call_id="c5", result={"Err": "away"}).said("Well.")
    answers = [message for message in messages(read(rollout)) if message.role == "tool"]
    assert [message.metadata for message in answers] == [
        {"exit_code": 2, "duration_ms": 1500},
        {"exit_code": 1},
        {"exit_code": 0, "duration_ms": 250},
        None,
        None,
    ]
    failed = {"is_error": True}
    assert [message.parts[0].metadata for message in answers] == [failed, failed, None, failed, failed]
    assert answers[2].parts[0] == ToolCallResponsePart("ok", "c3")


def test_calls_and_pieces_of_all_kinds() -> None:
    rollout = Rollout().turn().typed("Go")
    rollout.item("custom_tool_call", name="apply_patch", input="*** Begin", call_id="c1", status="failed")
    rollout.item("web_search_call", id="ws1", action={"type": "search", "query": "x"}, status="completed")
    rollout.item("tool_search_call", call_id="c2", arguments={"query": "y"}).item("riddle", depth=[1, [2]])
    rollout.item("image_generation_call", id="i1", revised_prompt="A cat", result="aGk=")
    rollout.item("tool_search_output", call_id="c2", tools=[{"name": "z"}])
    pictures = [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "image_url": "data:image/png;base64,aGk="},
    ]
    rollout.answer("c1", pictures).item("ghost_snapshot", ghost_commit={"id": "1"})
    _, reply, found, answer = messages(read(rollout))
    image = BlobPart(b"hi", "image/png", "image")
    assert reply.parts == (
        ToolCallPart(
            "apply_patch", "*** Begin", "c1", {"codex": {"type": "custom_tool_call", "status": "failed"}}
        ),
        ToolCallPart(
            "web_search", {"type": "search", "query": "x"}, "ws1", {"codex": {"type": "web_search_call"}}
        ),
        ToolCallPart("tool_search", {"query": "y"}, "c2", {"codex": {"type": "tool_search_call"}}),
        OtherPart("riddle", {"type": "riddle", "depth": [1, [2]]}),
        ToolCallPart(
            "image_generation", {"prompt": "A cat"}, "i1", {"codex": {"type": "image_generation_call"}}
        ),
        image,
    )
    assert found.parts == (ToolCallResponsePart([{"name": "z"}], "c2"),)
    assert answer.parts == (ToolCallResponsePart("see", "c1"), image)


def test_a_compaction_is_marked_and_its_repetition_left_out() -> None:
    rollout = Rollout().turn().typed("Go").said("One.").count(100, 0, 10, 0)
    again = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Go"}]}]
    rollout.add("compacted", message="They said go.", replacement_history=again, window_id="w2").count()
    found = messages(read(rollout.event("context_compacted").said("Two.").count(20, 0, 5, 0)))
    assert [message.text for message in found] == ["Go", "One.", "They said go.", "Two."]
    assert found[2].role == "user"
    assert found[2].metadata == {"codex": {"window_id": "w2"}, "injected": "compaction"}
    assert [message.usage for message in found] == [None, Usage(100, 10), None, Usage(20, 5)]


def test_a_turn_that_was_aborted_is_marked() -> None:
    rollout = Rollout().turn().typed("Go").said("Wai").told("<turn_aborted>\nStopped.")
    rollout.event("turn_aborted", reason="interrupted").turn().typed("On").said("Yes.")
    found = messages(read(rollout))
    assert found[1].metadata == {"codex": {"aborted": "interrupted"}}
    assert found[2].metadata == {"injected": "turn_aborted"}
    assert [message.text for message in found[3:]] == ["On", "Yes."]


def fork(**meta: Any) -> Rollout:
    rollout = Rollout(forked_from_id=PARENT, cwd="/tea/ann", **meta)
    rollout.lines = [line.replace("20:00:01", "20:00:00") for line in rollout.lines]
    parent = Rollout()
    parent.lines.clear()
    parent.meta(id=PARENT, cwd="/tea/old", cli_version="0.1").turn(PARENT.replace("46c9", "46d0"), "gpt-8")
    parent.typed("Old question").said("Old answer.").call("c0").count(1000, 500, 50, 5).answer("c0")
    burst = [json.loads(line) | {"timestamp": "2026-04-11T20:00:00.010Z"} for line in parent.lines]
    rollout.lines += map(json.dumps, burst)
    rollout.spent = list(parent.spent)
    return rollout


def test_copied_history_of_a_fork_is_left_out_and_not_counted() -> None:
    rollout = fork(
        source={"subagent": {"thread_spawn": {"parent_thread_id": PARENT, "agent_role": "explorer"}}}
    )
    rollout.turn().typed("New question").count().said("New answer.").count(100, 20, 10, 1)
    conversation = read(rollout)
    assert (conversation.native_id, conversation.parent, conversation.relation) == (OWN, PARENT, "fork")
    assert conversation.attributes["name"] == "New question"
    assert conversation.attributes["model"] == "gpt-9"
    metadata = conversation.attributes["metadata"]
    assert metadata["cwd"] == "/tea/ann"
    assert (metadata["subagent"], metadata["agent_role"]) == ("thread_spawn", "explorer")
    assert metadata["codex"]["copied"] == {"records": 8, "user": 1, "assistant": 1, "calls": 1}
    user, reply = messages(conversation)
    assert (user.text, reply.text, reply.usage) == ("New question", "New answer.", Usage(100, 10, 20, 1))


def test_without_turn_ids_the_copy_ends_with_its_burst() -> None:
    rollout = fork()
    rollout.lines = [line.replace('"turn_id"', '"turn"') for line in rollout.lines]
    rollout.typed("New question").said("New answer.")
    assert [message.text for message in messages(read(rollout))] == ["New question", "New answer."]


def test_a_sub_agent_names_its_parent() -> None:
    conversation = read(
        Rollout(source={"subagent": "review"}, parent_thread_id=PARENT).turn().typed("Review")
    )
    assert (conversation.parent, conversation.relation) == (PARENT, "subagent")
    assert conversation.attributes["metadata"]["subagent"] == "review"


def test_facts_of_the_session() -> None:
    git = {"branch": "main", "commit_hash": "abc", "repository_url": "git@example.org:a/b"}
    rollout = Rollout(cwd="/tea/ann", git=git, cli_version="9.1", originator="codex-tui", source="cli")
    rollout.turn().typed("Hello").event("thread_name_updated", thread_name="Greetings").said("Hi.")
    assert read(rollout).attributes == {
        "name": "Greetings",
        "provider": "openai",
        "model": "gpt-9",
        "metadata": {
            "cwd": "/tea/ann",
            "git_branch": "main",
            "git_commit": "abc",
            "git_repository": "git@example.org:a/b",
            "tool_version": "9.1",
            "originator": "codex-tui",
            "entrypoint": "cli",
        },
    }


def test_what_was_spent_on_nothing_is_kept_with_the_session() -> None:
    conversation = read(Rollout().count(7, 1, 2, 0))
    assert messages(conversation) == []
    assert conversation.attributes["metadata"]["codex"]["usage"]["input_tokens"] == 7
