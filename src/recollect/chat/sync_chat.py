"""``Chat``: a conversation with a model that keeps every word, for synchronous programs."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from queue import SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from ..errors import ChatError, InvalidError
from ..model import SessionInfo
from .aio_chat import AsyncChat, Content
from .background import PATIENCE, Call, background
from .events import ToolFunction
from .redaction import Redactor
from .replies import ChatEvent, Reply
from .storage import OnConflict
from .telling import OnEvent
from .turns import Exchange
from .window import Window

if TYPE_CHECKING:
    from .. import Session, Store

T = TypeVar("T")


class Chat:
    """A conversation with a model, kept in a session, for synchronous programs; a context manager.

    All is as for AsyncChat, which says what the arguments mean. ``store`` is a Store, a URL, or None
    for the configured one. ``on_event`` and async tools run on a thread of the chat's own, but the
    steps of a stream are told where it is read, between its pieces.
    """

    def __init__(
        self,
        session_id: str | None = None,
        *,
        store: Store | str | None = None,
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
        from .. import Store

        self._owned = store is None or isinstance(store, str)
        if store is not None and not isinstance(store, str | Store):
            raise InvalidError(
                f"store= takes a Store or a URL, not {type(store).__name__}.",
                hint="An AsyncStore goes with AsyncChat.",
            )
        opened = Store(store, namespace=namespace) if not isinstance(store, Store) else store
        try:
            self._chat = AsyncChat(
                session_id,
                store=opened,
                model=model,
                namespace=None if self._owned else namespace,
                tools=tools,
                system=system,
                name=name,
                tags=tags,
                context=context,
                recall=recall,
                auto_save=auto_save,
                create=create,
                max_iterations=max_iterations,
                timeout=timeout,
                redact=redact,
                on_conflict=on_conflict,
                save_timeout=save_timeout,
                on_event=on_event,
            )
        except BaseException:
            if self._owned:
                opened.close()
            raise
        self._chat._owned = self._owned

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return background().run(coroutine)

    def _mine(self, reply: Reply) -> Reply:
        return replace(reply, chat=self)

    def _settle(self) -> None:
        """Wait a moment for what was cut to be stored."""
        with suppress(TimeoutError):
            background().start(self._chat._talk.settled()).result(PATIENCE)

    # Talking

    def send(
        self, content: Content, *, max_iterations: int | None = None, timeout: float | None = None
    ) -> Reply:
        """See ``AsyncChat.send``. Ctrl-C stops the model; what came is kept."""
        try:
            return self._mine(
                self._run(self._chat.send(content, max_iterations=max_iterations, timeout=timeout))
            )
        except ChatError as error:
            if isinstance(error.reply, Reply):
                error.reply = self._mine(error.reply)
            raise

    def stream(
        self, content: Content, *, max_iterations: int | None = None, timeout: float | None = None
    ) -> ReplyStream:
        """See ``AsyncChat.stream``: ``for piece in chat.stream("…")``."""
        return ReplyStream(self, self._chat._exchange(content, max_iterations, timeout))

    @classmethod
    def resume(cls, session_id: str, message: Content, **options: Any) -> Reply:
        """See ``AsyncChat.resume``."""
        chat = cls(session_id, **{**options, "create": False})
        try:
            chat._run(chat._chat._talk.keeper.open(create=False))
            return chat.send(message)
        except BaseException:
            chat.close()
            raise

    # The conversation

    @property
    def session_id(self) -> str:
        """See ``AsyncChat.session_id``."""
        return self._chat.session_id

    @property
    def session(self) -> Session:
        """The session, with all its verbs; made if it is not there yet. With ``auto_save=False`` only
        ``save`` makes it: InvalidError before that."""
        keeper = self._chat._talk.keeper
        if keeper.session is None:
            self._run(keeper.open(create=keeper.create and self._chat._auto_save))
        return cast("Session", self._chat.session)

    @property
    def info(self) -> SessionInfo | None:
        """The session's attributes and figures as of now; None while there is no session."""
        return self._run(self._chat._talk.look())

    @property
    def message_count(self) -> int:
        """How many messages the conversation has: those stored, and those still in memory."""
        self._run(self._chat._talk.look())
        return self._chat.message_count

    @property
    def unsaved_count(self) -> int:
        """See ``AsyncChat.unsaved_count``."""
        return self._chat.unsaved_count

    @property
    def model(self) -> str | None:
        """See ``AsyncChat.model``."""
        return self._chat.model

    def use(self, model: object) -> None:
        """See ``AsyncChat.use``."""
        self._chat.use(model)

    @property
    def system(self) -> str | None:
        """See ``AsyncChat.system``."""
        return self._chat.system

    @system.setter
    def system(self, prompt: str | None) -> None:
        self._chat.system = prompt

    def load(self) -> SessionInfo | None:
        """See ``AsyncChat.load``."""
        return self._run(self._chat.load())

    def save(self) -> SessionInfo:
        """See ``AsyncChat.save``."""
        return self._run(self._chat.save())

    def clear_history(self, *, purge: bool = False) -> None:
        """See ``AsyncChat.clear_history``."""
        self._run(self._chat.clear_history(purge=purge))

    def delete(self) -> None:
        """See ``AsyncChat.delete``."""
        self._run(self._chat.delete())

    def close(self) -> None:
        """See ``AsyncChat.close``."""
        self._run(self._chat.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.session_id!r}>"


class ReplyStream:
    """The pieces of a reply as they come: ``for piece in chat.stream("…")``. See AsyncReplyStream.

    Closing it (``close``, leaving its ``with``, Ctrl-C, or letting go of it) stops the model.
    """

    def __init__(self, chat: Chat, exchange: Exchange) -> None:
        self._chat = chat
        self._exchange = exchange
        self._pieces: SimpleQueue[str | ChatEvent | None] = SimpleQueue()
        self._call: Call[Reply] | None = None
        self._reply: Reply | None = None
        self._over = False

    @property
    def reply(self) -> Reply:
        """The whole reply. Raises InvalidError before its end."""
        if self._reply is None:
            raise InvalidError("The reply has not ended yet.", hint="Read the stream to its end first.")
        return self._reply

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        if self._over:
            raise StopIteration
        if self._call is None:
            self._start()
        try:
            while isinstance(piece := self._pieces.get(), ChatEvent):
                self._chat._chat._teller.event(piece)
        except BaseException:  # Ctrl-C
            self._exchange.why = "cancelled"
            self._halt()
            raise
        if piece is not None:
            return piece
        self._over = True
        assert self._call is not None
        self._reply = self._chat._mine(self._exchange.reply())
        try:
            self._reply = self._chat._mine(self._call.result())
        except asyncio.CancelledError:
            raise StopIteration from None
        except ChatError as error:
            error.reply = self._reply
            raise
        raise StopIteration

    def _start(self) -> None:
        pieces = self._pieces
        self._call = background().start(_pumped(self._exchange, pieces))
        self._call.add_done_callback(lambda _: pieces.put(None))

    def _halt(self) -> None:
        """Stop the model and wait until what came is kept."""
        self._over = True
        if self._call is not None:
            self._call.stop()
            with suppress(TimeoutError):
                self._call.exception(PATIENCE)
            self._chat._settle()
            self._reply = self._chat._mine(self._exchange.reply())

    def close(self) -> None:
        """Stop the model, if it has not ended; what came is kept and ``reply`` holds it."""
        if not self._over:
            self._exchange.why = "closed"
            self._halt()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if self._call is not None and not self._call.done():
            self._exchange.why = "closed"
            self._call.stop()


async def _pumped(exchange: Exchange, pieces: SimpleQueue[str | ChatEvent | None]) -> Reply:
    """Put the pieces where another thread takes them."""
    exchange.pump = asyncio.current_task()
    exchange.tell = pieces.put
    async for piece in exchange.pieces():
        pieces.put(piece)
    return exchange.reply()
