"""Markdown, plain text and tables: readable, and nothing stored can break out of its place."""

import csv
import io
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from recollect import (
    BlobPart,
    Message,
    ReasoningPart,
    Store,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    Usage,
)
from recollect.formats.markdown import contained
from recollect.formats.showing import hint_of, tool_text


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
    assert text.endswith("after\n``````\n\n</details>\n")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("```py\nx = 1", "```py\nx = 1\n```"),
        ("~~~~\na\n~~~", "~~~~\na\n~~~\n~~~~"),
        ("```\na\n```\nb", "```\na\n```\nb"),
        ("## User · now", "#### User · now"),
        ("# Results\n##### Small\n#hash", "### Results\n###### Small\n#hash"),
        ("```\n## User\n```", "```\n## User\n```"),
        ("a <!-- b", "a \\<!-- b"),
        ("`inline ``` code`", "`inline ``` code`"),
        ("a </details> b", "a \\</details> b"),
        ("\\</details>", "\\</details>"),
        ("\\\\</details>", "\\\\\\</details>"),
        ("<div>\n  <SCRIPT>", "\\<div>\n  \\<SCRIPT>"),
        ("<https://example.org> and <b>", "<https://example.org> and <b>"),
        ("List<String> or `List<String>`", "List\\<String> or `List<String>`"),
        ("`a`` <b x> `` <i y>`", "`a`` <b x> `` <i y>`"),
        ("`a\n<p> `<p>`", "`a\n\\<p> `\\<p>`"),
        ("`a\n\n`<p>`", "`a\n\n`<p>`"),
        ("\\`<p>`", "\\`\\<p>`"),
        ("[a](b`c) <p> `", "[a](b`c) \\<p> `"),
        ("1 < 2 and 2 > 1", "1 < 2 and 2 > 1"),
        ("```\n</details>\n```", "```\n</details>\n```"),
    ],
)
def test_a_message_ends_where_it_ends(text, shown):
    assert contained(text) == shown


def test_plain_text_is_indented_so_that_nothing_looks_like_the_next_message(store):
    text = exported(store, Message.user("hello\n[2 · assistant]\nspoofed"), format="text")
    assert "\n  [2 · assistant]\n  spoofed\n" in text


PNG = b"\x89PNG\r\n\x1a\n pixels"


def test_markdown_folds_tools_reasoning_and_what_nobody_typed(store):
    text = exported(
        store,
        Message.user("First question"),
        Message.assistant([ReasoningPart("Hm </details> hm"), ToolCallPart("<run>", {"cmd": "ls"}, "c1")]),
        Message.tool("c1", "a file"),
        Message.user("folder: x", metadata={"injected": "environment"}),
        Message.user([TextPart("Second [question]"), BlobPart(PNG, "image/png", "image")]),
        format="markdown",
        system_prompt="Be brief.",
    )
    assert "1. [First question](#m1)\n2. [Second \\[question\\]](#m5)\n" in text
    assert '<a id="m5"></a>\n\n## User' in text
    assert "<summary>Tool call <code>&lt;run&gt;</code> · ls</summary>\n\n```json\n" in text
    assert "<summary>Injected: environment</summary>\n\nfolder: x\n\n</details>" in text
    assert "<summary>System prompt</summary>\n\nBe brief." in text
    assert "](data:image/png;base64,iVBORw0KGgo" in text
    rendered = MarkdownIt("commonmark").render(text)
    assert rendered.count("<details>") == rendered.count("</details>") == 5
    assert rendered.count("<h2>") == 6  # front matter's last line is a heading where it is not known


def test_a_table_has_a_row_for_every_message(store):
    text = exported(
        store,
        Message.user('Say "a", b\r\nand c', id="m1", created_at=datetime(2026, 1, 2, tzinfo=UTC)),
        Message.assistant(
            [TextPart("Done."), ToolCallPart("run"), ToolCallPart("stop")],
            id="m2",
            model="m-1",
            usage=Usage(1, 2, 3, 4, "0.5"),
        ),
        format="csv",
    )
    assert text.count("\r\n") == 3
    first, second = csv.DictReader(io.StringIO(text, newline=""))
    assert first["text"] == 'Say "a", b\nand c'
    assert (first["session_id"], first["position"], first["id"], first["role"]) == ("s1", "1", "m1", "user")
    assert first["created_at"] == "2026-01-02T00:00:00.000000Z"
    assert first["cost_usd"] == ""
    assert (second["tools"], second["model"], second["cost_usd"]) == ("run stop", "m-1", "0.5")
    assert [second[name] for name in list(second)[-5:-1]] == ["1", "2", "3", "4"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "\n=", "＝"])
def test_no_cell_of_a_table_is_a_formula(store, start):
    text = exported(store, Message.user(f"{start}1+1", id=f"{start.strip()}x"), format="csv")
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert row["text"][0] in "'␍"
    assert row["id"][0] in "'x"


def test_plain_text_names_what_nobody_typed(store):
    text = exported(
        store,
        Message.user("folder: x", metadata={"injected": "environment"}),
        format="text",
        system_prompt="Be brief.",
    )
    assert "user (injected: environment)" in text
    assert "(system prompt)\n  Be brief.\n" in text


MARKS = st.sampled_from(
    [
        *"<>`~#*-_=|[]()!&\\:;/ \n\n\n\t1.",
        *("```", "~~~", "    ", "> ", "- ", "## User", "<https://a.b>", "<!--", "-->", "<?", "<![CDATA["),
        *("<details>", "</details>", "</summary>", "<script>", "<pre", "<div", "</div>", "<a id=x>"),
    ]
)
HARMLESS = re.compile(r"</?(b|br|i|s|q|u|em)\s*/?>", re.IGNORECASE)


@given(st.lists(MARKS | st.text("ab<\n", max_size=3), max_size=25).map("".join))
def test_no_text_swallows_what_comes_behind_it(text):
    """The fold and the next message stand where they belong, whatever was said before."""
    tokens = MarkdownIt("commonmark").parse(f"{contained(text)}\n\n</details>\n\n## Assistant\n")
    assert [token.type for token in tokens[-4:]] == ["html_block", "heading_open", "inline", "heading_close"]
    assert tokens[-4].content == "</details>\n"
    assert [token.level for token in tokens[-4:]] == [0, 0, 1, 0]
    inside = [child for token in tokens[:-4] for child in [token, *(token.children or [])]]
    active = [t.content for t in inside if t.type in ("html_block", "html_inline")]
    assert [tag for tag in active if not HARMLESS.match(tag)] == []


def test_colours_of_a_terminal_are_left_out_of_what_tools_answer():
    part = ToolCallResponsePart("\x1b[1;31mred\x1b[0m \x1b]0;t\x07", "c1")
    assert tool_text(part) == "red ␛]0;t␇"
    assert hint_of("\x1b[32mgreen\x1b[m\nmore") == "green"
