"""``recollect sessions expire``: an end for one session."""

from __future__ import annotations

from datetime import datetime, timedelta

import click

from .amounts import moment, span
from .app import App, pass_app
from .editing import tell
from .figures import exact, local
from .grammar import Command
from .listing import label
from .naming import session_argument

EPILOG = """\b
Examples:
  recollect sessions expire @last --after 30d
  recollect sessions expire @last --after 7d --sliding
  recollect sessions expire @last --at 2027-01-01T12:00:00Z
  recollect sessions expire @last --never
"""


@click.command(cls=Command, epilog=EPILOG, short_help="Let a session expire.")
@session_argument()
@click.option("--after", callback=span, metavar="SPAN", help="So long from now: 30d, 12h.")
@click.option("--at", callback=moment, metavar="TIME", help="At a date or time (UTC without a zone).")
@click.option("--never", is_flag=True, help="Not any more.")
@click.option("--sliding", is_flag=True, help="Every write puts it off to --after from then.")
@pass_app
def expire(
    app: App, reference: str, after: timedelta | None, at: datetime | None, never: bool, sliding: bool
) -> None:
    """Let a session expire: from then on it is not found, and later removed for good."""
    if [after is not None, at is not None, never].count(True) != 1:
        raise click.UsageError("Say when: --after SPAN, --at TIME or --never.")
    if sliding and after is None:
        raise click.UsageError("--sliding goes with --after.")
    with app.writing() as store:
        info = store.get(store.resolve(reference)).expire(after=after, at=at, sliding=sliding)
    end = info.expires_at
    if end is None:
        tell(app, info, f"{label(info)} does not expire.")
    else:
        tell(app, info, f"{label(info)} expires {local(end) if app.terminal else exact(end)}.")
