"""A backend that fails on schedule, to test what stands above it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal

from msgspec import Struct

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
from ..errors import BusyError, StoreError, UnavailableError, UnknownOutcomeError, UnsupportedError

__all__ = ["Fault", "FaultyBackend"]

Fault = Literal["none", "delay", "error", "busy", "lost_reply", "lost_commit"]
"""What happens to one call.

``error`` and ``busy`` fail before anything is done. After ``lost_reply`` a commit is stored, after
``lost_commit`` it is not; both raise UnknownOutcomeError, for the caller cannot tell them apart
(reads fail plainly instead).
"""

_ERRORS: dict[Fault, tuple[type[StoreError], str]] = {
    "error": (UnavailableError, "The engine did not answer."),
    "busy": (BusyError, "Others held the lock until the deadline."),
    "lost_commit": (UnknownOutcomeError, "The connection was lost before the reply came."),
    "lost_reply": (UnknownOutcomeError, "The connection was lost before the reply came."),
}


class Call(Struct, frozen=True):
    """One call that went through a FaultyBackend."""

    verb: str
    fault: Fault


class FaultyBackend:
    """A layer over any backend that injects faults.

    ``rates`` gives the chance of each fault, drawn from ``seed``, so that a run can be repeated;
    ``plan`` names the faults of the next calls instead, one each, before the rates count again.
    Only ``verbs`` are affected. ``calls`` records what happened.
    """

    def __init__(
        self,
        inner: Backend,
        *,
        seed: int = 0,
        rates: dict[Fault, float] | None = None,
        plan: Sequence[Fault] = (),
        verbs: Sequence[str] = ("commit",),
        delay: Callable[[], Any] | None = None,
    ) -> None:
        self.inner = inner
        self.rates = dict(rates or {})
        self.plan = list(plan)
        self.verbs = tuple(verbs)
        self.calls: list[Call] = []
        self._chance = random.Random(seed)
        self._delay = delay

    @property
    def capabilities(self) -> Capabilities:
        """Those of the backend beneath."""
        return self.inner.capabilities

    def _draw(self, verb: str) -> Fault:
        if verb not in self.verbs:
            return "none"
        if self.plan:
            return self.plan.pop(0)
        point = self._chance.random()
        for fault, rate in self.rates.items():
            point -= rate
            if point < 0:
                return fault
        return "none"

    def _before(self, verb: str) -> Fault:
        fault = self._draw(verb)
        self.calls.append(Call(verb, fault))
        if fault == "delay" and self._delay is not None:
            self._delay()
        if fault in _ERRORS and not (fault == "lost_reply" and verb == "commit"):
            kind, text = _ERRORS[fault]
            raise (kind if verb == "commit" or fault == "busy" else UnavailableError)(text)
        return fault

    async def open(self) -> None:
        """Passed on."""
        self._before("open")
        await self.inner.open()

    async def close(self) -> None:
        """Passed on; never fails."""
        await self.inner.close()

    async def commit(self, *commits: Commit) -> None:
        """Passed on; with ``lost_reply`` it is done and then reported as unknown."""
        fault = self._before("commit")
        await self.inner.commit(*commits)
        if fault == "lost_reply":
            raise UnknownOutcomeError(_ERRORS[fault][1])

    async def row(self, key: Key) -> SessionRow | None:
        """Passed on."""
        self._before("row")
        return await self.inner.row(key)

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
        """Passed on."""
        self._before("read")
        return await self.inner.read(key, after=after, before=before, limit=limit, last=last, kinds=kinds)

    async def seqs(self, key: Key, ids: Sequence[bytes]) -> dict[bytes, int]:
        """Passed on."""
        self._before("seqs")
        return await self.inner.seqs(key, ids)

    async def find(self, query: RowQuery) -> list[SessionRow]:
        """Passed on."""
        self._before("find")
        return await self.inner.find(query)

    async def blob(self, key: Key, digest: bytes) -> bytes | None:
        """Passed on."""
        self._before("blob")
        return await self.inner.blob(key, digest)

    async def figures(self, namespace: str | None = None) -> Figures:
        """Passed on."""
        return await self.inner.figures(namespace)

    async def namespaces(self) -> list[str]:
        """Passed on."""
        return await self.inner.namespaces()

    async def search(self, query: TextQuery) -> list[RowHit]:
        """Passed on."""
        self._before("search")
        return await self._searcher().search(query)

    async def reindex(self) -> None:
        """Passed on."""
        await self._searcher().reindex()

    async def index(self, key: Key, entries: Iterable[tuple[int, tuple[str, ...]]]) -> None:
        """Passed on."""
        await self._searcher().index(key, entries)

    async def indexed(self) -> None:
        """Passed on."""
        await self._searcher().indexed()

    def exclusive(self) -> AbstractAsyncContextManager[None]:
        """Passed on."""
        if not isinstance(self.inner, Exclusive):
            raise UnsupportedError("This engine has no transactions.")
        return self.inner.exclusive()

    def _searcher(self) -> SearchesText:
        if not isinstance(self.inner, SearchesText):
            raise UnsupportedError("This engine does not search text.")
        return self.inner
