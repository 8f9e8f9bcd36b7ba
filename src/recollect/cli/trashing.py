"""``recollect sessions delete, restore, trash``: away, back, and for good."""

from __future__ import annotations

import click

from .app import App, pass_app
from .confirming import confirm
from .figures import counted
from .filtering import page_options
from .grammar import Command
from .listing import label, show_sessions
from .naming import resolved, resolved_anywhere, session_argument


@click.command(
    cls=Command,
    epilog="Example: recollect sessions delete 0197a3c1",
    short_help="Move sessions to the trash, or purge them.",
)
@session_argument(many=True)
@click.option("--purge", is_flag=True, help="Remove for good, from the trash too.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_app
def delete(app: App, references: tuple[str, ...], purge: bool, yes: bool) -> None:
    """Move sessions to the trash (restore brings them back), or purge them."""
    with app.writing() as store:
        if not purge:
            infos = [store.trash(session_id) for session_id in resolved(store, references)]
            ids = [info.id for info in infos]
            for info in infos:
                app.say(
                    f"Moved {label(info)} to the trash. Bring it back: recollect sessions restore {info.id}"
                )
        else:
            ids = resolved_anywhere(store, references)
            confirm(f"Remove {counted(len(ids), 'session')} for good?", yes, doing="--purge")
            for session_id in ids:
                store.delete(session_id)
            app.say(f"Removed {counted(len(ids), 'session')} for good.")
    if app.mode != "text":
        app.document({"purged" if purge else "trashed": ids})


@click.command(cls=Command, epilog="Example: recollect sessions restore 0197a3c1")
@session_argument(many=True, trashed=True)
@pass_app
def restore(app: App, references: tuple[str, ...]) -> None:
    """Bring sessions back from the trash."""
    with app.writing() as store:
        infos = [store.restore(session_id).info for session_id in resolved(store, references, trashed=True)]
    for info in infos:
        app.say(f"{label(info)} is back.")
    if app.mode != "text":
        app.document({"sessions": [info.to_dict() for info in infos]})


@click.command(cls=Command, epilog="Example: recollect sessions trash")
@page_options(50)
@pass_app
def trash(app: App, limit: int, cursor: str | None) -> None:
    """List the sessions in the trash."""
    with app.opened() as store:
        page = store.trashed(limit=limit, cursor=cursor)
    show_sessions(app, page, nothing="The trash is empty.")
