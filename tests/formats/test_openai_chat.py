"""OpenAI chat JSON: what is read, and that writing gives the same JSON values back."""

import base64
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recollect import BlobPart, FilePart, OtherPart, ReasoningPart, TextPart, ToolCallPart, UriPart
from recollect.formats import detected, openai_chat
from recollect.formats.base import Conversation, Damage
from recollect.formats.openai_messages import MessageReader, write_message

PIXEL = base64.b64encode(b"\x89PNG pixel").decode()


class Source(io.BytesIO):
    name = "chat.json"


def read(text: str | bytes) -> list:
    return list(openai_chat.read(Source(text.encode() if isinstance(text, str) else text)))


def conversations(text: str | bytes) -> list[Conversation]:
    pieces = read(text)
    assert not [piece for piece in pieces if isinstance(piece, Damage)]
    return pieces


def said(conversation: Conversation) -> list[tuple[str, str]]:
    return [(message.role, message.text) for message in conversation.messages]


HELLO = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
PAIRS = [("user", "Hi"), ("assistant", "Hello")]


@pytest.mark.parametrize(
    "document",
    [
        HELLO,
        {"messages": HELLO},
        {"traj": HELLO, "task_id": 1},
        [{"messages": HELLO}],
        [HELLO],
    ],
)
@pytest.mark.parametrize("whole", [openai_chat.WHOLE, 20])
@pytest.mark.parametrize("indent", [None, 2])
def test_every_shape_is_read_whole_or_in_pieces(document, whole, indent, monkeypatch):
    monkeypatch.setattr(openai_chat, "WHOLE", whole)
    text = json.dumps(document, indent=indent)
    assert detected(text.encode(), "x.json") is openai_chat
    (found,) = conversations(text)
    assert said(found) == PAIRS
    assert said(found) == PAIRS  # as often as asked for
    assert [message.id for message in found.messages] == [message.id for message in found.messages]


def test_lines_of_conversations_and_of_bare_lists():
    lines = "\n".join(json.dumps({"id": f"c{i}", "messages": HELLO}) for i in range(3))
    assert [found.native_id for found in conversations(lines)] == ["c0", "c1", "c2"]
    assert [said(found) for found in conversations("\n".join(json.dumps(HELLO) for _ in range(3)))] == [
        PAIRS
    ] * 3


@pytest.mark.parametrize("whole", [openai_chat.WHOLE, 20])
def test_keys_of_the_conversation(whole, monkeypatch):
    monkeypatch.setattr(openai_chat, "WHOLE", whole)
    text = json.dumps(
        {"messages": HELLO, "id": "x/1", "model": "m", "title": "T", "reward": 0.5, "info": {"a": [1]}}
    )
    (found,) = conversations(text)
    assert found.native_id == "x/1"
    assert found.attributes == {"model": "m", "name": "T", "metadata": {"reward": 0.5, "info": {"a": [1]}}}


def test_ids_depend_on_place_and_content_only():
    spread = conversations(json.dumps({"messages": HELLO}, indent=4))[0]
    tight = conversations(json.dumps([{"content": m["content"], "role": m["role"]} for m in HELLO]))[0]
    assert [m.id for m in spread.messages] == [m.id for m in tight.messages]
    twice = conversations(json.dumps([HELLO[0], HELLO[0]]))[0]
    assert len({m.id for m in twice.messages}) == 2


def one(value: dict):
    message = MessageReader().read(value)
    assert write_message(message) == value
    return message


def test_content_lists_become_parts():
    url = f"data:image/png;base64,{PIXEL}"
    message = one(
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look"},
                {"type": "image_url", "image_url": {"url": url, "detail": "low"}},
                {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
                {"type": "input_audio", "input_audio": {"data": PIXEL, "format": "wav"}},
                {"type": "file", "file": {"file_id": "file-1"}},
                {
                    "type": "file",
                    "file": {"file_data": f"data:application/pdf;base64,{PIXEL}", "filename": "a.pdf"},
                },
                {"type": "refusal", "refusal": "No."},
                {"type": "hologram", "light": 7},
            ],
        }
    )
    kinds = [type(part) for part in message.parts]
    assert kinds == [TextPart, BlobPart, UriPart, BlobPart, FilePart, BlobPart, OtherPart, OtherPart]
    assert message.parts[1].content == b"\x89PNG pixel"
    assert message.parts[1].mime_type == "image/png"


def test_a_data_url_that_is_no_base64_stays_an_address():
    message = one(
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,@@"}}]}
    )
    assert message.parts == (UriPart("data:image/png;base64,@@", None, "image"),)


@pytest.mark.parametrize(
    "arguments", ['{"a":1}', '{"a": 1}', "", "not json", '"text"', "[1,\n2]", "NaN", r'"\ud800"']
)
def test_arguments_come_back_to_the_letter(arguments):
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    message = one({"role": "assistant", "content": None, "tool_calls": [call]})
    (part,) = message.parts
    assert isinstance(part, ToolCallPart)
    if arguments == '{"a": 1}':
        assert part.arguments == {"a": 1}


def test_reasoning_and_refusals_are_parts():
    message = one({"role": "assistant", "content": "42", "reasoning_content": "Hm.", "refusal": None})
    assert message.parts == (ReasoningPart("Hm."), TextPart("42"))
    assert (
        one({"role": "assistant", "content": None, "refusal": "I will not."}).parts[0].value == "I will not."
    )


@pytest.mark.parametrize(
    "value",
    [
        {"role": "assistant"},
        {"role": "assistant", "content": None},
        {"role": "assistant", "content": ""},
        {"role": "assistant", "content": []},
        {"role": "assistant", "content": "x", "tool_calls": None, "function_call": None, "name": "bot"},
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "assistant", "content": 7},
        {"role": "function", "name": "f", "content": "1"},
        {"role": "tool", "content": "x"},
        {"role": "tool", "content": None, "tool_call_id": None},
        {"role": "tool", "tool_call_id": "c"},
        {
            "role": "tool",
            "content": [{"type": "text", "text": "a"}],
            "tool_call_id": "c",
            "extra": {"deep": [None]},
        },
        {"role": "tool", "content": {"a": 1}, "tool_call_id": "c"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": None, "type": "custom", "custom": {"name": "x"}}],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"function": {"name": "f", "arguments": "{}", "x": 1}}],
        },
        {"role": "assistant", "content": None, "tool_calls": [None, 3]},
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}", "more": 1}},
        {
            "role": "user",
            "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, None],
        },
        {"role": "user", "content": "\ud800 lone", "n": 2**80},
    ],
)
def test_unusual_messages_come_back_as_they_were(value):
    one(value)


SCALAR = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
LOOSE = st.recursive(
    SCALAR,
    lambda i: st.lists(i, max_size=3) | st.dictionaries(st.text(max_size=6), i, max_size=3),
    max_leaves=6,
)
CALL = st.fixed_dictionaries(
    {
        "function": st.fixed_dictionaries(
            {"name": st.text(max_size=5), "arguments": st.text(max_size=9) | SCALAR}
        )
    },
    optional={"id": st.text(max_size=4) | st.none(), "type": st.just("function") | LOOSE},
)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "developer", "user", "assistant", "tool", "function"])},
    optional={
        "content": st.text(max_size=9) | LOOSE,
        "name": SCALAR,
        "tool_calls": st.lists(CALL, max_size=3) | LOOSE,
        "function_call": LOOSE,
        "tool_call_id": SCALAR,
        "refusal": SCALAR,
        "reasoning": SCALAR,
        "reasoning_content": SCALAR,
    },
)


@given(st.lists(MESSAGE, max_size=4))
def test_any_messages_come_back_as_they_were(values):
    reader = MessageReader()
    assert [write_message(reader.read(value)) for value in values] == values


def test_calls_and_answers_without_ids_are_paired_in_order():
    reader = MessageReader()
    called = [{"function": {"name": name, "arguments": "{}"}, "type": "function"} for name in ("a", "b")]
    calls = reader.read({"role": "assistant", "content": None, "tool_calls": called}).parts
    second = reader.read({"role": "tool", "name": "b", "content": "2"}).parts[0]
    first = reader.read({"role": "tool", "content": "1"}).parts[0]
    assert [part.id for part in calls] == [first.id, second.id]
    legacy = reader.read(
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}
    )
    answer = reader.read({"role": "function", "name": "f", "content": "3"})
    assert legacy.parts[0].id == answer.parts[0].id
    assert answer.role == "tool"


def test_damage_among_messages_is_reported_and_the_others_are_read():
    (found,) = conversations(json.dumps({"messages": [HELLO[0], None, {"content": "no role"}, HELLO[1]]}))
    kinds = [type(item) for item in found.messages]
    assert kinds.count(Damage) == 2
    assert [item.text for item in found.messages if not isinstance(item, Damage)] == ["Hi", "Hello"]


@pytest.mark.parametrize("whole", [openai_chat.WHOLE, 20])
def test_what_is_no_conversation_is_reported_with_its_place(whole, monkeypatch):
    monkeypatch.setattr(openai_chat, "WHOLE", whole)
    good = json.dumps({"messages": HELLO})
    pieces = read(f'{good}\n{{"prompt":"no messages in this one"}}\n{good}\n')
    assert [piece.offset for piece in pieces] == [0, len(good) + 1, len(good) + 38]
    assert isinstance(pieces[1], Damage)
    assert "messages" in pieces[1].reason


@pytest.mark.parametrize(
    ("head", "sure"),
    [
        (b'{"type":"user","message":{"role":"user","content":"x"}}', False),
        (b'[{"from":"human","value":"x"}]', False),
        (b"# messages\n", False),
        (b"", False),
        (b'{"recollect":1,"session":{}}', False),
        (b'[{"task_id": 0, "traj": [{"role": "system", "content": ""}]}]', True),
        (b'{"messages": []}', True),
    ],
)
def test_detection(head, sure):
    assert (openai_chat.detect(head, "x") > 0.3) is sure
