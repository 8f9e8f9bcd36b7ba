"""Threads on which blocking stores are called for event loops.

Daemon threads, unlike those of an executor: what waits can still be stored while the program ends, and a
store that never answers does not keep it from ending.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

MOST = 8

_guard = threading.Lock()
_threads: Threads | None = None


class Job:
    """A call, and the future of whoever awaits it."""

    __slots__ = ("_call", "_context", "_future", "_loop")

    def __init__(self, call: Callable[[], Any], loop: asyncio.AbstractEventLoop) -> None:
        self._call = call
        self._loop = loop
        self._context = contextvars.copy_context()
        self._future: asyncio.Future[Any] = loop.create_future()

    async def done(self) -> Any:
        """Wait for the call's result."""
        return await self._future

    def run(self) -> None:
        """Called on a thread."""
        result: Any = None
        failure: BaseException | None = None
        try:
            result = self._context.run(self._call)
        except BaseException as error:  # noqa: BLE001  # handed to whoever awaits the call
            failure = error
        with suppress(RuntimeError):  # that loop was closed meanwhile: nobody waits there any more
            self._loop.call_soon_threadsafe(self._settle, result, failure)

    def _settle(self, result: Any, failure: BaseException | None) -> None:
        if self._future.done():
            return  # whoever waited was cancelled
        if failure is not None:
            self._future.set_exception(failure)
        else:
            self._future.set_result(result)


class Threads:
    """At most ``MOST`` threads, started as they are needed."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._jobs: SimpleQueue[Job] = SimpleQueue()
        self._started = 0
        self._busy = 0
        self._lock = threading.Lock()

    def put(self, job: Job) -> None:
        """Queue a job."""
        with self._lock:
            self._busy += 1
            if self._busy > self._started and self._started < MOST:
                self._started += 1
                name = f"recollect-chat-{self._started}"
                threading.Thread(target=self._work, name=name, daemon=True).start()
        self._jobs.put(job)

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            job.run()
            del job  # what it holds must not live until the next one
            with self._lock:
                self._busy -= 1


async def in_thread(call: Callable[[], Any]) -> Any:
    """Run a blocking call on a thread and wait for it. Cancelling the wait does not stop the call."""
    global _threads
    with _guard:
        if _threads is None or _threads.pid != os.getpid():  # threads stay in the parent process
            _threads = Threads()
    job = Job(call, asyncio.get_running_loop())
    _threads.put(job)
    return await job.done()
