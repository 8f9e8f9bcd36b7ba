"""Chats of synchronous programs."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from recollect import (
    AsyncStore,
    Chat,
    ChatError,
    InvalidError,
    ModelUnavailableError,
    NotFoundError,
    Session,
    Store,
)
from recollect.chat.echo import Echo
from recollect.chat.events import Delta

from .chat_engines import Events, Shown, script


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/chats.db"


@pytest.fixture
def store(url):
    with Store(url) as opened:
        yield opened


def test_a_chat_in_the_configured_store_remembers(hermetic, monkeypatch, url):
    monkeypatch.setenv("RECOLLECT_STORE", url)
    monkeypatch.setenv("RECOLLECT_MODEL", "echo")
    with Chat("user-alice") as chat:
        reply = chat.send("My name is Alice")
        assert (reply.text, reply.chat) == ("You said: My name is Alice (message 1)", chat)
        assert isinstance(reply.session, Session)
    with Chat("user-alice") as chat:
        assert chat.message_count == 2
        assert "".join(chat.stream("Tell me more")) == "You said: Tell me more (message 2)"
        assert chat.session_id == "user-alice"
        assert chat.session.messages()[0].text == "My name is Alice"
    reply = Chat.resume("user-alice", "go on")
    assert reply.text == "You said: go on (message 3)"
    assert reply.chat.send("more").text == "You said: more (message 4)"
    reply.chat.close()
    with pytest.raises(NotFoundError):
        Chat.resume("nobody", "go on")


def test_the_session_can_be_used_before_the_first_message(store):
    with Chat("a", store=store, model="echo", tags=["x"]) as chat:
        chat.session.tag("y")
        chat.send("one")
        assert chat.info.tags == ("x", "y")
        fork = chat.session.fork("b")
        assert [m.text for m in fork.messages()] == ["one", "You said: one (message 1)"]
        chat.session.rewind(turns=1)  # the model is told what the session says
        assert chat.send("two").text == "You said: two (message 1)"


def test_save_load_clear_delete(store):
    chat = Chat("a", store=store, model="echo", auto_save=False)
    assert chat.load() is None
    with pytest.raises(InvalidError, match=r"save\(\) makes it"):
        chat.session  # noqa: B018  # the look-up is what is tested
    chat.send("one")
    assert not store.exists("a")
    assert chat.unsaved_count == 2
    assert chat.save().message_count == 2
    chat.send("two")
    chat.load()
    assert chat.message_count == 2
    chat.clear_history()
    assert chat.message_count == 0
    chat.clear_history(purge=True)
    chat.delete()
    assert not store.exists("a")
    chat.close()


def test_the_system_prompt_and_the_model_can_be_changed(store):
    shown = Shown()
    with Chat("a", store=store, model="echo") as chat:
        chat.send("x")
        chat.use(shown)
        chat.system = "Be brief."
        chat.send("y")
        assert (chat.model, chat.system) == ("tests:shown", "Be brief.")
        assert shown.turns[0].system == "Be brief."
        assert chat.info.system_prompt == "Be brief."


def test_tools_plain_and_async_see_the_callers_context(store, tmp_path):
    user = contextvars.ContextVar("user", default="nobody")
    user.set("alice")

    def plain() -> str:
        """Who it is."""
        return user.get()

    async def slow() -> str:
        """Who it is, later."""
        await asyncio.sleep(0)
        return user.get()

    model = script(tmp_path, {"tool_calls": [{"name": "plain"}, {"name": "slow"}]}, "Done.")
    with Chat("a", store=store, model=model, tools=[plain, slow]) as chat:
        reply = chat.send("Who?")
    assert [step.result for step in reply.steps if step.kind == "observation"] == ["alice", "alice"]


def test_steps_of_a_stream_are_told_between_its_pieces(store, tmp_path):
    call = {"text": "Let me see.", "tool_calls": [{"name": "f", "result": 1}]}
    told = []

    def listener(event):
        if event.step is not None:
            told.append((event.step.kind, threading.current_thread()))

    with Chat("a", store=store, model=script(tmp_path, call, "Done."), on_event=listener) as chat:
        seen = []
        for piece in chat.stream("Go"):
            time.sleep(0.05)  # the model is long done
            seen.append((piece, [kind for kind, _ in told]))
    assert seen == [
        ("Let ", []),
        ("me ", []),
        ("see.", []),
        ("Done.", ["thought", "action", "observation"]),
    ]
    assert told[-1] == ("answer", threading.current_thread())


def test_errors_come_with_the_reply(store):
    with Chat("a", store=store, model=Events(Delta("Half"), ModelUnavailableError("Cut."))) as chat:
        with pytest.raises(ModelUnavailableError) as caught:
            chat.send("Go")
        assert (caught.value.reply.text, caught.value.reply.chat) == ("Half", chat)
        stream = chat.stream("Go")
        assert next(stream) == "Half"
        with pytest.raises(ChatError, match="Cut"):
            next(stream)
        assert stream.reply.reason == "error"
        assert list(stream) == []


def test_a_stream_that_is_closed_or_let_go_of_keeps_what_came(store):
    with Chat("a", store=store, model=Echo(delay=0.02)) as chat:
        with chat.stream("one two three") as stream:
            next(stream)
        assert (stream.reply.reason, stream.reply.text) == ("closed", "You ")
        for _ in chat.stream("four five six"):
            break
        gc.collect()
        assert chat.send("seven").text == "You said: seven (message 3)"
        kept = [m.metadata for m in chat.session.messages() if m.role == "assistant"]
        assert kept == [{"interrupted": "closed"}, {"interrupted": "closed"}, None]


def test_ctrl_c_stops_a_reply_and_keeps_what_came(store):
    with Chat("a", store=store, model=Echo(delay=0.2)) as chat:
        for ask in (chat.send, lambda text: list(chat.stream(text))):
            timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
            timer.start()
            started = time.perf_counter()
            with pytest.raises(KeyboardInterrupt):
                ask("one two three four five six seven eight nine ten")
            timer.join()
            assert time.perf_counter() - started < 1.9
        line = chat.session.messages()
        assert [m.role for m in line] == ["user", "assistant"] * 2
        assert [m.metadata for m in line[1::2]] == [{"interrupted": "cancelled"}] * 2
        assert all(m.text.startswith("You ") for m in line[1::2])


def test_many_threads_with_chats_on_one_store(store):
    failures = []

    def one(number: int) -> None:
        try:
            with Chat(f"user-{number}", store=store, model="echo") as chat:
                for turn in range(5):
                    text = "".join(chat.stream(f"{number}.{turn}"))
                    assert text == f"You said: {number}.{turn} (message {turn + 1})"
        except BaseException as error:  # noqa: BLE001  # told below, on the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert store.stats().messages == 120


def test_what_does_not_go_together_is_refused(store):
    with pytest.raises(InvalidError, match="AsyncChat"):
        Chat("a", store=AsyncStore("memory:"))
    with pytest.raises(InvalidError, match="Window"):
        Chat("a", store="memory:", context=3)

    refused = []

    def listener(event):
        """Called on the thread that chats run on: waiting for a chat there would never end."""
        try:
            Chat("b", store=store, model="echo").send("x")
        except InvalidError as error:
            refused.append(str(error))

    with Chat("a", store=store, model="echo", on_event=listener) as chat:
        chat.send("x")
    assert "AsyncChat" in refused[0]


def test_a_forked_child_has_a_chat_of_its_own(url):
    code = """
import os, sys
from recollect import Chat
with Chat("a", store=sys.argv[1], model="echo") as chat:
    chat.send("one")
pid = os.fork()
with Chat("a" if pid else "b", store=sys.argv[1], model="echo") as chat:
    chat.send("two")
if pid:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    done = subprocess.run(
        # Newer Pythons warn of any fork beside threads; this one is what the test is about.
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code, url],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    with Store(url) as store:
        assert [store.get(name).info.message_count for name in "ab"] == [4, 2]


def test_a_program_that_ends_in_the_middle_of_a_reply_keeps_what_came(url):
    code = """
import sys
from recollect import Chat
from recollect.chat.echo import Echo
chat = Chat("a", store=sys.argv[1], model=Echo(delay=0.05))
for number, piece in enumerate(chat.stream("one two three four five six")):
    if number == 2:
        sys.exit(3)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, url], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (3, "")
    with Store(url) as store:
        line = store.get("a").messages()
        assert line[0].text == "one two three four five six"
        assert line[1].metadata == {"interrupted": "closed"}
        assert line[1].text.startswith("You said: one")
