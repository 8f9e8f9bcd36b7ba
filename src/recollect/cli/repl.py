"""The interactive prompt: what is typed is said to the model; what begins with a slash is a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .answering import answer, tell_end
from .codes import OK
from .escape import safe
from .failing import failed
from .slash import as_command, obey, unslashed
from .slash_chat import Leave

if TYPE_CHECKING:
    from .. import Message
    from .prompting import Ask
    from .talk import Talk

REMEMBERED = 200
"""Messages of a session that the arrow keys bring back."""


def converse(talk: Talk) -> int:
    """Talk until the person leaves; returns the exit code. Raises MissingExtraError."""
    from .prompting import prompt
    from .slash_offers import offers

    said = [message.text for message in talk.earlier(REMEMBERED) if message.role == "user"]
    # What must be spelled out on a screen cannot be typed again.
    earlier = [text for text in said if text and safe(text) == text]
    talk.ask = prompt(lambda line: offers(talk, line), earlier, color=talk.app.color)
    greet(talk)
    follow(talk, talk.ask)
    part(talk)
    return OK


def follow(talk: Talk, ask: Ask) -> None:
    """Do what is typed, line by line, until the end. An error ends nothing but its own line."""
    while True:
        try:
            line = ask("")
        except EOFError:
            return
        except KeyboardInterrupt:
            talk.app.say("Ctrl-D or /exit leaves.")
            continue
        try:
            _do(talk, line)
        except (Leave, BrokenPipeError):
            return
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # reported as one sentence
            failed(talk.app, error)


def _do(talk: Talk, line: str) -> None:
    """A line: a command, which may have something to say to the model, or a message."""
    said: str | Message | None
    if not line.strip():
        return
    command = as_command(line)
    said = unslashed(line) if command is None else obey(talk, *command)
    if said is not None:
        _say(talk, said)


def _say(talk: Talk, said: str | Message) -> None:
    talk.app.data()
    try:
        reply = answer(talk, said)
    except KeyboardInterrupt:
        talk.app.complain("Stopped. What had come is kept.")
    else:
        tell_end(talk.app, reply)
    talk.app.data()


def greet(talk: Talk) -> None:
    """Say who answers and how to leave; show how a session that is gone on with ended."""
    talk.app.say(f"{talk.model_name} answers. /help lists commands, Ctrl-D leaves.")
    talk.show_end()


def part(talk: Talk) -> None:
    """Save what waits and say how to go on."""
    talk.chat.save()
    if not talk.choices.ephemeral and talk.chat.message_count:
        talk.app.say(f"To go on: recollect chat -s {talk.chat.session_id}")
