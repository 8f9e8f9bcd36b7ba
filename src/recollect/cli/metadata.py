"""``recollect sessions meta``: a session's metadata by dotted keys and typed values."""

from __future__ import annotations

from typing import Any

import click

from .app import App, pass_app
from .editing import tell
from .escape import json_text
from .filtering import json_value
from .grammar import Command
from .naming import session_argument

EPILOG = """\b
Examples:
  recollect sessions meta @last
  recollect sessions meta @last get project.name
  recollect sessions meta @last set project.priority 3
  recollect sessions meta @last delete project
"""


@click.command(cls=Command, epilog=EPILOG)
@session_argument()
@click.argument("action", type=click.Choice(["get", "set", "delete"]), default="get")
@click.argument("key", required=False)
@click.argument("value", required=False)
@pass_app
def meta(app: App, reference: str, action: str, key: str | None, value: str | None) -> None:
    """Read or change a session's metadata.

    KEY reaches inner keys with dots. VALUE is JSON where it is JSON (3, true, '"3"', '["a"]') and
    text otherwise.
    """
    if action != "get" and not key:
        raise click.UsageError(f"{action} needs a KEY.")
    if (action == "set") != (value is not None):
        raise click.UsageError("set needs a VALUE." if action == "set" else f"{action} takes no VALUE.")
    with app.opened() if action == "get" else app.writing() as store:
        session = store.get(store.resolve(reference))
        if action == "get":
            found = session.get_metadata(key) if key else session.info.metadata
        elif value is not None:
            info = session.set_metadata(key or "", json_value(value))
        else:
            info = session.delete_metadata(key or "")
    if action == "get":
        _show(app, key, found)
    else:
        tell(app, info, f"{key} is {'set' if action == 'set' else 'deleted'}.")


def _show(app: App, key: str | None, value: Any) -> None:
    if app.mode != "text":
        app.document({"metadata": value} if key is None else {"key": key, "value": value})
    else:
        app.data(json_text(value, indent=2 if isinstance(value, dict | list) else None))
