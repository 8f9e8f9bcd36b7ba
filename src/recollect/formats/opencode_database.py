"""OpenCode's SQLite database: the JSON objects of its former files, a row each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .base import Damage, Piece, Source
from .jsonstream import decode
from .opencode_messages import Told, conversation_of
from .sqlitefile import Database, Row, Unreadable, opened
from .values import present

_SESSION = ("id", "project_id", "parent_id", "slug", "directory", "title", "version", "share_url", "revert")


def read_database(source: Source) -> Iterator[Piece]:
    """The database's sessions, in the order of their creation."""
    db = opened(source, "opencode", "session")
    if isinstance(db, Damage):
        yield db
        return
    try:
        for row in db.rows("session", _SESSION, order=("time_created", "id")):
            yield conversation_of(_session(row), _told(db, row["id"]))
    except Unreadable as error:
        yield Damage(0, str(error))


def _session(row: Row) -> dict[str, Any]:
    url = row["share_url"]
    return present(
        id=row["id"],
        projectID=row["project_id"],
        parentID=row["parent_id"],
        slug=row["slug"],
        directory=row["directory"],
        title=row["title"],
        version=row["version"],
        share={"url": url} if url else None,
        revert=_object(row["revert"]),
    )


def _told(db: Database, session: Any) -> Iterator[Told | Damage]:
    """A session's messages; what cannot be read is reported and ends it."""
    try:
        for row in db.rows(
            "message", ("id", "data"), key=("session_id", session), order=("time_created", "id")
        ):
            info = _object(row["data"])
            if info is None or not isinstance(row["id"], str):
                yield Damage(0, "a message in the database is no JSON object")
                continue
            parts: list[dict[str, Any]] = []
            for part in db.rows("part", ("id", "data"), key=("message_id", row["id"]), order=("id",)):
                value = _object(part["data"])
                if value is None:
                    yield Damage(0, "a part in the database is no JSON object")
                else:
                    parts.append({"id": part["id"], **value})
            yield Told(0, row["id"], {"id": row["id"], **info}, parts)
    except Unreadable as error:
        yield Damage(0, str(error))


def _object(text: Any) -> dict[str, Any] | None:
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    try:
        value = decode(raw) if isinstance(raw, bytes) else None
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
