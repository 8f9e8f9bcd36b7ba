"""Commands of the prompt that are commands of the command line with the session filled in."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from .talk import Talk


def words(text: str) -> list[str]:
    """The words of a line as a shell takes them; where its quotes do not pair, as they stand."""
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def whole(text: str) -> str:
    """A line that is one thing, with or without quotes around it."""
    given = words(text)
    return given[0] if len(given) == 1 else text


def pass_on(talk: Talk, path: Sequence[str], args: Sequence[str]) -> None:
    """Run the command at ``path``, such as ``sessions tag``, on the store of the chat."""
    from .main import root

    command: click.Command = root
    for word in path:
        assert isinstance(command, click.Group)
        below = command.get_command(click.Context(command), word)
        assert below is not None
        command = below
    # Options such as --json hold for this command only.
    command.main(list(args), prog_name=" ".join(path), standalone_mode=False, obj=replace(talk.app))


def on_session(*path: str) -> Callable[[Talk, str], None]:
    """A command on the session of the chat."""
    return lambda talk, rest: pass_on(talk, path, [talk.session().id, *words(rest)])


def on_store(*path: str) -> Callable[[Talk, str], None]:
    """A command on the store; what was said so far is in it."""

    def run(talk: Talk, rest: str) -> None:
        talk.chat.save()
        pass_on(talk, path, words(rest))

    return run
