"""What is held at a terminal: the chat, its store, and the choices that a person made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ..errors import ConfigError
from .app import App
from .streaming import Drawing, Writer

if TYPE_CHECKING:
    from .. import Chat, ChatEvent, Message, Session, SessionInfo, Store
    from .prompting import Ask

PROVIDERS = ("openai", "anthropic", "google", "openrouter", "ollama")
SHOWN = 4
"""Messages that are shown of a session that is gone on with."""


@dataclass(frozen=True)
class Choices:
    """How a chat is held; None where nobody said."""

    model: str | None = None
    system: str | None = None
    name: str | None = None
    tags: tuple[str, ...] = ()
    max_iterations: int | None = None
    recall: bool = False
    redact: bool = True
    stream: bool = True
    ephemeral: bool = False


@dataclass
class TalkingApp(App):
    """An app whose remarks do not spoil a reply that is being drawn, and whose commands use the
    store that is open already."""

    held: Store | None = None
    out: Writer | None = None
    """Where the pieces of a reply go at the moment."""

    @contextmanager
    def opened(self, *, readonly: bool = False) -> Iterator[Store]:
        """The store of the chat; before there is one, the store that is meant."""
        if self.held is not None:
            yield self.held
            return
        with super().opened(readonly=readonly) as store:
            yield store

    @contextmanager
    def writing(self) -> Iterator[Store]:
        """The same; what has grown too old goes when the chat is over."""
        if self.held is not None:
            yield self.held
            return
        with super().writing() as store:
            yield store

    def unpaged(self) -> TalkingApp:
        """The same without a pager: for what stands between two lines of a conversation."""
        return replace(self, no_pager=True)

    @contextmanager
    def writing_to(self, out: Writer) -> Iterator[None]:
        """For as long as a reply comes."""
        self.out = out
        try:
            yield
        finally:
            self.out = None

    def complain(self, text: str) -> None:
        """Say it above the reply if one is being drawn."""
        if isinstance(self.out, Drawing):
            self.out.note(text)
        else:
            super().complain(text)


def _own_model(info: SessionInfo | None) -> str | None:
    """The model that answered in a session before, if it can be called by its name."""
    if info is None or not info.model:
        return None
    if info.provider in PROVIDERS:
        return f"{info.provider}:{info.model}"
    return info.model if info.provider is None and info.model == "echo" else None


def _nobody(text: str) -> str:
    """There is no prompt, and nobody to ask."""
    raise EOFError(text)


class Talk:
    """A chat at the terminal. ``go_to`` exchanges it for another one."""

    def __init__(self, app: TalkingApp, store: Store, choices: Choices, session_id: str | None) -> None:
        self.app = app
        self.store = store
        self.choices = choices
        self.ask: Ask = _nobody
        self._ways_out = ExitStack()
        self.chat: Chat = self._made(session_id, choices)

    def _made(self, session_id: str | None, choices: Choices) -> Chat:
        from .. import Chat

        chat = Chat(
            session_id,
            store=self.store,
            model=choices.model,
            system=choices.system,
            name=choices.name,
            tags=choices.tags,
            recall=choices.recall,
            redact=choices.redact,
            on_event=self._heard,
        )
        try:
            info = chat.load() if session_id is not None else None
            # At once: a missing key must not be told of when the message has been stored.
            chat.use(choices.model or _own_model(info) or self._configured())
            if info is not None and choices.name is not None:
                chat.session.update(name=choices.name or None)
            if info is not None and choices.tags:
                chat.session.tag(*choices.tags)
        except BaseException:
            chat.close()
            raise
        return chat

    def _configured(self) -> str:
        """The model for those who name none. Raises ConfigError."""
        configured = self.app.settings().model
        if configured is None:
            raise ConfigError(
                "No model is chosen.",
                hint="Say which: --model openai:gpt-5-mini, or --model echo, which needs no key.",
            )
        return configured

    def _heard(self, event: ChatEvent) -> None:
        """Show the steps of a reply; what else there is to tell comes as a warning, too."""
        if event.step is not None and self.app.out is not None:
            self.app.out.step(event.step)

    @property
    def new(self) -> bool:
        """Whether this is the beginning of a session that is to be kept."""
        return self.chat.info is None and not self.choices.ephemeral

    def use(self, model: str) -> None:
        """Let another model answer. Raises ConfigError, ModelAccessError or MissingExtraError."""
        self.chat.use(model)
        self.choices = replace(self.choices, model=model)

    @property
    def model_name(self) -> str:
        """Who answers."""
        return self.chat.model or "No model"

    def go_to(self, session_id: str) -> None:
        """Go on with another session. If that fails nothing has changed."""
        self.chat.save()
        # What the first session was told at the start does not concern the next one.
        choices = replace(self.choices, system=None, name=None, tags=())
        following = self._made(session_id, choices)
        self.chat.close()
        self.chat, self.choices = following, choices

    def keep(self) -> None:
        """Move a chat that was to leave nothing behind into the store that is meant without
        ``--no-store``, and go on there. Raises StoreError."""
        session = self.chat.session
        info, messages = session.info, session.messages()
        before = self.app.held
        self.app.held = None
        try:
            store = self._ways_out.enter_context(self.app.opened())
            kept = store.create(
                info.id,
                name=info.name,
                provider=info.provider,
                model=info.model,
                system_prompt=info.system_prompt,
                tags=info.tags,
            )
            kept.append(*messages)
        except BaseException:
            self.app.held = before
            raise
        self.store = self.app.held = store
        self.choices = replace(self.choices, ephemeral=False)
        self.go_to(kept.id)

    def session(self) -> Session:
        """The session with all that was said so far in it. Raises StoreError if it cannot be saved."""
        self.chat.save()
        return self.chat.session

    def earlier(self, most: int) -> list[Message]:
        """The last messages; none of a session that does not exist yet."""
        return self.chat.session.messages(last=most) if self.chat.message_count else []

    def show_end(self) -> None:
        """Show how the conversation ended so far."""
        from .conversation import spoken
        from .figures import counted, local
        from .listing import label
        from .screen import show_lines

        last = self.earlier(SHOWN)
        if last:
            info = self.chat.session.info
            self.app.say(f"{label(info)}: {counted(info.message_count, 'message')}.")
            show_lines(self.app.unpaged(), spoken(last, local, markdown=True))
            self.app.data()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._ways_out:
            self.chat.close()
