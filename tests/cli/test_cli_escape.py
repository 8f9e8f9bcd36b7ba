"""Stored text never steers a terminal: the escaping itself, and that every command uses it."""

from __future__ import annotations

import json
import re

import pytest

from recollect import Message, ReasoningPart, TextPart, ToolCallPart
from recollect.cli.escape import json_text, one_line, safe

CONTROLS = [*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
NASTY = "red \x1b[31m bell \x07 title \x1b]0;owned\x07 csi \x9b2J rlo \u202e del \x7f cr \r end"


@pytest.mark.parametrize("number", CONTROLS)
def test_each_control_character_is_spelled_out(number):
    text = f"a{chr(number)}b"
    if chr(number) in "\n\t":
        assert safe(text) == text
    else:
        assert not STEERING.search(safe(text))
        assert f"{number:02x}" in safe(text)
        assert json.loads(json_text(text)) == text
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", json_text(text))


def test_ordinary_text_stays_as_it_is():
    text = "ünïcode 漢字 🎉 שלום \u200f a\tb\nc"
    assert safe(text) == text
    assert safe("dos\r\nlines\r") == "dos\nlines\\x0d"
    assert one_line(" a\n b\t\x1bc ") == "a b \\x1bc"


def test_lone_surrogates_can_be_printed():
    assert safe("a\ud800b") == "a\\ud800b"
    assert json.loads(json_text({"a": "\ud800"})) == {"a": "\ud800"}
    json_text("\ud800").encode()


@pytest.fixture
def hostile(store):
    """Every place that text can stand in, set to something that steers terminals."""
    session = store.open("hostile", name=NASTY, provider=NASTY, model=NASTY, system_prompt=NASTY)
    session.update(tags=["t\u202eg"], metadata={"key": NASTY, NASTY: 1}, summary=NASTY)
    session.append(
        Message.user(NASTY),
        Message.assistant(
            [ReasoningPart(NASTY), TextPart(NASTY), ToolCallPart(NASTY, {NASTY: NASTY}, NASTY)], model=NASTY
        ),
        Message.tool(NASTY, NASTY),
        Message.tool("x", {"a": [NASTY]}),
    )
    session.branch("idea\u202e")
    session.append(Message.user(NASTY, id="id \u202e"), branch="idea\u202e")
    session.label("id \u202e", "good\u202e")
    session.fork("fork \u202e").append(Message.user(NASTY))
    return store


@pytest.mark.parametrize("mode", [[], ["--json"], ["--jsonl"]])
@pytest.mark.parametrize(
    "command",
    [
        ["sessions", "list"],
        ["sessions", "show", "hostile"],
        ["sessions", "show", NASTY],
        ["sessions", "show", "hostile", "--markdown"],
        ["sessions", "meta", "hostile"],
        ["sessions", "meta", "hostile", "get", "key"],
        ["sessions", "meta", "hostile", "get", NASTY],
        ["sessions", "meta", "hostile", "get", "x\x1b[31m"],
        ["sessions", "meta", "hostile", "set", "x\x1b[31m", "1"],
        ["sessions", "tag", "hostile", "more\u202e"],
        ["sessions", "pin", "hostile"],
        ["sessions", "rename", "hostile", NASTY + "2"],
        ["sessions", "delete", "hostile"],
        ["sessions", "show", "absent\x1b[31m"],
        ["sessions", "history", "hostile"],
        ["sessions", "undo", "hostile"],
        ["sessions", "restore-version", "hostile", "3"],
        ["sessions", "edit", "hostile", "@1", NASTY],
        ["sessions", "edit", "hostile", "\x1b[31m", NASTY],
        ["sessions", "rewind", "hostile", "--to", "@1"],
        ["sessions", "pop", "hostile"],
        ["sessions", "erase", "hostile", "id \u202e", "--yes"],
        ["sessions", "tree", "hostile"],
        ["sessions", "branches", "hostile"],
        ["sessions", "branch", "hostile", "b\u202e", "--at", "id"],
        ["sessions", "checkout", "hostile", "b\u202e"],
        ["sessions", "checkout", "hostile", "idea\u202e"],
        ["sessions", "label", "hostile", "id", "l\u202e"],
        ["sessions", "diff", "hostile", "idea\u202e"],
        ["sessions", "diff", "hostile", "--session", "fork \u202e"],
        ["sessions", "merge", "hostile", "idea\u202e"],
        ["sessions", "merge", "hostile", "fork \u202e", "--from-session"],
        ["sessions", "fork", "hostile", "--id", "f\u202e2"],
        ["sessions", "lineage", "hostile"],
        ["sessions", "lineage", "fork \u202e"],
        ["sessions", "expire", "hostile", "--after", "30d"],
        ["sessions", "expire", "hostile", "--after", "\x1b[31m"],
        ["sessions", "expire", "hostile", "--at", "\x1b[31m"],
        ["tags"],
        ["tags", "rename", "t\u202eg", "\u202ex"],
        ["cleanup", "--max-sessions", "1"],
        ["cleanup", "--max-sessions", "1", "--apply"],
        ["trash", "list"],
        ["repair"],
        ["search", "title"],
        ["search", "zebra\x1b[31m"],
        ["sessions", "list", "--since", "\x1b[31m"],
        ["--store", "x\x1b[31m", "stats"],
        ["\x1b[31m"],
        ["verify", "hostile"],
        ["import", "absent\x1b[31m"],
    ],
)
def test_no_command_lets_stored_or_typed_text_steer(run, hostile, command, mode):
    ran = run(*mode, *command)
    assert not STEERING.search(ran.out)
    assert not STEERING.search(ran.err)
    assert ran.out or ran.err or (mode == ["--jsonl"] and command[0] in ("search", "trash"))
