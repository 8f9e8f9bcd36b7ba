"""``recollect sessions meta``: a session's metadata by dotted keys and typed values."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import click

from ..errors import ConflictError, InvalidError, NotFoundError
from .app import App, pass_app
from .editing import tell
from .escape import json_text
from .filtering import json_value
from .grammar import Command
from .naming import session_argument

if TYPE_CHECKING:
    from .. import Session, SessionInfo

ATTEMPTS = 20
_MISSING = object()

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
    with app.opened() as store:
        session = store.get(store.resolve(reference))
        if action == "get":
            found = read(session.info, key)
        else:
            assert key is not None
            info = change(session, key, _MISSING if value is None else json_value(value))
    if action == "get":
        _show(app, key, found)
    else:
        tell(app, info, f"{key} is {'set' if action == 'set' else 'deleted'}.")


def _show(app: App, key: str | None, value: Any) -> None:
    if app.mode != "text":
        app.document({"metadata": value} if key is None else {"key": key, "value": value})
    else:
        app.data(json_text(value, indent=2 if isinstance(value, dict | list) else None))


def read(info: SessionInfo, key: str | None) -> Any:
    """The value under a dotted key, or all metadata. Raises NotFoundError."""
    if key is None:
        return info.metadata
    value = _down(info.metadata, key)
    if value is _MISSING:
        raise NotFoundError(f"Session {info.id!r} has no metadata {key!r}.")
    return value


def change(session: Session, key: str, value: Any) -> SessionInfo:
    """Set a dotted key, or delete it when ``value`` is missing, without undoing what others write."""
    for attempt in range(ATTEMPTS):
        info = session.info
        metadata = copy.deepcopy(info.metadata)
        if value is _MISSING:
            read(info, key)
            _delete(metadata, key)
        else:
            _set(metadata, key, value)
        try:
            return session.update(metadata=metadata, expect=info.version)
        except ConflictError:
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("the loop returns or raises")


def _down(metadata: Any, key: str) -> Any:
    """The value under a key: the key as it is, or its first part and so on inwards."""
    if not isinstance(metadata, dict):
        return _MISSING
    if key in metadata:
        return metadata[key]
    first, dot, rest = key.partition(".")
    return _down(metadata[first], rest) if dot and first in metadata else _MISSING


def _set(metadata: dict[str, Any], key: str, value: Any) -> None:
    first, dot, rest = key.partition(".")
    if key in metadata or not dot:
        metadata[key] = value
        return
    inner = metadata.setdefault(first, {})
    if not isinstance(inner, dict):
        raise InvalidError(
            f"The metadata {first!r} has a value and no inner keys.",
            hint=f"Delete it first: meta ID delete {first}",
        )
    _set(inner, rest, value)


def _delete(metadata: dict[str, Any], key: str) -> None:
    if key in metadata:
        del metadata[key]
        return
    first, _, rest = key.partition(".")
    _delete(metadata[first], rest)
