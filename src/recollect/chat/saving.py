"""The background writer of a chat: in order, batched, tried again until the store has it."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ..errors import ExistsError, InvalidError, StoreError, TrashedError, UnavailableError
from ..model import Message
from .replies import ChatEvent
from .storage import Keeper
from .telling import Teller, log

Item = Message | dict[str, Any]
"""A message, or attributes of the session."""

MAX_BATCH = 64
FIRST_PAUSE, MAX_PAUSE = 0.05, 5.0  # seconds between attempts
HICCUPS = 3
"""So many failures in a row are told."""
PATIENCE = 0.25
"""How long a message is waited for while the store is known to be slow or down, in seconds."""

_unsaved: dict[int, Saver] = {}
"""Writers with something left, by id: for the end of the program."""


class Saver:
    """Keeps what is to be stored in memory and writes it, one batch at a time, beside the conversation."""

    def __init__(self, keeper: Keeper, teller: Teller, timeout: float, *, auto: bool) -> None:
        self._keeper = keeper
        self._teller = teller
        self._timeout = timeout
        self._auto = auto
        self._queue: deque[Item] = deque()
        self._stored = 0
        self._waiters: list[tuple[int, asyncio.Future[None], bool]] = []
        """How many items have to be stored, who waits for that, and whether a refusal is theirs to hear."""
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken: asyncio.Event | None = None
        self._pid = os.getpid()
        self.troubled = False
        """The store was slow or down, which was told; once per outage."""
        self._error: StoreError | None = None
        """Why the last attempt failed."""

    @property
    def waiting(self) -> list[Item]:
        """What is not stored yet, in order."""
        return list(self._queue)

    def waits(self) -> bool:
        """Whether anything is not stored yet."""
        return bool(self._queue)

    def add(self, *items: Item) -> None:
        """Queue something to be stored, by ``flush`` only where saving is not automatic."""
        self._queue.extend(items)
        self._pid = os.getpid()  # a child process may go on with a chat
        if self._auto and items:
            _unsaved[id(self)] = self
            self._start()

    def drop(self, item: Item) -> None:
        """Take something back that is not stored yet."""
        left = [one for one in self._queue if one is not item]
        self._queue.clear()
        self._queue.extend(left)
        self._emptied()

    async def halt(self) -> None:
        """Take everything back, and wait for a write that is under way. Raises UnavailableError."""
        self._queue.clear()
        self._emptied()
        here = self._loop is not None and self._loop is asyncio.get_running_loop()
        if here and self._task is not None and not self._task.done() and self._woken is not None:
            self._woken.set()
            await asyncio.wait({self._task}, timeout=self._timeout)
            if not self._task.done():
                raise UnavailableError(f"The store did not answer within {self._timeout:g} s.")

    def _start(self) -> None:
        loop = asyncio.get_running_loop()
        if self._task is None or self._task.done() or self._loop is not loop:
            self._loop, self._woken = loop, asyncio.Event()
            self._task = loop.create_task(self._work(), name="recollect-chat-saver")
        elif self._woken is not None:
            self._woken.set()

    async def stored(self, *, raising: bool = True) -> bool:
        """Wait until everything queued by now is durable. False when the store is too slow or down,
        which is told, and tried again in the background. What cannot heal by itself is raised, or told."""
        if not self._queue:
            return True
        self._start()
        patience = min(PATIENCE, self._timeout) if self.troubled else self._timeout
        try:
            await self._wait(patience, raising)
        except TimeoutError:
            self._trouble(self._error)
            return False
        return True

    async def flush(self) -> None:
        """Store everything now. Raises StoreError; what is not stored stays queued."""
        if not self._queue:
            return
        self._start()
        try:
            await self._wait(self._timeout, True)
        except TimeoutError:
            if self._error is not None:
                raise self._error from None
            raise UnavailableError(
                f"The store did not answer within {self._timeout:g} s; {self._left()} in memory.",
                hint="They are tried again as long as the program runs.",
            ) from None

    async def _wait(self, seconds: float, raising: bool) -> None:
        assert self._loop is not None
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiters.append((self._stored + len(self._queue), future, raising))
        async with asyncio.timeout(seconds):
            await future

    # The writer

    async def _work(self) -> None:
        pause, failures = FIRST_PAUSE, 0
        single = False
        while self._queue:
            items = [self._queue[i] for i in range(1 if single else min(len(self._queue), MAX_BATCH))]
            assert self._woken is not None
            self._woken.clear()  # before the attempt: who asks while it fails is heard
            error = self._error = await self._attempt(items)
            if error is None:
                self._done(items)
                pause, failures, single = FIRST_PAUSE, 0, False
            elif error.retryable:
                failures += 1
                if failures == HICCUPS:
                    self._trouble(error)
                pause = FIRST_PAUSE if await self._rest(pause) else min(2 * pause, MAX_PAUSE)
            elif len(items) > 1:
                single = True  # one of them may be the reason
            else:
                self._refused(error)
                if self._queue and self._queue[0] is items[0]:
                    return  # it stays queued: the next message, or save(), tries again
                single = False

    async def _attempt(self, items: list[Item]) -> StoreError | None:
        assert self._loop is not None
        slow = self._loop.call_later(self._timeout, self._trouble, None)
        try:
            await self._keeper.write(items)
        except StoreError as error:
            return error
        except Exception as error:  # noqa: BLE001  # whatever failed: what was said stays in memory and is told of
            log.warning("saving failed", exc_info=error)
            return StoreError(f"The store failed: {type(error).__name__}: {error}")
        finally:
            slow.cancel()
        return None

    async def _rest(self, pause: float) -> bool:
        """Wait before the next attempt; whether someone asked meanwhile for one at once."""
        assert self._woken is not None
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._woken.wait()
        return self._woken.is_set()

    def _done(self, items: list[Item]) -> None:
        for item in items:
            if self._queue and self._queue[0] is item:  # else it was taken back meanwhile
                self._queue.popleft()
                self._stored += 1
        while self._waiters and self._waiters[0][0] <= self._stored:
            _resolve(self._waiters.pop(0)[1], None)
        self._emptied()

    def _emptied(self) -> None:
        if self._queue:
            return
        _unsaved.pop(id(self), None)
        for _, future, _ in self._waiters:
            _resolve(future, None)
        self._waiters.clear()
        if self.troubled:
            self.troubled = False
            self._teller.event(ChatEvent("saved", "Everything is stored."))

    def _trouble(self, error: StoreError | None) -> None:
        """The store is slow or down: say so, once."""
        if self._queue:
            what = f"did not answer within {self._timeout:g} s" if error is None else f"failed ({error})"
            text = f"The store {what}; the conversation goes on, {self._left()} in memory and tried again."
            self.tell_trouble(ChatEvent("saving_delayed", text, error=error, waiting=len(self._queue)))

    def tell_trouble(self, event: ChatEvent) -> None:
        """Tell that the store is slow or down, once until everything is stored again."""
        if not self.troubled:
            self.troubled = True
            self._teller.warn(event)

    def _refused(self, error: StoreError) -> None:
        """The store will not have it: whoever waits is told by an exception, others by a warning."""
        if isinstance(error, InvalidError) or (
            isinstance(error, ExistsError) and not isinstance(error, TrashedError)
        ):
            self._queue.popleft()  # it can never be stored, and must not hold up the rest
            self._stored += 1
            left = "It is lost when the program ends."
        else:
            left = f"{self._left().capitalize()} in memory."
        heard = False
        for _, future, raising in self._waiters:
            heard = (_resolve(future, error if raising else None) and raising) or heard
        self._waiters.clear()
        event = ChatEvent(
            "saving_failed",
            f"The store refused what was said: {error} {left}",
            error=error,
            waiting=len(self._queue),
        )
        (self._teller.event if heard else self._teller.warn)(event)
        self._emptied()

    def _left(self) -> str:
        count = sum(isinstance(item, Message) for item in self._queue)
        return "1 message is kept" if count == 1 else f"{count} messages are kept"

    def write_at_exit(self) -> None:
        """Store what is left: the program ends. A store that does not answer does not keep it from that."""
        items = list(self._queue)
        if self._pid != os.getpid() or not items:
            return
        try:
            _bounded(lambda: self._keeper.write_now(items), self._timeout)
        except Exception as error:  # noqa: BLE001  # told below; the other chats are still to be saved
            text = f"{self._left().replace('are kept', 'were').replace('is kept', 'was')} not stored: {error}"
            self._teller.warn(ChatEvent("saving_failed", text, error=error, waiting=len(self._queue)))
        else:
            self._done(items)


def _resolve(future: asyncio.Future[None], error: StoreError | None) -> bool:
    """End a wait; False when nobody waits any more."""
    if future.done() or future.get_loop().is_closed():
        return False
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
    return True


def _bounded(call: Callable[[], None], seconds: float) -> None:
    """Run a call on a thread of its own, and wait for it no longer than so many seconds."""
    failures: list[Exception] = []

    def run() -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001  # raised below, on the caller's thread
            failures.append(error)

    thread = threading.Thread(target=run, name="recollect-chat-exit", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # some Pythons start no thread while they end
        call()
        return
    thread.join(seconds)
    if thread.is_alive():
        raise UnavailableError(f"The store did not answer within {seconds:g} s.")
    if failures:
        raise failures[0]


def _at_exit() -> None:
    for saver in list(_unsaved.values()):
        saver.write_at_exit()


atexit.register(_at_exit)
