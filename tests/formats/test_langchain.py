"""LangChain's SQL history: every message type, tables of any name."""

import json

import pytest

from recollect import BlobPart, ReasoningPart, TextPart, ToolCallPart, ToolCallResponsePart, UriPart, Usage
from recollect.formats import detected, langchain
from recollect.formats.base import Damage

from .format_sources import Source, conversations, messages
from .sqlite_files import built, head_of

SCHEMA = "CREATE TABLE message_store (id INTEGER NOT NULL, session_id TEXT, message TEXT, PRIMARY KEY (id))"


def stored(kind, content, **data):
    about = {"content": content, "additional_kwargs": {}, "response_metadata": {}, "type": kind, **data}
    return json.dumps({"type": kind, "data": about})


def read(tmp_path, listed, schema=SCHEMA, table="message_store"):
    rows = [(table, (i, session, text)) for i, (session, text) in enumerate(listed, 1)]
    path = built(tmp_path / "h.db", schema, rows)
    assert detected(head_of(path), "h.db") is langchain
    return conversations(langchain, Source.at(path))


def test_sessions_in_the_order_in_which_they_began(tmp_path):
    listed = [
        ("b", stored("human", "Hi")), ("a", stored("system", "Rules")),
        ("b", stored("ai", "Hello", id="run-1")),
    ]  # fmt: skip
    second, first = read(tmp_path, listed)
    assert (second.native_id, first.native_id) == ("b", "a")
    assert [(m.role, m.text) for m in messages(second)] == [("user", "Hi"), ("assistant", "Hello")]
    assert messages(second)[1].id == "run-1"
    assert [m.role for m in messages(first)] == ["system"]


def test_a_reply_with_calls_reasoning_and_usage(tmp_path):
    call = {"name": "ls", "args": {"p": 1}, "id": "c1", "type": "tool_call"}
    blocks = [
        {"type": "thinking", "thinking": "Hm", "signature": "s"},
        {"type": "text", "text": "Looking"},
        {"type": "tool_use", "id": "c1", "name": "ls", "input": {"p": 1}},
    ]
    usage = {
        "input_tokens": 10, "output_tokens": 5, "total_tokens": 15, "input_token_details": {"cache_read": 3},
        "output_token_details": {"reasoning": 2},
    }  # fmt: skip
    reply = stored("ai", blocks, tool_calls=[call], usage_metadata=usage,
                   response_metadata={"model_name": "m"})  # fmt: skip
    answer = stored("tool", "nope", tool_call_id="c1", status="error", name="ls")
    (found,) = read(tmp_path, [("a", reply), ("a", answer)])
    first, second = messages(found)
    assert first.parts == (
        ReasoningPart("Hm", {"langchain": {"signature": "s"}}), TextPart("Looking"),
        ToolCallPart("ls", {"p": 1}, "c1"),
    )  # fmt: skip
    assert (first.model, first.usage) == ("m", Usage(10, 5, 3, 2))
    assert second.role == "tool"
    assert second.parts == (ToolCallResponsePart("nope", "c1", {"name": "ls", "is_error": True}),)


def test_older_messages_hold_the_providers_own_calls(tmp_path):
    made = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    text = json.dumps({"type": "ai", "data": {"content": "", "additional_kwargs": {"tool_calls": [made]}}})
    (found,) = read(tmp_path, [("a", text)])
    assert messages(found)[0].parts == (ToolCallPart("f", {}, "c1"),)


def test_pictures_and_other_roles(tmp_path):
    blocks = [
        "words",
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "cG5n"}},
        {"type": "image", "source_type": "base64", "data": "cG5n", "mime_type": "image/png"},
        {"type": "image_url", "image_url": {"url": "https://example.com/x.png"}},
    ]
    listed = [("a", stored("human", blocks, name="Ann")), ("a", stored("chat", "Hm", role="developer")),
              ("a", stored("AIMessageChunk", "Yes")), ("a", stored("robot", "Beep"))]  # fmt: skip
    (found,) = read(tmp_path, listed)
    first, *others = messages(found)
    assert [type(part) for part in first.parts] == [TextPart, BlobPart, BlobPart, UriPart]
    assert first.parts[1].content == first.parts[2].content == b"png"
    assert first.metadata == {"langchain": {"name": "Ann"}}
    assert [m.role for m in others] == ["developer", "assistant", "user"]
    assert others[2].metadata == {"langchain": {"type": "robot"}}


def test_tables_of_another_name_and_equal_ids(tmp_path):
    schema = SCHEMA.replace("message_store", "talks")
    listed = [("a", stored("human", "Hi", id="x")), ("a", stored("ai", "Ho", id="x"))]
    (found,) = read(tmp_path, listed, schema, "talks")
    assert len({m.id for m in messages(found)}) == 2
    assert found.attributes["metadata"] == {"langchain": {"table": "talks"}}


@pytest.mark.parametrize("text", ["no json", "[]", "null", "7", ""])
def test_rows_that_hold_no_message_are_damage(tmp_path, text):
    rows = [("message_store", (1, "a", text)), ("message_store", (2, "a", stored("human", "Hi")))]
    (found,) = langchain.read(Source.at(built(tmp_path / "h.db", SCHEMA, rows)))
    damage, message = found.messages
    assert isinstance(damage, Damage)
    assert message.text == "Hi"
