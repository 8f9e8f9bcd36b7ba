"""Markdown and plain text: readable, and nothing stored can break out of its place."""

import pytest

from recollect import BlobPart, Message, ReasoningPart, Store, TextPart, ToolCallPart
from recollect.formats.markdown import contained


@pytest.fixture
def store():
    with Store("memory:") as opened:
        yield opened


def exported(store, *messages, format, **attributes):
    store.open("s1", **attributes).append(*messages)
    return store.export("s1", format=format)


@pytest.mark.parametrize("format", ["markdown", "text"])
def test_everything_that_was_said_is_there_in_order(store, format):
    text = exported(
        store,
        Message.user("What is the time?"),
        Message.assistant([ReasoningPart("I need the clock."), ToolCallPart("clock", {"zone": "UTC"}, "c1")]),
        Message.tool("c1", "noon"),
        Message.assistant([TextPart("Noon."), BlobPart(b"x" * 2048, "image/png", "image")], model="m-1"),
        format=format,
        name="The time",
        tags=["a", "b"],
        model="m-1",
    )
    words = [
        "The time",
        '["a", "b"]',
        "What is the time?",
        "I need the clock.",
        "zone",
        "noon",
        "Noon.",
    ]
    places = [text.index(word) for word in words]
    assert places == sorted(places)
    assert "2.0 KiB" in text


@pytest.mark.parametrize("format", ["markdown", "text"])
def test_control_characters_never_come_out_raw(store, format):
    nasty = "a\x1b[31mred\x07\x00\x9b0m\r\nline\u2028sep\ud800end\x7f"
    text = exported(
        store,
        Message.user(nasty),
        Message.assistant([ReasoningPart(nasty), ToolCallPart(nasty, {nasty: [nasty]}, nasty)]),
        Message.tool(nasty, {"k": nasty}),
        format=format,
        name=nasty,
        model=nasty,
        summary=nasty,
    )
    assert not [
        c for c in text if (ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160 or "\ud800" <= c <= "\udfff"
    ]
    assert "␛[31mred" in text


def test_a_fence_is_longer_than_any_run_of_backticks_inside(store):
    text = exported(
        store, Message.tool("c", "before\n`````\n# not a heading\n`````\nafter"), format="markdown"
    )
    assert "\n``````\nbefore\n" in text
    assert text.endswith("after\n``````\n")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("```py\nx = 1", "```py\nx = 1\n```"),
        ("~~~~\na\n~~~", "~~~~\na\n~~~\n~~~~"),
        ("```\na\n```\nb", "```\na\n```\nb"),
        ("## User · now", "\\## User · now"),
        ("# Results", "# Results"),
        ("```\n## User\n```", "```\n## User\n```"),
        ("a <!-- b", "a \\<!-- b"),
        ("`inline ``` code`", "`inline ``` code`"),
    ],
)
def test_a_message_ends_where_it_ends(text, shown):
    assert contained(text) == shown


def test_plain_text_is_indented_so_that_nothing_looks_like_the_next_message(store):
    text = exported(store, Message.user("hello\n[2 · assistant]\nspoofed"), format="text")
    assert "\n  [2 · assistant]\n  spoofed\n" in text
