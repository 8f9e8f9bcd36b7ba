"""llm_fusion and actorus: bare arrays whose content is an agent's steps."""

import json

import pytest

from recollect import ReasoningPart, TextPart, ToolCallPart, ToolCallResponsePart
from recollect.formats import actorus, detected, openai_chat
from recollect.formats.base import Damage

from .format_sources import Source, conversations, messages

STEP = {
    "thought": "Look",
    "action": {"tool": "ls", "input": {"p": "."}},
    "is_final": False,
    "final_answer": None,
}
FINAL = {"thought": "", "action": None, "is_final": True, "final_answer": "Done"}
TALK = [
    {"role": "system", "content": "Answer in JSON"},
    {"role": "user", "content": "List"},
    {"role": "assistant", "content": json.dumps(STEP)},
    {"role": "user", "content": "Observation: a.txt\nb.txt"},
    {"role": "user", "content": "And now?"},
    {"role": "assistant", "content": json.dumps(FINAL, indent=2)},
]


@pytest.mark.parametrize("indent", [None, 2])
def test_steps_and_observations(indent):
    text = json.dumps(TALK, indent=indent)
    assert detected(text.encode(), "default.json") is actorus
    (found,) = conversations(actorus, Source(text, "sessions/default.json"))
    assert found.native_id == "default"
    assert found.attributes == {"metadata": {"updated_at": "2025-01-02T03:04:05.000000Z"}}
    _, _, step, seen, person, final = messages(found)
    assert step.parts[0] == ReasoningPart("Look")
    call = step.parts[1]
    assert isinstance(call, ToolCallPart)
    assert (call.name, call.arguments) == ("ls", {"p": "."})
    assert seen.role == "tool"
    assert seen.parts == (ToolCallResponsePart("a.txt\nb.txt", call.id, {"name": "ls"}),)
    assert (person.role, person.text) == ("user", "And now?")
    assert final.parts == (TextPart("Done", {"actorus": {"is_final": True}}),)


def test_plain_talk_stays_with_openai_chat_unless_asked_for():
    talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    text = json.dumps(talk)
    assert actorus.detect(text.encode(), "default.json") == 0
    assert detected(text.encode(), "default.json") is openai_chat
    (found,) = conversations(actorus, Source(text, "default.json"))
    assert [(m.role, m.text) for m in messages(found)] == [("user", "Hi"), ("assistant", "Hello")]


@pytest.mark.parametrize(
    "content",
    [
        '{"thought": ',
        "{}",
        '{"name": "x"}',
        '{"thought": "x", "more": 1}',
        "[1]",
        " thought",
        '{"a": "\ud800"}',
    ],
)
def test_content_that_is_no_step_is_text(content):
    talk = json.dumps([{"role": "assistant", "content": content}])
    (found,) = conversations(actorus, Source(talk, "x.json"))
    assert messages(found)[0].parts == (TextPart(content),)


def test_odd_steps_and_observations_without_a_call():
    odd = {"thought": 7, "action": "ls", "final_answer": {"x": 1}}
    talk = [
        {"role": "user", "content": "Observation: of nothing"},
        {"role": "assistant", "content": json.dumps(odd)},
        {"role": "robot", "content": None, "extra": True},
    ]
    (found,) = conversations(actorus, Source(json.dumps(talk), "x.json"))
    seen, step, other = messages(found)
    assert seen.parts == (ToolCallResponsePart("of nothing", None),)
    assert [part.kind for part in step.parts] == ["action", "final_answer"]
    assert other.metadata == {"actorus": {"role": "robot", "keys": {"extra": True}}}


def test_a_torn_file_keeps_the_messages_before_the_tear():
    text = json.dumps(TALK)
    pieces = list(actorus.read(Source(text[:-40], "x.json")))
    damage = [piece for piece in pieces if isinstance(piece, Damage)]
    (found,) = [piece for piece in pieces if not isinstance(piece, Damage)]
    assert len(damage) == 1
    assert len(list(found.messages)) == 5
