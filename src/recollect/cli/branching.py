"""``recollect sessions branch, checkout, branches, label``: the lines of one session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from .app import App, pass_app
from .editing import tell
from .escape import one_line, safe
from .figures import counted
from .grammar import Command
from .listing import label as title
from .naming import session_argument
from .pointing import WORDS, message_argument, message_id, moment

if TYPE_CHECKING:
    from .. import Branch


@click.command(cls=Command, epilog=f"Example: recollect sessions branch @last idea --at @4\n\n{WORDS}")
@session_argument()
@click.argument("name")
@click.option("--at", metavar="MSG|VERSION", help="Where it ends; else at the newest message.")
@pass_app
def branch(app: App, reference: str, name: str, at: str | None) -> None:
    """Give a line a name. The active one stays active: checkout switches."""
    with app.writing() as store:
        session = store.get(store.resolve(reference))
        made = session.branch(name, at=moment(session, at))
    if app.mode != "text":
        app.document({"branch": made.to_dict()})
    else:
        app.say(f"Branch {made.name!r} has {counted(made.message_count, 'message')}.")


@click.command(cls=Command, epilog="Example: recollect sessions checkout @last idea")
@session_argument()
@click.argument("name")
@pass_app
def checkout(app: App, reference: str, name: str) -> None:
    """Make a branch the active one."""
    with app.writing() as store:
        info = store.get(store.resolve(reference)).checkout(name)
    tell(
        app,
        info,
        f"{title(info)} is on branch {info.branch!r}: {counted(info.message_count, 'message')}.",
    )


@click.command(cls=Command, epilog="Example: recollect sessions branches @last")
@session_argument()
@pass_app
def branches(app: App, reference: str) -> None:
    """List the branches, the active one first."""
    with app.opened() as store:
        found = store.get(store.resolve(reference)).branches()
    if app.mode == "json":
        app.document({"branches": [one.to_dict() for one in found]})
    elif app.mode == "jsonl":
        app.items(one.to_dict() for one in found)
    elif app.terminal:
        _table(app, found)
    else:
        for one in found:
            fields = (one.name, str(one.message_count), one.head or "", "active" if one.active else "")
            app.data("\t".join(one_line(field) for field in fields))


def _table(app: App, found: Sequence[Branch]) -> None:
    from .screen import Column, Piece, show_table

    columns = [Column(""), Column("MSGS", right=True), Column("LAST"), Column("NAME", shrink=True)]
    rows = []
    for one in found:
        mark, style = ("*", "bold green") if one.active else ("", "")
        rows.append(
            [
                [Piece(mark, "green")],
                [Piece(f"{one.message_count:,}")],
                [Piece(safe(one.head or ""), "cyan")],
                [Piece(one_line(one.name), style)],
            ]
        )
    show_table(app, columns, rows)


@click.command(cls=Command, epilog=f"Example: recollect sessions label @last @4 good\n\n{WORDS}")
@session_argument()
@message_argument()
@click.argument("name")
@click.option("--off", is_flag=True, help="Take it away instead.")
@pass_app
def label(app: App, reference: str, message: str, name: str, off: bool) -> None:
    """Put a label on a message."""
    with app.writing() as store:
        session = store.get(store.resolve(reference))
        target = message_id(session, message)
        labels = session.label(target, name, off=off)
    if app.mode != "text":
        app.document({"message_id": target, "labels": list(labels)})
    else:
        app.say(f"{target}: {', '.join(labels) or 'no labels'}.")
