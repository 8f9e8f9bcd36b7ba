"""One turn of a chat: the user's message is stored, the model answers, every step is kept."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from datetime import UTC, datetime
from types import AsyncGeneratorType
from typing import TYPE_CHECKING, Any, cast

from msgspec.structs import replace

from ..core.ids import uuid7
from ..errors import ChatError, ModelUnavailableError
from ..helpers import total_usage
from ..model import Message, Part, ReasoningPart, TextPart
from .events import Answered, Delta, Engine, Event, Said, Stopped
from .replies import ChatEvent, Interruption, Reason, Reply, Step, steps_of

if TYPE_CHECKING:
    from .aio_chat import AsyncChat


class Exchange:
    """A user's message and all that answers it, while it happens."""

    def __init__(
        self, chat: AsyncChat, message: Message, *, max_iterations: int, timeout: float | None
    ) -> None:
        self.why: Interruption = "cancelled"
        """What a cancellation of this turn means."""
        self.reader: asyncio.Task[Any] | None = None
        """Who reads the pieces, or did so last."""
        self.pump: asyncio.Task[Any] | None = None
        """What reads the pieces without ever pausing, for a synchronous chat."""
        self.tell: Callable[[ChatEvent], None] = chat._talk.teller.event
        """Told of every step."""
        self._running: weakref.ref[AsyncGeneratorType[str, None]] | None = None
        self._chat = chat
        self._talk = chat._talk
        self._given = completed(message)
        self._max_iterations = max_iterations
        self._timeout = timeout
        self._messages: list[Message] = [self._given]
        self._steps: list[Step] = []
        self._names: dict[str, str] = {}
        self._pieces: list[Delta] = []
        self._shown = False
        self._reason: Reason | None = None
        self._error: BaseException | None = None
        self._engine: Engine | None = None
        self._allowed = timeout

    async def run(self) -> Reply:
        """Play the turn to its end. Raises what the model or the store raised; what came is kept."""
        async for _ in self.pieces():
            pass
        return self.reply()

    def pieces(self) -> AsyncGenerator[str, None]:
        """The pieces of the reply as they come; whoever reads them drives the turn, so that none is late.
        Closing the generator, or letting go of it, ends the turn."""
        pieces = self._played()
        self._running = weakref.ref(
            cast("AsyncGeneratorType[str, None]", pieces)
        )  # no more: what nobody holds must be seen to be let go of
        return pieces

    async def _played(self) -> AsyncGenerator[str, None]:
        await self._chat._make_room()
        async with self._chat._turns:
            self._chat._current = self
            events: AsyncIterator[Event] | None = None
            try:
                engine = self._engine = self._chat._engine()
                turn = await self._talk.begin(self._given, self._chat._tools, self._max_iterations)
                events = engine.play(turn)
                while (event := await self._next(events)) is not None:
                    if isinstance(event, Delta):
                        self._pieces.append(event)
                        if event.kind == "text" and event.text:
                            self._shown = True
                            yield event.text
                        continue
                    if (text := self._step(event)) is not None:
                        yield text
                    await self._talk.settled()  # before the tool runs, and before the model goes on
            except BaseException as error:
                if events is not None:
                    await self._cut(error, events)
                raise
            finally:
                self._chat._current = None

    async def _next(self, events: AsyncIterator[Event]) -> Event | None:
        """What the model does next, in the time that is left for it; None at the end."""
        if self._timeout is None:
            return await anext(events, None)
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(self._timeout) as limit:
                return await anext(events, None)
        except TimeoutError:
            if not limit.expired():
                raise
            self._reason = "timeout"
            name = "" if self._engine is None else f" {self._engine.model}"
            raise ModelUnavailableError(
                f"The model{name} did not end its reply within {self._allowed:g} s."
            ) from None
        finally:
            self._timeout = max(0.0, self._timeout - (loop.time() - began))

    def _step(self, event: Said | Answered | Stopped) -> str | None:
        """Deal with a whole message, or the end; the text of it that did not stream."""
        text = None
        if isinstance(event, Stopped):
            self._reason = event.reason
        else:
            if isinstance(event, Said) and not self._shown:
                text = event.message.text or None
            self._keep(event.message)
        return text

    @property
    def is_paused(self) -> bool:
        """Whether the one who reads the pieces is who asks, between two of them, or is gone."""
        return self.reader is not None and (self.reader is asyncio.current_task() or self.reader.done())

    async def stop(self) -> None:
        """End a reply that streams, unless a task waits for its next piece right now."""
        running = None if self._running is None else self._running()
        if self.pump is not None:
            self.why = "closed"
            self.pump.cancel()
        elif running is not None and not running.ag_running:
            await running.aclose()

    async def settled(self) -> None:
        """Wait until what came is durable, as long as the store answers."""
        await self._talk.settled()

    def _keep(self, message: Message) -> None:
        """A whole message: a step that is stored."""
        message = completed(message)
        if message.role == "assistant":
            self._pieces, self._shown = [], False
        self._messages.append(message)
        if self._engine is not None:
            self._talk.keep(message, self._engine)
        for step in steps_of(message, self._names):
            self._steps.append(step)
            self.tell(ChatEvent("step", step.kind, step=step))

    async def _cut(self, error: BaseException, events: AsyncIterator[Event]) -> None:
        """The reply ended before its end: what came of it is kept, and marked."""
        if isinstance(error, GeneratorExit):
            self._reason = "closed"
        elif self._reason != "timeout":
            self._reason = self.why if isinstance(error, asyncio.CancelledError) else "error"
        self._error = None if self._reason == "closed" else error
        parts = _parts_of(self._pieces)
        if parts and self._engine is not None:
            self._keep(
                Message.assistant(parts, model=self._engine.model, metadata={"interrupted": self._reason})
            )
        if isinstance(error, ChatError):
            error.reply = self.reply()
        await _closed(events)
        if self._reason != "cancelled":  # whoever cancels does not wait for a store
            await self._talk.settled()

    def reply(self) -> Reply:
        """What there is."""
        said = [message for message in self._messages[1:] if message.role == "assistant"]
        text = next((message.text for message in reversed(said) if message.text), "")
        return Reply(
            text=text,
            success=self._reason is None,
            steps=self._steps,
            usage=total_usage(self._messages[1:]),
            messages=self._messages,
            session_id=self._chat.session_id,
            session=self._talk.keeper.session,
            chat=self._chat,
            provider=None if self._engine is None else self._engine.provider,
            model=None if self._engine is None else self._engine.model,
            reason=self._reason,
            error=self._error,
        )


def completed(message: Message) -> Message:
    """The message with an id, by which a second attempt to store it is known, and the time."""
    if message.id and message.created_at:
        return message
    return replace(message, id=message.id or uuid7(), created_at=message.created_at or datetime.now(UTC))


def _parts_of(pieces: list[Delta]) -> list[Part]:
    """Pieces that streamed as parts, in the order they came."""
    parts: list[Part] = []
    texts: list[str] = []
    for place, piece in enumerate(pieces):
        texts.append(piece.text)
        if place + 1 == len(pieces) or pieces[place + 1].kind != piece.kind:
            content = "".join(texts)
            if content:
                parts.append(TextPart(content) if piece.kind == "text" else ReasoningPart(content))
            texts = []
    return parts


async def _closed(events: AsyncIterator[Event]) -> None:
    close = getattr(events, "aclose", None)
    if close is not None:
        await close()
