"""Engines for tests of chats, and stores that are slow or down when they are told to be."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator
from pathlib import Path

from recollect import Message, Usage
from recollect.backends.memory import MemoryBackend
from recollect.chat.events import Delta, Event, Said, Turn
from recollect.errors import UnavailableError
from recollect.testing import FaultyBackend


def script(folder: Path, *replies: object) -> str:
    """The name of a model that plays these replies."""
    file = folder / "script.json"
    file.write_text(json.dumps(replies), encoding="utf-8")
    return f"script:{file}"


class Shown:
    """Answers ``ok`` and remembers what it was shown."""

    provider = "tests"
    model = "shown"

    def __init__(self) -> None:
        self.turns: list[Turn] = []

    async def play(self, turn: Turn) -> AsyncIterator[Event]:
        self.turns.append(turn)
        yield Delta("ok")
        yield Said(Message.assistant("ok", model=self.model, usage=Usage(3, 1, cost_usd="0.5")))

    @property
    def texts(self) -> list[str]:
        """The texts that it was shown last."""
        return [message.text for message in self.turns[-1].messages]


class Events:
    """Yields what it is given, and raises what is an exception."""

    provider = None
    model = "events"

    def __init__(self, *events: Event | BaseException) -> None:
        self.events = events

    async def play(self, turn: Turn) -> AsyncIterator[Event]:
        for event in self.events:
            if isinstance(event, BaseException):
                raise event
            yield event


class Moody:
    """A backend whose commits wait while it is ``slow`` and fail while it is ``down``."""

    def __init__(self) -> None:
        self.down = False
        self.free = threading.Event()
        self.free.set()
        self.inner = FaultyBackend(MemoryBackend(), rates={"delay": 1.0}, delay=self._mood)

    def _mood(self) -> None:
        self.free.wait(10)
        if self.down:
            raise UnavailableError("The engine is down.")

    def slow(self) -> None:
        self.free.clear()

    def quick(self) -> None:
        self.free.set()
