"""Real Codex rollouts against the figures that were counted independently."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path
from typing import Any

import pytest

from recollect import Message, TextPart, ToolCallPart, ToolCallResponsePart, Usage
from recollect.formats import codex, detected
from recollect.formats.base import Conversation, Damage, Mark

from .format_sources import TRANSCRIPTS, Source, archived, conversations, messages, real

pytestmark = real
SMALL = TRANSCRIPTS / "fixtures_small" / "agent-sessions"


@pytest.fixture(scope="module")
def expected() -> Any:
    return json.loads((TRANSCRIPTS / "expected_counts.json").read_bytes())


@pytest.fixture(scope="module")
def rollouts() -> dict[str, bytes]:
    return dict(archived("codex.tar.xz"))


def read(name: str, data: bytes) -> Conversation:
    assert detected(data[: 1 << 16], name) is codex
    [conversation] = conversations(codex, Source(data, name))
    return conversation


def plain_calls(found: list[Message]) -> list[ToolCallPart]:
    """The calls that the figures count: functions and custom tools, not the provider's own searches."""
    calls = [part for message in found for part in message.parts if isinstance(part, ToolCallPart)]
    kinds = (None, "custom_tool_call")
    return [call for call in calls if (call.metadata or {}).get("codex", {}).get("type") in kinds]


def injected(message: Message) -> Any:
    return (message.metadata or {}).get("injected")


def figures(conversation: Conversation) -> dict[str, Any]:
    """The figures of a file: what is its own, and what it repeats of its parent."""
    found = messages(conversation)
    metadata = conversation.attributes["metadata"]
    copied = metadata.get("codex", {}).get("copied", {})
    calls = plain_calls(found)
    answered = {p.id for message in found for p in message.parts if isinstance(p, ToolCallResponsePart)}
    roles = {
        # Every `message` item of the model is one text of a reply; others are messages of their own.
        "assistant": sum(
            isinstance(p, TextPart) for message in found if message.role == "assistant" for p in message.parts
        ),
        "developer": sum(message.role == "developer" for message in found),
        "user": sum(message.role == "user" and injected(message) != "compaction" for message in found),
    }
    return {
        "calls": len(calls) + copied.get("calls", 0),
        "calls_without_output": sum(call.id not in answered for call in calls),
        "cwd": metadata.get("cwd"),
        "forked_from": conversation.parent if conversation.relation == "fork" else None,
        "message_roles": {role: count + copied.get(role, 0) for role, count in roles.items()},
        "models": sorted({message.model for message in found if message.model}),
        "parent_thread": conversation.parent if conversation.relation == "subagent" else None,
        "session_id": conversation.native_id,
    }


def spent(found: list[Message]) -> Usage:
    return sum((message.usage for message in found if message.usage), Usage())


def test_every_figure_of_every_file(expected: Any, rollouts: dict[str, bytes]) -> None:
    assert len(rollouts) == 38
    total = 0
    for name, data in rollouts.items():
        wanted = expected[name]
        conversation = read(name, data)
        found = figures(conversation)
        total += sum(found["message_roles"].values())
        assert found == {key: wanted[key] for key in found}, name
        if wanted["thread_name"]:
            assert conversation.attributes["name"] == wanted["thread_name"]
        copied = conversation.attributes["metadata"].get("codex", {}).get("copied", {})
        assert bool(copied) == (wanted["session_meta_lines"] > 1)
    assert total == 1221 + 6 + 1001  # the messages of the manifest


def test_usage_is_the_final_total_less_what_a_fork_began_with(
    expected: Any, rollouts: dict[str, bytes]
) -> None:
    """Each call of the API counts once: the sum over the messages is the final cumulative total, and
    in a fork that total less the parent's at the moment of the fork."""
    names = ("input_tokens", "output_tokens", "cached_input_tokens", "reasoning_output_tokens")
    forks = 0
    for name, data in rollouts.items():
        conversation = read(name, data)
        final = expected[name]["final_total_token_usage"]
        baseline = dict.fromkeys(names, 0)
        if expected[name]["session_meta_lines"] > 1:
            forks += 1
            baseline = total_before(data, conversation.attributes["metadata"]["codex"]["copied"]["records"])
        found = spent(messages(conversation))
        assert found == Usage(*(final[key] - baseline[key] for key in names)), name
    assert forks == 4


def total_before(data: bytes, copied: int) -> Any:
    """The last cumulative total among the copied records, which stand behind two headers."""
    totals = [
        payload["info"]["total_token_usage"]
        for line in data.splitlines()[: copied + 2]
        if (payload := json.loads(line)["payload"]).get("type") == "token_count" and payload["info"]
    ]
    return totals[-1]


def test_a_person_said_what_the_client_echoed(expected: Any, rollouts: dict[str, bytes]) -> None:
    for name, data in rollouts.items():
        if expected[name]["session_meta_lines"] == 1:
            own = [m for m in messages(read(name, data)) if m.role == "user" and injected(m) is None]
            assert len(own) == expected[name]["counts"]["event_msg:user_message"], name


def test_the_growing_series_can_be_read_on(rollouts: dict[str, bytes]) -> None:
    series = sorted((name, data) for name, data in archived("growing.tar.xz") if "/codex/" in name)
    assert len(series) == 6
    whole = messages(read("rollout.jsonl", series[-1][1]))
    for (_, older), (_, newer) in itertools.pairwise(series):
        before = read("rollout.jsonl", older)
        stored = messages(before)
        assert before.mark is not None
        mark = before.mark()
        assert mark is not None
        assert mark.offset > len(older) // 2
        source = Source(newer)
        source.seek(mark.offset)
        [rest] = codex.resume(source, Mark(mark.offset, json.loads(json.dumps(mark.state))))
        assert isinstance(rest, Conversation)
        place = [message.id for message in stored].index(rest.after or "") + 1
        assert stored[:place] == whole[:place]
        assert stored[:place] + messages(rest) == messages(read("rollout.jsonl", newer))


def test_layouts_of_many_versions() -> None:
    paths = sorted(
        [*SMALL.glob("codex_*.jsonl"), *SMALL.glob("codex/*.jsonl"), *SMALL.glob("session_*.jsonl")]
    )
    counts = {}
    for path in paths:
        conversation = read(path.name, path.read_bytes())
        counts[path.name] = len(messages(conversation))
    assert counts == {
        "large.jsonl": 15,
        "small.jsonl": 26,
        "codex_050_legacy.jsonl": 0,
        "codex_051_usage.jsonl": 0,
        "codex_052_raw.jsonl": 0,
        "codex_053_rate_limit.jsonl": 1,
        "session_branch.jsonl": 5,
        "session_simple.jsonl": 2,
        "session_toolcall.jsonl": 4,
    }


@pytest.mark.parametrize(
    "path", sorted(Path(TRANSCRIPTS, "samples").glob("codex__*")), ids=lambda path: path.name[:20]
)
def test_cut_off_and_damaged_files(path: Path) -> None:
    data = path.read_bytes()
    chance = random.Random(path.name)
    whole = {m.id for m in messages(read(path.name, data))}
    for _ in range(3):
        cut = chance.randrange(1, len(data))
        known, damaged = survived(data[:cut])
        assert known <= whole
        assert damaged == (data[cut - 1 : cut] != b"\n" and data[cut : cut + 1] != b"\n")
        flipped = bytearray(data)
        flipped[cut] ^= 1 << chance.randrange(8)
        known, _ = survived(bytes(flipped))
        assert len(whole - known) <= 2


def survived(data: bytes) -> tuple[set[str], bool]:
    """The ids of the messages that were read, and whether damage was reported."""
    ids: set[str] = set()
    damaged = False
    for piece in codex.read(Source(data, "rollout.jsonl")):
        for inner in piece.messages if isinstance(piece, Conversation) else [piece]:
            damaged |= isinstance(inner, Damage)
            if isinstance(inner, Message):
                ids.add(inner.id)
    return ids, damaged
