"""Sessions as people name them: arguments that take an id, and completion with live ids."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from ..errors import NotFoundError, StoreError
from .app import App
from .escape import one_line

if TYPE_CHECKING:
    from ..store import Store

F = TypeVar("F", bound=Callable[..., Any])
MOST_OFFERED = 100
_PLAIN_WORD = re.compile(r"[\w@.+:/=,~-]+")
"""What shells take as one word without quoting."""


def session_argument(*, many: bool = False, trashed: bool = False, required: bool = True) -> Callable[[F], F]:
    """An argument ``ID`` (``reference``), or ``ID…`` (``references``)."""
    return click.argument(
        "references" if many else "reference",
        metavar="ID..." if many else "ID",
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
    offers: list[CompletionItem] = []
    try:
        with app.opened(readonly=True) as store:
            cursor: str | None = None
            while len(offers) < MOST_OFFERED:
                page = (
                    store.trashed(limit=500, cursor=cursor)
                    if trashed
                    else store.sessions(limit=500, cursor=cursor)
                )
                for info in page:
                    about = one_line(info.name or info.preview)
                    words = (info.id, info.name or "")
                    offers += [CompletionItem(w, help=about) for w in words if _offered(w, incomplete)]
                if (cursor := page.next) is None:
                    break
    except (StoreError, OSError):
        return []
    if "@last".startswith(incomplete) and offers and not trashed:
        offers.insert(0, CompletionItem("@last", help="the newest session"))
    return offers[:MOST_OFFERED]


def _offered(word: str, incomplete: str) -> bool:
    return word.startswith(incomplete) and _PLAIN_WORD.fullmatch(word) is not None
