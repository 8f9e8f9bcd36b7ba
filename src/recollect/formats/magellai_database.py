"""Magellai's SQLite database: its newer schema, and the older one without ``conversations``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..model import Message
from .base import Damage, Piece, Source
from .magellai_messages import MessageReader
from .magellai_sessions import built, flattened
from .sqlitefile import MAGIC, Database, Row, Unreadable, defines, opened, tables_in
from .stored_parts import as_text, id_of, json_of

_SESSION = (
    "id", "user_id", "name", "config", "created", "updated", "metadata", "conversation_id", "tags",
    "parent_id", "branch_point", "branch_name", "child_ids",
)  # fmt: skip
_CONVERSATION = (
    "id", "user_id", "model", "provider", "temperature", "max_tokens", "system_prompt", "created",
    "updated", "metadata",
)  # fmt: skip
_MESSAGE = ("id", "user_id", "role", "content", "timestamp", "attachments", "metadata", "position")


def detect(head: bytes, name: str) -> float:
    """By the tables and the columns that this program alone has."""
    tables = tables_in(head)
    messages = tables.get("messages")
    if defines(messages, "conversation_id", "position", "attachments"):
        return 0.95
    if defines(tables.get("sessions"), "temperature", "provider") and defines(messages, "session_id"):
        return 0.95
    return 0.3 if head.startswith(MAGIC) and not tables and "magellai" in name.lower() else 0.0


def read(source: Source) -> Iterator[Piece]:
    """The sessions in the order in which they were stored, and what belongs to none."""
    db = opened(source, "Magellai", "sessions", "conversations")
    if isinstance(db, Damage):
        yield db
        return
    try:
        yield from _sessions(db)
        yield from _orphans(db)
    except Unreadable as error:
        yield Damage(0, str(error))


def _link(db: Database) -> str:
    """The column of ``messages`` that says what they belong to."""
    return "conversation_id" if db.has("messages", "conversation_id") else "session_id"


def _sessions(db: Database) -> Iterator[Piece]:
    whole = (*_SESSION, *(column for column in _CONVERSATION if column not in _SESSION))
    for row in db.rows("sessions", whole):
        if db.has("sessions", "conversation_id"):
            about = _owned(db, "conversations", _CONVERSATION, row["conversation_id"], row["user_id"])
            key = row["conversation_id"]
        else:
            about, key = row, row["id"]
        flat = _flat(row, about)
        flat["tags"] = _tags(db, row)
        yield built(flat, 0, _Messages(db, row["id"], key, row["user_id"]), user_id=id_of(row["user_id"]))


def _owned(db: Database, table: str, columns: tuple[str, ...], key: object, user: object) -> Row | None:
    """The row with this id, of the same user if there is one."""
    rows = list(db.rows(table, columns, key=("id", key)))
    return next((row for row in rows if row["user_id"] == user), rows[0] if rows else None)


def _flat(row: Row, about: Row | None) -> dict[str, Any]:
    """The session's row and its conversation's as one object, as the JSON files hold it."""
    session = {
        **row,
        "id": id_of(row["id"]),
        "config": json_of(row["config"]),
        "metadata": json_of(row["metadata"]),
        "child_ids": json_of(row["child_ids"]),
    }
    session.pop("conversation_id", None)
    session.pop("user_id", None)
    if about is not None and about is not row:
        session["conversation"] = {**about, "metadata": json_of(about["metadata"])}
        session["conversation"].pop("user_id", None)
    return flattened(session)


def _tags(db: Database, row: Row) -> list[str]:
    """The session's tags: the table of them is right where it has any."""
    tags = [
        as_text(tag["tag"])
        for tag in db.rows("tags", ("tag", "user_id"), key=("session_id", row["id"]))
        if tag["user_id"] == row["user_id"] or tag["user_id"] is None
    ]
    return tags or [tag.strip() for tag in as_text(row["tags"]).split(",") if tag.strip()]


class _Messages:
    """A conversation's messages, read from the database whenever they are asked for."""

    def __init__(self, db: Database, session_id: object, key: object, user: object) -> None:
        self._db = db
        self._session_id = id_of(session_id)
        self._key = key
        self._user = user

    def __iter__(self) -> Iterator[Message | Damage]:
        reader = MessageReader(self._session_id)
        if self._key is None:
            return
        found = self._db.rows(
            "messages", _MESSAGE, key=(_link(self._db), self._key), order=("position", "timestamp")
        )
        try:
            for row in found:
                if self._user is None or row["user_id"] in (None, self._user):
                    yield reader.read(_message(row))
        except Unreadable as error:
            yield Damage(0, str(error))


def _message(row: Row) -> dict[str, Any]:
    content = row["content"]
    return {
        **row,
        "id": id_of(row["id"]),
        "role": as_text(row["role"]),
        "content": content if content is None else as_text(content),
        "attachments": json_of(row["attachments"]),
        "metadata": json_of(row["metadata"]),
    }


def _orphans(db: Database) -> Iterator[Piece]:
    """What belongs to a session that is not there: reported, and messages brought in all the same."""
    for session_id in db.groups("tags", "session_id"):
        if db.one("sessions", ("id",), ("id", session_id)) is None:
            yield Damage(0, f"tags belong to session {as_text(session_id)[:80]!r}, which is not there")
    link = _link(db)
    owner = "conversation_id" if db.has("sessions", "conversation_id") else "id"
    for key in db.groups("messages", link):
        if key is not None and db.one("sessions", ("id",), (owner, key)) is None:
            yield Damage(0, f"messages belong to {link} {as_text(key)[:80]!r}, which no session has")
            about = db.one("conversations", _CONVERSATION, ("id", key)) or {}
            flat = flattened({**about, "id": id_of(key), "metadata": json_of(about.get("metadata"))})
            yield built(flat, 0, _Messages(db, key, key, None))
