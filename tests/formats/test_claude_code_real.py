"""Claude Code over real sessions: every figure that was counted independently."""

import json
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from msgspec.structs import replace

from recollect import Message, SessionInfo, ToolCallPart, ToolCallResponsePart, Usage
from recollect.formats import claude_code, detected
from recollect.formats.base import Conversation, Restart

from .format_sources import TRANSCRIPTS, Source, archived, conversations, lines, real

pytestmark = real
KEY = "claude_code"
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def expected() -> dict:
    return json.loads((TRANSCRIPTS / "expected_counts.json").read_text())


def uuids(found) -> list[str]:
    """The user and assistant records that messages were made from, each once."""
    return list(dict.fromkeys(uuid for message in found for uuid in message.metadata[KEY]["uuids"]))


def check(conversation: Conversation, counts: dict) -> None:
    main, *others = lines(conversation)
    off = [message for line in others for message in line]
    every = [*main, *off]
    repeated = sum(message.metadata[KEY].get("repeated", 0) for message in main)
    assert len(uuids(main)) + repeated == counts["main_line_records"]
    assert sorted(uuids(off)) == sorted(counts["off_main_uuids"])
    replies = [message for message in every if message.role == "assistant"]
    asked = [message for message in every if message.role != "assistant"]
    assert len(uuids(asked)) == counts["counts"]["user_records"]
    assert len(replies) == counts["replies"]
    models: Counter[str] = Counter()
    for message in replies:
        models[message.model] += len(message.metadata[KEY]["uuids"]) + message.metadata[KEY].get(
            "repeated", 0
        )
    assert models == counts["models"]
    check_usage(replies, counts["usage"])
    check_parts(every, counts["counts"])
    metadata = conversation.attributes["metadata"]
    assert (metadata["started_at"], metadata["ended_at"]) == (counts["first"], counts["last"])
    if counts["titles"]:
        assert conversation.attributes["name"] == counts["titles"]["ai-title"]


def check_usage(replies, stated: dict) -> None:
    total = sum((message.usage for message in replies if message.usage), Usage())
    assert total == Usage(stated["input_tokens"], stated["output_tokens"], stated["cache_read_input_tokens"])
    created = sum(message.metadata[KEY].get("cache_creation_input_tokens", 0) for message in replies)
    assert created == stated["cache_creation_input_tokens"]


def check_parts(every, counts: dict) -> None:
    parts = Counter(part.to_dict()["type"] for message in every for part in message.parts)
    assert parts["tool_call"] == counts.get("block_tool_use", 0)
    assert parts["tool_call_response"] == counts.get("block_tool_result", 0)
    assert parts["reasoning"] == counts.get("block_thinking", 0)
    assert parts["blob"] == counts.get("block_image", 0)
    calls = {part.id for message in every for part in message.parts if isinstance(part, ToolCallPart)}
    answers = {
        part.id for message in every for part in message.parts if isinstance(part, ToolCallResponsePart)
    }
    assert answers <= calls


@pytest.mark.slow
def test_every_figure_of_every_session():
    wanted = expected()
    seen = 0
    for name, content in archived("claude_code.tar.xz"):
        found = conversations(claude_code, Source(content, name))
        assert detected(content[:65536], name) is claude_code
        assert [found[0].native_id] == [name.rsplit("/", 1)[-1].removesuffix(".jsonl")]
        assert len(found) == 1
        check(found[0], wanted[name])
        seen += 1
    assert seen == 127


def test_the_samples():
    wanted = {name.rsplit("/", 1)[-1]: counts for name, counts in expected().items()}
    seen = 0
    for path in sorted((TRANSCRIPTS / "samples").glob("claude_code__*.jsonl")):
        own_name = path.name.rsplit("__", 1)[-1]
        (found,) = conversations(claude_code, Source(path.read_bytes(), own_name))
        check(found, wanted[own_name])
        seen += 1
    assert seen == 7


def test_a_grown_file_read_from_its_mark_is_the_whole_file():
    series: dict[str, list[bytes]] = {}
    for name, content in archived("growing.tar.xz"):
        folder, kind = name.rsplit("/", 1)[0], name.split("/")[2]
        if "claude_code" in name and kind == "append":
            series.setdefault(folder, []).append(content)
    assert series
    went_on = 0
    for files in series.values():
        for before, after in pairwise(files):
            went_on += goes_on(before, after)
    assert went_on > 5


def goes_on(before: bytes, after: bytes) -> bool:
    """Whether the grown file could be read from the mark; then it must be what the whole one is."""
    (old,) = conversations(claude_code, Source(before))
    (whole,) = conversations(claude_code, Source(after))
    known = list(old.messages)
    mark = old.mark()
    assert mark is not None
    grown = Source(after)
    grown.seek(mark.offset)
    try:
        (new,) = [piece for piece in claude_code.resume(grown, mark) if isinstance(piece, Conversation)]
    except Restart:
        return False
    assert (new.head, new.attributes, new.native_id) == (whole.head, whole.attributes, whole.native_id)
    kept = {message.id: message for message in known}
    kept.update((message.id, message) for message in new.messages)
    assert kept == {message.id: message for message in whole.messages}
    main = list(whole.messages)
    main = main[: [message.id for message in main].index(whole.head) + 1]
    behind = [message.id for message in main]
    behind = behind[behind.index(new.after) + 1 :]
    found = [message.id for message in new.messages]
    assert found[: len(behind)] == behind
    return True


def test_the_samples_written_are_read_as_they_were():
    for path in sorted((TRANSCRIPTS / "samples").glob("claude_code__*.jsonl")):
        session = path.name.rsplit("__", 1)[-1].removesuffix(".jsonl")
        (found,) = conversations(claude_code, Source(path.read_bytes(), f"{session}.jsonl"))
        main = lines(found)[0]
        pieces: list[str] = []
        claude_code.write(SessionInfo(session, "default", 1, NOW, NOW), main, pieces.append)
        (again,) = conversations(claude_code, Source("".join(pieces), f"{session}.jsonl"))
        assert [comparable(message) for message in lines(again)[0]] == [comparable(m) for m in main]


def comparable(message: Message) -> Message:
    """A message without what only its place in the first file says."""
    own = {key: value for key, value in message.metadata[KEY].items() if key != "repeated"}
    return replace(message, parent_id=None, metadata={**message.metadata, KEY: own})
