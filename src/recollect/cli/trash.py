"""``recollect trash``: what was thrown away, and emptying it."""

from __future__ import annotations

import click

from .app import App, pass_app
from .confirming import confirm
from .figures import counted
from .filtering import page_options
from .grammar import SubGroup
from .listing import show_sessions

AT_ONCE = 1e-12
"""Days, less than any clock tells: 0 would mean never."""


@click.group(cls=SubGroup)
def trash() -> None:
    """List and empty the trash."""


@trash.command("list", epilog="Example: recollect trash list")
@page_options(50)
@pass_app
def list_(app: App, limit: int, cursor: str | None) -> None:
    """List the sessions in the trash."""
    with app.opened() as store:
        page = store.trashed(limit=limit, cursor=cursor)
    show_sessions(app, page, nothing="The trash is empty.")


@trash.command(epilog="Example: recollect trash empty --days 7")
@click.option(
    "--days",
    type=click.FloatRange(0, min_open=True),
    metavar="N",
    help="What has been there so long; else trash_days of the configuration, or 30.",
)
@click.option("--all", "all_", is_flag=True, help="Everything in it, however new.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_app
def empty(app: App, days: float | None, all_: bool, yes: bool) -> None:
    """Remove for good what has long been in the trash, and sessions that have expired."""
    if all_ and days is not None:
        raise click.UsageError("--days and --all exclude each other.")
    if all_:
        confirm("Remove everything in the trash for good?", yes, doing="--all")
        days = AT_ONCE
    elif days is None:
        days = app.settings().retention.trash_days
    with app.opened() as store:
        ids = store.purge(trash_days=days)
    if app.mode != "text":
        app.document({"purged": ids})
    elif ids:
        app.say(f"Removed {counted(len(ids), 'session')} for good.")
    else:
        app.say("Nothing has been there long enough.")
