"""What is typed at the prompt: messages and the commands that begin with a slash."""

from __future__ import annotations

import json

import pytest

from recollect import Store
from recollect.cli.repl import follow
from recollect.cli.slash import COMMANDS, as_command, unslashed
from recollect.cli.slash_offers import offers
from recollect.cli.talk import Choices, Talk, TalkingApp


@pytest.fixture
def open_talk(store):
    """A talk with ``echo`` over the store of the test."""
    talks = []

    def make(session_id=None, **choices):
        app = TalkingApp()
        app.held = store
        talks.append(Talk(app, store, Choices(**{"model": "echo", **choices}), session_id))
        return talks[-1]

    yield make
    for talk in talks:
        with talk:
            pass


@pytest.fixture
def talk(open_talk):
    return open_talk()


@pytest.fixture
def type_(capsys):
    """Type lines at the prompt; returns what came: (stdout, stderr). An error is raised."""

    def typed(talk, *lines, answers=()):
        left, given = list(lines), list(answers)

        def ask(text):
            if text:
                asked.append(text)
                answer = given.pop(0)
                if isinstance(answer, BaseException):
                    raise answer
                return answer
            if not left:
                raise EOFError
            line = left.pop(0)
            if isinstance(line, BaseException):
                raise line
            return line

        asked = talk.asked = []
        talk.ask = ask
        capsys.readouterr()
        follow(talk, ask)
        assert not left or "/exit" in lines or "/q" in lines
        return capsys.readouterr()

    return typed


def texts(talk):
    return [message.text for message in talk.session().messages()]


def test_messages(talk, type_):
    out, err = type_(talk, "one", "", "  ", "two\nlines", "//exit is a word", "/etc/hosts is what?")
    assert err == ""
    assert "You said: one (message 1)" in out
    assert "You said: two\nlines (message 2)" in out
    assert "You said: /exit is a word (message 3)" in out
    assert "You said: /etc/hosts is what? (message 4)" in out
    assert talk.session().info.turn_count == 4


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("/help", ("help", "")),
        ("  /HELP  ", ("help", "")),
        ("/tag a b ", ("tag", "a b")),
        ("/quit", ("exit", "")),
        ("/?", ("help", "")),
        ("/system line 1\nline 2", ("system", "line 1\nline 2")),
        ("/nonsense x", ("nonsense", "x")),
        ("/usr/bin", None),
        ("//help", None),
        ("/ help", None),
        ("/", None),
        ("help", None),
        ("a /help", None),
        ("/2", None),
    ],
)
def test_what_is_a_command(line, command):
    assert as_command(line) == command


def test_two_slashes_stand_for_one():
    assert unslashed("//tmp and //x") == "/tmp and //x"
    assert unslashed("/etc/hosts") == "/etc/hosts"


def test_help_lists_every_command(talk, type_):
    names = "help exit clear count history save load sessions search tag untag name model system undo edit "
    names += "branch branches checkout tree fork merge export cost"
    assert set(names.split()) == set(COMMANDS)
    out, _ = type_(talk, "/help")
    assert all(f"/{name}" in out for name in COMMANDS)
    out, _ = type_(talk, "/help /tree")
    assert out.split() == ["/tree", *COMMANDS["tree"].about.split()]


def test_unknown_commands(talk, type_):
    _, err = type_(talk, "/tre", "/xyzzy", "/help nonsense", "still here")
    assert "Did you mean /tree?" in err
    assert "//xyzzy" in err
    assert texts(talk)[0] == "still here"


def test_options_of_the_command_line(talk, type_):
    out, err = type_(talk, "one", "/tag --help", "/branches --json", "/tag", "/export --format text --last 1")
    assert "recollect sessions tag @last work rust" in out
    assert json.loads(next(line for line in out.splitlines() if line.startswith("{")))["branches"]
    assert "The session has no tags." in err  # --json held for one command
    assert "[2" in out or "You said: one" in out


def test_leaving(talk, type_):
    type_(talk, "/exit", "never said")
    type_(talk, "/q", "never said")
    _, err = type_(talk, KeyboardInterrupt(), "said")
    assert "Ctrl-D" in err
    assert texts(talk)[0] == "said"


def test_clear_and_count(talk, type_):
    out, err = type_(talk, "one", "/count", "/clear", "/count", "two", "/clear now")
    assert "2 messages, 1 turn\n" in out
    assert "0 messages, 0 turns\n" in out
    assert f"recollect sessions undo {talk.chat.session_id}" in err
    assert "--purge" in err.splitlines()[-1]
    assert "You said: two (message 1)" in out
    assert texts(talk)[0] == "two"


def test_clear_for_good_asks(talk, type_, store, monkeypatch, tmp_path):
    type_(talk, "a wombat")
    _, err = type_(talk, "/clear --purge")  # stdin is no terminal here
    assert "cannot be undone" in err
    assert texts(talk)[0] == "a wombat"
    monkeypatch.setattr("recollect.cli.slash_chat.confirm", lambda *_, **__: None)
    type_(talk, "/clear --purge", "begin anew")
    assert texts(talk)[0] == "begin anew"
    assert len(store.search("wombat")) == 0
    for file in tmp_path.glob("chats.db*"):
        assert b"wombat" not in file.read_bytes()


def test_history(talk, type_):
    assert "Nothing was said" in type_(talk, "/history")[1]
    type_(talk, *[f"line {n}" for n in range(8)])
    out, _ = type_(talk, "/history")
    assert "line 3 (message 4)" in out
    assert "line 2" not in out
    out, _ = type_(talk, "/history 1")
    assert out.count("line") == 1
    for wrong in ("0", "-1", "x", "1 2", "٣x"):
        assert "not a number" in type_(talk, f"/history {wrong}")[1]


def test_save_and_load(filled, talk, type_):
    type_(talk, "hello")
    mine = talk.chat.session_id
    assert type_(talk, "/save")[1] == f"Saved: {mine}, 2 messages.\n"
    out, _ = type_(talk, "/load Go", "and now")
    assert "A light thread." in out
    assert "You said: and now (message 2)" in out
    assert talk.chat.session_id == "go-notes"
    _, err = type_(talk, "/load absent", "/load", f"/load {mine}", "back again")
    assert "'absent'" in err
    assert texts(talk) == [
        "hello",
        "You said: hello (message 1)",
        "back again",
        "You said: back again (message 2)",
    ]


def test_load_sees_what_others_said(filled, open_talk, type_):
    one, other = open_talk("go-notes"), open_talk("go-notes")
    type_(other, "from another")
    out, _ = type_(one, "/load", "mine")
    assert "from another" in out
    assert "You said: mine (message 3)" in out


def test_sessions_and_search(filled, talk, type_):
    out, _ = type_(talk, "the ownership of cats", "/sessions", "/sessions --tags work --json")
    listed = [line.split("\t")[0] for line in out.splitlines() if "\t" in line]
    assert set(listed) >= {"rust-notes", "go-notes", talk.chat.session_id}
    assert [s["id"] for s in json.loads(out.splitlines()[-1])["sessions"]] == ["rust-notes"]
    out, _ = type_(talk, "/search ownership")
    assert {line.split("\t")[0] for line in out.splitlines()} == {"rust-notes", talk.chat.session_id}
    assert "rust-notes" not in type_(talk, '/search "ownership of"')[0]
    assert "rust-notes" not in type_(talk, "/search ownership -what")[0]
    out, _ = type_(talk, "/search ownership --role assistant")
    assert {line.split("\t")[2] for line in out.splitlines()} == {"assistant"}
    type_(talk, "/search don't", "/search", "/search --nonsense")


def test_attributes(talk, type_):
    _, err = type_(talk, "/tag", "/name", "/tag work 'two words'", "/untag work", "/tag")
    assert "The session has no tags." in err
    assert "The session has no name." in err
    assert talk.session().info.tags == ("two words",)
    type_(talk, "/name My first chat")
    assert talk.session().info.name == "My first chat"
    type_(talk, '/name "In quotes"', "/name")
    assert talk.session().info.name == "In quotes"
    type_(talk, "/name don't")
    assert talk.session().info.name == "don't"
    type_(talk, '/name ""')
    assert talk.session().info.name is None


def test_model(talk, type_, script):
    _, err = type_(
        talk, "/model", "one", f"/model {script('', 'From the script.')}", "two", "/model nonsense"
    )
    assert err.startswith("echo answers.\n")
    assert "'nonsense'" in err
    assert texts(talk)[-1] == "From the script."
    assert "echo" in type_(talk, "/model echo", "three")[1]
    assert texts(talk)[-1] == "You said: three (message 3)"


def test_a_model_without_a_key_changes_nothing(talk, type_, monkeypatch):
    pytest.importorskip("pydantic_ai")
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    _, err = type_(talk, "/model anthropic:claude-sonnet-4-5", "hi")
    assert "ANTHROPIC_API_KEY" in err
    assert texts(talk)[-1] == "You said: hi (message 1)"


def test_system(talk, type_):
    assert "System prompt: none" in type_(talk, "/system")[1]
    type_(talk, "/system Be brief.", "hi")
    assert talk.session().info.system_prompt == "Be brief."
    assert "System prompt: Be brief." in type_(talk, "/system")[1]
    type_(talk, "/system -", "again")
    assert talk.session().info.system_prompt is None


def test_undo(talk, type_):
    assert "nothing to take back" in type_(talk, "/undo")[1]
    _, err = type_(talk, "one", "two", "three", "/undo", "/undo 7")
    assert "Took back 1 turn; 4 messages left." in err
    assert "Took back 2 turns; 0 messages left." in err
    out, _ = type_(talk, "four")
    assert "You said: four (message 1)" in out


def test_edit(talk, type_):
    type_(talk, "one", "two", "three")
    out, err = type_(talk, "/edit @3 zwei")
    assert "You said: zwei (message 2)" in out
    assert "main-2" in err
    assert texts(talk) == ["one", "You said: one (message 1)", "zwei", "You said: zwei (message 2)"]
    type_(talk, "/checkout main-2")
    assert texts(talk)[2:5:2] == ["two", "three"]
    type_(talk, "/edit", answers=["drei"])
    assert talk.asked == ["three"]
    assert texts(talk)[-2:] == ["drei", "You said: drei (message 3)"]
    first = talk.session().messages()[-2].metadata["edit_of"]
    type_(talk, "/edit vier")
    assert talk.session().messages()[-2].metadata["edit_of"] == first
    type_(talk, "/edit @1 eins")
    assert texts(talk) == ["eins", "You said: eins (message 1)"]


def test_edit_without_effect(talk, type_):
    assert "nothing yet" in type_(talk, "/edit x")[1]
    type_(talk, "one")
    for line in ("/edit one", "/edit"):
        assert "Nothing was changed." in type_(talk, line, answers=["one"])[1]
    for left in (EOFError(), KeyboardInterrupt()):
        assert "Nothing was changed." in type_(talk, "/edit", answers=[left])[1]
    assert "not one that you said" in type_(talk, "/edit @2 x")[1]
    assert "@9" in type_(talk, "/edit @9 x")[1]
    assert len(texts(talk)) == 2
    assert [branch.name for branch in talk.session().branches()] == ["main"]


def test_branches(talk, type_):
    type_(talk, "one", "/branch idea", "two", "/checkout idea", "other")
    assert texts(talk)[2] == "other"
    out, _ = type_(talk, "/branches", "/tree")
    assert [line.split("\t")[0] for line in out.splitlines()[:2]] == ["idea", "main"]
    assert out.count("You said") == 3
    type_(talk, "/branch early --at @2", "/checkout main", "/merge idea")
    assert [text for text in texts(talk) if "You" not in text] == ["one", "two", "other"]
    _, err = type_(talk, "/checkout absent", "/merge absent", "/branch", "/merge")
    assert err.count("absent") == 2
    assert err.count("Missing argument") == 2


def test_fork(talk, type_, store):
    type_(talk, "one", "two")
    before = talk.chat.session_id
    _, err = type_(talk, "/fork @2 A new way", "three")
    assert talk.chat.session_id != before
    assert f"/load {before}" in err
    info = talk.session().info
    assert (info.name, info.forked_from.session_id, info.message_count) == ("A new way", before, 4)
    assert store.get(before).info.message_count == 4
    type_(talk, "/fork")
    assert talk.session().info.message_count == 4


def test_export(talk, type_, here):
    type_(talk, "one **two**", "/name Title")
    assert "one **two**" in type_(talk, "/export")[0]
    assert json.loads(type_(talk, "/export openai-chat")[0])
    for name, start in (("chat.md", "---"), ("chat.html", "<!"), ("chat.txt", ""), ("chat.json", "{")):
        type_(talk, f"/export {name}")
        text = (here / name).read_text()
        assert text.startswith(start)
        assert "two" in text
    type_(talk, "/export sharegpt 'my chat.out'", "/export --format csv -o chat.out")
    assert "conversations" in (here / "my chat.out").read_text()
    assert (here / "chat.out").read_text().count("two") == 2
    assert "nonsense" in type_(talk, "/export nonsense")[1]


def test_cost(talk, type_, script, store):
    assert "0 tokens in, 0 out; cost unknown" in type_(talk, "/cost")[0]
    usage = {"input_tokens": 1200, "output_tokens": 30, "cost_usd": "0.0125"}
    type_(talk, f"/model {script({'text': 'Dear.', 'usage': usage})}", "hi")
    assert "1,200 tokens in, 30 out; cost $0.013" in type_(talk, "/cost")[0]


def test_what_a_model_fails_at_is_told_and_kept(talk, type_, script):
    model = script({"text": "Half", "error": "It broke."}, "Whole")
    _, err = type_(talk, f"/model {model}", "one", "two")
    assert "recollect: " in err
    assert texts(talk) == ["one", "Half", "two", "Whole"]


def test_an_interrupt_keeps_what_came(talk, type_, script, monkeypatch):
    talk.use(script("one two three", "four"))
    stream = talk.chat.stream

    class Interrupted:
        def __init__(self, inner):
            self.inner, self.reply = inner, None

        def __enter__(self):
            self.inner.__enter__()
            return self

        def __exit__(self, *error):
            return self.inner.__exit__(*error)

        def __iter__(self):
            yield next(self.inner)
            raise KeyboardInterrupt

    monkeypatch.setattr(talk.chat, "stream", lambda *a, **k: Interrupted(stream(*a, **k)))
    out, err = type_(talk, "count")
    assert "one" in out
    assert "Stopped. What had come is kept." in err
    monkeypatch.undo()
    type_(talk, "go on")
    assert texts(talk)[-2:] == ["go on", "four"]


def test_nothing_is_kept_until_it_is_saved(type_, here, tmp_path, monkeypatch):
    with Store("memory:") as memory:
        app = TalkingApp()
        app.held = memory
        with Talk(app, memory, Choices(model="echo", ephemeral=True), None) as talk:
            type_(talk, "one", "/tag work")
            assert not list(tmp_path.glob("chats.db*"))
            _, err = type_(talk, "/save", "two")
            assert "Saved: " in err
            saved = talk.chat.session_id
    with Store() as store:
        info = store.get(saved).info
        assert (info.message_count, info.tags, info.model) == (4, ("work",), "echo")


def test_a_store_that_fails_ends_nothing(talk, type_, store, monkeypatch):
    from recollect import UnavailableError

    def fail(*_, **__):
        raise UnavailableError("The engine is away.")

    monkeypatch.setattr(talk.store, "sessions", fail)
    _, err = type_(talk, "/sessions", "hi")
    assert "The engine is away." in err
    assert texts(talk)[0] == "hi"
    assert list(offers(talk, "/load ")) == []


# Completion


def offered(talk, line):
    return {line[: len(line) - offer.replaces] + offer.word for offer in offers(talk, line)}


def test_completion(filled, talk, type_):
    type_(talk, "one", "/tag mine", "/branch idea")
    assert offered(talk, "hello") == set()
    assert offered(talk, "/bra") == {"/branch", "/branches"}
    assert offered(talk, "/") == {f"/{name}" for name in COMMANDS}
    assert offered(talk, "/load r") == {"/load rust-notes"}
    assert "/load Go" in offered(talk, "/load ")
    assert offered(talk, "/tag la") == {"/tag lang"}
    assert offered(talk, "/tag x wo") == {"/tag x work"}
    assert offered(talk, "/untag ") == {"/untag mine"}
    assert offered(talk, "/checkout ") == {"/checkout main", "/checkout idea"}
    assert offered(talk, "/export op") == {"/export openai-chat"}
    assert offered(talk, "/model e") == {"/model echo"}
    assert offered(talk, "/help un") == {"/help undo", "/help untag"}
    assert offered(talk, "/nonsense ") == set()
    assert offered(talk, "/count ") == set()


def test_completion_of_what_could_steer_the_terminal(store, talk, type_):
    store.open("a\u202eb", name="two words", tags=["x\u202e", "it's"])
    assert offered(talk, "/load a") == set()
    assert offered(talk, "/load t") == set()
    assert offered(talk, "/tag ") == set()
