"""Commands of the prompt that are about the chat itself: leave, clear, save, load, model, system."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .confirming import confirm
from .figures import counted
from .slash_passing import whole, words

if TYPE_CHECKING:
    from .talk import Talk


class Leave(Exception):
    """The person has said enough."""


def leave(talk: Talk, rest: str) -> None:  # noqa: ARG001  # every command has this signature
    """Leave the prompt."""
    raise Leave


def clear(talk: Talk, rest: str) -> None:
    """Begin anew with no messages."""
    purge = _flag(rest, "--purge")
    if purge:
        confirm("Erase all messages of this session for good?", False, doing="Erasing")
    talk.session()
    talk.chat.clear_history(purge=purge)
    undo = "" if purge else f" What was said is still there: recollect sessions undo {talk.chat.session_id}"
    talk.app.say(f"{'Erased' if purge else 'Cleared'}.{'' if talk.choices.ephemeral else undo}")


def count(talk: Talk, rest: str) -> None:  # noqa: ARG001  # every command has this signature
    """Say how much was said."""
    info = talk.session().info
    talk.app.data(f"{counted(info.message_count, 'message')}, {counted(info.turn_count, 'turn')}")


def save(talk: Talk, rest: str) -> None:  # noqa: ARG001  # every command has this signature
    """Save what waits; a chat that was to leave nothing behind moves into the store."""
    if talk.choices.ephemeral:
        talk.keep()
    session = talk.session()
    talk.app.say(f"Saved: {session.id}, {counted(session.info.message_count, 'message')}.")


def load(talk: Talk, rest: str) -> None:
    """Go on with another session, or see what others added to this one."""
    if rest:
        talk.go_to(talk.store.resolve(whole(rest)))
    else:
        talk.chat.load()
    talk.show_end()


def model(talk: Talk, rest: str) -> None:
    """Let another model answer from now on, or say which one does."""
    if rest:
        talk.use(rest)
    talk.app.say(f"{talk.model_name} answers.")


def system(talk: Talk, rest: str) -> None:
    """Set, take away or show the system prompt."""
    session = talk.session()
    if rest:
        prompt = None if rest == "-" else rest
        talk.chat.system = prompt
        if prompt is None:
            session.update(system_prompt=None)
    talk.app.say(f"System prompt: {talk.chat.system or 'none'}")


def _flag(rest: str, name: str) -> bool:
    given = words(rest)
    if given in ([], [name]):
        return bool(given)
    import click

    raise click.UsageError(f"There is only {name}.")
