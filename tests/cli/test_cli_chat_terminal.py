"""What a person sees and presses: chats on a real pseudo-terminal."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest

pytest.importorskip("pty", reason="no pseudo-terminals here")


def _load_screens():
    """The helper beside this file: tests are no package."""
    path = Path(__file__).with_name("screens.py")
    spec = importlib.util.spec_from_file_location("screens", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


Person = _load_screens().Person
prompting = pytest.mark.skipif(
    importlib.util.find_spec("prompt_toolkit") is None, reason="the extra chat is not installed"
)
HOSTILE = "before \x1b[35;45m \x1b]0;owned\x07 \x9b2J \u202e &#8238; &#x1b;[35;45m after"


@pytest.fixture
def person():
    """Runs commands on a terminal."""
    return Person


def stored(store, session_id=None):
    (info,) = store.sessions() if session_id is None else [store.get(session_id).info]
    return [(message.role, message.text) for message in store.get(info.id).messages()]


# One message


def test_a_reply_is_markdown(person, script):
    text = "# Head\n\n- **bold** item\n- other\n\n```py\nx = 1\n```\n\nThe *end* of it."
    someone = person("--quiet", "say it", "--model", script({"text": text, "delay": 0.005}))
    assert someone.ends() == 0
    shown = someone.screen.text
    assert "Head" in shown
    assert "• bold item" in shown
    assert "x = 1" in shown
    assert shown.endswith("The end of it.")
    assert "**" not in shown
    assert "```" not in shown
    assert shown.count("Head") == shown.count("other") == 1
    assert someone.screen.strange == []


@pytest.mark.parametrize("rows", [6, 24])
def test_long_blocks_are_shown_once(person, script, rows):
    lines = [f"line {n} of many" for n in range(60)]
    text = "Begin.\n\n" + "\n".join(f"- {line}" for line in lines) + "\n\nEnd."
    someone = person("--quiet", "say it", "--model", script({"text": text, "delay": 0.003}), rows=rows)
    assert someone.ends() == 0
    shown = someone.screen.text.splitlines()
    assert shown[0] == "Begin."
    assert [line.strip(" •") for line in shown if "of many" in line] == lines
    assert shown[-1] == "End."


def test_nothing_moves_without_colours(person, script):
    text = "# Head\n\n- **bold** item\n\nThe end."
    for flags, environ in ([["--no-color"], {}], [[], {"NO_COLOR": "1"}], [[], {"TERM": "dumb"}]):
        someone = person(
            "--quiet", *flags, "say it", "--model", script({"text": text, "delay": 0.01}), **environ
        )
        assert someone.ends() == 0
        assert b"\x1b" not in someone.raw
        assert "• bold item" in someone.screen.text


def test_a_model_does_not_steer_the_terminal(person, script):
    calls = [{"name": HOSTILE, "arguments": {HOSTILE: HOSTILE}, "result": HOSTILE}]
    replies = [{"text": HOSTILE, "tool_calls": calls}, {"text": f"# {HOSTILE}\n\n```{HOSTILE}\n{HOSTILE}"}]
    for flags in ([], ["--no-stream"], ["--json"], ["--jsonl"], ["--no-color"]):
        someone = person("show it", "--model", script(*replies), *flags)
        assert someone.ends() == 0
        assert "after" in someone.screen.text
        assert someone.screen.strange == []


def test_pieces_appear_before_the_end(person, script):
    someone = person("--quiet", "say it", "--model", script({"text": "early words and late", "delay": 0.4}))
    someone.sees("early")
    assert b"late" not in someone.raw
    assert someone.ends() == 0


def test_an_interrupt_keeps_what_came(person, store, script):
    someone = person("count to four", "--model", script({"text": "one two three four", "delay": 1}, "five"))
    someone.sees("Session ").sees("one").presses("\x03")
    assert someone.ends() == 130
    assert "Interrupted" in someone.screen.text
    assert "Traceback" not in someone.screen.text
    role, text = stored(store)[-1]
    assert role == "assistant"
    assert text.startswith("one")
    assert "four" not in text
    (info,) = store.sessions()
    assert store.get(info.id).messages()[-1].metadata["interrupted"] in ("cancelled", "closed")
    assert person("chat", "-c", "go on", "--model", "echo").ends() == 0
    assert len(stored(store)) == 4


# The prompt


@prompting
def test_a_conversation(person, store):
    someone = person("chat", "--model", "echo", "--name", "Talk")
    someone.shows("/help").types("hello").shows("message 1)").types("/count").shows("2 messages, 1 turn")
    someone.asked().presses("line one\x1b\rline two\\\rline three\r").shows("message 2)")
    someone.asked().presses("\x04")
    assert someone.ends() == 0
    (info,) = store.sessions()
    assert f"recollect chat -s {info.id}" in someone.screen.text
    assert stored(store)[::2] == [("user", "hello"), ("user", "line one\nline two\nline three")]
    assert someone.screen.strange == []


@prompting
def test_a_resumed_session_shows_its_end(person, filled):
    someone = person("chat", "-s", "Rust", "--model", "echo")
    someone.shows("Rust: 4 messages.").shows("borrow checker says no").asked()
    someone.presses("\x1b[A").shows("you> What is ownership?")  # the arrow brings it back
    someone.presses(" Again.\r").shows("message 2)").types("/exit")
    assert someone.ends() == 0
    assert stored(filled, "rust-notes")[-2][1] == "What is ownership? Again."


@prompting
def test_ctrl_c_stops_a_reply_and_the_prompt_goes_on(person, store, script):
    model = script({"text": "one two three four", "delay": 1}, "And so on.")
    someone = person("chat", "--model", model).types("count")
    someone.sees("one").presses("\x03").shows("Stopped.")
    someone.types("go on").shows("so on.").asked().presses("\x03").shows("Ctrl-D or").asked()
    someone.presses("\x04")
    assert someone.ends() == 0
    said = stored(store)
    assert [role for role, _ in said] == ["user", "assistant", "user", "assistant"]
    assert said[1][1].startswith("one")
    assert "four" not in said[1][1]
    assert said[3][1] == "And so on."
    assert "Traceback" not in someone.screen.text


@prompting
def test_what_is_typed_while_a_reply_comes_is_said_next(person, store, script):
    someone = person("chat", "--model", script({"text": "one two three", "delay": 0.3}, "Four."))
    someone.types("count").sees("one").presses("and then?\r").shows("Four.").asked().presses("\x04")
    assert someone.ends() == 0
    assert [text for _, text in stored(store)] == ["count", "one two three", "and then?", "Four."]


@prompting
def test_completion_and_edit(person, store):
    someone = person("chat", "--model", "echo").types("helo").shows("message 1)").asked()
    someone.presses("/und").shows("Take back").presses("\t").shows("you> /undo").presses("\r")
    someone.shows("Took back 1 turn").types("helo").types("/edit").shows("/edit\nyou> helo")
    someone.presses("\x7fl").presses("o\r").shows("You said: hello").types("/exit")
    assert someone.ends() == 0
    assert stored(store)[0][1] == "hello"


@prompting
def test_clearing_for_good_asks(person, store):
    someone = person("chat", "--model", "echo").types("a wombat").types("/clear --purge").sees("[y/N]")
    someone.presses("n\r").shows("Nothing was done.").types("/clear --purge").sees("[y/N]")
    someone.presses("y\r").shows("Erased.").asked().presses("\x04")
    assert someone.ends() == 0
    assert stored(store) == []


@prompting
def test_errors_do_not_end_the_prompt(person, store, script):
    model = script({"text": "Half", "error": "It broke."}, "Whole.")
    someone = person("chat", "--model", model).types("one").shows("It broke.").types("/nonsense")
    someone.shows("There is no command").types("two").shows("Whole.").asked().presses("\x04")
    assert someone.ends() == 0


@prompting
def test_a_hostile_session_is_gone_on_with(person, filled):
    from recollect import Message

    session = filled.open("hostile", name=HOSTILE, tags=["a\u202eb"])
    session.append(Message.user(HOSTILE), Message.assistant(HOSTILE, model="echo"))
    someone = person("chat", "-s", "hostile", "--model", "echo")
    for line in (
        "/history",
        "/tree",
        "/name",
        "/tag",
        "/sessions",
        "/search before",
        "/cost",
        "/export text",
    ):
        someone.types(line)
    # The arrow keys bring back what was typed, but not what could steer the terminal.
    someone.asked().presses("\x1b[A" * 12).shows("you> /history\n").presses("\x03").asked().presses("\x04")
    assert someone.ends() == 0
    assert someone.screen.strange == []


@prompting
def test_the_prompt_needs_a_terminal_on_both_sides(run):
    ran = run("chat", "--model", "echo", input="")
    assert ran.code == 2


def test_the_steps_of_a_reply_stand_in_order(person, script):
    calls = [{"name": "look", "arguments": {"n": n}, "result": f"found {n}"} for n in range(2)]
    replies = [{"text": "I will look.", "tool_calls": calls}, "There it is."]
    someone = person("--quiet", "find it", "--model", script(*replies))
    assert someone.ends() == 0
    shown = [line for line in someone.screen.text.splitlines() if line]
    assert shown[0] == "I will look."
    assert shown[-1] == "There it is."
    assert [line for line in shown if line.startswith("→")] == [
        f"→ look {json.dumps({'n': n})}" for n in (0, 1)
    ]
    assert [line for line in shown if line.startswith("←")] == ["← found 0", "← found 1"]
    assert not re.search("look..*There", someone.screen.text)
