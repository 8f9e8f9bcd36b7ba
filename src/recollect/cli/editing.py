"""``recollect sessions rename, tag, untag, pin, unpin``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .app import App, pass_app
from .escape import safe
from .grammar import Command
from .listing import label
from .naming import resolved, session_argument

if TYPE_CHECKING:
    from .. import SessionInfo


def tell(app: App, info: SessionInfo, text: str) -> None:
    """The changed session as data for programs, ``text`` for people."""
    if app.mode == "text":
        app.say(text)
    else:
        app.document({"session": info.to_dict()})


@click.command(cls=Command, epilog="Example: recollect sessions rename @last 'Borrow checker'")
@session_argument()
@click.argument("name")
@pass_app
def rename(app: App, reference: str, name: str) -> None:
    """Give a session a name; an empty one takes its name away."""
    with app.writing() as store:
        info = store.get(store.resolve(reference)).update(name=name or None)
    tell(app, info, f"{info.id} is now called {name!r}." if name else f"{info.id} has no name any more.")


@click.command(cls=Command, epilog="Example: recollect sessions tag @last work rust")
@session_argument()
@click.argument("tags", nargs=-1, required=True, metavar="TAG...")
@pass_app
def tag(app: App, reference: str, tags: tuple[str, ...]) -> None:
    """Add tags to a session."""
    with app.writing() as store:
        info = store.get(store.resolve(reference)).tag(*tags)
    tell(app, info, _tagged(info))


@click.command(cls=Command, epilog="Example: recollect sessions untag @last work")
@session_argument()
@click.argument("tags", nargs=-1, required=True, metavar="TAG...")
@pass_app
def untag(app: App, reference: str, tags: tuple[str, ...]) -> None:
    """Take tags off a session."""
    with app.writing() as store:
        info = store.get(store.resolve(reference)).untag(*tags)
    tell(app, info, _tagged(info))


def _tagged(info: SessionInfo) -> str:
    tags = " ".join(f"#{tag}" for tag in info.tags)
    return f"{label(info)}: {tags}" if tags else f"{label(info)} has no tags."


@click.command(cls=Command, epilog="Example: recollect sessions pin @last")
@session_argument(many=True)
@click.option("--off", is_flag=True, help="Unpin instead.")
@pass_app
def pin(app: App, references: tuple[str, ...], off: bool) -> None:
    """Pin sessions (list --pinned finds them)."""
    _pin(app, references, not off)


@click.command(cls=Command, epilog="Example: recollect sessions unpin @last")
@session_argument(many=True)
@pass_app
def unpin(app: App, references: tuple[str, ...]) -> None:
    """Unpin sessions."""
    _pin(app, references, False)


def _pin(app: App, references: tuple[str, ...], pinned: bool) -> None:
    with app.writing() as store:
        infos = [store.get(id_).update(pinned=pinned) for id_ in resolved(store, references)]
    if app.mode != "text":
        app.document({"sessions": [info.to_dict() for info in infos]})
    for info in infos:
        app.say(f"{'Pinned' if pinned else 'Unpinned'} {safe(label(info))}.")
