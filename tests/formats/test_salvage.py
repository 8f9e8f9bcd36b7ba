"""Conversations in one JSON document that ends too soon or breaks inside: what is left is read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recollect import Message, formats
from recollect.formats.base import Conversation, Damage
from recollect.formats.salvage import Shape, mended

from .format_sources import Source

COUNT = 6
WORDS = ["Where is the ferry?", "At the pier.", 'And "now"?', "It left {at} [nine].", "Oh, no.", "Yes: 9, …"]


def role(number: int, user: str = "user", model: str = "assistant") -> str:
    return model if number % 2 else user


def chatgpt() -> Any:
    mapping = {"root-0": {"id": "root-0", "message": None, "parent": None, "children": ["node-0"]}}
    for n in range(COUNT):
        message = {
            "id": f"node-{n}",
            "author": {"role": role(n)},
            "create_time": 1.7e9 + n,
            "content": {"content_type": "text", "parts": [WORDS[n]]},
        }
        parent, children = f"node-{n - 1}" if n else "root-0", [f"node-{n + 1}"] if n < COUNT - 1 else []
        mapping[f"node-{n}"] = {"id": f"node-{n}", "message": message, "parent": parent, "children": children}
    return {"title": "Ferry", "mapping": mapping, "current_node": f"node-{COUNT - 1}", "conversation_id": "c"}


def claude_ai() -> Any:
    messages = [
        {"uuid": f"m-{n}", "text": WORDS[n], "sender": role(n, "human"), "parent_message_uuid": f"m-{n - 1}"}
        for n in range(COUNT)
    ]
    return {"uuid": "c", "name": "Ferry", "chat_messages": messages}


def open_webui() -> Any:
    messages = {
        f"m-{n}": {
            "id": f"m-{n}",
            "parentId": f"m-{n - 1}" if n else None,
            "role": role(n),
            "content": WORDS[n],
        }
        for n in range(COUNT)
    }
    history = {"messages": messages, "currentId": f"m-{COUNT - 1}"}
    chat = {"title": "Ferry", "models": ["x"], "history": history, "messages": list(messages.values())}
    return {"id": "c", "user_id": "u", "chat": chat, "updated_at": 1_700_000_000}


def librechat() -> Any:
    messages = [
        {
            "messageId": f"m-{n}",
            "parentMessageId": f"m-{n - 1}" if n else None,
            "text": WORDS[n],
            "sender": "User",
            "isCreatedByUser": n % 2 == 0,
        }
        for n in range(COUNT)
    ]
    return {"conversationId": "c", "title": "Ferry", "recursive": False, "messages": messages}


def librechat_nested() -> Any:
    whole = librechat()
    below: list[Any] = []
    for message in reversed(whole["messages"]):
        below = [{**message, "children": below}]
    return {**whole, "recursive": True, "messages": below}


def oasst() -> Any:
    replies: list[Any] = []
    for n in range(COUNT - 1, 0, -1):
        replies = [{"message_id": f"m-{n}", "text": WORDS[n], "role": "assistant", "replies": replies}]
    prompt = {"message_id": "m-0", "text": WORDS[0], "role": "prompter", "replies": replies}
    return {"message_tree_id": "m-0", "tree_state": "growing", "prompt": prompt}


def turns(content: str = "content") -> list[Any]:
    return [{"role": role(n), content: WORDS[n]} for n in range(COUNT)]


def sharegpt() -> Any:
    return {
        "id": "c",
        "conversations": [{"from": role(n, "human", "gpt"), "value": w} for n, w in enumerate(WORDS)],
    }


def chatbot_ui() -> Any:
    conversation = {"id": "c", "name": "Ferry", "messages": turns(), "model": {"id": "x"}}
    return {"version": 4, "history": [conversation], "folders": [], "prompts": []}


def openai_chat() -> Any:
    return {"id": "c", "messages": turns(), "model": "x"}


def anthropic() -> Any:
    return {"id": "c", "system": "Be kind.", "messages": turns(), "model": "x"}


def magellai() -> Any:
    messages = [{"id": f"m-{n}", **turn} for n, turn in enumerate(turns())]
    return {"id": "c", "name": "Ferry", "conversation": {"id": "c", "messages": messages}, "tags": []}


def gemini_cli() -> Any:
    messages = [
        {"id": f"m-{n}", "timestamp": "2025-01-02T03:04:05Z", "type": role(n, "user", "gemini"), "content": w}
        for n, w in enumerate(WORDS)
    ]
    return {"sessionId": "c", "projectHash": "p", "messages": messages}


SIMPLE = [chatgpt, claude_ai, open_webui, librechat, sharegpt, chatbot_ui, openai_chat, anthropic]
ALL = [*SIMPLE, librechat_nested, oasst, magellai, gemini_cli]


def module_of(make: Any) -> Any:
    return formats.reader(make.__name__.removesuffix("_nested").replace("_", "-"))


def read(make: Any, data: bytes) -> tuple[list[tuple[Conversation, list[Message]]], list[Damage]]:
    found, damages = [], []
    for piece in module_of(make).read(Source(data)):
        if isinstance(piece, Damage):
            damages.append(piece)
            continue
        messages = []
        for message in piece.messages:
            (damages if isinstance(message, Damage) else messages).append(message)
        found.append((piece, messages))
    return found, damages


def texts(messages: list[Message]) -> dict[str, str]:
    return {message.id: message.text for message in messages}


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("make", ALL)
def test_cut_anywhere(make: Any, indent: int | None) -> None:
    data = json.dumps(make(), indent=indent, ensure_ascii=False).encode()
    [(whole, expected)], _ = read(make, data)
    assert [message.text for message in expected] == WORDS
    ends = [data.index(json.dumps(w, ensure_ascii=False).encode()) + len(w.encode()) + 150 for w in WORDS]
    for place in range(1, len(data.rstrip(b"]} \n"))):
        found, damages = read(make, data[:place])
        assert damages, place
        assert len(found) <= 1
        messages = found[0][1] if found else []
        assert texts(messages).items() <= texts(expected).items(), place
        assert len(messages) >= sum(end <= place for end in ends), place
        if messages:
            assert found[0][0].native_id in (whole.native_id, None)


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("make", SIMPLE)
def test_a_broken_message_costs_itself(make: Any, indent: int | None) -> None:
    data = json.dumps(make(), indent=indent, ensure_ascii=False).encode()
    [(whole, expected)], _ = read(make, data)
    for number, word in enumerate(WORDS):
        at = data.index(json.dumps(word, ensure_ascii=False).encode())
        end = at + len(json.dumps(word, ensure_ascii=False).encode())
        for broken in (
            data[: at - 1] + b"\0" + data[at:],  # before the text
            data[:at] + b"}" + data[at + 1 :],  # instead of a quote
            data[: end - 1] + data[end:],  # the quote behind it is missing
        ):
            found, damages = read(make, broken)
            assert damages
            assert len(found) == 1
            conversation, messages = found[0]
            assert conversation.native_id == whole.native_id
            assert texts(messages).items() <= texts(expected).items()
            assert len(messages) == COUNT - 1, (number, broken)
            if 0 < number < COUNT - 1:  # the line is whole, but for the message
                assert conversation.head is None
                assert [message.text for message in messages] == [*WORDS[:number], *WORDS[number + 1 :]]


@pytest.mark.parametrize("make", [make for make in SIMPLE if make is not chatbot_ui])
def test_only_the_broken_one_of_several_suffers(make: Any) -> None:
    one = make()
    key = next(key for key in ("id", "uuid", "conversationId", "conversation_id") if key in one)
    three = [{**one, key: name} for name in ("first", "second", "third")]
    data = json.dumps(three, ensure_ascii=False).encode()
    at = data.index(b"nine", data.index(b'"second"') if make is not chatgpt else data.index(b'"first"'))
    found, damages = read(make, data[:at] + b'"' + data[at:])
    assert damages
    assert [conversation.native_id for conversation, _ in found] == ["first", "second", "third"]
    assert [len(messages) for _, messages in found] == [COUNT, COUNT - 1, COUNT]
    assert all(conversation.end for conversation, _ in found)


PIECES = st.sampled_from(
    [b"", b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\0", b"\xff", b'{"messages":[', b'\n{"id":']
)


@settings(max_examples=300)
@given(st.sampled_from(ALL), st.data())
def test_nothing_raises_and_what_is_read_is_sound(make: Any, draw: st.DataObject) -> None:
    data = json.dumps(make(), ensure_ascii=False).encode()
    for _ in range(draw.draw(st.integers(1, 4))):
        place, length = draw.draw(st.integers(0, len(data))), draw.draw(st.integers(0, 30))
        data = data[:place] + draw.draw(PIECES) + data[place + length :]
    found, _ = read(make, data)
    for conversation, messages in found:
        ids = [message.id for message in messages]
        assert len(set(ids)) == len(ids)
        assert conversation.end is None or conversation.offset <= conversation.end <= len(data)
        for number, message in enumerate(messages):
            assert message.parent_id is None or message.parent_id in ids[:number]


@pytest.mark.parametrize(
    ("make", "data"),
    [
        (oasst, b'[{"message_tree_id":"a","prompt":{"message_id":"b","replies":{"a" "replies":['),
        (oasst, b'{"prompt":{"a" 1,"replies":[{"message_id":"b"}],{'),
        (librechat, b'[[{"messages":[{"messageId":"a"}]} {'),
        (chatbot_ui, b'{"history":[[{"role":"user","content":"a"} {"x"'),
        (openai_chat, b'[[{"role":"user","content":"a"} {"x"'),
    ],
)
def test_odd_breaks(make: Any, data: bytes) -> None:
    _, damages = read(make, data)
    assert damages


def test_places_are_kept_and_breaks_told() -> None:
    shape = Shape(lists=frozenset(("said",)), inside=frozenset(("talk",)))
    data = b'{"a":1,"talk":{"said":[{"n":1},{"n":tru},{"n":3},{"n" 4},{"n":5}],"b":2},"c":'
    found = mended(data, 100, shape)
    assert found.value["a"] == 1
    said = found.value["talk"]["said"]
    assert [one if isinstance(one, dict) else one.offset - 100 for one in said] == [
        *({"n": 1}, data.index(b'{"n":tru'), {"n": 3}, data.index(b'{"n" 4'), {"n": 5})
    ]
    assert found.value["talk"]["b"] == 2
    assert [damage.offset for damage in found.damages][-1] == 100 + data.index(b'"c"')
    assert len(found.damages) == 3
    assert mended(b'{"a":1,"talk":{"said":[{"n', 0, shape).value is None
    assert mended(b"nothing", 0, shape).value is None
    assert mended(b"", 0, shape).value is None


def test_nesting_of_any_depth() -> None:
    shape = Shape(lists=frozenset(("m",)), is_nested=True)
    found = mended(b'{"m":[' + b'{"a":1,"m":[' * 50_000, 0, shape)
    assert found.damages
    depth, value = 0, found.value["m"]
    while value:
        depth, value = depth + 1, value[0]["m"] if isinstance(value[0], dict) else None
    assert depth >= 50_000
