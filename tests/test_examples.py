"""The programs in ``examples/`` run as a reader would run them: in an empty folder, without a network."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from recollect import AsyncChat, Store
from recollect.chat.echo import Echo

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@pytest.fixture
def run(tmp_path):
    """Runs an example in the test's folder; gives its output. Anything on stderr fails."""

    def run(name: str, *arguments: str, typed: str = "") -> str:
        done = subprocess.run(
            [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            input=typed,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout

    return run


def test_basic(run):
    lines = run("chat_basic.py").splitlines()
    assert lines[:3] == [
        "You said: My name is Alice. (message 1)",
        "You said: Tell me more. (message 2)",
        "4 messages are kept as 'basics':",
    ]
    assert [line.split(":")[0].strip() for line in lines[3:]] == ["user", "assistant"] * 2


def test_persistent_remembers_in_the_second_run(run):
    assert "We have not met." in run("chat_persistent.py")
    assert run("chat_persistent.py").splitlines() == [
        "Welcome back: 2 messages so far.",
        "You said: What is my name? (message 2)",
    ]


def test_many_users(run):
    assert run("chat_many_users.py").splitlines() == [
        "alice: You said: My secret is fennel. (message 1)",
        "bob: You said: I like oranges. (message 1)",
        "alice: You said: Where were we? (message 2)",
        "alice has 4 messages, 1 of their own about fennel",
        "bob has 2 messages, 0 of their own about fennel",
    ]


def test_manual_save(run):
    assert run("chat_manual_save.py").splitlines() == [
        "stored before save(): False",
        "stored after save(): 2 messages",
        "after load(): 2 messages",
        "stored after delete(): False",
    ]


def test_tools(run, tmp_path):
    assert run("chat_tools.py").splitlines() == [
        "temperature({'city': 'Rome'})",
        "temperature({'city': 'Oslo'})",
        "  {'city': 'Rome', 'celsius': 19}",
        "  {'city': 'Oslo', 'celsius': 4}",
        "warmer({'a': 19, 'b': 4})",
        "  15",
        "It is 15 degrees warmer in Rome (19 °C) than in Oslo (4 °C).",
        "['user', 'assistant', 'tool', 'tool', 'assistant', 'tool', 'assistant']",
    ]
    with Store(f"sqlite:///{tmp_path}/chats.db") as store:
        (info,) = store.sessions()
        assert info.usage.output_tokens == 16


def test_interactive(run):
    assert "Bye. 4 messages" in run("chat_interactive.py", typed="Hello\n\nAgain\n")
    shown = run("chat_interactive.py", typed="A third time\n")
    assert "user: Hello\nassistant: You said: Hello (message 1)\n" in shown
    assert "> You said: A third time (message 3)\n" in shown


def test_web(run):
    pytest.importorskip("starlette", reason="needs starlette")
    assert run("chat_web.py").splitlines() == [
        "20 users at once, each told: You said: Hello there (message 1)",
        "20 users at once, each told: You said: And again (message 2)",
        "user-0 has 4 messages of 20 users'.",
    ]


def test_web_keeps_what_came_of_a_reply_when_the_client_leaves(tmp_path, monkeypatch):
    pytest.importorskip("starlette", reason="needs starlette")
    monkeypatch.setenv("CHAT_STORE", f"sqlite:///{tmp_path}/web.db")
    spec = importlib.util.spec_from_file_location("chat_web", EXAMPLES / "chat_web.py")
    web = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(web)
    web.MODEL = Echo(delay=0.02)
    left = asyncio.Event()

    async def receive():
        if not asked:
            asked.append(True)
            return {"type": "http.request", "body": b"word " * 500}
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        heard.append(message.get("body", b"").decode())
        if len(heard) > 5:
            left.set()

    asked: list[bool] = []
    heard: list[str] = []

    async def program():
        async with web.lifespan(web.app) as state:
            scope = {"type": "http", "method": "POST", "path": "/chats/main", "query_string": b""}
            await web.app({**scope, "headers": [(b"x-user", b"ann")], "state": state}, receive, send)
            store = state["store"].namespace("ann")
            while len(await (await store.get("main")).messages()) < 2:
                await asyncio.sleep(0.01)  # stored in the background: the request was gone
            async with AsyncChat("main", store=store, model="echo") as chat:
                return await chat.send("Are you there?")

    reply = asyncio.run(program())
    assert reply.text == "You said: Are you there? (message 2)"
    with Store(f"sqlite:///{tmp_path}/web.db", namespace="ann") as store:
        asked_for, came, *after = store.get("main").messages()
    assert asked_for.text == "word " * 500
    assert came.metadata["interrupted"] in ("cancelled", "closed")
    assert "".join(heard) in came.text
    assert len(came.text) < 500
    assert [message.role for message in after] == ["user", "assistant"]


def test_demo():
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "demo.py")], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "You said: What is my name? (message 2)" in done.stdout


def test_every_example_is_run_here():
    tests = Path(__file__).read_text(encoding="utf-8")
    missing = [path.name for path in EXAMPLES.glob("*.py") if f'"{path.name}"' not in tests]
    assert missing == []
