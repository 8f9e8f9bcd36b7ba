"""The same program on several engines at once: what each returns or raises, made comparable."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from recollect import AsyncStore, Hit, Message, SessionInfo, Store, StoreError
from recollect.testing import Clock
from recollect.testing.driving import Loop
from recollect.testing.verbs.base import Awaited

SUPPLIED_IDS = ("m1", "M1", "é", "e\u0301", "0190b5a0-7c1e-7d4e-8a3b-2f1c5d6e7f80", "x" * 255)
"""Message ids that callers choose; all others are made by the store and differ between sides."""


_CHECKSUM = re.compile(r'"_":\[\d+,')


class Side:
    """One engine behind one of the two stores, with a clock of its own that shows the same time."""

    def __init__(self, name: str, make_backend: Callable[[], Any], *, asynchronous: bool) -> None:
        self.name = name
        self.clock = Clock()
        self.handles: dict[tuple[str, int], Any] = {}
        self._make_backend = make_backend
        self._loop = Loop() if asynchronous else None
        self._labels: dict[str, str] = {}
        self.open()

    def open(self) -> None:
        """Open the data, again with every call; handles from before are forgotten."""
        self.handles = {}
        backend = self._make_backend()
        if self._loop is None:
            self.store: Any = Store(backend, clock=self.clock)
        else:
            self.store = Awaited(self._loop.run(_opened(backend, self.clock)), self._loop)

    def close(self, *, finally_: bool = False) -> None:
        """Close the store; at the very end the event loop too."""
        self.store.close()
        if finally_ and self._loop is not None:
            self._loop.close()

    def outcome(self, call: Callable[[Side], Any]) -> tuple[str, Any]:
        """What the call returned, or the name of the error it raised."""
        try:
            return ("returned", self.normal(call(self)))
        except StoreError as error:
            return ("raised", (type(error).__name__, error.retryable))

    def burst(self, calls: list[tuple[tuple[str, int], list[Message]]]) -> list[Any]:
        """Append to several sessions: at once where the store is asynchronous, else one by one."""
        if self._loop is None:
            return [self.handles[place].append(*messages) for place, messages in calls]
        targets = [(self.handles[place]._target, messages) for place, messages in calls]
        return self._loop.run(_gathered(targets))

    def label(self, message_id: str | None) -> str | None:
        """A message id that is the same on every side."""
        if message_id is None or message_id in SUPPLIED_IDS:
            return message_id
        return self._labels.setdefault(message_id, f"made {len(self._labels)}")

    def relabelled(self, text: str) -> str:
        """An export in which made ids are replaced by their labels, and checksums over them left out."""
        for made, label in self._labels.items():
            text = text.replace(made, label)
        return _CHECKSUM.sub('"_":[', text)

    def normal(self, value: Any) -> Any:
        """A result without what must differ between sides: made ids, scores, handles."""
        if isinstance(value, Message):
            fields = asdict(value)
            return (
                "Message",
                {**fields, "id": self.label(value.id), "parent_id": self.label(value.parent_id)},
            )
        if isinstance(value, SessionInfo):
            return ("SessionInfo", {**asdict(value), "head": self.label(value.head)})
        if isinstance(value, Hit):
            return ("Hit", {**asdict(value), "message_id": self.label(value.message_id), "score": None})
        if isinstance(value, list | tuple):
            return [self.normal(item) for item in value]
        if isinstance(value, dict):
            return {name: self.normal(item) for name, item in value.items()}
        if isinstance(value, Struct):
            return (type(value).__name__, asdict(value))
        return value


async def _opened(backend: Any, clock: Clock) -> AsyncStore:
    return await AsyncStore(backend, clock=clock).__aenter__()


async def _gathered(targets: list[tuple[Any, list[Message]]]) -> list[Any]:
    return await asyncio.gather(*(session.append(*messages) for session, messages in targets))
