"""llm's logs.db: both schemas, merged; fragments, attachments, tools, forks."""

import json
import random
from collections import Counter

import pytest

from recollect import BlobPart, ReasoningPart, TextPart, ToolCallPart, ToolCallResponsePart, UriPart, Usage
from recollect.formats import detected, llm_logs
from recollect.formats.base import Damage

from .format_sources import Source, archived, conversations, lines, messages, real
from .sqlite_files import built, head_of

OLD = """
CREATE TABLE conversations(id TEXT PRIMARY KEY, name TEXT, model TEXT);
CREATE TABLE responses(id TEXT PRIMARY KEY, model TEXT, prompt TEXT, system TEXT, prompt_json TEXT,
  options_json TEXT, response TEXT, response_json TEXT, conversation_id TEXT, duration_ms INTEGER,
  datetime_utc TEXT, input_tokens INTEGER, output_tokens INTEGER, token_details TEXT, schema_id TEXT,
  resolved_model TEXT, reasoning TEXT);
CREATE TABLE attachments(id TEXT PRIMARY KEY, type TEXT, path TEXT, url TEXT, content BLOB);
CREATE TABLE prompt_attachments(response_id TEXT, attachment_id TEXT, "order" INTEGER);
CREATE TABLE fragments(id INTEGER PRIMARY KEY, hash TEXT, content TEXT, datetime_utc TEXT, source TEXT);
CREATE TABLE prompt_fragments(response_id TEXT, fragment_id INTEGER, "order" INTEGER);
CREATE TABLE system_fragments(response_id TEXT, fragment_id INTEGER, "order" INTEGER);
CREATE TABLE schemas(id TEXT PRIMARY KEY, content TEXT);
CREATE TABLE tools(id INTEGER PRIMARY KEY, hash TEXT, name TEXT, description TEXT, input_schema TEXT);
CREATE TABLE tool_responses(tool_id INTEGER, response_id TEXT);
CREATE TABLE tool_calls(id INTEGER PRIMARY KEY, response_id TEXT, tool_id INTEGER, name TEXT,
  arguments TEXT, tool_call_id TEXT);
CREATE TABLE tool_results(id INTEGER PRIMARY KEY, response_id TEXT, tool_id INTEGER, name TEXT,
  output TEXT, tool_call_id TEXT, instance_id INTEGER, exception TEXT);
"""
NEW = """
CREATE TABLE messages(hash TEXT PRIMARY KEY, parent_hash TEXT, role TEXT, provider_metadata TEXT);
CREATE TABLE parts(id INTEGER PRIMARY KEY, message_hash TEXT, position INTEGER, type TEXT,
  tool_name TEXT, text TEXT, payload TEXT);
CREATE TABLE threads(id TEXT PRIMARY KEY, name TEXT, tip_message_hash TEXT, forked_from TEXT,
  datetime_utc TEXT);
CREATE TABLE turns(id TEXT PRIMARY KEY, thread_id TEXT, parent_message_hash TEXT,
  tip_message_hash TEXT, model TEXT, resolved_model TEXT, options_json TEXT, schema_id TEXT,
  input_tokens INTEGER, output_tokens INTEGER, token_details TEXT, duration_ms INTEGER,
  datetime_utc TEXT, response_json TEXT);
CREATE TABLE turn_fragments(turn_id TEXT, fragment_id INTEGER, "order" INTEGER, kind TEXT);
CREATE TABLE turn_tools(turn_id TEXT, tool_id INTEGER, instance_id INTEGER);
"""
DAY = "2026-01-02T03:04:0"


def response(name, prompt, answer, conversation="c1", second=1, **more):
    row = {
        "id": name, "model": "m1", "prompt": prompt, "system": None, "prompt_json": None,
        "options_json": "{}", "response": answer, "response_json": None, "conversation_id": conversation,
        "duration_ms": 12, "datetime_utc": f"{DAY}{second}.5+00:00", "input_tokens": 3, "output_tokens": 4,
        "token_details": None, "schema_id": None, "resolved_model": None, "reasoning": None,
    }  # fmt: skip
    return ("responses", tuple({**row, **more}.values()))


def turn(name, thread, parent, tip, second=1, **more):
    row = {
        "id": name, "thread_id": thread, "parent_message_hash": parent, "tip_message_hash": tip,
        "model": "m2", "resolved_model": None, "options_json": None, "schema_id": None,
        "input_tokens": 5, "output_tokens": 6, "token_details": None, "duration_ms": 7,
        "datetime_utc": f"{DAY}{second}+00:00", "response_json": None,
    }  # fmt: skip
    return ("turns", tuple({**row, **more}.values()))


def said(name, parent, role, text, number):
    return [
        ("messages", (name, parent, role, None)),
        ("parts", (number, name, 0, "text", None, text, None)),
    ]


def thread(name, tip, forked_from=None):
    return ("threads", (name, f"about {name}", tip, forked_from, f"{DAY}0"))


def read(tmp_path, schema, rows):
    path = built(tmp_path / "logs.db", schema, rows)
    assert detected(head_of(path), "x") is llm_logs
    return conversations(llm_logs, Source.at(path))


def talk(found):
    return [(message.role, message.text) for message in found]


def test_a_row_of_the_older_tables_is_a_prompt_and_its_answer(tmp_path):
    details = json.dumps({"prompt_tokens_details": {"cached_tokens": 2}})
    rows = [
        ("conversations", ("c1", "Greetings", "m1")),
        ("schemas", ("sch", '{"type": "object"}')),
        response("r2", "And you?", "Fine", second=2, system="Be brief", token_details=details),
        response("r1", "Hi", "Hello", system="Be brief", options_json='{"temperature": 0}',
                 reasoning="A greeting", resolved_model="m1-0405", schema_id="sch"),
    ]  # fmt: skip
    (found,) = read(tmp_path, OLD, rows)
    assert (found.native_id, found.attributes) == ("c1", {"name": "Greetings", "model": "m1"})
    everything = messages(found)
    assert talk(everything) == [
        ("system", "Be brief"), ("user", "Hi"), ("assistant", "Hello"),
        ("user", "And you?"), ("assistant", "Fine"),
    ]  # fmt: skip
    first, second = everything[2], everything[4]
    assert first.parts == (ReasoningPart("A greeting"), TextPart("Hello"))
    assert (first.model, first.usage, second.usage) == ("m1", Usage(3, 4), Usage(3, 4, 2))
    assert first.metadata["llm"]["options"] == {"temperature": 0}
    assert first.metadata["llm"]["resolved_model"] == "m1-0405"
    assert first.metadata["llm"]["duration_ms"] == 12
    assert first.metadata["llm"]["schema"] == {"type": "object"}
    assert first.created_at.isoformat() == f"{DAY}1.500000+00:00"


def test_fragments_and_attachments_join_the_prompt(tmp_path):
    rows = [
        ("conversations", ("c1", None, "m1")),
        response("r1", "Compare", "Done"),
        ("fragments", (1, "h1", "First text", "", "a.txt")),
        ("fragments", (2, "h2", "Second text", "", None)),
        ("fragments", (3, "h3", " Rules ", "", None)),
        ("prompt_fragments", ("r1", 2, 1)),
        ("prompt_fragments", ("r1", 1, 0)),
        ("system_fragments", ("r1", 3, 0)),
        ("attachments", ("sha1", "image/png", None, None, b"\x89PNG")),
        ("attachments", ("sha2", "image/jpeg", None, "https://example.com/x.jpg", None)),
        ("attachments", ("sha3", "text/plain", "/srv/x/a b.txt", None, None)),
        *[("prompt_attachments", ("r1", f"sha{n}", n)) for n in (1, 2, 3, 4)],
    ]
    (found,) = read(tmp_path, OLD, rows)
    system, prompt, _ = messages(found)
    assert system.text == "Rules"
    assert prompt.text == "First text\nSecond text\nCompare"
    assert prompt.metadata["llm"]["fragments"] == [{"hash": "h1", "source": "a.txt"}, {"hash": "h2"}]
    blob, link, file, gone = prompt.parts[1:]
    assert isinstance(blob, BlobPart)
    assert (blob.content, blob.mime_type, blob.modality) == (b"\x89PNG", "image/png", "image")
    assert isinstance(link, UriPart)
    assert (link.uri, file.uri) == ("https://example.com/x.jpg", "file:///srv/x/a%20b.txt")
    assert gone.metadata == {"llm": {"attachment_id": "sha4"}}


def test_results_belong_to_the_response_behind_the_calls(tmp_path):
    rows = [
        ("conversations", ("c1", None, "m1")),
        response("r1", "Weather?", ""),
        ("tools", (1, "t", "weather", "", "{}")),
        ("tool_responses", (1, "r1")),
        ("tool_calls", (1, "r1", 1, "weather", '{"city": "Ulm"}', "call_1")),
        ("tool_calls", (2, "r1", 1, "weather", "no json", "call_2")),
        response("r2", "", "Sunny", second=2),
        ("tool_results", (1, "r2", 1, "weather", "sun", "call_1", None, None)),
        ("tool_results", (2, "r2", 1, "weather", "", "call_2", None, "ValueError")),
    ]
    (found,) = read(tmp_path, OLD, rows)
    asked, called, sun, failed, answer = messages(found)
    assert [m.role for m in (asked, called, sun, failed, answer)] == [
        "user", "assistant", "tool", "tool", "assistant",
    ]  # fmt: skip
    assert called.parts == (
        ToolCallPart("weather", {"city": "Ulm"}, "call_1"),
        ToolCallPart("weather", "no json", "call_2"),
    )
    assert called.metadata["llm"]["tools"] == ["weather"]
    assert sun.parts == (ToolCallResponsePart("sun", "call_1", {"name": "weather"}),)
    assert failed.parts[0].metadata == {"name": "weather", "is_error": True, "exception": "ValueError"}


def test_responses_without_a_conversation_are_kept(tmp_path):
    rows = [response("r1", "One", "1", None), response("r2", "Two", "2", "gone")]
    found = {c.native_id: talk(messages(c)) for c in read(tmp_path, OLD, rows)}
    assert found == {
        "gone": [("user", "Two"), ("assistant", "2")],
        "r1": [("user", "One"), ("assistant", "1")],
    }


def test_a_thread_is_the_line_to_its_tip(tmp_path):
    rows = [
        *said("h1", None, "user", "Hi", 1),
        *said("h2", "h1", "assistant", "Hello", 2),
        *said("h3", "h2", "user", "Bye", 3),
        *said("h4", "h3", "assistant", "Ciao", 4),
        turn("t1", "A", "h1", "h2"),
        turn("t2", "A", "h3", "h4", 2),
        thread("A", "h4"),
    ]
    (found,) = read(tmp_path, NEW, rows)
    everything = messages(found)
    assert [message.id for message in everything] == ["h1", "h2", "h3", "h4"]
    assert found.head is None
    assert {message.parent_id for message in everything} == {None}
    assert [message.usage for message in everything] == [None, Usage(5, 6), None, Usage(5, 6)]
    assert [message.model for message in everything] == [None, "m2", None, "m2"]
    assert [message.created_at.second for message in everything] == [1, 1, 2, 2]
    assert found.attributes == {"name": "about A", "model": "m2"}


def test_a_fork_shares_messages_and_counts_only_its_own_turns(tmp_path):
    rows = [
        *said("h1", None, "user", "Hi", 1),
        *said("h2", "h1", "assistant", "Hello", 2),
        *said("h3", "h2", "user", "Other", 3),
        *said("h4", "h3", "assistant", "Way", 4),
        turn("t1", "A", "h1", "h2"),
        turn("t2", "B", "h3", "h4", 2),
        thread("A", "h2"),
        thread("B", "h4", "A"),
    ]
    first, fork = read(tmp_path, NEW, rows)
    assert (fork.parent, fork.relation, first.parent, first.relation) == ("A", "fork", None, None)
    assert talk(messages(fork)) == [
        ("user", "Hi"), ("assistant", "Hello"), ("user", "Other"), ("assistant", "Way"),
    ]  # fmt: skip
    shared = messages(fork)[1]
    assert (shared.usage, shared.model, shared.created_at.second) == (None, "m2", 1)
    assert messages(fork)[3].usage == Usage(5, 6)


def test_turns_that_ended_elsewhere_are_lines_of_their_own(tmp_path):
    rows = [
        *said("h1", None, "user", "Hi", 1),
        *said("h2", "h1", "assistant", "Hello", 2),
        *said("x2", "h1", "assistant", "Howdy", 3),
        turn("t1", "A", "h1", "x2"),
        turn("t2", "A", "h1", "h2", 2),
        thread("A", "h2"),
    ]
    (found,) = read(tmp_path, NEW, rows)
    assert found.head == "h2"
    assert set(found.forks) == {"h1"}
    assert [talk(line) for line in lines(found)] == [
        [("user", "Hi"), ("assistant", "Hello")],
        [("assistant", "Howdy")],
    ]


def test_parts_of_every_kind(tmp_path):
    payloads = [
        ("reasoning", None, "Let me see", {"redacted": False, "provider_metadata": {"sig": "x"}}),
        ("text", None, None, {"text_ref": [{"fragment": 1}, {"literal": " and more"}, 7]}),
        ("tool_call", "f", None, {"name": "f", "arguments": {"a": 1}, "tool_call_id": "c1"}),
        ("tool_call", "g", None, {"name": "g", "arguments": {}, "tool_call_id": "c2"}),
        ("hologram", None, None, {"depth": 3}),
    ]
    results = [
        ("tool_result", "f", None, {"name": "f", "output": "one", "tool_call_id": "c1"}),
        ("tool_result", "g", None, {"name": "g", "output": "", "tool_call_id": "c2", "exception": "KeyError",
                                    "attachments": [{"id": "sha1"}]}),
    ]  # fmt: skip
    rows = [
        *said("h1", None, "user", "Go", 1),
        ("messages", ("h2", "h1", "assistant", None)),
        ("messages", ("h3", "h2", "tool", None)),
        turn("t1", "A", "h1", "h2"),
        thread("A", "h3"),
        ("fragments", (1, "h", "A text", "", None)),
        ("attachments", ("sha1", "image/png", None, None, b"png")),
    ]
    for name, listed, base in (("h2", payloads, 10), ("h3", results, 20)):
        for i, (kind, tool, text, payload) in enumerate(listed):
            rows.append(("parts", (base + i, name, i, kind, tool, text, json.dumps(payload))))
    (found,) = read(tmp_path, OLD + NEW, rows)
    _, reply, one, two = messages(found)
    assert reply.parts[0] == ReasoningPart("Let me see", {"llm": {"provider_metadata": {"sig": "x"}}})
    assert reply.text == "A text and more"
    assert reply.parts[2:4] == (ToolCallPart("f", {"a": 1}, "c1"), ToolCallPart("g", {}, "c2"))
    assert (reply.parts[4].kind, reply.parts[4].value) == ("hologram", {"depth": 3})
    assert [one.id, two.id] == ["h3#1", "h3"]
    assert one.parts == (ToolCallResponsePart("one", "c1", {"name": "f"}),)
    assert two.parts[0].metadata == {"name": "g", "is_error": True, "exception": "KeyError"}
    assert isinstance(two.parts[1], BlobPart)


def test_a_conversation_that_went_on_in_the_newer_tables_is_one(tmp_path):
    old = [("conversations", ("c1", "Both", "m1")), response("r1", "Hi", "Hello")]
    (before,) = read(tmp_path, OLD, old)
    ids = [message.id for message in messages(before)]
    new = [
        *said("h1", None, "user", "Hi", 1),
        *said("h2", "h1", "assistant", "Hello", 2),
        *said("h3", "h2", "user", "Bye", 3),
        *said("h4", "h3", "assistant", "Ciao", 4),
        response("t2", "Bye", "Ciao", second=2),
        turn("t2", "c1", "h3", "h4", 2),
        thread("c1", "h4"),
    ]
    (tmp_path / "logs.db").unlink()
    (found,) = read(tmp_path, OLD + NEW, [*old, *new])
    everything = messages(found)
    assert [message.id for message in everything] == [*ids, "h3", "h4"]
    assert talk(everything) == [
        ("user", "Hi"), ("assistant", "Hello"), ("user", "Bye"), ("assistant", "Ciao"),
    ]  # fmt: skip
    assert found.head is None
    assert sum(m.usage.output_tokens for m in everything if m.usage) == 4 + 6


def test_branches_behind_the_older_part_hang_on_it(tmp_path):
    rows = [
        ("conversations", ("c1", "Both", "m1")),
        response("r1", "Hi", "Hello"),
        *said("h1", None, "user", "Hi", 1),
        *said("h2", "h1", "assistant", "Hello", 2),
        *said("h3", "h2", "user", "Left", 3),
        *said("x3", "h2", "user", "Right", 4),
        turn("t2", "c1", "h2", "x3", 2),
        thread("c1", "h3"),
    ]
    (found,) = read(tmp_path, OLD + NEW, rows)
    assert [talk(line) for line in lines(found)] == [
        [("user", "Hi"), ("assistant", "Hello"), ("user", "Left")],
        [("user", "Right")],
    ]


def test_missing_messages_and_circles_are_reported_not_followed(tmp_path):
    rows = [
        *said("h2", "gone", "assistant", "Hello", 1),
        *said("a", "b", "user", "A", 2),
        *said("b", "a", "assistant", "B", 3),
        turn("t1", "A", "gone", "h2"),
        thread("A", "h2"),
        thread("C", "b"),
    ]
    first, circle = read(tmp_path, NEW, rows)
    damage, message = first.messages
    assert isinstance(damage, Damage)
    assert message.text == "Hello"
    assert talk(messages(circle)) == [("user", "A"), ("assistant", "B")]


@pytest.mark.parametrize("cut", range(0, 60_000, 7919))
def test_a_torn_file_is_damage(tmp_path, cut):
    rows = [("conversations", (f"c{n}", "x" * 50, "m1")) for n in range(100)]
    rows += [response(f"r{n}", "Hi " * 50, "Hello " * 50, f"c{n % 100}") for n in range(200)]
    data = built(tmp_path / "logs.db", OLD, rows).read_bytes()
    for piece in llm_logs.read(Source(data[:cut], "logs.db")):
        assert isinstance(piece, Damage) or list(piece.messages)


@pytest.mark.parametrize("name", ["logs.db", "other.db", ""])
def test_other_files_are_left_alone(name):
    for head in (
        b"",
        b"[]",
        b'{"responses": "prompt_json conversation_id"}',
        b"SQLite format 3\0" + b"x" * 500,
    ):
        expected = 0.3 if name == "logs.db" and head.startswith(b"SQL") else 0.0
        assert llm_logs.detect(head, name) == expected


@pytest.mark.parametrize("archive", [pytest.param("llm_logs.tar.xz", marks=real)])
def test_the_real_databases_hold_the_same_talks_in_both_schemas(archive, tmp_path):
    told = []
    for path, data in archived(archive):
        assert detected(data[: 1 << 16], path) is llm_logs
        found = conversations(llm_logs, Source(data, path))
        assert len(found) == 60
        everything = [messages(conversation) for conversation in found]
        roles = Counter(message.role for talk in everything for message in talk)
        assert roles == {"user": 171, "assistant": 171, "system": 12}
        spent = [message.usage for talk in everything for message in talk if message.usage]
        assert sum(usage.input_tokens for usage in spent) == 13620
        assert sum(usage.output_tokens for usage in spent) == 43061
        assert sum(isinstance(part, BlobPart) for talk in everything for m in talk for part in m.parts) == 6
        told.append(sorted(tuple(talk(one)) for one in everything))
    assert len(told) == 2
    assert told[0] == told[1]


@pytest.mark.parametrize("archive", [pytest.param("llm_logs.tar.xz", marks=real)])
def test_real_databases_that_were_cut_or_flipped_give_what_is_left(archive):
    chance = random.Random(4)
    for path, data in archived(archive):
        for turn_of in range(16):
            hurt = bytearray(data)
            if turn_of % 2:
                del hurt[chance.randrange(len(data)) :]
            else:
                for _ in range(20):
                    hurt[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            damaged = False
            for piece in llm_logs.read(Source(bytes(hurt), path)):
                told = [piece] if isinstance(piece, Damage) else list(piece.messages)
                damaged |= any(isinstance(item, Damage) for item in told)
                ids = [item.id for item in told if not isinstance(item, Damage)]
                assert len(ids) == len(set(ids))
            assert damaged or not turn_of % 2
