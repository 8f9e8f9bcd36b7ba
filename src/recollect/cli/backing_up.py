"""``recollect backup`` and ``restore``: a store in one file, and back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from .app import App, pass_app
from .codes import PARTIAL
from .escape import one_line
from .figures import counted, size
from .filtering import filter_options
from .grammar import Command
from .migrating import code_of, tell
from .moving_bar import moving_bar

if TYPE_CHECKING:
    from .. import BackupResult

BACKUP_EPILOG = """\b
Examples:
  recollect backup chats.backup
  recollect backup work.backup --tags work
"""
RESTORE_EPILOG = """\b
Examples:
  recollect restore chats.backup
  recollect --store sqlite:///new.db restore chats.backup
"""


@click.command(cls=Command, epilog=BACKUP_EPILOG, short_help="Write sessions into one archive.")
@click.argument("file", metavar="FILE", type=click.Path(dir_okay=False))
@click.option("--session", "sessions", multiple=True, metavar="ID", help="This session only; repeatable.")
@click.option("--own", is_flag=True, help="Leave the namespaces inside this one out.")
@filter_options
@click.pass_context
@pass_app
def backup(
    app: App,
    context: click.Context,
    /,
    file: str,
    sessions: tuple[str, ...],
    own: bool,
    filters: dict[str, Any],
) -> None:
    """Write whole sessions into FILE, those in the trash too: all, those named, or those that match.

    The file is whole or not there; other programs may write meanwhile. What is damaged is listed
    (exit code 8).
    """
    if sessions and filters:
        raise click.UsageError("Name sessions with --session or give filters, not both.")
    with app.opened() as store, moving_bar(app) as progress:
        result = store.backup(
            file, sessions=sessions or None, all_namespaces=not own, progress=progress, **filters
        )
    _tell(app, file, result)
    if result.damaged:
        context.exit(PARTIAL)


def _tell(app: App, file: str, result: BackupResult) -> None:
    if app.mode != "text":
        app.document({**result.to_dict(), "file": file})
    app.say(
        f"{counted(result.sessions, 'session')} ({counted(result.records, 'record')}, "
        f"{counted(result.blobs, 'attachment')}) written to {file}: {size(result.bytes)}."
    )
    if app.mode == "text":
        for finding in result.damaged:
            app.complain(f"Damaged: {one_line(finding.place)}: {finding.problem}")


@click.command(cls=Command, epilog=RESTORE_EPILOG, short_help="Bring back what a backup holds.")
@click.argument("file", metavar="FILE", type=click.Path())
@click.option("--dry-run", is_flag=True, help="Only say what would be restored.")
@click.option(
    "--on-conflict",
    type=click.Choice(["skip", "rename"]),
    default="skip",
    show_default=True,
    help="What to do with a session whose id has another history here.",
)
@click.pass_context
@pass_app
def restore(app: App, context: click.Context, /, file: str, dry_run: bool, on_conflict: str) -> None:
    """Bring the sessions in FILE into the store. Again brings only what is missing.

    Nothing is ever overwritten: sessions in conflict, and what is damaged in FILE, are listed
    (exit code 8).
    """
    start = time.monotonic()
    how: dict[str, Any] = {"on_conflict": on_conflict, "dry_run": dry_run}
    opened = app.opened(readonly=False) if dry_run else app.writing()
    with opened as store, moving_bar(app) as progress:
        result = store.restore_backup(file, progress=progress, **how)
    tell(app, result, time.monotonic() - start)
    context.exit(code_of(result))
