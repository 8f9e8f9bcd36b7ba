"""What a chat knows of its conversation, and how it is kept: the line, what is not stored yet, secrets."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from ..core.toolcalls import repaired
from ..errors import StoreError
from ..model import Message, SessionInfo
from .events import Engine, ToolFunction, Turn
from .redaction import Redactor, redacted
from .replies import ChatEvent
from .saving import Saver
from .storage import Keeper
from .telling import Teller
from .window import Window


class Conversation:
    """The messages of one session as a chat sees them. Only one turn at a time may use it."""

    def __init__(
        self,
        keeper: Keeper,
        teller: Teller,
        *,
        auto_save: bool,
        save_timeout: float,
        redact: Redactor | None,
        context: Window | None,
    ) -> None:
        self.keeper = keeper
        self.teller = teller
        self.saver = Saver(keeper, teller, save_timeout, auto=auto_save)
        self._auto_save = auto_save
        self._save_timeout = save_timeout
        self._redact = redact
        self._context = context
        self._line: list[Message] | None = None
        """The conversation as far as it was seen; None before that."""
        self._model: tuple[str | None, str | None] = (None, None)
        """Provider and model that the session was told of."""
        self._prompts: list[str | None] = []
        """The system prompt, if this chat was given one: else the session's own counts."""
        self._warned_of_secrets = False

    # Attributes

    def describe(self, **attributes: Any) -> None:
        """Attributes that the session gets when it is made."""
        self.keeper.attributes |= {name: self._safe(value) for name, value in attributes.items() if value}

    @property
    def system(self) -> str | None:
        """The system prompt in force."""
        if self._prompts:
            return self._prompts[0]
        return None if self.keeper.info is None else self.keeper.info.system_prompt

    def set_system(self, prompt: str | None) -> None:
        """Change the system prompt; the session gets it with the next message."""
        self._prompts = [prompt or None]
        self.keeper.attributes.pop("system_prompt", None)
        self.describe(system_prompt=prompt)

    def _safe(self, value: Any) -> Any:
        return self._redact(value) if self._redact is not None and isinstance(value, str) else value

    @property
    def unsaved(self) -> list[Message]:
        """Messages that are in memory only."""
        return [item for item in self.saver.waiting if isinstance(item, Message)]

    # Turns

    async def begin(self, message: Message, tools: Sequence[ToolFunction], max_iterations: int) -> Turn:
        """Store the user's message; what the model is to answer."""
        stored = self._without_secrets(message)
        durable = await self._said(stored)
        before = await self._before(message) if durable else None
        if before is None:
            before = self._line or []
        self._line = [*before, stored]
        shown = repaired([*before, message])
        if self._context is not None:
            shown = self._context.fit(shown, self.system)
        return Turn(shown, self.system, tools, max_iterations)

    async def _said(self, stored: Message) -> bool:
        """Queue the user's message; whether it is durable by now."""
        if not self._auto_save:
            if self._line is None:
                await self.load()
            self.saver.add(stored)
            return False
        there = await self._found()
        self.saver.add(stored)
        if not there:
            return False
        try:
            return await self.saver.stored()
        except BaseException:
            self.saver.drop(stored)  # the message was not sent: it must not appear later
            raise

    async def _found(self) -> bool:
        """See that there is a session. False when the store is too slow or down, which is told."""
        if self.saver.waits() and self.keeper.session is None:
            return False  # the writer is at it
        opened = await self._patiently(self.keeper.open(create=self.keeper.create))
        info = self.keeper.info
        if self._prompts and info is not None:
            prompt = self._safe(self._prompts[0])
            if prompt != info.system_prompt:
                self.saver.add({"system_prompt": prompt})
        return opened is not None

    async def _before(self, message: Message) -> list[Message] | None:
        """The line that leads to a stored message; None when the store is too slow or down."""
        found: list[Message] | None = await self._patiently(self.keeper.line(before=message.id))
        return found

    async def _patiently(self, operation: Any) -> Any:
        """Wait for the store as long as is allowed. None when it is too slow or down, which is told."""
        try:
            async with asyncio.timeout(self._save_timeout):
                return await operation
        except TimeoutError:
            error, what = None, f"did not answer within {self._save_timeout:g} s"
        except StoreError as failure:
            if not failure.retryable:
                raise
            error, what = failure, f"failed ({failure})"
        known = "" if self._line else " without what was said before"
        text = f"The store {what}; the conversation goes on{known} and is kept in memory."
        self.saver.tell_trouble(ChatEvent("saving_delayed", text, error=error, waiting=len(self.unsaved)))
        return None

    def keep(self, message: Message, engine: Engine) -> None:
        """A message of the model's or a tool's: queued to be stored, and whose it is."""
        safe = self._without_secrets(message)
        if self._line is not None:
            self._line.append(safe)
        self.saver.add(safe)
        named = (engine.provider, engine.model)
        if message.role == "assistant" and named != self._model:
            self._model = named
            info = self.keeper.info
            if info is None or named != (info.provider, info.model):
                self.saver.add({"provider": engine.provider, "model": engine.model})

    async def settled(self) -> None:
        """Wait until all is durable, as long as the store answers; what it refuses is warned of."""
        if self._auto_save and not self.saver.troubled:
            await self.saver.stored(raising=False)

    def _without_secrets(self, message: Message) -> Message:
        if self._redact is None:
            return message
        safe = redacted(message, self._redact)
        if safe is not message:
            text = f"A secret in a message of role {message.role} was replaced before it was stored."
            event = ChatEvent("redacted", text)
            (self.teller.event if self._warned_of_secrets else self.teller.warn)(event)
            self._warned_of_secrets = True
        return safe

    # Between turns

    async def load(self) -> SessionInfo | None:
        """Read the conversation anew; None when there is no session."""
        if self._auto_save:
            await self.saver.flush()
        else:
            await self.saver.halt()
        if not await self.keeper.open(create=False):
            self._line = None
            return None
        await self.keeper.refresh()
        self._line = await self.keeper.line()
        return self.keeper.info

    async def look(self) -> SessionInfo | None:
        """The session as of now, or while the store is slow or down as it was seen last; None when
        there is none."""
        if not self.saver.troubled:
            there = self.keeper.session is not None
            await self._patiently(self.keeper.refresh() if there else self.keeper.open(create=False))
        return self.keeper.info

    async def save(self) -> SessionInfo:
        """Store everything now. Raises StoreError."""
        await self.saver.flush()
        await self.keeper.open(create=self.keeper.create)
        assert self.keeper.info is not None
        return self.keeper.info

    async def clear(self, *, purge: bool) -> None:
        """Begin anew with no messages."""
        if self._auto_save and not purge:
            await self.saver.flush()
        else:
            await self.saver.halt()
        if await self.keeper.open(create=False):
            await (self.keeper.purge() if purge else self.keeper.clear())
        self._line = []

    async def delete(self) -> None:
        """Remove the session for good."""
        await self.saver.halt()
        await self.keeper.delete()
        self._line, self._model = None, (None, None)
