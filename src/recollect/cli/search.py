"""``recollect search``: find messages."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, Literal

import click

from .app import App, pass_app
from .escape import one_line, safe
from .figures import exact, local
from .filtering import filter_options, page_options
from .grammar import Command
from .naming import complete_session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .. import Hit, Page
    from .screen import Line

ROLES = ["system", "developer", "user", "assistant", "tool"]
EPILOG = """\b
Examples:
  recollect search borrow checker
  recollect search '"exact phrase"' -excluded prefix* --role user
  recollect search rust OR go --tags work --order newest
"""


@click.command(
    cls=Command,
    epilog=EPILOG,
    # A word such as -excluded belongs to the query; short options would make that ambiguous.
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]},
)
@click.argument("words", nargs=-1, required=True, metavar="QUERY...")
@click.option("--role", type=click.Choice(ROLES), multiple=True, help="Said by; repeatable.")
@click.option("--session", "reference", metavar="ID", shell_complete=complete_session, help="In one session.")
@click.option(
    "--kind",
    "--kinds",
    "kinds",
    type=click.Choice(["text", "reasoning", "tool"]),
    multiple=True,
    help="Where to look; repeatable.",
)
@click.option("--order", type=click.Choice(["relevance", "newest"]), default="relevance", show_default=True)
@filter_options
@page_options(20)
@pass_app
def search(
    app: App,
    words: tuple[str, ...],
    role: tuple[str, ...],
    reference: str | None,
    kinds: tuple[str, ...],
    order: Literal["relevance", "newest"],
    filters: dict[str, Any],
    limit: int,
    cursor: str | None,
) -> None:
    """Find messages: words, "phrases", prefix*, -excluded, OR."""
    _refuse_options(words)
    with app.opened() as store:
        page = store.search(
            " ".join(words),
            session=None if reference is None else store.resolve(reference),
            role=role or None,
            kinds=kinds or None,
            order=order,
            limit=limit,
            cursor=cursor,
            **filters,
        )
    show_hits(app, page)


def _refuse_options(words: tuple[str, ...]) -> None:
    """A mistyped option must not become a word to search for."""
    context = click.get_current_context()
    known = [flag for parameter in context.command.params for flag in parameter.opts if flag.startswith("--")]
    for word in words:
        if word.startswith("--"):
            near = difflib.get_close_matches(word, known, n=3)
            raise click.NoSuchOption(word, possibilities=near, ctx=context)


def show_hits(app: App, page: Page[Hit]) -> None:
    """Print a page of hits."""
    if app.mode == "json":
        app.document({"hits": [hit.to_dict() for hit in page], "next": page.next})
        return
    if app.mode == "jsonl":
        app.items(hit.to_dict() for hit in page)
    elif not page.items:
        app.say("Nothing was found.")
    elif app.terminal:
        from .screen import show_lines

        show_lines(app, _lines(page))
    else:
        for hit in page:
            when = "" if hit.created_at is None else exact(hit.created_at)
            fields = (hit.session.id, str(hit.position), hit.role, when, hit.snippet)
            app.data("\t".join(one_line(field) for field in fields))
    app.say_next(page.next)


def _lines(page: Page[Hit]) -> Iterator[Line]:
    from .conversation import ROLE_STYLES
    from .screen import Piece

    for index, hit in enumerate(page):
        if index:
            yield []
        when = "" if hit.created_at is None else f" · {local(hit.created_at)}"
        yield [
            Piece(f"{one_line(hit.session.name)}  " if hit.session.name else "", "bold"),
            Piece(safe(hit.session.id), "cyan"),
            Piece(f"  message {hit.position}{when} · ", "dim"),
            Piece(hit.role, ROLE_STYLES.get(hit.role, "bold")),
        ]
        yield [
            Piece(text, "bold red" if index % 2 else "")
            for index, text in enumerate(one_line(hit.snippet).split("**"))
        ]
