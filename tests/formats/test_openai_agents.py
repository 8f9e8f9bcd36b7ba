"""The Agents SDK's SQLite sessions: items of the Responses API, plain and branching."""

import json

from recollect import (
    BlobPart,
    FilePart,
    OtherPart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    UriPart,
    Usage,
)
from recollect.formats import detected, openai_agents
from recollect.formats.base import Damage

from .format_sources import Source, conversations, lines, messages
from .sqlite_files import built, head_of

SCHEMA = """
CREATE TABLE agent_sessions (session_id TEXT PRIMARY KEY, created_at TIMESTAMP, updated_at TIMESTAMP);
CREATE TABLE agent_messages (id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL,
  message_data TEXT NOT NULL, created_at TIMESTAMP);
"""
ADVANCED = """
CREATE TABLE message_structure (id INTEGER PRIMARY KEY, session_id TEXT, message_id INTEGER,
  branch_id TEXT, message_type TEXT, sequence_number INTEGER, user_turn_number INTEGER);
CREATE TABLE turn_usage (id INTEGER PRIMARY KEY, session_id TEXT, branch_id TEXT,
  user_turn_number INTEGER, requests INTEGER, input_tokens INTEGER, output_tokens INTEGER,
  total_tokens INTEGER, input_tokens_details JSON, output_tokens_details JSON);
"""
WHEN = "2026-01-02 03:04:05"


def user(text):
    return {"role": "user", "content": text}


def reply(text, name="msg_1"):
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {"type": "message", "id": name, "role": "assistant", "status": "completed", "content": content}


def rows_of(items, session="s1"):
    yield ("agent_sessions", (session, WHEN, WHEN))
    for i, item in enumerate(items, 1):
        yield ("agent_messages", (i, session, json.dumps(item), WHEN))


def read(tmp_path, rows, schema=SCHEMA):
    path = built(tmp_path / "a.db", schema, rows)
    assert detected(head_of(path), "a.db") is openai_agents
    return conversations(openai_agents, Source.at(path))


def test_one_reply_is_one_message_with_a_part_per_item(tmp_path):
    items = [
        user("List"),
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Look"}]},
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "ls", "arguments": '{"p": "."}'},
        {"type": "function_call", "id": "fc_2", "call_id": "c2", "name": "ls", "arguments": "broken"},
        {"type": "function_call_output", "call_id": "c1", "output": "x"},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "y"}]},
        reply("Done"),
    ]
    (found,) = read(tmp_path, rows_of(items))
    assert found.native_id == "s1"
    assert found.attributes["metadata"]["created_at"] == "2026-01-02T03:04:05.000000Z"
    asked, called, one, two, answer = messages(found)
    assert [m.role for m in (asked, called, one, two, answer)] == [
        "user", "assistant", "tool", "tool", "assistant",
    ]  # fmt: skip
    assert called.parts == (
        ReasoningPart("Look", {"openai_agents": {"id": "rs_1"}}),
        ToolCallPart("ls", {"p": "."}, "c1", {"openai_agents": {"id": "fc_1"}}),
        ToolCallPart("ls", "broken", "c2", {"openai_agents": {"id": "fc_2"}}),
    )
    assert one.parts == (ToolCallResponsePart("x", "c1"),)
    assert two.parts[0].response == [{"type": "input_text", "text": "y"}]
    assert answer.parts == (TextPart("Done"),)
    assert answer.metadata == {"openai_agents": {"message_id": "msg_1"}}


def test_ids_stay_when_the_session_grows(tmp_path):
    items = [user("Hi"), reply("Hello"), user("Hi"), reply("Hello")]
    (short,) = read(tmp_path, rows_of(items[:2]))
    before = [message.id for message in messages(short)]
    (tmp_path / "a.db").unlink()
    (long,) = read(tmp_path, rows_of(items))
    assert [message.id for message in messages(long)][:2] == before


def test_pictures_files_and_hosted_tools(tmp_path):
    content = [
        {"type": "input_text", "text": "See"},
        {"type": "input_image", "image_url": "data:image/png;base64,cG5n", "detail": "auto"},
        {"type": "input_image", "image_url": "https://example.com/x.png"},
        {"type": "input_file", "file_id": "file_1"},
        {"type": "input_riddle", "n": 1},
    ]
    items = [
        user(content),
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"query": "q"}},
        {"type": "image_generation_call", "id": "ig_1", "result": "cG5n", "status": "completed"},
        {"type": "compaction", "encrypted_content": "zzz"},
        {"role": "assistant", "content": "Plain"},
    ]
    (found,) = read(tmp_path, rows_of(items))
    seen, answer = messages(found)
    assert [type(part) for part in seen.parts] == [TextPart, BlobPart, UriPart, FilePart, OtherPart]
    assert seen.parts[1].content == b"png"
    search, draw, picture, compaction, plain = answer.parts
    assert (search.name, search.id, draw.name) == ("web_search_call", "ws_1", "image_generation_call")
    assert picture.content == b"png"
    assert compaction == OtherPart("compaction", items[3])
    assert plain == TextPart("Plain")


def structure(branches):
    number = 0
    for branch, places in branches.items():
        for sequence, (row, turn) in enumerate(places, 1):
            number += 1
            yield ("message_structure", (number, "s1", row, branch, "x", sequence, turn))


def test_branches_are_lines_and_turns_count_once(tmp_path):
    items = [user("One"), reply("1"), user("Two"), reply("2"), user("Other two"), reply("2b")]
    branches = {
        "main": [(1, 1), (2, 1), (3, 2), (4, 2)],
        "try": [(1, 1), (2, 1), (5, 2), (6, 2)],
    }
    rows = [
        *rows_of(items),
        *structure(branches),
        ("turn_usage", (1, "s1", "main", 1, 1, 10, 2, 12, '{"cached_tokens": 4}', "null")),
        ("turn_usage", (2, "s1", "try", 2, 1, 20, 3, 23, None, '{"reasoning_tokens": 1}')),
    ]
    (found,) = read(tmp_path, rows, SCHEMA + ADVANCED)
    main, other = lines(found)
    assert [m.text for m in main] == ["One", "1", "Two", "2"]
    assert [m.text for m in other] == ["Other two", "2b"]
    assert [m.usage for m in main] == [None, Usage(10, 2, 4), None, None]
    assert [m.usage for m in other] == [None, Usage(20, 3, 0, 1)]


def test_an_advanced_session_that_never_branched_is_a_line(tmp_path):
    rows = [
        *rows_of([user("One"), reply("1")]),
        *structure({"main": [(1, 1), (2, 1)]}),
        ("turn_usage", (1, "s1", "main", 1, 1, 10, 2, 12, None, None)),
    ]
    (found,) = read(tmp_path, rows, SCHEMA + ADVANCED)
    assert found.head is None
    assert [m.usage for m in messages(found)] == [None, Usage(10, 2)]


def test_tables_of_another_name_lost_sessions_and_broken_rows(tmp_path):
    schema = SCHEMA.replace("agent_", "bot_")
    rows = [
        ("bot_sessions", ("empty", WHEN, WHEN)),
        ("bot_messages", (1, "lost", "no json", WHEN)),
        ("bot_messages", (2, "lost", json.dumps(user("Hi")), WHEN)),
    ]
    path = built(tmp_path / "b.db", schema, rows)
    assert detected(head_of(path), "b.db") is openai_agents
    empty, damage, lost = openai_agents.read(Source.at(path))
    assert list(empty.messages) == []
    assert isinstance(damage, Damage)
    broken, message = lost.messages
    assert isinstance(broken, Damage)
    assert message.text == "Hi"
