"""One message from the command line: which session, which model, what is printed, what is kept."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

KEY = "sk-proj-" + "a1B2" * 10


@pytest.fixture
def model(monkeypatch):
    """A model for those who name none."""
    monkeypatch.setenv("RECOLLECT_MODEL", "echo")


def said(store, session_id):
    """Who said what in a session."""
    return [(message.role, message.text) for message in store.get(session_id).messages()]


def test_a_text_of_several_words_is_a_message(run, store):
    ran = run("Hello there", "--model", "echo")
    assert (ran.code, ran.out) == (0, "You said: Hello there (message 1)\n")
    (info,) = store.sessions()
    assert ran.err == f"Session {info.id}\n"
    assert info.model == "echo"
    assert said(store, info.id) == [
        ("user", "Hello there"),
        ("assistant", "You said: Hello there (message 1)"),
    ]


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["chat", "hello"], "hello"),
        (["chat", "list", "my", "cats"], "list my cats"),
        (["chat", "--", "--help me"], "--help me"),
        (["--", "-5 is a number"], "-5 is a number"),
        (["tell\tme"], "tell\tme"),
        (["tell me", "more"], "tell me more"),
        (["sessions list"], "sessions list"),
        (["--no-color", "hello you", "--no-stream"], "hello you"),
    ],
)
def test_words_are_said_as_they_stand(run, model, args, text):
    ran = run("--quiet", *args)
    assert (ran.code, ran.out, ran.err) == (0, f"You said: {text} (message 1)\n", "")


@pytest.mark.parametrize(("word", "near"), [("serch", "search"), ("session", "sessions"), ("chta", "chat")])
def test_a_lone_word_that_is_no_command_is_a_mistake(run, store, model, word, near):
    ran = run(word)
    assert (ran.code, ran.out) == (2, "")
    assert f"There is no command {word!r}. Did you mean {near}?" in ran.err
    assert f"recollect chat {word}" in ran.err
    assert len(store.sessions()) == 0


@pytest.mark.parametrize("word", ["hello", "¿", "привет"])
def test_a_lone_word_that_is_like_nothing(run, store, model, word):
    ran = run("--json", word)
    assert ran.code == 2
    assert ran.error["message"].endswith(f"To say it to a model: recollect chat {word}")
    assert len(store.sessions()) == 0


def test_below_the_root_nothing_is_said_to_a_model(run, store, model):
    assert run("sessions", "a b").code == 2
    assert run("tags", "a b").code == 2
    assert len(store.sessions()) == 0


def test_the_message_from_stdin(run, model):
    assert run("chat", input="line 1\nline 2\n").out == "You said: line 1\nline 2 (message 1)\n"
    assert run("chat", "-", input="piped").out == "You said: piped (message 1)\n"
    assert run("chat", "given", input="ignored").out == "You said: given (message 1)\n"


@pytest.mark.parametrize("given", ["", "\n", " \n\t"])
def test_nothing_to_say(run, store, model, given):
    ran = run("chat", input=given)
    assert (ran.code, ran.out) == (2, "")
    assert "empty" in ran.err
    assert len(store.sessions()) == 0


def test_what_is_not_utf8_is_not_said(run, store, model):
    assert run("chat", input=b"\xff\xfe").code == 2
    assert len(store.sessions()) == 0


# Which session


@pytest.mark.parametrize("reference", ["rust-notes", "rust-n", "Rust"])
def test_going_on_by_id_beginning_or_name(run, filled, reference):
    ran = run("chat", "-s", reference, "--model", "echo", "And now?")
    assert (ran.code, ran.err) == (0, "")
    assert said(filled, "rust-notes")[-2:] == [
        ("user", "And now?"),
        ("assistant", "You said: And now? (message 2)"),
    ]


def test_going_on_with_the_newest(run, store, model):
    run("first one")
    run("chat", "--continue", "second", "one")
    ran = run("and a third", "-c")
    assert ran.out == "You said: and a third (message 3)\n"
    assert [info.message_count for info in store.sessions()] == [6]


def test_a_session_that_is_not_there(run, store, model):
    ran = run("chat", "-s", "absent", "Hi")
    assert ran.code == 3
    assert "--create" in ran.err
    assert run("chat", "-c", "Hi").code == 3
    assert run("chat", "-s", "@last", "--create", "Hi").code == 3
    assert len(store.sessions()) == 0


def test_a_session_of_one_s_own_id(run, store, model):
    assert run("chat", "-s", "alice", "--create", "one").err == "Session alice\n"
    assert run("chat", "-s", "alice", "--create", "two").err == ""
    # A beginning of another id is an id of its own here.
    assert run("chat", "-s", "alic", "--create", "three").err == "Session alic\n"
    assert {info.id: info.message_count for info in store.sessions()} == {"alice": 4, "alic": 2}


def test_a_name_is_found_before_a_session_is_made(run, filled):
    assert run("chat", "-s", "Go", "--create", "--model", "echo", "hm").code == 0
    assert len(said(filled, "go-notes")) == 4
    filled.open("other", name="Go")
    assert run("chat", "-s", "Go", "--create", "--model", "echo", "hm").code == 2
    # What two ids begin with is no more than a new id.
    assert run("chat", "-s", "othe", "--create", "--model", "echo", "hm").code == 0
    assert len(said(filled, "othe")) == 2


@pytest.mark.parametrize("bad", ["", "a\nb", "x" * 256])
def test_an_id_that_can_not_be(run, store, model, bad):
    assert run("chat", "-s", bad, "--create", "hi").code == 2
    assert len(store.sessions()) == 0


def test_a_session_in_the_trash_is_not_gone_on_with(run, filled):
    filled.trash("go-notes")
    assert run("chat", "-s", "go-notes", "--model", "echo", "hi").code == 3
    assert run("chat", "-s", "go-notes", "--create", "--model", "echo", "hi").code == 5


@pytest.mark.parametrize(
    "args",
    [
        ["-s", "a", "-c"],
        ["--create"],
        ["--max-iterations", "0"],
        ["--no-store", "-c"],
        ["--no-store", "-s", "a"],
        ["--no-store", "--name", "n"],
        ["--no-store", "--tag", "t"],
        ["--no-store", "--recall"],
        ["--modle", "echo"],
    ],
)
def test_contradictions(run, filled, model, args):
    ran = run("chat", "hi", *args)
    assert (ran.code, ran.out) == (2, "")
    assert len(filled.sessions()) == 3


def test_attributes_of_a_new_session(run, store):
    args = ["--name", "Lunch", "--tag", "home", "--tags", "food", "--system", "Be brief."]
    run("What is for lunch?", "--model", "echo", *args)
    (info,) = store.sessions()
    assert (info.name, info.tags, info.system_prompt) == ("Lunch", ("home", "food"), "Be brief.")


def test_attributes_of_a_session_that_goes_on(run, filled):
    args = ["--name", "Gopher", "--tag", "home", "--system", "Be brief."]
    run("chat", "-s", "go-notes", "--model", "echo", "more", *args)
    info = filled.get("go-notes").info
    assert (info.name, set(info.tags), info.system_prompt) == ("Gopher", {"lang", "home"}, "Be brief.")


# Which model


def test_no_model(run, store):
    ran = run("Hello there")
    assert ran.code == 2
    assert "--model" in ran.err
    assert len(store.sessions()) == 0


def test_a_model_of_that_name_is_not_there(run, store):
    ran = run("Hello there", "--model", "nonsense")
    assert ran.code == 2
    assert "echo" in ran.err
    assert len(store.sessions()) == 0


def test_a_missing_key(run, store, monkeypatch):
    pytest.importorskip("pydantic_ai")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    ran = run("Hello there", "--model", "openai:gpt-5-mini")
    assert (ran.code, ran.out) == (4, "")
    assert "OPENAI_API_KEY" in ran.err
    assert "--model echo" in ran.err
    assert len(store.sessions()) == 0


def test_the_model_that_answered_before_goes_on(run, store):
    run("one thing", "--model", "echo")
    assert run("chat", "-c", "another").out == "You said: another (message 2)\n"


def test_the_model_of_the_configuration_file(run, here):
    (here / "mine.toml").write_text('model = "echo"\n')
    assert run("--config", "mine.toml", "Hello there").code == 0


# What is printed


def test_one_document(run, store):
    document = run("--json", "Hello there", "--model", "echo").json
    (info,) = store.sessions()
    assert document["session"] == info.to_dict()
    reply = document["reply"]
    assert (reply["text"], reply["success"]) == ("You said: Hello there (message 1)", True)
    assert [message["role"] for message in reply["messages"]] == ["user", "assistant"]
    assert [step["kind"] for step in reply["steps"]] == ["answer"]
    assert reply["usage"]["cost_usd"] is None


def test_a_line_for_each_piece(run, store):
    lines = run("chat", "a b", "--model", "echo", "--jsonl").lines
    assert "".join(line["piece"] for line in lines if "piece" in line) == "You said: a b (message 1)"
    assert len(lines) > 4
    assert [line["step"]["kind"] for line in lines if "step" in line] == ["answer"]
    assert lines[-1]["reply"]["text"] == "You said: a b (message 1)"


def test_text_into_a_pipe_is_as_it_is(run, script):
    text = "# T\n\n\x1b[31m**b**\n\ttab"
    assert run("say it", "--model", script(text), "--quiet").out == f"{text}\n"
    assert run("say it", "--model", script(f"{text}\n"), "--quiet").out == f"{text}\n"
    assert run("say it", "--model", script(text), "--quiet", "--no-stream").out == f"{text}\n"


def test_tools_are_told_of_beside_the_reply(run, script):
    calls = [{"name": "look", "arguments": {"where": "\x1b[31m"}, "result": "x" * 1000}]
    ran = run("look it up", "--model", script({"text": "Wait.", "tool_calls": calls}, "Found."))
    assert ran.out == "Wait.\n\nFound.\n"
    lines = ran.err.splitlines()
    assert lines[1] == '→ look {"where": "\\u001b[31m"}'
    assert lines[2] == f"← {'x' * 200}…"


def test_the_bound_of_calls(run, store, script):
    call = {"tool_calls": [{"name": "look", "result": 1}]}
    ran = run("look it up", "--model", script(call, call, call, "done"), "--max-iterations", "2")
    assert ran.code == 8
    assert "--max-iterations" in ran.err
    (info,) = store.sessions()
    assert [role for role, _ in said(store, info.id)] == ["user", "assistant", "tool", "assistant", "tool"]


def test_a_model_that_fails_leaves_what_it_said(run, store, script):
    failing = {"text": "The answer is", "error": {"kind": "unavailable", "message": "It broke."}}
    ran = run("what is it?", "--model", script(failing))
    assert (ran.code, ran.out) == (1, "The answer is\n")
    assert "Traceback" not in ran.err
    (info,) = store.sessions()
    messages = store.get(info.id).messages()
    assert [message.text for message in messages] == ["what is it?", "The answer is"]
    assert messages[1].metadata == {"interrupted": "error"}
    assert run("chat", "-c", "--model", "echo", "and?").out == "You said: and? (message 2)\n"


@pytest.mark.parametrize("mode", ["--json", "--jsonl"])
def test_an_error_is_one_object(run, script, mode):
    ran = run(mode, "what is it?", "--model", script({"error": "It broke."}))
    assert ran.code == 1
    assert ran.lines[-1]["error"]["code"] == 1


# What is kept


def test_nothing_is_kept(run, store):
    ran = run("Hello there", "--model", "echo", "--no-store")
    assert (ran.code, ran.out, ran.err) == (0, "You said: Hello there (message 1)\n", "")
    assert len(store.sessions()) == 0
    assert run("Hello there", "--model", "echo", "--no-store", "--json").json["session"] is None


def test_not_even_a_store_is_made(run, tmp_path, model):
    path = tmp_path / "never.db"
    assert run("--store", f"sqlite:///{path}", "Hello there", "--no-store").code == 0
    assert not path.exists()


def test_keys_are_replaced_before_they_are_stored(run, store, tmp_path, model):
    ran = run(f"my key is {KEY} ok?")
    assert KEY in ran.out  # the model was told what the person said
    assert "replaced" in ran.err
    (info,) = store.sessions()
    assert said(store, info.id)[0][1] == "my key is [redacted] ok?"
    store.close()
    for file in Path(tmp_path).rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes(), file


def test_keys_are_stored_if_one_wants_that(run, store, model):
    ran = run(f"my key is {KEY} ok?", "--no-redact")
    assert "replaced" not in ran.err
    (info,) = store.sessions()
    assert KEY in said(store, info.id)[0][1]


def test_past_conversations_are_recalled(run, filled, script):
    call = {"tool_calls": [{"name": "search_past_conversations", "arguments": {"query": "ownership"}}]}
    ran = run("what about borrowing?", "--model", script(call, "You asked before."), "--recall")
    assert ran.code == 0
    assert "→ search_past_conversations" in ran.err
    assert re.search(r"← .*rust-notes", ran.err)


def test_a_store_that_can_not_be_written_is_told(run, tmp_path, model):
    folder = tmp_path / "folder.db"
    folder.mkdir()
    ran = run("--store", f"sqlite:///{folder}", "Hello there")
    assert ran.code != 0
    assert "Traceback" not in ran.err


def test_a_broken_configuration_is_told_first(run, here):
    (here / "recollect.toml").write_text("model = 3\n")
    assert run("Hello there").code == 2


def test_other_namespaces_are_kept_apart(run, store, model):
    run("--namespace", "bob", "Hello there")
    assert len(store.sessions()) == 0
    assert len(store.namespace("bob").sessions()) == 1
    assert run("chat", "-c", "hi").code == 3
