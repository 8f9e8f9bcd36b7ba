"""``recollect migrate``: sessions from one store into another."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from .app import App, pass_app
from .codes import CORRUPT, OK, PARTIAL
from .escape import one_line
from .figures import counted, size
from .filtering import filter_options
from .grammar import Command
from .moving_bar import moving_bar

if TYPE_CHECKING:
    from .. import LogComparison, MigrateResult

EPILOG = """\b
Examples:
  recollect migrate sqlite:///chats.db file:///var/lib/chats --verify
  recollect migrate sqlite:///chats.db sqlite:///work.db --tags work --dry-run
  recollect migrate sqlite:///old.db sqlite:///chats.db --on-conflict rename
"""


@click.command(cls=Command, epilog=EPILOG, short_help="Copy sessions into another store.")
@click.argument("source", metavar="SRC_URL")
@click.argument("destination", metavar="DST_URL")
@click.option("--session", "sessions", multiple=True, metavar="ID", help="This session only; repeatable.")
@click.option("--own", is_flag=True, help="Leave the namespaces inside the source's own out.")
@click.option("--dry-run", is_flag=True, help="Only say what would be copied.")
@click.option("--verify", is_flag=True, help="Compare a hash of every log on both sides.")
@click.option(
    "--resume/--no-resume",
    default=True,
    help="Continue sessions that the destination has in part (the default), or count them as conflicts.",
)
@click.option(
    "--on-conflict",
    type=click.Choice(["skip", "rename", "branch"]),
    default="skip",
    show_default=True,
    help="What to do with a session whose id has another history over there.",
)
@filter_options
@click.pass_context
@pass_app
def migrate(
    app: App,
    context: click.Context,
    /,
    source: str,
    destination: str,
    sessions: tuple[str, ...],
    own: bool,
    filters: dict[str, Any],
    **how: Any,
) -> None:
    """Copy sessions from the store SRC_URL into the store DST_URL: whole logs with all versions, branches,
    attachments and times, those in the trash too. All, or those named or that match the filters.

    Again copies only what is new, so a run that was interrupted simply runs again. Nothing is ever
    overwritten: sessions in conflict are listed (exit code 8). Logs that differ under --verify: exit code 6.
    """
    from .. import migrate as move

    if app.namespace is not None:
        raise click.UsageError("Name namespaces in the URLs: sqlite:///chats.db?namespace=NAME.")
    if sessions and filters:
        raise click.UsageError("Name sessions with --session or give filters, not both.")
    start = time.monotonic()
    with app.warning_aloud(), moving_bar(app) as progress:
        result = move(
            source,
            destination,
            sessions=sessions or None,
            all_namespaces=not own,
            progress=progress,
            **how,
            **filters,
        )
    tell(app, result, time.monotonic() - start)
    context.exit(code_of(result))


def code_of(result: MigrateResult) -> int:
    """The exit code of a move."""
    if result.verified is not None and result.verified.different:
        return CORRUPT
    return OK if result.complete else PARTIAL


def tell(app: App, result: MigrateResult, seconds: float) -> None:
    """What was done, as data for a program and as talk for a person."""
    if app.mode != "text":
        app.document({**result.to_dict(), "seconds": round(seconds, 3)})
    done = "would be " if result.dry_run else ""
    app.say(
        f"{counted(result.sessions, 'session')}: {result.created:,} {done}created, "
        f"{result.updated:,} {done}continued, {result.unchanged + result.ahead:,} there already."
    )
    rate = f" in {seconds:.1f} s ({result.records / seconds:,.0f} records/s)" if seconds > 0 else ""
    app.say(
        f"{counted(result.records, 'record')}, {counted(result.blobs, 'attachment')}, {size(result.bytes)}"
        f" {done}written{rate if result.records and not result.dry_run else ''}."
    )
    if app.mode != "text":
        return
    for conflict in result.conflicts:
        what = conflict.outcome if conflict.to is None else f"{conflict.outcome}: {one_line(conflict.to)}"
        place = f"{conflict.namespace}/" if conflict.namespace else ""
        app.complain(
            f"Conflict: {one_line(place + conflict.session)} has another history from record"
            f" {conflict.record} on ({what})."
        )
    for finding in result.damaged:
        app.complain(f"Damaged: {one_line(finding.place)}: {finding.problem}")
    if result.verified is not None:
        tell_comparison(app, result.verified)


def tell_comparison(app: App, compared: LogComparison) -> None:
    """The figures of a comparison are data: they were asked for."""
    app.data(
        f"{counted(compared.sessions, 'log')} compared: {counted(compared.records, 'record')}, "
        f"{counted(compared.blobs, 'attachment')}, {size(compared.bytes)}; "
        + (f"{len(compared.different):,} different." if compared.different else "all equal.")
    )
    for finding in compared.different:
        app.complain(f"Different: {one_line(finding.place)}: {finding.problem}")
