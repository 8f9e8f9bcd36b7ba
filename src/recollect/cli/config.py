"""``recollect config``: the settings in force, and where they come from."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click

from .app import App, pass_app
from .escape import json_text, safe
from .grammar import SubGroup


@click.group(cls=SubGroup)
def config() -> None:
    """Show the settings and the configuration file."""


@config.command(epilog="Example: recollect config show")
@pass_app
def show(app: App) -> None:
    """Show each setting and where it came from; secrets stay hidden."""
    from ..config import masked

    settings = app.settings()
    if app.mode != "text":
        app.document(settings.to_dict())
        return
    values = {
        "store": masked(settings.store),
        "namespace": settings.namespace or "default",
        "model": settings.model or "none",
    }
    for name, value in values.items():
        app.data(f"{name} = {safe(value)}  ({safe(settings.origin[name])})")
    for name, value in settings.retention.to_dict().items():
        app.data(f"retention.{name} = {_said(name, value)}  ({safe(settings.origin['retention'])})")
    for path, found in settings.files:
        app.say(f"{path}: {'read' if found else 'not there'}")


def _said(name: str, value: Any) -> str:
    """A value of the retention for people: what is no limit is said to be none."""
    if value is None:
        return "no limit"
    if name == "trash_days" and not value:
        return "0 (for ever)"
    return f"{timedelta(seconds=value)}" if name == "max_age" else json_text(value)


@config.command(epilog='Example: $EDITOR "$(recollect config path)"')
@pass_app
def path(app: App) -> None:
    """Print which configuration file is read, or where yours would be."""
    settings = app.settings()
    file, found = next((pair for pair in settings.files if pair[1]), settings.files[-1])
    if app.mode != "text":
        app.document({"path": str(file), "found": found})
        return
    app.data(safe(str(file)))
    if not found:
        app.say('It is not there yet. A first line could be: store = "sqlite:///~/chats.db"')
