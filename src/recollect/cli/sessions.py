"""``recollect sessions``: list and show; the verbs that change sessions are in files of their own."""

from __future__ import annotations

from typing import Any

import click

from .app import App, pass_app
from .filtering import filter_options, page_options
from .grammar import SubGroup
from .naming import session_argument


@click.group(
    cls=SubGroup,
    lazy={
        "rename": "editing:rename",
        "tag": "editing:tag",
        "untag": "editing:untag",
        "meta": "metadata:meta",
        "pin": "editing:pin",
        "unpin": "editing:unpin",
        "expire": "expiring:expire",
        "history": "versions:history",
        "undo": "versions:undo",
        "restore-version": "versions:restore_version",
        "edit": "rewriting:edit",
        "rewind": "rewriting:rewind",
        "pop": "rewriting:pop",
        "erase": "rewriting:erase",
        "tree": "tree:tree",
        "label": "branching:label",
        "branch": "branching:branch",
        "branches": "branching:branches",
        "checkout": "branching:checkout",
        "diff": "joining:diff",
        "merge": "joining:merge",
        "fork": "joining:fork",
        "lineage": "joining:lineage",
        "delete": "trashing:delete",
        "restore": "trashing:restore",
        "trash": "trashing:trash",
    },
)
def sessions() -> None:
    """List, show and change sessions."""


@sessions.command("list", epilog="Example: recollect sessions list --tags work,rust --since 2026-01-01")
@filter_options
@page_options(50)
@pass_app
def list_(app: App, filters: dict[str, Any], limit: int, cursor: str | None) -> None:
    """List sessions, the newest first."""
    from .listing import show_sessions

    with app.opened() as store:
        page = store.sessions(limit=limit, cursor=cursor, **filters)
    nothing = "No session matches." if filters else "No sessions yet. Bring some in: recollect import PATH"
    show_sessions(app, page, nothing=nothing)


@sessions.command("show", epilog="Example: recollect sessions show @last --last 10 --no-tools")
@session_argument()
@click.option("--last", type=click.IntRange(1), metavar="N", help="Only the last N messages.")
@click.option("--at", type=click.IntRange(1), metavar="VERSION", help="As it was at a version.")
@click.option("--no-tools", is_flag=True, help="Leave out tool calls and their answers.")
@click.option("--markdown", is_flag=True, help="Format Markdown in messages (on a terminal).")
@pass_app
def show(app: App, reference: str, last: int | None, at: int | None, no_tools: bool, markdown: bool) -> None:
    """Show a session's messages."""
    from .conversation import heading, spoken, without_tools
    from .figures import exact, local
    from .screen import Piece, show_lines

    with app.opened() as store:
        session = store.get(store.resolve(reference), at=at)
        info = session.info
        messages = session.messages(last=last)
    if no_tools:
        messages = without_tools(messages)
    if app.mode == "json":
        app.document({"session": info.to_dict(), "messages": [message.to_dict() for message in messages]})
    elif app.mode == "jsonl":
        app.items(message.to_dict() for message in messages)
    else:
        when = local if app.terminal else exact
        lines = [*heading(info, when)]
        if at is not None:
            lines.append([Piece(f"as it was at version {at}", "dim")])
        show_lines(
            app, (line for part in (lines, spoken(messages, when, markdown=markdown)) for line in part)
        )
