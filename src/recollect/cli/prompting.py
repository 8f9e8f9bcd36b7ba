"""The line a person types: editing, history, completion. prompt_toolkit is imported here only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Protocol

from ..errors import MissingExtraError

if TYPE_CHECKING:
    from prompt_toolkit.completion import CompleteEvent, Completer, Completion
    from prompt_toolkit.document import Document
    from prompt_toolkit.key_binding import KeyBindings
    from prompt_toolkit.key_binding.key_processor import KeyPressEvent


class Offer(Protocol):
    """Something that may be typed next: the word, how much of the line it replaces, what it is."""

    @property
    def word(self) -> str: ...
    @property
    def replaces(self) -> int: ...
    @property
    def about(self) -> str: ...


Offers = Callable[[str], Iterable[Offer]]
PROMPT = "you> "
Ask = Callable[[str], str]
"""Asks for a line, what is given being there already. Ctrl-C raises KeyboardInterrupt, Ctrl-D EOFError."""


def prompt(offers: Offers, said: Iterable[str], *, color: bool) -> Ask:
    """Something that asks for lines. ``said`` is what the arrow keys bring back, the oldest first.

    It is kept in memory only: a file would hold what the store is kept from holding. Raises
    MissingExtraError.
    """
    try:
        from prompt_toolkit import PromptSession
    except ImportError as error:
        raise MissingExtraError(
            "The interactive prompt needs prompt_toolkit, which is not installed.",
            hint="pip install 'recollect[chat]' brings it.",
        ) from error
    from prompt_toolkit.filters import Condition
    from prompt_toolkit.history import InMemoryHistory
    from prompt_toolkit.output import ColorDepth
    from prompt_toolkit.patch_stdout import patch_stdout

    commanding = Condition(lambda: session.default_buffer.text.startswith("/"))
    session: PromptSession[str] = PromptSession(
        history=InMemoryHistory(list(said)),
        completer=_completer(offers),
        complete_while_typing=commanding,
        key_bindings=_keys(),
        multiline=True,
        prompt_continuation=" " * len(PROMPT),
        color_depth=None if color else ColorDepth.MONOCHROME,
        enable_history_search=False,
        reserve_space_for_menu=6,
    )

    def ask(text: str = "") -> str:
        with patch_stdout():  # what is said meanwhile appears above the line
            return session.prompt(PROMPT, default=text)

    return ask


def _completer(offers: Offers) -> Completer:
    from prompt_toolkit.completion import Completer, Completion

    class Words(Completer):
        """Offers as prompt_toolkit takes them."""

        def get_completions(
            self,
            document: Document,
            complete_event: CompleteEvent,  # noqa: ARG002  # prompt_toolkit's signature
        ) -> Iterator[Completion]:
            for offer in offers(document.text_before_cursor):
                yield Completion(offer.word, -offer.replaces, display_meta=offer.about)

    return Words()


def _keys() -> KeyBindings:
    """Enter sends; Alt-Enter, or Enter behind a backslash, begins a new line."""
    from prompt_toolkit.key_binding import KeyBindings

    keys = KeyBindings()

    @keys.add("enter")
    @keys.add("c-j")  # Enter that was pressed while a reply came
    def _send(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.document.text_before_cursor.endswith("\\"):
            buffer.delete_before_cursor()
            buffer.insert_text("\n")
        else:
            buffer.validate_and_handle()

    @keys.add("escape", "enter")
    @keys.add("escape", "c-j")
    def _break_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys
