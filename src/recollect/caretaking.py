"""Retention on a timer, for a long-lived ``AsyncStore``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeVar

from .config import Retention
from .core import retention
from .core.base import Core
from .core.retention import RetentionPolicy
from .errors import InvalidError, StoreError
from .workers import Worker

T = TypeVar("T")
_log = logging.getLogger("recollect.retention")


def policy_of(configured: Retention) -> RetentionPolicy:
    """The policy that a configuration file describes."""
    return RetentionPolicy(
        max_sessions=configured.max_sessions,
        max_age=configured.max_age,
        max_total_bytes=configured.max_total_bytes,
        keep_pinned=configured.keep_pinned,
        keep_tags=configured.keep_tags,
    )


class Caretaker:
    """Moves what a policy lets go to the trash, and empties the trash of what is old, again and again.

    A failure is logged and tried again the next time: it never stops the program's own work.
    """

    def __init__(
        self, core: Core, worker: Worker | None, policy: RetentionPolicy, every: timedelta, trash_days: float
    ) -> None:
        if every <= timedelta(0):
            raise InvalidError(f"cleanup_every must be more than nothing, not {every}.")
        self._core, self._worker = core, worker
        self._policy, self._trash_days = policy, trash_days
        self._seconds = every.total_seconds()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, once; the first round is at once."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """End after the session that is being looked at."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while True:
            try:
                await self._round()
            except StoreError as error:
                _log.warning("retention was put off: %s", error)
            await asyncio.sleep(self._seconds)

    async def _round(self) -> None:
        result = await self._apart(lambda: retention.cleanup(self._core, self._policy, dry_run=False))
        gone = await self._apart(lambda: retention.purge(self._core, trash_days=self._trash_days))
        if result.sessions_deleted or gone:
            _log.info("retention: %d to the trash, %d removed", result.sessions_deleted, len(gone))

    async def _apart(self, operation: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Beside the program's own reads and writes."""
        return await (operation() if self._worker is None else self._worker.read(operation))
