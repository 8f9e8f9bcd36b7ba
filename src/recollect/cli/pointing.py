"""Messages as people name them: an id, its beginning, a place on the active line, the last one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..errors import AmbiguousError, NotFoundError

if TYPE_CHECKING:
    from .. import Message, Session, TreeNode

F = TypeVar("F", bound=Callable[..., Any])
_PLACE = re.compile(r"@(last|\d{1,12})", re.ASCII)
_VERSION = re.compile(r"\d{1,12}", re.ASCII)
_SHOWN = 5
WORDS = "MSG is a message's id, the start of it, @N (the Nth of the active line) or @last."


def message_argument(name: str = "message") -> Callable[[F], F]:
    """An argument ``MSG``."""
    return click.argument(name, metavar="MSG")


def message_id(session: Session, reference: str) -> str:
    """The id of the message meant. Raises NotFoundError or AmbiguousError."""
    return found(session, session.tree(), reference).id


def found(session: Session, nodes: Sequence[TreeNode], reference: str) -> Message:
    """The message meant, among those of a session's tree; an id as it stands is meant first."""
    messages = {node.message.id: node.message for node in nodes}
    if reference in messages:
        return messages[reference]
    if place := _PLACE.fullmatch(reference):
        line = [node.message for node in nodes if node.active]
        number = len(line) if place[1] == "last" else int(place[1])
        if 1 <= number <= len(line):
            return line[number - 1]
        raise NotFoundError(
            f"Session {session.id!r} has {len(line)} messages on its active line, none {reference!r}."
        )
    near = [message for id_, message in messages.items() if reference and id_.startswith(reference)]
    if len(near) == 1:
        return near[0]
    if near:
        some = ", ".join(message.id for message in near[:_SHOWN])
        more = " …" if len(near) > _SHOWN else ""
        raise AmbiguousError(
            f"{reference!r} can mean {len(near)} messages of session {session.id!r}.",
            hint=f"{some}{more}",
        )
    raise NotFoundError(
        f"Session {session.id!r} has no message {reference!r}.",
        hint=f"See them: recollect sessions tree {session.id}",
    )


def moment(session: Session, reference: str | None) -> str | int | None:
    """A point in a session: a number that is one of its versions is that, all else a message."""
    if reference is None:
        return None
    if _VERSION.fullmatch(reference) and 1 <= int(reference) <= session.version:
        return int(reference)
    return message_id(session, reference)
