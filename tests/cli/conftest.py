"""The command line in this process, over a store in a folder of the test's own."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from recollect import Message, ReasoningPart, Store, TextPart, ToolCallPart, Usage
from recollect.cli.main import root
from recollect.testing.clock import Clock

START = 1_767_225_600_000_000
"""2026-01-01 UTC."""


@dataclass
class Ran:
    """How a run ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def error(self) -> dict[str, Any]:
        """The error object; nothing else may be on stdout."""
        document = self.json
        assert set(document) == {"error"}
        return document["error"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    """The current folder, empty."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("RECOLLECT_STORE", f"sqlite:///{tmp_path}/chats.db")
    return folder


@pytest.fixture
def clock() -> Clock:
    return Clock(START)


@pytest.fixture
def store(here, clock):
    """The store that the commands use, open beside them."""
    with Store(os.environ["RECOLLECT_STORE"], clock=clock) as opened:
        yield opened


@pytest.fixture
def filled(store, clock):
    """Three sessions: a named one with tools and costs, one of two questions, one unnamed."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    rust = store.open(
        "rust-notes",
        name="Rust",
        tags=["work", "lang"],
        provider="openai",
        model="gpt-4o",
        metadata={"project": {"name": "x", "priority": 3}},
        system_prompt="Be brief.",
    )
    rust.append(
        Message.user("What is ownership?", id="m1", created_at=at),
        Message.assistant(
            [ReasoningPart("They ask about Rust."), TextPart("One owner per value.")],
            id="m2",
            created_at=at,
            model="gpt-4o",
            usage=Usage(10, 20, cost_usd="0.0125"),
        ),
        Message.assistant([ToolCallPart("run", {"cmd": "cargo"}, "c1")], id="m3", created_at=at),
        Message.tool("c1", "borrow checker says no", id="m4", created_at=at),
    )
    clock.advance(3600)
    go = store.open("go-notes", name="Go", tags=["lang"], pinned=True)
    go.append(
        Message.user("What is a goroutine?", id="g1", created_at=at),
        Message.assistant("A light thread.", id="g2", created_at=at),
    )
    clock.advance(3600)
    store.open("7f3a9c52-0000-4000-8000-000000000000").append(
        Message.user("Hello there", id="h1", created_at=at)
    )
    return store


@pytest.fixture
def run():
    """Run a command in this process."""

    def invoke(*args: str, input: str | bytes | None = None) -> Ran:  # noqa: A002  # click's word
        result = CliRunner().invoke(root, list(args), input=input)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    return invoke


@pytest.fixture
def process():
    """Run a command as a process of its own."""

    def spawn(*args: str, **settings: Any) -> Ran:
        command = [sys.executable, "-m", "recollect", *args]
        done = subprocess.run(command, capture_output=True, timeout=60, check=False, **settings)
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    return spawn


@pytest.fixture
def script(tmp_path):
    """Replies for ``--model``, as a model of that name."""

    def write(*replies: Any) -> str:
        path = tmp_path / "replies.json"
        path.write_text(json.dumps(replies))
        return f"script:{path}"

    return write


@pytest.fixture
def damaged(filled, tmp_path):
    """The filled store with the end of one record cut off behind its back."""
    filled.close()
    with sqlite3.connect(tmp_path / "chats.db") as raw:
        found = "SELECT rid, body FROM records WHERE instr(body, ?)"
        ((rid, body),) = raw.execute(found, (b'"id":"m1"',)).fetchall()
        raw.execute("UPDATE records SET body = ? WHERE rid = ?", (body[:-9], rid))
    raw.close()
    return filled
