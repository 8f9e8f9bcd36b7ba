"""An engine that lives on an event loop, for a program that steps its coroutines elsewhere.

A move reads one engine and writes another; each may be blocking or live on a loop of its own. The
move runs on a plain thread, where every call of such an engine waits for its loop.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from .backend import (
    Backend,
    Capabilities,
    Commit,
    Figures,
    Key,
    RowQuery,
    Scrubs,
    SessionRow,
    StoredRecord,
)
from .core.base import Clock, Core, SystemClock

Run = Callable[[Coroutine[Any, Any, Any]], Any]
"""Runs a coroutine where its engine lives, and waits for it."""


class Driven:
    """A backend whose calls never suspend the caller. It is open already, and stays so."""

    def __init__(self, inner: Backend, run: Run) -> None:
        self._inner = inner
        self._run = run

    @property
    def capabilities(self) -> Capabilities:
        return self._inner.capabilities

    async def open(self) -> None:
        """Nothing: whoever owns the engine has opened it."""

    async def close(self) -> None:
        """Nothing: whoever owns the engine closes it."""

    async def commit(self, *commits: Commit) -> None:
        self._run(self._inner.commit(*commits))

    async def row(self, key: Key) -> SessionRow | None:
        found: SessionRow | None = self._run(self._inner.row(key))
        return found

    async def read(
        self,
        key: Key,
        *,
        after: int = 0,
        before: int | None = None,
        limit: int | None = None,
        last: int | None = None,
        kinds: Sequence[int] | None = None,
    ) -> list[StoredRecord]:
        reading = self._inner.read(key, after=after, before=before, limit=limit, last=last, kinds=kinds)
        found: list[StoredRecord] = self._run(reading)
        return found

    async def seqs(self, key: Key, ids: Sequence[bytes]) -> dict[bytes, int]:
        found: dict[bytes, int] = self._run(self._inner.seqs(key, ids))
        return found

    async def find(self, query: RowQuery) -> list[SessionRow]:
        found: list[SessionRow] = self._run(self._inner.find(query))
        return found

    async def blob(self, key: Key, digest: bytes) -> bytes | None:
        found: bytes | None = self._run(self._inner.blob(key, digest))
        return found

    async def figures(self, namespace: str | None = None) -> Figures:
        found: Figures = self._run(self._inner.figures(namespace))
        return found

    async def namespaces(self) -> list[str]:
        found: list[str] = self._run(self._inner.namespaces())
        return found


class DrivenScrubbing(Driven):
    """The same for an engine that scrubs."""

    def __init__(self, inner: Backend, scrubs: Scrubs, run: Run) -> None:
        super().__init__(inner, run)
        self._scrubs = scrubs

    async def scrub(self) -> None:
        self._run(self._scrubs.scrub())


class DrivenClock(SystemClock):
    """Another clock's time; waits by blocking the calling thread."""

    def __init__(self, inner: Clock) -> None:
        self._inner = inner

    def now(self) -> int:
        return self._inner.now()


def driven(core: Core, run: Run) -> Core:
    """A core that can be stepped, over an engine that lives on a loop."""
    inner = core.backend
    backend = DrivenScrubbing(inner, inner, run) if isinstance(inner, Scrubs) else Driven(inner, run)
    return Core(
        backend,
        namespace=core.namespace,
        clock=DrivenClock(core.clock),
        codec=core.codec,
        readonly=core.readonly,
    )
