"""A reply while it streams, for asyncio."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from ..errors import InvalidError
from .replies import Reply
from .turns import Exchange


class AsyncReplyStream:
    """The pieces of a reply as they come: ``async for piece in chat.stream("…")``.

    ``reply`` is the whole once the pieces have ended. Closing the stream before (``aclose``, leaving
    its ``async with``, or letting go of it) stops the model; what came is kept, marked ``interrupted``.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._pieces = exchange.pieces()
        self._reply: Reply | None = None

    @property
    def reply(self) -> Reply:
        """The whole reply. Raises InvalidError before its end."""
        if self._reply is None:
            raise InvalidError("The reply has not ended yet.", hint="Read the stream to its end first.")
        return self._reply

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        exchange = self._exchange
        exchange.reader = asyncio.current_task()
        try:
            return await self._pieces.__anext__()
        except BaseException:  # its end, too
            self._reply = exchange.reply()
            raise

    async def aclose(self) -> None:
        """Stop the model, if it has not ended; what came is kept and ``reply`` holds it."""
        await self._pieces.aclose()
        if self._exchange.reader is not None:
            self._reply = self._exchange.reply()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
