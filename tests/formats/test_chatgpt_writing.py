"""What the ChatGPT writer writes, and that its reader gives back what such an export can hold."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from recollect import (
    BlobPart,
    FilePart,
    Message,
    ReasoningPart,
    SessionInfo,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
)
from recollect.formats import chatgpt
from recollect.model import UriPart

from .format_sources import Source, conversations, messages

BEGUN = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=20)
NAME = st.text(st.sampled_from("abc._-"), min_size=1, max_size=8)
WHEN = st.datetimes(datetime(2000, 1, 1), datetime(2190, 1, 1), timezones=st.just(UTC))
INJECTED = st.sampled_from((None, None, {"injected": "hidden"}, {"injected": "out_of_context"}))
ARGUMENTS = TEXT.filter(lambda text: text.lstrip()[:1] not in ("{", "[")) | st.recursive(
    st.dictionaries(st.sampled_from("ab"), st.integers(-9, 9)),
    lambda inner: st.dictionaries(NAME, inner) | st.lists(inner),
    max_leaves=4,
)

TEXTS = st.lists(st.builds(TextPart, TEXT), max_size=3)
PIECES = st.lists(
    st.builds(TextPart, TEXT)
    | st.builds(BlobPart, st.binary(max_size=9), st.just("image/png"), st.just("image"))
    | st.builds(
        UriPart, st.just("https://example.org/a.wav"), st.none(), st.sampled_from(("audio", "image"))
    ),
    max_size=4,
)
REASONING = st.lists(
    st.builds(ReasoningPart, TEXT, st.none() | st.just({"chatgpt": {"summary": "Thinking"}})),
    min_size=1,
    max_size=3,
)
ANSWER = st.tuples(
    st.builds(
        ToolCallResponsePart,
        st.none() | TEXT | st.lists(TEXT, min_size=2, max_size=3),
        NAME,
        st.none() | st.fixed_dictionaries({"name": NAME}),
    )
    | st.builds(ToolCallResponsePart, TEXT, NAME, st.just({"is_error": True}))
)
SAYING = st.one_of(
    st.tuples(st.sampled_from(("system", "developer")), TEXTS),
    st.tuples(st.just("user"), PIECES),
    st.tuples(st.just("assistant"), TEXTS | REASONING),
    st.tuples(st.just("assistant"), st.tuples(st.builds(ToolCallPart, NAME, ARGUMENTS, NAME))),
    st.tuples(st.just("tool"), ANSWER),
)


@st.composite
def line(draw: st.DrawFn) -> list[Message]:
    """Messages that say one kind of thing each, as the nodes of an export do."""
    found = []
    for number in range(draw(st.integers(0, 5))):
        role, parts = draw(SAYING)
        found.append(
            Message(
                id=str(UUID(int=number + 1)),
                role=role,
                parts=tuple(parts),
                created_at=draw(st.none() | WHEN),
                model=draw(st.none() | NAME) if role == "assistant" else None,
                metadata=draw(INJECTED),
            )
        )
    return found


def info(**attributes: Any) -> SessionInfo:
    return SessionInfo("s-1", "default", 1, BEGUN, BEGUN, **attributes)


def written(session: SessionInfo, found: list[Message]) -> str:
    pieces: list[str] = []
    chatgpt.write(session, found, pieces.append)
    return "".join(pieces)


@given(line(), st.none() | TEXT.filter(bool), st.none() | NAME)
def test_reading_gives_back_what_was_written(
    found: list[Message], name: str | None, model: str | None
) -> None:
    session = info(name=name, model=model, metadata={"gizmo_id": "g"})
    (conversation,) = conversations(chatgpt, Source(written(session, found)))
    assert messages(conversation) == found
    assert (conversation.native_id, conversation.head) == ("s-1", None)
    attributes = conversation.attributes
    assert attributes.get("name") == name
    assert model is None or attributes.get("model") == model
    assert attributes["metadata"] == {
        "created_at": "2026-01-02T03:04:05.678901Z",
        "updated_at": "2026-01-02T03:04:05.678901Z",
        "gizmo_id": "g",
        "is_archived": False,
    }


def test_a_message_with_several_kinds_of_parts_becomes_several_nodes() -> None:
    reply = Message.assistant(
        [
            ReasoningPart("Hm."),
            TextPart("Look:"),
            ToolCallPart("find", {"q": 1}, "c1"),
            ToolCallPart("find", "x", "c2"),
        ],
        id="reply",
    )
    answers = [
        Message.tool("c2", "second", id="r2"),
        Message.tool("c1", {"first": 1}, id="r1"),
        Message.user([FilePart("f-1")], id="u"),
    ]
    value = json.loads(written(info(), [reply, *answers]))
    (conversation,) = value
    mapping = conversation["mapping"]
    assert conversation["current_node"] == "u"
    assert [key for key, node in mapping.items() if node["message"] is None] == ["client-created-root"]
    for key, node in mapping.items():
        assert all(mapping[child]["parent"] == key for child in node["children"])
        assert node["id"] == key
    (read,) = conversations(chatgpt, Source(json.dumps(value)))
    found = messages(read)
    assert [type(part).__name__ for message in found for part in message.parts] == [
        *("ReasoningPart", "TextPart", "ToolCallPart", "ToolCallPart"),
        *("ToolCallResponsePart", "ToolCallResponsePart", "OtherPart"),
    ]
    assert [message.parts[0].id for message in found[2:6]] == ["c1", "c2", "c2", "c1"]  # type: ignore[union-attr]  # calls and answers
    assert "reply" in [message.id for message in found]


def test_what_came_from_an_export_goes_back_to_one() -> None:
    contents = [
        (
            "user",
            {"content_type": "user_editable_context", "user_profile": "P", "user_instructions": "I"},
            {},
        ),
        ("assistant", {"content_type": "code", "language": "python", "text": "1"}, {"recipient": "python"}),
        ("tool", {"content_type": "execution_output", "text": "1"}, {"name": "python"}),
        ("tool", {"content_type": "hologram", "beams": []}, {"name": "holo"}),
        ("assistant", {"content_type": "reasoning_recap", "content": "5 s"}, {"channel": "final"}),
        ("assistant", {"content_type": "hologram", "beams": []}, {"weight": 0.5}),
        (
            "user",
            {
                "content_type": "multimodal_text",
                "parts": [
                    "a",
                    {
                        "content_type": "image_asset_pointer",
                        "asset_pointer": "sediment://file_0123456789",
                        "width": 3,
                    },
                ],
            },
            {},
        ),
    ]
    nodes: dict[str, Any] = {}
    for number, (role, content, more) in enumerate(contents):
        author = {"role": role, "name": more.pop("name", None)}
        message = {"author": author, "content": content, "recipient": "all", "weight": 1.0, **more}
        nodes[f"n{number}"] = {"message": message, "parent": f"n{number - 1}"}
    (first,) = conversations(
        chatgpt, Source(json.dumps({"mapping": nodes, "title": "T", "conversation_id": "c"}))
    )
    found = messages(first)
    session = info(metadata={"imported": {"format": "chatgpt", "id": "c"}})
    text = written(session, found)
    (second,) = conversations(chatgpt, Source(text))
    assert [message.parts for message in messages(second)][0:1] == [found[0].parts]
    assert second.native_id == "c"
    back = json.loads(text)[0]["mapping"]
    for number, (role, content, _) in enumerate(contents):
        message = back[f"n{number}"]["message"]
        assert message["content"] == content
        assert message["author"]["role"] == role
    assert [back[f"n{number}"]["message"]["weight"] for number in (4, 5)] == [1.0, 0.5]
