"""``AsyncChat``: a conversation with a model that keeps every word, for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ..core.ids import check_name, uuid7
from ..errors import ConfigError, InvalidError, StoreError
from ..model import Message, Part, SessionInfo
from .conversation import Conversation
from .events import Engine, ToolFunction
from .recall import recall_tool
from .redaction import Redactor, redactor_of
from .replies import ChatEvent, Reply
from .storage import AnySession, Keeper, OnConflict, close_store, open_store
from .streams import AsyncReplyStream
from .telling import OnEvent, Teller
from .turns import Exchange
from .window import Window

if TYPE_CHECKING:
    from .. import AsyncStore, Store

Content = str | Part | Sequence[Part] | Message
"""What is said: a text, a part or parts (images, files), or a whole message of the user's."""


class AsyncChat:
    """A conversation with a model, kept in a session. Use it with ``async with``, or close it.

    A session of that id is gone on with; else one is made with the first message, with ``name``,
    ``tags`` and ``system``. ``model`` is a name (``openai:gpt-5-mini``, ``echo``, ``script:FILE``),
    an engine, or a model object of pydantic-ai; None takes the configured one. ``store`` is a store,
    a URL, or None for the configured one; a store that the chat opened is closed with it.

    The user's message is durable before the model is called, and each step is stored as it happens;
    saving never delays a piece of a reply. A store that does not answer within ``save_timeout``
    seconds, or fails, is warned about (ChatWarning); what was said is kept in memory and tried
    again. ``auto_save=False`` stores nothing until ``save``.

    ``tools`` are functions that the model may call, with at most ``max_iterations`` calls of the
    model in a turn; ``recall`` gives it a tool that searches the other sessions of the namespace.
    ``context`` bounds what the model is shown, ``timeout`` the seconds of a reply. ``redact``
    replaces secrets in what is stored: True for what has the form of a key, or a function of a
    text. ``on_conflict`` is as for ``Session.append``. With ``create=False`` a session that is
    not there raises NotFoundError. ``on_event`` is called with each ChatEvent, on the event loop.
    """

    def __init__(
        self,
        session_id: str | None = None,
        *,
        store: AsyncStore | Store | str | None = None,
        model: object = None,
        namespace: str | None = None,
        tools: Sequence[ToolFunction] = (),
        system: str | None = None,
        name: str | None = None,
        tags: Sequence[str] = (),
        context: Window | None = None,
        recall: bool = False,
        auto_save: bool = True,
        create: bool = True,
        max_iterations: int = 10,
        timeout: float | None = None,
        redact: bool | Redactor = False,
        on_conflict: OnConflict = "rebase",
        save_timeout: float = 5.0,
        on_event: OnEvent | None = None,
    ) -> None:
        if context is not None and not isinstance(context, Window):
            raise InvalidError(f"context= takes a Window, not {context!r}.")
        session_id = uuid7() if session_id is None else check_name("session id", session_id)
        self._max_iterations = _iterations(max_iterations)
        self._timeout = None if timeout is None else _seconds("timeout", timeout)
        save_timeout = _seconds("save_timeout", save_timeout)
        redactor = redactor_of(redact)
        self._store, self._owned = open_store(store, namespace)
        self._teller = Teller(on_event)
        self._talk = Conversation(
            Keeper(self._store, session_id, on_conflict, create=create),
            self._teller,
            auto_save=auto_save,
            save_timeout=save_timeout,
            redact=redactor,
            context=context,
        )
        self._talk.describe(name=name, tags=list(tags))
        if system is not None:
            self._talk.set_system(system)
        self._auto_save = auto_save
        self._model = model
        self._playing: Engine | None = None
        self._tools = (*tools, *([recall_tool(self._store, session_id)] if recall else ()))
        self._turns = asyncio.Lock()
        self._current: Exchange | None = None
        """The turn under way."""
        self._closed = False

    # Talking

    async def send(
        self, content: Content, *, max_iterations: int | None = None, timeout: float | None = None
    ) -> Reply:
        """Say something and wait for the whole answer, which is stored then.

        Raises ChatError when the model fails (what came is kept; ``error.reply`` holds it), StoreError
        when the message can never be stored. A loop of tools that hits its bound is no error:
        ``success`` is False then.
        """
        return await self._exchange(content, max_iterations, timeout).run()

    def stream(
        self, content: Content, *, max_iterations: int | None = None, timeout: float | None = None
    ) -> AsyncReplyStream:
        """Say something and get the answer's text piece by piece: ``async for piece in chat.stream("…")``.

        Raises as ``send`` does, while it is read. ``stream.reply`` is the whole at its end.
        """
        return AsyncReplyStream(self._exchange(content, max_iterations, timeout))

    def _exchange(self, content: Content, max_iterations: int | None, timeout: float | None) -> Exchange:
        if self._closed:
            raise InvalidError("The chat is closed.", hint="Make a new one with the same session id.")
        message = content if isinstance(content, Message) else Message.user(content)
        if message.role != "user":
            raise InvalidError(f"A chat sends messages of the user's, not of role {message.role!r}.")
        return Exchange(
            self,
            message,
            max_iterations=self._max_iterations if max_iterations is None else _iterations(max_iterations),
            timeout=self._timeout if timeout is None else _seconds("timeout", timeout),
        )

    @classmethod
    async def resume(cls, session_id: str, message: Content, **options: Any) -> Reply:
        """Go on with a session that is there, by one message; ``reply.chat`` goes on from there.

        ``options`` are those of the class. Raises NotFoundError before anything is sent.
        """
        chat = cls(session_id, **{**options, "create": False})
        try:
            await chat._talk.keeper.open(create=False)
            return await chat.send(message)
        except BaseException:
            await chat.close()
            raise

    # The conversation

    @property
    def session_id(self) -> str:
        """The session's id, also before there is a session."""
        return self._talk.keeper.session_id

    @property
    def session(self) -> AnySession:
        """The session, with all its verbs. Raises InvalidError before it was opened: by a message,
        ``load`` or ``save``."""
        if self._talk.keeper.session is None:
            raise InvalidError(
                f"Session {self.session_id!r} has not been opened.", hint="load() opens it, save() makes it."
            )
        return self._talk.keeper.session

    @property
    def info(self) -> SessionInfo | None:
        """The session's attributes and figures as this chat last saw them; None before that."""
        return self._talk.keeper.info

    @property
    def message_count(self) -> int:
        """How many messages the conversation has: those stored, as this chat last saw them, and those
        still in memory."""
        return (0 if self.info is None else self.info.message_count) + self.unsaved_count

    @property
    def unsaved_count(self) -> int:
        """How many messages are in memory only."""
        return len(self._talk.unsaved)

    @property
    def model(self) -> str | None:
        """The model's name, with its provider's where it has one; None while none is chosen."""
        if self._playing is None:
            return self._model if isinstance(self._model, str) else configured_model()
        provider = self._playing.provider
        return self._playing.model if provider is None else f"{provider}:{self._playing.model}"

    def use(self, model: object) -> None:
        """Go on with another model. Raises ConfigError, ModelAccessError or MissingExtraError at once."""
        from .engines import engine

        self._playing = engine(model)
        self._model = model

    @property
    def system(self) -> str | None:
        """The system prompt. A new one is stored with the next message."""
        return self._talk.system

    @system.setter
    def system(self, prompt: str | None) -> None:
        self._talk.set_system(prompt)

    async def load(self) -> SessionInfo | None:
        """Read the conversation anew; None when there is no session yet. What is not stored is stored
        first, or with ``auto_save=False`` dropped."""
        await self._make_room()
        async with self._turns:
            return await self._talk.load()

    async def save(self) -> SessionInfo:
        """Store everything now. Raises StoreError when that fails; what was said is kept in memory then."""
        if self._current is not None and self._current.is_paused:
            return await self._talk.save()  # its reader saves between two pieces
        async with self._turns:
            return await self._talk.save()

    async def clear_history(self, *, purge: bool = False) -> None:
        """Begin anew with no messages. What was said stays in the session's log; with ``purge`` it is
        removed physically, from every file, and the session keeps only its attributes."""
        await self._make_room()
        async with self._turns:
            await self._talk.clear(purge=purge)

    async def delete(self) -> None:
        """Remove the session for good; another message begins it anew. Raises NotFoundError."""
        await self._make_room()
        async with self._turns:
            await self._talk.delete()

    async def _make_room(self) -> None:
        """End a reply whose reader does something else now, or is gone: it would never end."""
        if self._current is not None and self._current.is_paused:
            await self._current.stop()

    # Closing

    async def close(self) -> None:
        """Stop a stream that nobody reads just now, wait for other replies, and store what is left.

        What cannot be stored in ``save_timeout`` seconds is warned about, and tried again when the
        program ends.
        """
        if self._closed:
            return
        self._closed = True
        if self._current is not None:
            await self._current.stop()
        async with self._turns:
            try:
                if self._auto_save:
                    await self._talk.saver.flush()
            except StoreError as error:
                count = self.unsaved_count
                text = f"{count} messages are not stored yet; the end of the program tries again. {error}"
                self._teller.warn(ChatEvent("saving_failed", text, error=error, waiting=count))
            else:
                if self._owned:
                    await close_store(self._store)

    async def aclose(self) -> None:
        """``close``, by the name that ``contextlib.aclosing`` calls."""
        await self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.session_id!r}>"

    def _engine(self) -> Engine:
        """The model, connected at its first use."""
        if self._playing is None:
            model = configured_model() if self._model is None else self._model
            if model is None:
                raise ConfigError(
                    "No model is chosen.",
                    hint="Give model= (--model), or set RECOLLECT_MODEL; echo needs no key.",
                )
            self.use(model)
        assert self._playing is not None
        return self._playing


def configured_model() -> str | None:
    """The model that the environment or a configuration file names."""
    from ..config import load_settings

    return load_settings().model


def _iterations(number: int) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise InvalidError(f"max_iterations must be a whole number from 1, not {number!r}.")
    return number


def _seconds(name: str, value: float) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
        raise InvalidError(f"{name} must be seconds, more than 0, not {value!r}.")
    return value
