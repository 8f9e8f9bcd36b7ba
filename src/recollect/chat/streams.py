"""A reply while it streams, for asyncio."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from ..errors import InvalidError
from .replies import Interruption, Reply
from .turns import Exchange


class AsyncReplyStream:
    """The pieces of a reply as they come: ``async for piece in chat.stream("…")``.

    ``reply`` is the whole once the pieces have ended. Closing the stream before (``aclose``, leaving
    its ``async with``, or letting go of it) stops the model; what came is kept, marked ``interrupted``.
    """

    def __init__(self, exchange: Exchange, pieces: asyncio.Queue[str | None]) -> None:
        self._exchange = exchange
        self._pieces = pieces
        self._task: asyncio.Task[Reply] | None = None
        self._reply: Reply | None = None
        self._over = False

    @property
    def reply(self) -> Reply:
        """The whole reply. Raises InvalidError before its end."""
        if self._reply is None:
            raise InvalidError("The reply has not ended yet.", hint="Read the stream to its end first.")
        return self._reply

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        if self._over:
            raise StopAsyncIteration
        if self._task is None:
            self._start()
        try:
            piece = await self._pieces.get()
        except asyncio.CancelledError:
            self._stop("cancelled")
            raise
        if piece is not None:
            return piece
        self._over = True
        assert self._task is not None
        self._reply = self._exchange.reply()
        if not self._task.cancelled():
            self._reply = self._task.result()
        raise StopAsyncIteration

    def _start(self) -> None:
        pieces = self._pieces
        self._task = asyncio.get_running_loop().create_task(self._exchange.run(), name="recollect-chat-reply")
        # Not through self: a stream that nobody holds any more must be seen to be let go of.
        self._task.add_done_callback(lambda task: _end(task, pieces))

    def _stop(self, why: Interruption) -> None:
        if self._task is not None and not self._task.done():
            self._exchange.why = why
            self._task.cancel()

    async def aclose(self) -> None:
        """Stop the model, if it has not ended; what came is kept and ``reply`` holds it."""
        if self._task is not None:
            self._stop("closed")
            await asyncio.wait({self._task})
            await self._exchange.settled()
            if self._reply is None:
                self._reply = self._exchange.reply()
        self._over = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        task = self._task
        if task is not None and not task.done() and not task.get_loop().is_closed():
            self._exchange.why = "closed"
            task.get_loop().call_soon_threadsafe(task.cancel)


def _end(task: asyncio.Task[Reply], pieces: asyncio.Queue[str | None]) -> None:
    if not task.cancelled():
        task.exception()  # whoever reads the stream gets it; nobody else has to be told
    pieces.put_nowait(None)
