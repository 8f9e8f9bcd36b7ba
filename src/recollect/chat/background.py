"""An event loop on a thread of its own, shared by all synchronous chats of a process."""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import os
import threading
import weakref
from collections.abc import Coroutine
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import Any, TypeVar

from ..errors import InvalidError
from . import saving as _saving  # noqa: F401  # its exit handler has to be registered first

T = TypeVar("T")
PATIENCE = 2.0
"""How long Ctrl-C waits for what it stopped to be put in order, in seconds."""

_guard = threading.Lock()
_background: Background | None = None


class Background:
    """Runs coroutines for callers on other threads."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._pid = os.getpid()
        self._thread = threading.Thread(target=self.loop.run_forever, name="recollect-chat-loop", daemon=True)
        self._thread.start()
        self._calls: weakref.WeakSet[Call[Any]] = weakref.WeakSet()

    @property
    def alive(self) -> bool:
        """False in a child process, into which threads do not follow."""
        return self._pid == os.getpid()

    def start(self, coroutine: Coroutine[Any, Any, T]) -> Call[T]:
        """Begin to run a coroutine, with the caller's context variables."""
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise InvalidError(
                "A Chat was used on the thread that chats run on.", hint="Use AsyncChat in async functions."
            )
        call = Call[T](self.loop)
        self._calls.add(call)
        context = contextvars.copy_context()
        self.loop.call_soon_threadsafe(call.begin, coroutine, context)
        return call

    def stop(self) -> None:
        """Stop what runs, so that what came of it can be stored."""
        calls = [call for call in self._calls if not call.done()]
        for call in calls:
            call.stop()
        wait(calls, PATIENCE)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine and wait for its result. What interrupts the wait stops the coroutine."""
        return self.start(coroutine).result()


class Call(Future[T]):
    """A coroutine that runs in the background."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._loop = loop
        self._task: asyncio.Task[T] | None = None

    def begin(self, coroutine: Coroutine[Any, Any, T], context: contextvars.Context) -> None:
        """Called on the loop."""
        self._task = self._loop.create_task(coroutine, context=context)
        self._task.add_done_callback(self._settle)

    def _settle(self, task: asyncio.Task[T]) -> None:
        if task.cancelled():
            self.set_exception(asyncio.CancelledError())
        elif (error := task.exception()) is not None:
            self.set_exception(error)
        else:
            self.set_result(task.result())

    def stop(self) -> None:
        """Cancel the coroutine, from any thread. It may still have something to put in order."""
        self._loop.call_soon_threadsafe(lambda: None if self._task is None else self._task.cancel())

    def result(self, timeout: float | None = None) -> T:
        """Wait for the end. An exception in the waiting thread (Ctrl-C) stops the coroutine first."""
        try:
            return super().result(timeout)
        except BaseException:
            if not self.done():
                self.stop()
                with suppress(TimeoutError):
                    self.exception(PATIENCE)
            raise


def background() -> Background:
    """The loop of this process."""
    global _background
    with _guard:
        if _background is None or not _background.alive:
            _background = Background()
        return _background


def _at_exit() -> None:
    """The program ends: replies under way are cut, before what is left is stored."""
    if _background is not None and _background.alive:
        _background.stop()


atexit.register(_at_exit)  # behind that of saving.py, which is therefore called after it
