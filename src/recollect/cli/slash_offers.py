"""Completion at the prompt: commands, and behind them sessions, tags, branches, formats, models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from ..errors import StoreError
from .escape import one_line
from .slash import COMMANDS
from .talk import PROVIDERS

if TYPE_CHECKING:
    from .talk import Talk

READ = 200
"""So many of the newest sessions are looked at: a person types meanwhile."""
MODELS = ("echo", "script:", *(f"{provider}:" for provider in PROVIDERS))


class Offer(NamedTuple):
    """What may be typed: a word, how many characters of the line it replaces, what it is."""

    word: str
    replaces: int
    about: str


def offers(talk: Talk, line: str) -> Iterator[Offer]:
    """What may come next in a line that begins with a slash. A store that fails offers nothing."""
    if not line.startswith("/"):
        return
    name, space, rest = line[1:].partition(" ")
    if not space:
        for word, slash in COMMANDS.items():
            if word.startswith(name.lower()):
                yield Offer(word, len(name), slash.about)
        return
    known = COMMANDS.get(name.lower())
    source = None if known is None else _SOURCES.get(known.offers)
    if source is None:
        return
    typed = rest.rpartition(" ")[2]
    try:
        for word, about in source(talk):
            if word.startswith(typed):
                yield Offer(word, len(typed), about)
    except (StoreError, OSError):
        return


def _commands(talk: Talk) -> Iterator[tuple[str, str]]:  # noqa: ARG001  # every source has this signature
    yield from ((name, slash.about) for name, slash in COMMANDS.items())


def _sessions(talk: Talk) -> Iterator[tuple[str, str]]:
    for info in talk.store.sessions(limit=READ):
        about = one_line(info.name or info.preview)
        if _plain(info.id):
            yield info.id, about
        if info.name and _plain(info.name):
            yield info.name, about


def _tags(talk: Talk) -> Iterator[tuple[str, str]]:
    for tag, count in talk.store.tags().items():
        if _plain(tag):
            yield tag, f"{count:,}"


def _own_tags(talk: Talk) -> Iterator[tuple[str, str]]:
    yield from ((tag, "") for tag in talk.chat.session.info.tags if _plain(tag))


def _branches(talk: Talk) -> Iterator[tuple[str, str]]:
    for branch in talk.chat.session.branches():
        if _plain(branch.name):
            yield branch.name, f"{branch.message_count:,}"


def _formats(talk: Talk) -> Iterator[tuple[str, str]]:  # noqa: ARG001  # every source has this signature
    from .exporting import FORMATS

    yield from ((name, "") for name in FORMATS)


def _models(talk: Talk) -> Iterator[tuple[str, str]]:
    yield talk.model_name, "answers now"
    yield from ((name, "") for name in MODELS if name != talk.model_name)


def _plain(word: str) -> bool:
    """Whether a word goes onto the line, and the screen, as it is."""
    return one_line(word) == word and not any(character in " \"'\\" for character in word)


_SOURCES: dict[str, Callable[[Talk], Iterator[tuple[str, str]]]] = {
    "command": _commands,
    "session": _sessions,
    "tag": _tags,
    "own tag": _own_tags,
    "branch": _branches,
    "format": _formats,
    "model": _models,
}
