"""Transactions over several sessions, for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Concatenate, NoReturn, ParamSpec, Self, TypeVar

from .aio import AsyncStore
from .core.base import Core
from .stepping import step
from .transaction import entered, exclusive_of, refuse

P = ParamSpec("P")
T = TypeVar("T")


class AsyncTransaction(AsyncStore):
    """What ``async with store.transaction() as tx`` gives; see ``Transaction``.

    It has a thread of its own, because a transaction belongs to one; other writers wait for its end.
    Sessions from inside may be used on afterwards.
    """

    def __init__(self, store: AsyncStore) -> None:
        self._outer = store
        self._opened = store._opened
        self._core = store._core
        self._worker = store._worker
        self._owner = False
        self._stack = ExitStack()
        self._backend = exclusive_of(self._core.backend)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="recollect-transaction")
        self._ended = False

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def __aenter__(self) -> Self:
        self._core.writable()
        await self._outer._open()
        self._stack = await self._on_thread(lambda: entered(self._backend))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._on_thread(lambda: self._stack.__exit__(kind, error, trace))
        finally:
            self._ended = True
            self._thread.shutdown(wait=False)

    async def _write(
        self, verb: Callable[Concatenate[Core, P], Coroutine[Any, Any, T]], *args: P.args, **options: P.kwargs
    ) -> T:
        if self._ended:
            return await self._outer._write(verb, *args, **options)
        return await self._on_thread(lambda: step(verb(self._core, *args, **options)))

    async def _read(
        self, verb: Callable[Concatenate[Core, P], Coroutine[Any, Any, T]], *args: P.args, **options: P.kwargs
    ) -> T:
        if self._ended:
            return await self._outer._read(verb, *args, **options)
        return await self._on_thread(lambda: step(verb(self._core, *args, **options)))

    async def sessions(self, *_args: object, **_filters: object) -> NoReturn:
        """Refused inside a transaction."""
        refuse("sessions()")

    async def search(self, *_args: object, **_filters: object) -> NoReturn:
        """Refused inside a transaction."""
        refuse("search()")

    def __repr__(self) -> str:
        return f"<AsyncTransaction on {super().__repr__()}>"
