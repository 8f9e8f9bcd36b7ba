"""How coroutines of the core run for event loops: on a worker thread, or on a loop in a thread.

Under ``AsyncStore`` a single worker thread takes whole queued operations, steps them inside one write
transaction, commits once and only then acknowledges them all: one fsync pays for many appends.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

from .backend import Backend, Exclusive
from .core.base import adopting
from .errors import ClosedError
from .stepping import step

T = TypeVar("T")
Operation = Callable[[], Coroutine[Any, Any, Any]]
MAX_GROUP = 512
READERS = 4


class LoopThread:
    """An event loop in a background thread, for synchronous callers of asynchronous engines."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._pid = os.getpid()
        threading.Thread(target=self._serve, name="recollect-loop", daemon=True).start()

    def _serve(self) -> None:
        self._loop.run_forever()
        self._loop.close()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and wait for its result."""
        if self._pid != os.getpid():
            coroutine.close()
            raise ClosedError(
                "This store was opened before a fork.", hint="Open it again in the child process."
            )
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def close(self) -> None:
        """Stop the loop."""
        if self._pid == os.getpid():
            self._loop.call_soon_threadsafe(self._loop.stop)


class LoopClock:
    """The machine's clock for engines that live on an event loop."""

    def now(self) -> int:
        """Microseconds since 1970 UTC."""
        return time.time_ns() // 1000

    async def sleep(self, seconds: float) -> None:
        """Wait without blocking the loop."""
        await asyncio.sleep(seconds)


class _Job:
    """A queued operation and the future of whoever awaits it."""

    __slots__ = ("alone", "error", "future", "loop", "operation", "result")

    def __init__(self, operation: Operation, loop: asyncio.AbstractEventLoop, *, alone: bool = False) -> None:
        self.operation = operation
        self.alone = alone
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.result: Any = None
        self.error: BaseException | None = None


class Worker:
    """Runs operations of a blocking engine for event loops: writes grouped, reads beside them."""

    def __init__(self, backend: Backend) -> None:
        # Asked once: to ask takes as long as an append.
        self._exclusive = backend if isinstance(backend, Exclusive) else None
        self._closed = False
        self._start()

    def _start(self) -> None:
        self._pid = os.getpid()
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="recollect-read")

    def _check(self) -> None:
        if self._pid != os.getpid():
            self._start()  # the threads stayed in the parent process
        if self._closed:
            raise ClosedError("The store is closed.")

    async def open(self, operation: Operation) -> Any:
        """Queue what opens the engine: it runs outside of any transaction, behind what was queued before."""
        return await self._queued(_Job(operation, asyncio.get_running_loop(), alone=True))

    async def write(self, operation: Operation) -> Any:
        """Queue an operation; returns its result once it is durable."""
        return await self._queued(_Job(operation, asyncio.get_running_loop()))

    async def _queued(self, job: _Job) -> Any:
        self._check()
        if self._thread is None:
            self._start_thread()
        self._queue.put(job)
        return await job.future

    def _start_thread(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="recollect-write", daemon=True)
                self._thread.start()

    async def read(self, operation: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a reading operation on a thread of its own, never behind a write."""
        self._check()
        # The coroutine is made on that thread: one whose caller was cancelled before is never made.
        return await asyncio.get_running_loop().run_in_executor(self._readers, lambda: step(operation()))

    async def close(self, last: Operation) -> None:
        """Let queued operations finish, run the last one, then stop the threads."""
        self._closed = True
        if self._thread is not None and self._pid == os.getpid():
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(self._readers.shutdown)
        await asyncio.to_thread(lambda: step(last()))

    def _work(self) -> None:
        more = True
        while more:
            jobs, more = self._take()
            for group in _groups(jobs):
                if len(group) > 1 and self._exclusive is not None:
                    step(self._together(self._exclusive, group))
                else:
                    for job in group:
                        _run(job)
                _acknowledge(group)

    def _take(self) -> tuple[list[_Job], bool]:
        """What is queued by now, waiting for the first; False at the end of the queue."""
        jobs: list[_Job] = []
        job = self._queue.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) == MAX_GROUP or self._queue.empty():
                return jobs, True
            job = self._queue.get()
        return jobs, False

    async def _together(self, backend: Exclusive, jobs: list[_Job]) -> None:
        """All jobs in one transaction: durable together, or failed together."""
        try:
            with adopting(backend):
                async with backend.exclusive():
                    for job in jobs:
                        _run(job)
        except BaseException as error:  # noqa: BLE001  # handed to every caller below
            for job in jobs:
                job.error = job.error or error


def _groups(jobs: list[_Job]) -> list[list[_Job]]:
    """The jobs in order, those that run alone on their own."""
    if not any(job.alone for job in jobs):
        return [jobs]
    groups: list[list[_Job]] = []
    for job in jobs:
        if not groups or job.alone or groups[-1][0].alone:
            groups.append([])
        groups[-1].append(job)
    return groups


def _run(job: _Job) -> None:
    try:
        job.result = step(job.operation())
    except BaseException as error:  # noqa: BLE001  # handed to the caller that awaits the job
        job.error = error


def _acknowledge(jobs: Iterable[_Job]) -> None:
    """Wake each loop once for all its jobs."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
    for job in jobs:
        by_loop.setdefault(job.loop, []).append(job)
    for loop, done in by_loop.items():
        with suppress(RuntimeError):  # that loop was closed meanwhile: nobody waits there any more
            loop.call_soon_threadsafe(_resolve, done)


def _resolve(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.future.done():
            continue  # its caller was cancelled
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)
