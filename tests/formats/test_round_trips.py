"""What a format writes it reads again: the same conversation, however often."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from recollect import Message, ReasoningPart, Store, TextPart, ToolCallPart
from recollect.formats import LOGS, export_formats, import_formats, reader, writer
from recollect.formats.base import Conversation

BOTH_WAYS = [name for name in import_formats() if name in export_formats() and name not in (*LOGS, "native")]

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=12)
JSON = st.dictionaries(TEXT, st.none() | st.booleans() | st.integers(-9, 9) | TEXT, max_size=2)
NAMES = st.sampled_from(["run", "read_file"])


class Source(io.BytesIO):
    name = label = "chat"
    path = modified = beside = None


@st.composite
def lines(draw) -> list[Message]:
    """A plausible conversation: people ask, models answer and call tools, tools answer."""
    messages: list[Message] = []
    for turn in range(draw(st.integers(1, 3))):
        messages.append(Message.user(draw(TEXT)))
        calls = [
            ToolCallPart(draw(NAMES), draw(JSON), f"call_{turn}_{number}")
            for number in range(draw(st.integers(0, 2)))
        ]
        if calls:
            said = [TextPart(draw(TEXT))] if draw(st.booleans()) else []
            messages.append(Message.assistant([*said, *calls]))
            messages += [Message.tool(call.id, draw(TEXT)) for call in calls]
        thought = [ReasoningPart(draw(TEXT), {"signature": "c2ln"})] if draw(st.booleans()) else []
        messages.append(Message.assistant([*thought, TextPart(draw(TEXT))]))
    return messages


@pytest.fixture(scope="module")
def info():
    with Store("memory:") as store:
        return store.open("0b9ee4d2-7b0c-4b43-9c5e-0c6a0d3c1d55", name="A title", model="m-1").info


def written(name: str, info, messages) -> bytes:
    pieces: list[str] = []
    writer(name).write(info, messages, pieces.append)
    return "".join(pieces).encode()


def read(name: str, raw: bytes) -> tuple[Conversation, list[Message]]:
    found = list(reader(name).read(Source(raw)))
    assert [type(piece) for piece in found] == [Conversation]
    messages = list(found[0].messages)
    assert all(isinstance(message, Message) for message in messages)
    return found[0], messages


def reread(name: str, info, found: Conversation):
    """The session as it would be stored after the import of ``found``."""
    imported = {"format": name, "id": found.native_id, **found.origin}
    attributes = {key: value for key, value in found.attributes.items() if key != "metadata"}
    metadata = {**found.attributes.get("metadata", {}), "imported": imported}
    return replace(info, **attributes, metadata=metadata)


def content(messages: list[Message]) -> list[tuple]:
    """What was said, without what formats put aside."""
    return [
        (message.role, tuple(replace(part, metadata=None) for part in message.parts)) for message in messages
    ]


@pytest.mark.parametrize("name", BOTH_WAYS)
@given(messages=lines())
def test_what_is_written_is_read_and_written_again(name, info, messages):
    raw = written(name, info, messages)
    found, first = read(name, raw)
    assert first
    again = written(name, reread(name, info, found), first)
    _, second = read(name, again)
    assert content(second) == content(first)
    assert [message.id for message in read(name, raw)[1]] == [message.id for message in first]


@pytest.mark.parametrize("name", [name for name in BOTH_WAYS if name in ("openai-chat", "anthropic")])
@given(messages=lines())
def test_nothing_is_lost_by_these(name, info, messages):
    found, read_again = read(name, written(name, info, messages))
    assert content(read_again) == content(messages)
    assert found.attributes["name"] == "A title"
    assert found.attributes["model"] == "m-1"
