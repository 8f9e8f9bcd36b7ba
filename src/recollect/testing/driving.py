"""Calling a backend's coroutines from plain tests, whether they suspend or not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, TypeVar, cast

from ..backend import (
    Backend,
    Capabilities,
    Commit,
    Exclusive,
    Figures,
    Key,
    RowHit,
    RowQuery,
    SearchesText,
    SessionRow,
    StoredRecord,
    TextQuery,
)

__all__ = ["Driven", "Loop", "step"]

T = TypeVar("T")


def step(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that must never suspend (``capabilities.blocking``)."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return cast(T, stop.value)
    coroutine.close()
    raise AssertionError("A backend that declares blocking=True suspended in a coroutine.")


class Loop:
    """An event loop on a thread of its own; any thread may run coroutines on it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="kit-loop", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run to the end and return the result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def close(self) -> None:
        """Stop the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Driven:
    """A backend with the protocol's verbs as plain functions; ``run`` takes any coroutine."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._loop: Loop | None = None

    @property
    def capabilities(self) -> Capabilities:
        """What the engine declares."""
        return self.backend.capabilities

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Step the coroutine of a blocking engine; run others on this object's event loop."""
        if self.backend.capabilities.blocking:
            return step(coroutine)
        if self._loop is None:
            self._loop = Loop()
        return self._loop.run(coroutine)

    def open(self) -> None:
        """``Backend.open``."""
        self.run(self.backend.open())

    def close(self) -> None:
        """``Backend.close``; ends the event loop too."""
        self.run(self.backend.close())
        if self._loop is not None:
            self._loop.close()
            self._loop = None

    def commit(self, *commits: Commit) -> None:
        """``Backend.commit``."""
        self.run(self.backend.commit(*commits))

    def row(self, key: Key) -> SessionRow | None:
        """``Backend.row``."""
        return self.run(self.backend.row(key))

    def read(
        self,
        key: Key,
        *,
        after: int = 0,
        before: int | None = None,
        limit: int | None = None,
        last: int | None = None,
        kinds: Sequence[int] | None = None,
    ) -> list[StoredRecord]:
        """``Backend.read``."""
        reading = self.backend.read(key, after=after, before=before, limit=limit, last=last, kinds=kinds)
        return self.run(reading)

    def seqs(self, key: Key, ids: Sequence[bytes]) -> dict[bytes, int]:
        """``Backend.seqs``."""
        return self.run(self.backend.seqs(key, ids))

    def find(self, query: RowQuery) -> list[SessionRow]:
        """``Backend.find``."""
        return self.run(self.backend.find(query))

    def blob(self, key: Key, digest: bytes) -> bytes | None:
        """``Backend.blob``."""
        return self.run(self.backend.blob(key, digest))

    def figures(self, namespace: str | None = None) -> Figures:
        """``Backend.figures``."""
        return self.run(self.backend.figures(namespace))

    def namespaces(self) -> list[str]:
        """``Backend.namespaces``."""
        return self.run(self.backend.namespaces())

    @property
    def searcher(self) -> SearchesText:
        """The engine as one that searches text."""
        assert isinstance(self.backend, SearchesText), "text_search is declared, its methods are missing"
        return self.backend

    @property
    def exclusive(self) -> Exclusive:
        """The engine as one with transactions."""
        assert isinstance(self.backend, Exclusive), "transactions are declared, exclusive() is missing"
        return self.backend

    def search(self, query: TextQuery) -> list[RowHit]:
        """``SearchesText.search``."""
        return self.run(self.searcher.search(query))

    def reindex(self) -> None:
        """``SearchesText.reindex``."""
        self.run(self.searcher.reindex())

    def index(self, key: Key, entries: Iterable[tuple[int, tuple[str, ...]]]) -> None:
        """``SearchesText.index``."""
        self.run(self.searcher.index(key, entries))

    def indexed(self) -> None:
        """``SearchesText.indexed``."""
        self.run(self.searcher.indexed())
