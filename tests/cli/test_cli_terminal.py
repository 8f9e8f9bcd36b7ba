"""What a person sees: the command on a real pseudo-terminal."""

from __future__ import annotations

import json
import os
import re
import select
import sys
import time

import pytest

from recollect import Message

pty = pytest.importorskip("pty", reason="no pseudo-terminals here")

ESCAPE = "\x1b"
COLOR = re.compile(r"\x1b\[[0-9;]*m")
HOSTILE = "before \x1b[35;45m \x1b]0;owned\x07 \x9b2J \u202e after"


def terminal(*args, keys=b"", rows=24, columns=80, **environ):
    """Run a command on a terminal; returns (exit code, all it wrote)."""
    environ = {**os.environ, "TERM": "xterm-256color", "LINES": str(rows), "COLUMNS": str(columns), **environ}
    child, screen = pty.fork()
    if child == 0:
        os.execve(sys.executable, [sys.executable, "-m", "recollect", *args], environ)
    seen, answered = b"", not keys
    end = time.monotonic() + 60
    while time.monotonic() < end:
        ready, _, _ = select.select([screen], [], [], 0.2)
        if ready:
            try:
                chunk = os.read(screen, 65536)
            except OSError:  # Linux says so when the other side is closed
                break
            if not chunk:
                break
            seen += chunk
        elif seen and not answered:
            os.write(screen, keys)
            answered = True
    os.close(screen)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), seen.decode().replace("\r\n", "\n")


def plain(text):
    return COLOR.sub("", text)


@pytest.fixture
def hostile(filled):
    session = filled.open("hostile", name=HOSTILE, tags=["a\u202eb"])
    session.append(Message.user(HOSTILE), Message.assistant(f"# T\n\n{HOSTILE}\n\n```\n{HOSTILE}\n```"))
    return filled


def test_a_table_fits_and_reads_well(filled):
    code, seen = terminal("sessions", "list")
    lines = plain(seen).splitlines()
    assert code == 0
    assert lines[0].split() == ["ID", "CHANGED", "MSGS", "COST", "NAME"]
    assert all(len(line) <= 80 for line in lines)
    assert re.search(r"^7f3a9c52 +2026-01-01 +1 +Hello there", lines[1])
    assert re.search(r"^go-notes +2026-01-01 +2 +\* #lang Go", lines[2])
    assert re.search(r"^rust-notes +2026-01-01 +4 +\$0.013 +#work #lang Rust", lines[3])
    assert ESCAPE in seen


@pytest.mark.parametrize("columns", [20, 40, 60, 200])
def test_a_table_fits_every_width(filled, columns):
    filled.open("wide", name="漢字" * 100, tags=["x" * 50])
    _, seen = terminal("sessions", "list", columns=columns)
    for line in plain(seen).splitlines():
        cells = sum(2 if "\u4e00" <= char <= "\u9fff" else 1 for char in line)
        assert cells <= columns


@pytest.mark.parametrize(
    ("flags", "environ"), [(["--no-color"], {}), ([], {"NO_COLOR": "1"}), ([], {"TERM": "dumb"})]
)
def test_colours_can_be_off(filled, flags, environ):
    for command in (
        ["sessions", "list"],
        ["sessions", "show", "rust-notes", "--markdown"],
        ["search", "what"],
    ):
        _, seen = terminal(*flags, *command, **environ)
        assert seen
        assert ESCAPE not in seen


@pytest.mark.parametrize(
    "command",
    [
        ["sessions", "list"],
        ["sessions", "show", "hostile"],
        ["sessions", "show", "hostile", "--markdown"],
        ["search", "before"],
        ["sessions", "list", "--json"],
        ["export", "hostile", "--format", "json"],
        ["export", "hostile", "--format", "jsonl"],
        ["export", "hostile", "--format", "markdown"],
        ["export", "hostile", "--format", "text"],
        ["sessions", "rename", "hostile", HOSTILE],
        ["sessions", "show", "absent\x1b[31;1;4m"],
    ],
)
def test_stored_text_does_not_steer_the_terminal(hostile, command):
    _, seen = terminal(*command)
    assert "before" in seen or "absent" in seen
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", plain(seen))
    assert "\x1b[35;45m" not in seen
    assert "\x1b[31;1;4m" not in seen


def test_long_output_goes_through_the_pager_and_short_output_does_not(filled):
    filled.open("long").append(*[Message.user(f"line {n}") for n in range(100)])
    pager = {"PAGER": "sed s/^/paged:/"}
    _, seen = terminal("sessions", "show", "long", **pager)
    assert seen.count("paged:") > 100
    assert "line 99" in seen
    assert "paged:" not in terminal("sessions", "show", "rust-notes", rows=60, **pager)[1]
    assert "paged:" not in terminal("sessions", "show", "long", "--no-pager", **pager)[1]
    assert "paged:" not in terminal("sessions", "show", "long", "--json", **pager)[1]


def test_a_pager_that_is_left_early_is_no_error(filled):
    filled.open("long").append(*[Message.user(f"line {n} " + "x" * 100) for n in range(3000)])
    code, seen = terminal("sessions", "show", "long", PAGER="head -n 3")
    assert code == 0
    assert "line 3" not in seen
    assert "Traceback" not in seen


@pytest.mark.parametrize(("key", "gone"), [(b"y\n", True), (b"n\n", False), (b"\n", False)])
def test_purge_asks(filled, key, gone):
    code, seen = terminal("sessions", "delete", "rust-notes", "--purge", keys=key)
    assert "Remove 1 session for good?" in seen
    assert filled.exists("rust-notes") is not gone
    assert code == (0 if gone else 1)


def test_an_interrupt_at_the_question_is_130(filled):
    code, _ = terminal("sessions", "delete", "rust-notes", "--purge", keys=b"\x03")
    assert code == 130
    assert filled.exists("rust-notes")


def test_times_are_relative_for_people(here):
    from recollect import Store

    with Store() as store:
        store.open("new", name="New")
    assert "just now" in terminal("sessions", "list")[1]


def test_json_is_indented_for_people(filled):
    assert '\n  "sessions": [\n' in terminal("sessions", "list", "--json")[1]


def test_long_ids_are_shown_whole(store):
    ids = [f"{'x' * 60}-{n}" for n in range(3)]
    for session_id in ids:
        store.open(session_id)
    seen = plain(terminal("sessions", "list")[1])
    assert "".join(re.findall(r"^[x-][x0-9-]*", seen, re.MULTILINE)) == "".join(reversed(ids))


def test_an_import_shows_how_far_it_is(here, store):
    chats = [json.dumps({"messages": [{"role": "user", "content": f"chat {n}"}]}) for n in range(2000)]
    (here / "chats.jsonl").write_text("\n".join(chats))
    code, seen = terminal("import", "chats.jsonl")
    assert code == 0
    assert re.search(r"chats.jsonl .*%.*[\d,]+ messages", plain(seen))
    assert seen.rstrip().endswith("2,000 sessions created, 0 updated, 0 unchanged; 2,000 messages added.")
    assert "%" not in terminal("--quiet", "import", "chats.jsonl")[1]


def test_a_move_shows_its_rate(here, store):
    with store.transaction():
        for number in range(300):
            store.create(f"s{number}").append(Message.user("hello"))
    where = os.environ["RECOLLECT_STORE"], f"sqlite:///{here}/copy.db"
    code, seen = terminal("migrate", *where, "--verify", columns=120)
    assert code == 0
    assert re.search(r"verify ━+ +100% 300 sessions [\d,]+ records/s", plain(seen))
    assert "300 sessions: 300 created, 0 continued, 0 there already." in seen


def test_markdown_is_formatted(hostile):
    hostile.open("md").append(Message.assistant("# Head\n\n- **bold** item"))
    _, seen = terminal("sessions", "show", "md", "--markdown")
    assert "**" not in seen
    assert "• " in plain(seen)
    assert "# Head" not in seen


@pytest.fixture
def branched(filled):
    """A session with a branch beside the active line and a label."""
    session = filled.get("rust-notes")
    session.branch("idea", at="m1")
    session.append(Message.assistant(HOSTILE, id="i1"), branch="idea")
    session.label("m2", "good\u202e")
    return filled


def test_the_tree_is_drawn(branched):
    code, seen = terminal("sessions", "tree", "rust-notes")
    assert code == 0
    assert [line[:40] for line in plain(seen).splitlines()] == [
        "● 1 user m1 What is ownership?",
        "├─○ 2 assistant i1 (idea) before \\x1b[35",
        "● 2 assistant m2 [good\\u202e] They ask a",
        '● 3 assistant m3 → run {"cmd": "cargo"}',
        "● 4 tool m4 (main) ← borrow checker says",
    ]


@pytest.mark.parametrize("columns", [20, 40, 80])
def test_a_long_tree_with_wide_text_stays_on_the_screen(store, columns):
    session = store.open("long")
    session.append(*[Message.user(f"{n} " + "漢字" * 300, id=f"{n}") for n in range(300)])
    for number in range(0, 300, 10):
        session.branch(f"b{number}", at=f"{number}")
        session.append(Message.user(f"side {number}"), branch=f"b{number}")
    code, seen = terminal("--no-pager", "sessions", "tree", "long", columns=columns)
    lines = plain(seen).splitlines()
    assert (code, len(lines)) == (0, 330)
    assert all(sum(2 if "\u4e00" <= char <= "\u9fff" else 1 for char in line) <= columns for line in lines)


def test_ten_thousand_messages_are_drawn(store):
    store.open("long").append(*[Message.user(f"line {n}") for n in range(10_000)])
    code, seen = terminal("sessions", "tree", "long", PAGER="tail -n 2")
    assert code == 0
    assert plain(seen).startswith("● 10000 user ")
    assert "(main) line 9999" in plain(seen)


def test_lists_of_branches_and_changes_read_well(branched):
    _, seen = terminal("sessions", "branches", "rust-notes")
    lines = [line.split() for line in plain(seen).splitlines()]
    assert lines == [["MSGS", "LAST", "NAME"], ["*", "4", "m4", "main"], ["2", "i1", "idea"]]
    _, seen = terminal("sessions", "history", "rust-notes", "--limit", "1")
    assert "label +good\\u202e" in plain(seen)
    assert "There are more: --before" in seen
    _, seen = terminal("tags")
    assert [line.split() for line in plain(seen).splitlines()][1:] == [["2", "lang"], ["1", "work"]]


def test_edit_opens_the_editor_with_the_old_text(filled, tmp_path):
    editor = tmp_path / "editor"
    editor.write_text(f'#!/bin/sh\ncp "$1" {tmp_path}/seen\nsleep 0.1\necho "What is borrowing?" > "$1"\n')
    editor.chmod(0o700)
    code, _ = terminal("sessions", "edit", "rust-notes", "m1", EDITOR=str(editor))
    assert code == 0
    assert (tmp_path / "seen").read_text() == "What is ownership?\n"
    assert filled.get("rust-notes").messages()[-1].parts[0].content == "What is borrowing?"


def test_an_editor_that_changes_nothing_changes_nothing(filled):
    version = filled.get("rust-notes").version
    code, seen = terminal("sessions", "edit", "rust-notes", "m1", EDITOR="true")
    assert (code, "Nothing was changed." in seen) == (0, True)
    assert filled.get("rust-notes").version == version


@pytest.mark.parametrize(("key", "gone"), [(b"y\n", True), (b"n\n", False)])
def test_erase_asks_and_shows_what_goes(filled, key, gone):
    _, seen = terminal("sessions", "erase", "rust-notes", "m1", keys=key)
    assert "Erase for good: user: What is ownership? ?" in seen
    assert (filled.get("rust-notes").messages()[0].parts == ()) is gone


def test_emptying_the_whole_trash_asks(filled):
    filled.trash("go-notes")
    terminal("trash", "empty", "--all", keys=b"n\n")
    assert len(filled.trashed()) == 1
    terminal("trash", "empty", "--all", keys=b"y\n")
    assert len(filled.trashed()) == 0
