"""Sessions as people name them: arguments that take an id, and completion with live ids."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from ..errors import NotFoundError, StoreError
from .app import App
from .escape import one_line

if TYPE_CHECKING:
    from .. import SessionInfo, Store

F = TypeVar("F", bound=Callable[..., Any])
MOST_OFFERED = 100
MOST_READ = 5000
"""So many of the newest sessions are looked at: a shell waits for the answer."""
_PLAIN_WORD = re.compile(r"[\w@.+:/=,~-]+")
"""What shells take as one word without quoting."""


def session_argument(*, many: bool = False, trashed: bool = False, required: bool = True) -> Callable[[F], F]:
    """An argument ``ID`` (``reference``), or ``ID…`` (``references``)."""
    word = "ID..." if many else "ID"
    return click.argument(
        "references" if many else "reference",
        metavar=word if required else f"[{word}]",
        nargs=-1 if many else 1,
        required=required,
        shell_complete=_complete_trashed if trashed else complete_session,
    )


def resolved(store: Store, references: tuple[str, ...], *, trashed: bool = False) -> list[str]:
    """The ids meant, each once. All are looked up before anything is done to one."""
    return list(dict.fromkeys(store.resolve(reference, trashed=trashed) for reference in references))


def resolved_anywhere(store: Store, references: tuple[str, ...]) -> list[str]:
    """The ids meant, looked for among the sessions and then in the trash."""
    found: dict[str, None] = {}
    for reference in references:
        try:
            found[store.resolve(reference)] = None
        except NotFoundError:
            found[store.resolve(reference, trashed=True)] = None
    return list(found)


def complete_session(
    context: click.Context,
    parameter: click.Parameter,  # noqa: ARG001  # click's signature
    incomplete: str,
) -> list[CompletionItem]:
    """Ids and names of sessions that begin with what was typed."""
    return _offers(context, incomplete, trashed=False)


def _complete_trashed(
    context: click.Context,
    parameter: click.Parameter,  # noqa: ARG001  # click's signature
    incomplete: str,
) -> list[CompletionItem]:
    return _offers(context, incomplete, trashed=True)


def _offers(context: click.Context, incomplete: str, *, trashed: bool) -> list[CompletionItem]:
    """A shell waits for this: an unusable store offers nothing rather than an error."""
    app = context.find_object(App) or App()
    app.quiet = True
    try:
        with app.opened(readonly=True) as store:
            infos = islice(_all(store, trashed), MOST_READ)
            last = [] if trashed else [("@last", "the newest session")]
            words = chain.from_iterable(_words(info) for info in infos)
            offers = [
                CompletionItem(w, help=about) for w, about in chain(last, words) if _fits(w, incomplete)
            ]
            return offers[:MOST_OFFERED]
    except (StoreError, OSError):
        return []


def _all(store: Store, trashed: bool) -> Iterator[SessionInfo]:
    cursor: str | None = None
    while True:
        page = (
            store.trashed(limit=500, cursor=cursor) if trashed else store.sessions(limit=500, cursor=cursor)
        )
        yield from page
        cursor = page.next
        if cursor is None:
            return


def _words(info: SessionInfo) -> list[tuple[str, str]]:
    about = one_line(info.name or info.preview)
    return [(info.id, about), *([(info.name, about)] if info.name else [])]


def _fits(word: str, incomplete: str) -> bool:
    return word.startswith(incomplete) and _PLAIN_WORD.fullmatch(word) is not None
