"""go-deep-agent: capitalised keys, older files, and the file that is only null."""

import json

import pytest

from recollect import TextPart, ToolCallPart, ToolCallResponsePart
from recollect.formats import detected, go_deep_agent, openai_chat
from recollect.formats.base import Damage

from .format_sources import Source, conversations, messages

CALL = {"ID": "c1", "Type": "function", "Name": "add", "Arguments": '{"a": 1}'}
TALK = [
    {"Role": "system", "Content": "Brief", "ToolCalls": None, "ToolCallID": ""},
    {"Role": "user", "Content": "1+1?", "ToolCalls": None, "ToolCallID": ""},
    {"Role": "assistant", "Content": "", "ToolCalls": [CALL], "ToolCallID": ""},
    {"Role": "tool", "Content": "2", "ToolCalls": None, "ToolCallID": "c1"},
    {"Role": "assistant", "Content": "Two", "ToolCalls": None, "ToolCallID": ""},
]


@pytest.mark.parametrize("indent", [None, 2])
def test_a_talk_with_a_tool(indent):
    text = json.dumps(TALK, indent=indent)
    assert detected(text.encode(), "bob.json") is go_deep_agent
    (found,) = conversations(go_deep_agent, Source(text, "sessions/bob.json"))
    assert found.native_id == "bob"
    system, person, call, answer, last = messages(found)
    assert [m.role for m in (system, person, call, answer, last)] == [
        "system", "user", "assistant", "tool", "assistant",
    ]  # fmt: skip
    assert call.parts == (ToolCallPart("add", {"a": 1}, "c1"),)
    assert answer.parts == (ToolCallResponsePart("2", "c1"),)
    assert last.parts == (TextPart("Two"),)


@pytest.mark.parametrize("change", [str.lower, str.upper])
def test_keys_are_read_whatever_their_case(change):
    def changed(value):
        if isinstance(value, dict):
            return {change(key): changed(item) for key, item in value.items()}
        return [changed(item) for item in value] if isinstance(value, list) else value

    (plain,) = conversations(go_deep_agent, Source(json.dumps(TALK), "x.json"))
    (found,) = conversations(go_deep_agent, Source(json.dumps(changed(TALK)), "x.json"))
    assert [m.parts for m in messages(found)] == [m.parts for m in messages(plain)]


def test_older_files_know_only_role_and_content():
    text = json.dumps([{"Role": "user", "Content": "Hi"}, {"Role": "assistant", "Content": "Hello"}])
    assert detected(text.encode(), "x.json") is go_deep_agent
    (found,) = conversations(go_deep_agent, Source(text, "x.json"))
    assert [m.text for m in messages(found)] == ["Hi", "Hello"]
    longer = json.dumps([*json.loads(text), {"Role": "user", "Content": "Hi"}])
    (grown,) = conversations(go_deep_agent, Source(longer, "x.json"))
    assert [m.id for m in messages(grown)][:2] == [m.id for m in messages(found)]


@pytest.mark.parametrize("text", ["null", " null\n", "[]"])
def test_an_empty_session(text):
    if "null" in text:
        assert detected(text.encode(), "bob.json") is go_deep_agent
    (found,) = conversations(go_deep_agent, Source(text, "bob.json"))
    assert (found.native_id, messages(found)) == ("bob", [])


def test_what_is_no_message_is_damage_and_the_rest_is_read():
    text = '[{"Role":"user","Content":"Hi"}, 7, {"Role":"robot","Content":null,"Mood":"x"}, [], {"Role":"us'
    pieces = list(go_deep_agent.read(Source(text, "x.json")))
    found = next(piece for piece in pieces if not isinstance(piece, Damage))
    told = list(found.messages)
    read = [m for m in told if not isinstance(m, Damage)]
    assert [m.role for m in read] == ["user", "user"]
    assert read[1].metadata == {"go_deep_agent": {"role": "robot", "keys": {"Mood": "x"}}}
    assert len(pieces) + len(told) > 3


def test_plain_messages_stay_with_openai_chat():
    text = json.dumps([{"role": "user", "content": "Role"}])
    assert go_deep_agent.detect(text.encode(), "x.json") == 0
    assert detected(text.encode(), "x.json") is openai_chat
