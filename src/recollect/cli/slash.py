"""Commands of the prompt: which there are, and how a line becomes one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import click

from . import slash_chat as chat
from . import slash_session as session
from .slash_passing import on_session, on_store

if TYPE_CHECKING:
    from .. import Message
    from .talk import Talk

_COMMAND = re.compile(r"\s*/(\?|[a-z][a-z_-]*)(?:\s+(.*?))?\s*", re.DOTALL | re.IGNORECASE)
_ALIASES = {"quit": "exit", "q": "exit", "?": "help", "h": "help", "title": "name"}
Run = Callable[["Talk", str], "str | Message | None"]


class Slash(NamedTuple):
    """A command: what it does with the rest of its line, and what completion offers there."""

    run: Run
    usage: str
    about: str
    offers: str = ""


COMMANDS: dict[str, Slash] = {
    "help": Slash(lambda talk, rest: show_help(talk, rest), "[COMMAND]", "List the commands.", "command"),
    "exit": Slash(chat.leave, "", "Leave (or Ctrl-D)."),
    "clear": Slash(chat.clear, "[--purge]", "Begin anew; --purge erases what was said for good."),
    "count": Slash(chat.count, "", "Count messages and turns."),
    "history": Slash(session.history, "[N]", "Show the last N messages (10)."),
    "save": Slash(chat.save, "", "Save now; keeps a chat begun with --no-store."),
    "load": Slash(chat.load, "[ID]", "Go on with a session; without ID: read this one anew.", "session"),
    "sessions": Slash(on_store("sessions", "list"), "[FILTERS]", "List sessions, the newest first."),
    "search": Slash(session.search, "WORDS", "Find messages in all sessions."),
    "tag": Slash(session.tag, "[TAG…]", "Add tags; without any: show them.", "tag"),
    "untag": Slash(on_session("sessions", "untag"), "TAG…", "Take tags off.", "own tag"),
    "name": Slash(session.name, "[TEXT]", "Give the session a name; without TEXT: show it."),
    "model": Slash(chat.model, "[MODEL]", "Let another model answer; without MODEL: show which.", "model"),
    "system": Slash(chat.system, "[TEXT|-]", "Set the system prompt; - takes it away."),
    "undo": Slash(session.undo, "[N]", "Take back the last turn, or the last N."),
    "edit": Slash(session.edit, "[@N] [TEXT]", "Say the last message, or the Nth, anew."),
    "branch": Slash(on_session("sessions", "branch"), "NAME [--at @N]", "Name this line, or where it was."),
    "branches": Slash(on_session("sessions", "branches"), "", "List the branches."),
    "checkout": Slash(on_session("sessions", "checkout"), "NAME", "Go on with another branch.", "branch"),
    "tree": Slash(on_session("sessions", "tree"), "", "Draw all messages with their branches."),
    "fork": Slash(session.fork, "[@N] [NAME]", "Go on in a new session with this one's past."),
    "merge": Slash(
        on_session("sessions", "merge"), "BRANCH [OPTIONS]", "Bring in what a branch said.", "branch"
    ),
    "export": Slash(session.export, "[FORMAT] [FILE]", "Print the session, or write it to a file.", "format"),
    "cost": Slash(session.cost, "", "Show tokens and money spent."),
}


def as_command(line: str) -> tuple[str, str] | None:
    """The command of a line and the rest; None for a message, such as ``/etc/hosts is what?``."""
    match = _COMMAND.fullmatch(line)
    if match is None:
        return None
    word = match[1].lower()
    return _ALIASES.get(word, word), match[2] or ""


def unslashed(line: str) -> str:
    """A message as it is meant: two slashes in front stand for one."""
    return line.replace("//", "/", 1) if line.startswith("//") else line


def obey(talk: Talk, word: str, rest: str) -> str | Message | None:
    """Do a command; returns what it wants said to the model. Raises UsageError for an unknown one."""
    return _known(word).run(talk, rest)


def _known(word: str) -> Slash:
    if word not in COMMANDS:
        near = difflib.get_close_matches(word, COMMANDS, n=1)
        meant = f" Did you mean /{near[0]}?" if near else ""
        raise click.UsageError(f"There is no command /{word}.{meant} To say it to the model: //{word}")
    return COMMANDS[word]


def show_help(talk: Talk, rest: str) -> None:
    """Every command with what it is for, or one of them."""
    from .screen import Line, Piece, show_lines

    word = rest.strip().removeprefix("/").lower()
    names = [_ALIASES.get(word, word)] if word else list(COMMANDS)
    usages = [f"/{name} {_known(name).usage}".rstrip() for name in names]
    room = max(map(len, usages))
    lines: list[Line] = [
        [Piece(usage.ljust(room + 2), "bold"), Piece(COMMANDS[name].about)]
        for name, usage in zip(names, usages, strict=True)
    ]
    if not word:
        lines += [
            [],
            [Piece("All else is said to the model. Alt-Enter begins a new line, Ctrl-C stops a reply.")],
        ]
    show_lines(talk.app.unpaged(), lines)
