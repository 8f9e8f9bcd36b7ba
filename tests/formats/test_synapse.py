"""Synapse's database at each of its migrations."""

import json
from datetime import UTC, datetime

import pytest

from recollect import TextPart, ToolCallPart, ToolCallResponsePart
from recollect.formats import detected, synapse
from recollect.formats.base import Damage

from .format_sources import Source, conversations, messages
from .sqlite_files import built, head_of

SESSION = "id TEXT PRIMARY KEY, name TEXT, provider TEXT NOT NULL, model TEXT NOT NULL"
TIMES = "created_at TEXT NOT NULL, updated_at TEXT NOT NULL"
MESSAGE = "id TEXT PRIMARY KEY, session_id TEXT, role TEXT, content TEXT, timestamp TEXT"
FIRST = f"CREATE TABLE sessions({SESSION}, system_prompt TEXT, {TIMES}); CREATE TABLE messages({MESSAGE});"
SECOND = f"""CREATE TABLE _sqlx_migrations(version BIGINT PRIMARY KEY);
CREATE TABLE sessions({SESSION}, system_prompt TEXT, {TIMES});
CREATE TABLE messages({MESSAGE}, tool_calls TEXT, tool_results TEXT);"""
THIRD = SECOND.replace("system_prompt TEXT, ", "")
WHEN = "2025-06-01T10:00:00.123456789+00:00"
MOMENT = datetime(2025, 6, 1, 10, 0, 0, 123456, tzinfo=UTC)


def read(tmp_path, schema, rows):
    path = built(tmp_path / "sessions.db", schema, rows)
    assert detected(head_of(path), "x.db") is synapse
    return conversations(synapse, Source.at(path))


@pytest.mark.parametrize("schema", [FIRST, SECOND, THIRD], ids=["0-1", "2", "3"])
def test_columns_are_looked_for(tmp_path, schema):
    prompt = ["Be brief"] if "system_prompt" in schema else []
    more = [None, None] if "tool_calls" in schema else []
    rows = [
        ("sessions", ("s1", "Talk", "anthropic", "m", *prompt, WHEN, "2025-06-01T10:00:00+00:00")),
        ("messages", ("m2", "s1", "user", "Hi", WHEN, *more)),
        ("messages", ("m1", "s1", "assistant", "Hello", "2020-01-01T00:00:00Z", *more)),
    ]
    (found,) = read(tmp_path, schema, rows)
    assert found.native_id == "s1"
    assert found.attributes == {
        "name": "Talk", "provider": "anthropic", "model": "m",
        "metadata": {
            "created_at": "2025-06-01T10:00:00.123456Z", "updated_at": "2025-06-01T10:00:00.000000Z",
        },
        **({"system_prompt": "Be brief"} if prompt else {}),
    }  # fmt: skip
    assert [(m.id, m.role, m.text) for m in messages(found)] == [
        ("m2", "user", "Hi"), ("m1", "assistant", "Hello"),
    ]  # fmt: skip
    assert messages(found)[0].created_at == MOMENT


def test_calls_and_results_are_paired(tmp_path):
    calls = [{"id": "c1", "name": "ls", "input": {"path": "."}}, {"id": "c2", "name": "cat", "input": {}}]
    results = [{"tool_use_id": "c2", "content": "two", "is_error": True}, {"output": "one"}]
    rows = [
        ("sessions", ("s1", None, "p", "m", WHEN, WHEN)),
        ("messages", ("m1", "s1", "assistant", "Looking", WHEN, json.dumps(calls), None)),
        ("messages", ("m2", "s1", "tool", "", WHEN, None, json.dumps(results))),
        ("messages", ("m3", "s1", "assistant", "", WHEN, json.dumps(calls[:1]), "null")),
        ("messages", ("m4", "s1", "tool", "plain", WHEN, "null", None)),
        ("messages", ("m5", "s1", "tool", "text", WHEN, None, "no json")),
    ]
    (found,) = read(tmp_path, THIRD, rows)
    first, two, one, again, plain, text = messages(found)
    assert first.parts == (
        TextPart("Looking"), ToolCallPart("ls", {"path": "."}, "c1"), ToolCallPart("cat", {}, "c2"),
    )  # fmt: skip
    assert two.parts == (ToolCallResponsePart("two", "c2", {"is_error": True}),)
    assert one.parts == (ToolCallResponsePart("one", "c1"),)
    assert (two.id, again.id) == ("m2", "m3")
    assert plain.parts == (ToolCallResponsePart("plain", "c1"),)
    assert text.parts == (ToolCallResponsePart("no json", None), TextPart("text"))


def test_messages_without_a_session_are_kept_and_reported(tmp_path):
    rows = [("messages", ("m1", "lost", "robot", "Hi", WHEN, None, None))]
    damage, found = synapse.read(Source.at(built(tmp_path / "s.db", THIRD, rows)))
    assert isinstance(damage, Damage)
    (message,) = found.messages
    assert (found.native_id, message.role, message.text) == ("lost", "user", "Hi")
    assert message.metadata == {"synapse": {"role": "robot"}}


def test_a_database_of_another_program_is_not_synapse(tmp_path):
    path = built(tmp_path / "x.db", "CREATE TABLE sessions(id, provider, model, temperature, created_at);"
                 "CREATE TABLE messages(session_id, timestamp)")  # fmt: skip
    assert synapse.detect(head_of(path), "x.db") == 0
    assert synapse.detect(b"{}", "sessions.db") == 0
    (damage,) = synapse.read(Source(b"SQLite format 3\0 torn"))
    assert isinstance(damage, Damage)
