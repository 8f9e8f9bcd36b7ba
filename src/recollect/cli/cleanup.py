"""``recollect cleanup``: let go of what is too old or too much; by itself where that is configured."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from ..errors import NotFoundError, StoreError
from .amounts import size as byte_count
from .amounts import span
from .app import App, pass_app
from .escape import one_line
from .figures import counted, exact, size
from .filtering import filter_options
from .grammar import Command

if TYPE_CHECKING:
    from .. import CleanupResult, RetentionPolicy, SessionQuery, Store
    from ..config import Retention

REASONS = {"age": "too old", "limit": "too many", "size": "too large"}
EPILOG = """\b
Examples:
  recollect cleanup --max-sessions 100 --max-age 90d
  recollect cleanup --max-age 90d --keep-tag work --apply
  recollect cleanup --tags scratch --max-age 1d --apply --purge

\b
Without a limit of its own the command takes those of [retention] in the configuration file:
  [retention]
  max_sessions = 100
  max_age = "90d"
"""


@click.command(cls=Command, epilog=EPILOG, short_help="Let go of sessions by age, number or size.")
@click.option("--max-sessions", type=click.IntRange(0), metavar="N", help="Keep the N newest; 0 is no limit.")
@click.option("--max-age", callback=span, metavar="SPAN", help="Keep what changed since then: 90d, 12h.")
@click.option("--max-total-bytes", callback=byte_count, metavar="SIZE", help="Keep so much in all: 1GB.")
@click.option("--keep-tag", "keep_tags", multiple=True, metavar="TAG", help="Never these; repeatable.")
@click.option("--keep-pinned/--no-keep-pinned", default=None, help="Never pinned ones (the default).")
@click.option("--apply", "apply_", is_flag=True, help="Do it; without it you see what would go.")
@click.option("--purge", is_flag=True, help="For good, not to the trash.")
@filter_options
@pass_app
def cleanup(
    app: App,
    max_sessions: int | None,
    max_age: timedelta | None,
    max_total_bytes: int | None,
    keep_tags: tuple[str, ...],
    keep_pinned: bool | None,
    apply_: bool,
    purge: bool,
    filters: dict[str, Any],
) -> None:
    """Move the oldest sessions to the trash: by age first, then by number, then by size.

    Filters say which sessions are looked at at all. Nothing happens without --apply.
    """
    from ..config import Retention

    settings = app.settings().retention
    limits = Retention(max_sessions, max_age, max_total_bytes)
    if (max_sessions, max_age, max_total_bytes) == (None, None, None):
        limits = settings
        if not settings.limited:
            raise click.UsageError(
                "Say how much may stay: --max-sessions, --max-age or --max-total-bytes"
                " (or [retention] in the configuration file)."
            )
    policy = _policy(
        limits,
        keep_pinned=settings.keep_pinned if keep_pinned is None else keep_pinned,
        keep_tags=tuple(dict.fromkeys((*settings.keep_tags, *keep_tags))),
        match=_match(filters),
    )
    with app.opened() as store:
        result = store.cleanup(policy, dry_run=not apply_, purge=purge)
        lines = list(_lines(store, result)) if app.mode == "text" else []
    if app.mode != "text":
        app.document(result.to_dict())
        return
    for line in lines:
        app.data(line)
    _conclude(app, result, purge)


def _match(filters: dict[str, Any]) -> SessionQuery | None:
    from .. import SessionQuery

    named: dict[str, Any] = dict(filters)
    for name in ("tags", "any_tags"):
        if name in named:
            named[name] = tuple(named[name])
    return SessionQuery(**named) if named else None


def _policy(
    limits: Retention, *, keep_pinned: bool, keep_tags: tuple[str, ...], match: SessionQuery | None
) -> RetentionPolicy:
    from .. import RetentionPolicy

    return RetentionPolicy(
        max_sessions=limits.max_sessions,
        max_age=limits.max_age,
        max_total_bytes=limits.max_total_bytes,
        keep_pinned=keep_pinned,
        keep_tags=keep_tags,
        match=match,
    )


def _lines(store: Store, result: CleanupResult) -> list[str]:
    """Each session that goes, why, and before it goes when it changed and its name.

    The oldest go first and age comes before number before size, so that the counts say which is why.
    """
    reasons = ["age"] * result.by_age + ["limit"] * result.by_limit + ["size"] * result.by_size
    lines = []
    for session_id, reason in zip(result.sessions, reasons, strict=True):
        fields = [session_id, REASONS[reason]]
        if result.dry_run:
            fields += _about(store, session_id)
        lines.append("\t".join(one_line(field) for field in fields))
    return lines


def _about(store: Store, session_id: str) -> list[str]:
    """When a session changed and its name; nothing if it was deleted in the meantime."""
    try:
        info = store.get(session_id).info
    except NotFoundError:
        return []
    return [exact(info.updated_at), info.name or info.preview]


def _conclude(app: App, result: CleanupResult, purge: bool) -> None:
    count = counted(result.sessions_deleted, "session")
    if not result.sessions_deleted:
        app.say("Nothing is to go.")
    elif result.dry_run:
        where = "be removed for good" if purge else "go to the trash"
        app.say(f"{count} would {where}. Nothing was changed: add --apply to do it.")
    elif purge:
        app.say(f"Removed {count} for good; {size(result.bytes_freed)} of content.")
    else:
        app.say(f"Moved {count} to the trash. Bring one back: recollect sessions restore ID")


def clean_by_itself(app: App, store: Store, settings: Retention) -> None:
    """What ``auto = true`` in the configuration asks for; one line if something went.

    A failure is told and does not keep the command from what it was asked for.
    """

    try:
        moved = 0
        if settings.limited:
            policy: RetentionPolicy = _policy(
                settings, keep_pinned=settings.keep_pinned, keep_tags=settings.keep_tags, match=None
            )
            moved = store.cleanup(policy, dry_run=False).sessions_deleted
        removed = len(store.purge(trash_days=settings.trash_days))
    except StoreError as error:
        app.say(f"Warning: what is too old could not be cleaned up: {error}")
        return
    said = [f"moved {counted(moved, 'session')} to the trash"] if moved else []
    said += [f"removed {counted(removed, 'session')} for good"] if removed else []
    if said:
        app.say(f"Retention: {', '.join(said)}.")
