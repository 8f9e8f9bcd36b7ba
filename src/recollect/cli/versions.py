"""``recollect sessions history, undo, restore-version``: what changed, and going back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from .app import App, pass_app
from .editing import tell
from .escape import one_line
from .figures import ago, exact
from .grammar import Command
from .listing import label
from .naming import session_argument

if TYPE_CHECKING:
    from .. import HistoryEntry


@click.command(cls=Command, epilog="Example: recollect sessions history @last --limit 10")
@session_argument()
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=50,
    show_default=True,
    metavar="N",
    help="At most so many.",
)
@click.option("--before", type=click.IntRange(1), metavar="VERSION", help="Changes below this version.")
@pass_app
def history(app: App, reference: str, limit: int, before: int | None) -> None:
    """List what changed in a session, the newest change first."""
    with app.opened() as store:
        entries = store.get(store.resolve(reference)).history(limit=limit, before=before)
    following = _following(entries, limit)
    if app.mode == "json":
        app.document({"history": [entry.to_dict() for entry in entries], "next": following})
        return
    if app.mode == "jsonl":
        app.items(entry.to_dict() for entry in entries)
    elif app.terminal:
        _table(app, entries)
    else:
        for entry in entries:
            fields = (str(entry.version), exact(entry.at), entry.kind, entry.summary)
            app.data("\t".join(one_line(field) for field in fields))
    if following is not None:
        app.say(f"There are more: --before {following}")


def _following(entries: Sequence[HistoryEntry], limit: int) -> int | None:
    """Where the next page starts, if this one is full and does not reach the first change."""
    if len(entries) < limit:
        return None
    first = entries[-1].version - entries[-1].records + 1
    return first if first > 1 else None


def _table(app: App, entries: Sequence[HistoryEntry]) -> None:
    from .screen import Column, Piece, show_table

    columns = [Column("VERSION", right=True), Column("WHEN"), Column("WHAT", shrink=True)]
    show_table(
        app,
        columns,
        [
            [[Piece(f"{entry.version}", "cyan")], [Piece(ago(entry.at))], [Piece(one_line(entry.summary))]]
            for entry in entries
        ],
    )


@click.command(cls=Command, epilog="Example: recollect sessions undo @last")
@session_argument()
@pass_app
def undo(app: App, reference: str) -> None:
    """Take back the newest change; again, the one before it. Nothing is lost: see history."""
    with app.writing() as store:
        session = store.get(store.resolve(reference))
        info = session.undo()
        newest = session.history(limit=1)
    tell(app, info, f"Undone. {label(info)}: {newest[0].summary}.")


@click.command("restore-version", cls=Command, epilog="Example: recollect sessions restore-version @last 17")
@session_argument()
@click.argument("version", type=click.IntRange(1))
@pass_app
def restore_version(app: App, reference: str, version: int) -> None:
    """Make a session what it was at a version. That is a change too: undo takes it back."""
    with app.writing() as store:
        info = store.get(store.resolve(reference)).restore(version)
    tell(app, info, f"{label(info)} is what it was at version {version}.")
