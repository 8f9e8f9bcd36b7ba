"""``recollect tags``: all tags of the store with how many sessions have them."""

from __future__ import annotations

import click

from .app import App, pass_app
from .escape import one_line
from .figures import counted
from .grammar import SubGroup


@click.group(cls=SubGroup, invoke_without_command=True)
@click.pass_context
def tags(context: click.Context) -> None:
    """List and rename tags; without a command: list them."""
    if context.invoked_subcommand is None:
        context.invoke(list_)


@tags.command("list", epilog="Example: recollect tags")
@pass_app
def list_(app: App) -> None:
    """List the tags with counts, the most used first."""
    with app.opened() as store:
        counts = store.tags()
    if app.mode == "json":
        app.document({"tags": counts})
    elif app.mode == "jsonl":
        app.items({"tag": tag, "sessions": count} for tag, count in counts.items())
    elif not counts:
        app.say("No session has a tag.")
    elif app.terminal:
        from .screen import Column, Piece, show_table

        columns = [Column("SESSIONS", right=True), Column("TAG", shrink=True)]
        show_table(
            app,
            columns,
            [[[Piece(f"{count:,}")], [Piece(one_line(tag), "green")]] for tag, count in counts.items()],
        )
    else:
        for tag, count in counts.items():
            app.data(f"{one_line(tag)}\t{count}")


@tags.command(epilog="Example: recollect tags rename rustlang rust")
@click.argument("old")
@click.argument("new")
@pass_app
def rename(app: App, old: str, new: str) -> None:
    """Give a tag another name in every session; two tags become one where both are there."""
    with app.writing() as store:
        changed = store.rename_tag(old, new)
    if app.mode != "text":
        app.document({"changed": changed})
    elif changed:
        app.say(f"{old!r} is now {new!r} in {counted(changed, 'session')}.")
    else:
        app.say(f"No session has the tag {old!r}.")
