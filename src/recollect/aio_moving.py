"""``amigrate``: ``migrate`` for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack
from typing import Any, Unpack

from .aio import AsyncStore
from .core.base import Core
from .driven import Run, driven
from .model import SessionQuery
from .moving import How, destination, move, source
from .options import Filters
from .stepping import step
from .store import Store, merged
from .transfer.moving.origins import selected
from .transfer.moving.results import MigrateResult, MoveProgress, OnConflict


async def amigrate(
    src: Store | AsyncStore | str,
    dst: Store | AsyncStore | str,
    query: SessionQuery | None = None,
    *,
    sessions: Sequence[str] | None = None,
    all_namespaces: bool = True,
    dry_run: bool = False,
    verify: bool = False,
    resume: bool = True,
    on_conflict: OnConflict = "skip",
    progress: Callable[[MoveProgress], None] | None = None,
    **filters: Unpack[Filters],
) -> MigrateResult:
    """See ``migrate``. Runs on a thread of its own, beside the loop; ``progress`` is called there."""
    chosen = selected(merged(query, filters), sessions, all_namespaces)
    how = How(on_conflict, resume, dry_run, verify, progress)
    loop = asyncio.get_running_loop()

    def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result()

    for store in (src, dst):
        if isinstance(store, AsyncStore):
            await store._open()

    def work() -> MigrateResult:
        with ExitStack() as stack:
            here = _core(src, run) or stack.enter_context(source(src))  # type: ignore[arg-type]  # no AsyncStore
            there = _core(dst, run) or stack.enter_context(destination(dst, dry_run))  # type: ignore[arg-type]  # no AsyncStore
            return step(move(here, there, chosen, how))

    return await asyncio.to_thread(work)


def _core(store: Store | AsyncStore | str, run: Run) -> Core | None:
    """The core of an AsyncStore for a thread without a loop; None for other stores."""
    if not isinstance(store, AsyncStore):
        return None
    return store._core if store._worker is not None else driven(store._core, run)
