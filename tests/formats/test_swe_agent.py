"""SWE-agent's runs: two views of which one is read, calls, demonstrations, costs, damage."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from recollect import OtherPart, TextPart, ToolCallPart, ToolCallResponsePart
from recollect.formats import swe_agent
from recollect.formats.base import Conversation, Damage

from .format_sources import Source, archived, conversations, messages, real

CALL = {"id": "c1", "type": "function", "function": {"name": "bash", "arguments": '{"command": "ls"}'}}
RUN: dict[str, Any] = {
    "environment": "main",
    "trajectory": [
        {"action": "ls\n", "observation": "a", "response": "Look.", "state": {}, "thought": "Look."},
        {"action": "submit", "observation": "done", "response": "Finished.", "execution_time": 0.5},
    ],
    "history": [
        {"role": "system", "content": "Be good.", "agent": "main", "message_type": "system_prompt"},
        {"role": "assistant", "content": "As an example.", "is_demo": True, "action": "x"},
        {
            "role": "user",
            "content": [{"type": "text", "text": "Fix it."}, {"type": "image_url", "image_url": 1}],
        },
        {
            "role": "assistant",
            "content": "Look.",
            "thought": "Look.",
            "action": "ls",
            "agent": "main",
            "tool_calls": [CALL, "no call"],
        },
        {"role": "tool", "content": "a", "tool_call_ids": ["c1"], "agent": "main"},
    ],
    "info": {
        "exit_status": "submitted",
        "submission": "diff",
        "model_stats": {"instance_cost": 0.1 + 0.2, "tokens_sent": 70, "tokens_received": 9, "api_calls": 2},
    },
    "replay_config": json.dumps({"agent": {"model": {"name": "acme/large"}}}),
}


def read(run: Any, name: str = "acme__notes-1.traj") -> Conversation:
    (conversation,) = conversations(swe_agent, Source(json.dumps(run), name))
    return conversation


def test_the_history_and_the_step_behind_it() -> None:
    conversation = read(RUN)
    found = messages(conversation)
    assert [m.role for m in found] == [
        "system",
        "assistant",
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
    ]
    assert [(m.metadata or {}).get("injected") for m in found] == [
        *(None, "demonstration", None, None, None, None, "observation"),
    ]
    assert found[2].parts == (TextPart("Fix it."), OtherPart("image_url", RUN["history"][2]["content"][1]))
    assert found[3].parts == (
        TextPart("Look."),
        ToolCallPart("bash", {"command": "ls"}, "c1"),
        OtherPart("tool_call", "no call"),
    )
    assert found[3].metadata == {"swe_agent": {"agent": "main", "action": "ls"}}
    assert found[4].parts == (ToolCallResponsePart("a", "c1"),)
    assert [m.text for m in found[5:]] == ["Finished.", "done"]
    assert conversation.attributes == {
        "name": "acme__notes-1",
        "model": "acme/large",
        "metadata": {"environment": "main", "exit_status": "submitted", "submission": "diff", "api_calls": 2},
    }


def test_usage_is_told_once_and_exactly() -> None:
    (usage,) = [m.usage for m in messages(read(RUN)) if m.usage]
    assert (usage.input_tokens, usage.output_tokens) == (70, 9)
    assert usage.cost_usd == Decimal("0.30000000000000004")
    assert messages(read(RUN))[3].usage == usage


def test_observations_in_the_users_name() -> None:
    history = [
        {"role": "user", "content": "Fix it."},
        {"role": "assistant", "content": "Look.", "action": "ls"},
        {"role": "user", "content": "a"},
    ]
    found = messages(read({"history": history}))
    assert [m.metadata for m in found] == [None, {"swe_agent": {"action": "ls"}}, {"injected": "observation"}]


def test_only_a_trajectory() -> None:
    found = messages(read({"trajectory": RUN["trajectory"]}))
    assert [(m.role, m.text) for m in found] == [
        *(("assistant", "Look."), ("user", "a"), ("assistant", "Finished."), ("user", "done")),
    ]


def test_a_trajectory_of_other_steps_is_not_mixed_in() -> None:
    run = {**RUN, "trajectory": [{"action": "cd"}, {"action": "submit", "response": "Finished."}]}
    assert len(messages(read(run))) == 5


def test_the_name_of_a_run_stays_when_it_goes_on() -> None:
    shorter = {**RUN, "history": RUN["history"][:4], "trajectory": []}
    assert read(shorter).native_id == read(RUN).native_id
    found = messages(read(RUN))
    assert [m.id for m in messages(read(shorter))] == [m.id for m in found[:4]]


@pytest.mark.parametrize("wrong", [None, 1, [], "x", {"role": 1}, {"role": "nobody"}])
def test_entries_that_are_none_are_reported(wrong: Any) -> None:
    run = {**RUN, "history": [*RUN["history"][:3], wrong, *RUN["history"][3:]]}
    found = list(read(run).messages)
    assert [isinstance(piece, Damage) for piece in found] == [False, False, False, True, False, False]


@pytest.mark.parametrize("wrong", [None, 1, [], {}, "x", [None], {"a": [1]}, 1e400])
@pytest.mark.parametrize("key", ["content", "tool_calls", "tool_call_ids", "thinking_blocks", "action"])
def test_wrong_types_lose_no_message(key: str, wrong: Any) -> None:
    entries = [{**entry, key: wrong} for entry in RUN["history"]]
    text = json.dumps({"history": entries, "info": wrong, "replay_config": wrong}).replace(
        "Infinity", "1e400"
    )
    pieces = [p for p in swe_agent.read(Source(text, "x.traj")) if isinstance(p, Conversation)]
    assert len(list(pieces[0].messages)) == 5


def test_a_file_that_ends_too_soon() -> None:
    data = json.dumps({"history": RUN["history"]}).encode()
    damage, conversation = list(swe_agent.read(Source(data[: data.index(b'"Look."')])))
    assert isinstance(damage, Damage)
    assert isinstance(conversation, Conversation)
    assert [m.role for m in messages(conversation)] == ["system", "assistant", "user"]


def test_detection() -> None:
    head = json.dumps(RUN).encode()
    assert swe_agent.detect(head, "x.traj") > 0.9
    assert swe_agent.detect(head, "x.json") > 0.7
    assert swe_agent.detect(b'{"history": [{"role": "user", "content": "hi"}]}', "x.json") == 0
    assert swe_agent.detect(b'[{"action": 1}]', "x.json") == 0


class TestReal:
    pytestmark = real

    def test_all_files(self) -> None:
        counts = []
        for path, data in archived("swe_agent.tar.xz"):
            source = Source(data, path)
            assert swe_agent.detect(data[: 1 << 16], source.name) > 0.9
            (conversation,) = conversations(swe_agent, source)
            value = json.loads(data)
            found = messages(conversation)
            counts.append(len(found))
            answers = [m for m in found if m.role == "assistant"]
            if value.get("trajectory"):
                assert len(answers) == len(value["trajectory"])
            # One file's last step stands in its trajectory alone.
            assert len(found) - len(value["history"]) in (0, 2)
        assert sorted(counts) == [9, 12, 12, 19, 23, 24, 25, 25, 26, 29, 37]
