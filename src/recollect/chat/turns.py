"""One turn of a chat: the user's message is stored, the model answers, every step is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from ..core.ids import uuid7
from ..errors import ChatError, ModelUnavailableError
from ..helpers import total_usage
from ..model import Message, Part, ReasoningPart, TextPart, ToolCallPart
from .events import Answered, Delta, Engine, Event, Said, Turn
from .replies import ChatEvent, Interruption, Reason, Reply, Step, steps_of

if TYPE_CHECKING:
    from .aio_chat import AsyncChat

Sink = Callable[[str], None]
"""Takes the pieces of a reply as they come. Never waits."""


class Exchange:
    """A user's message and all that answers it, while it happens."""

    def __init__(
        self,
        chat: AsyncChat,
        message: Message,
        *,
        max_iterations: int,
        timeout: float | None,
        sink: Sink | None = None,
    ) -> None:
        self.why: Interruption = "cancelled"
        """What a cancellation of this turn means."""
        self._chat = chat
        self._talk = chat._talk
        self._given = completed(message)
        self._max_iterations = max_iterations
        self._timeout = timeout
        self._sink = sink
        self._messages: list[Message] = [self._given]
        self._steps: list[Step] = []
        self._names: dict[str, str] = {}
        self._pieces: list[Delta] = []
        self._shown = False
        self._reason: Reason | None = None
        self._error: BaseException | None = None
        self._engine: Engine | None = None
        self._task: asyncio.Task[object] | None = None

    def stop(self) -> None:
        """End a reply that streams, if it is under way, and keep what came; whoever waits for a whole
        one goes on waiting."""
        if self._task is not None and self._sink is not None:
            self.why = "closed"
            self._task.cancel()

    async def run(self) -> Reply:
        """Play the turn to its end. Raises what the model or the store raised; what came is kept."""
        async with self._chat._turns:
            self._task = asyncio.current_task()
            self._chat._current = self
            try:
                return await self._run()
            finally:
                self._chat._current = self._task = None

    async def _run(self) -> Reply:
        self._engine = self._chat._engine()
        turn = await self._talk.begin(self._given, self._chat._tools, self._max_iterations)
        try:
            await self._play(self._engine, turn)
        except BaseException as error:
            self._cut(error)
            if self.why == "closed" or not isinstance(error, asyncio.CancelledError):
                await self._talk.settled()
            raise
        await self._talk.settled()
        return self.reply()

    async def settled(self) -> None:
        """Wait until what came is durable, as long as the store answers."""
        await self._talk.settled()

    async def _play(self, engine: Engine, turn: Turn) -> None:
        try:
            async with asyncio.timeout(self._timeout) as limit:
                events = engine.play(turn)
                try:
                    async for event in events:
                        if self._take(event):
                            await self._talk.settled()  # before the tool runs, and before the model goes on
                finally:
                    await _closed(events)
        except TimeoutError:
            if not limit.expired():
                raise
            self._reason = "timeout"
            raise ModelUnavailableError(
                f"The model {engine.model} did not end its reply within {self._timeout:g} s."
            ) from None

    def _take(self, event: Event) -> bool:
        """Deal with an event. Whether it was a step behind which another comes."""
        if isinstance(event, Delta):
            self._pieces.append(event)
            if event.kind == "text" and event.text:
                self._shown = True
                if self._sink is not None:
                    self._sink(event.text)
        elif isinstance(event, Said):
            if not self._shown and self._sink is not None and event.message.text:
                self._sink(event.message.text)
            self._keep(event.message)
            return any(isinstance(part, ToolCallPart) for part in event.message.parts)
        elif isinstance(event, Answered):
            self._keep(event.message)
            return True
        else:
            self._reason = event.reason
        return False

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
            self._talk.teller.event(ChatEvent("step", step.kind, step=step))

    def _cut(self, error: BaseException) -> None:
        """The reply ended before its end: what came of it is kept, and marked."""
        if self._reason != "timeout":
            self._reason = self.why if isinstance(error, asyncio.CancelledError) else "error"
        self._error = error
        parts = _parts_of(self._pieces)
        if parts and self._engine is not None:
            self._keep(
                Message.assistant(parts, model=self._engine.model, metadata={"interrupted": self._reason})
            )
        if isinstance(error, ChatError):
            error.reply = self.reply()

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
