"""Session rows to columns and back, and the writes that keep a row's lookup tables.

Lone surrogates, which SQL text cannot hold, are replaced by U+FFFD on both sides: in what is stored
and in what is asked for. The body keeps the exact text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import apsw
import msgspec

from ...backend import Key, SessionRow
from ...errors import ConflictError, InvalidError

__all__ = [
    "COLUMNS",
    "WIDTH",
    "drop_labels",
    "drop_row",
    "from_columns",
    "insert_row",
    "lookup_value",
    "put_row",
    "safe",
    "sid_of",
    "update_known",
    "update_row",
]

COLUMNS = (
    "s.namespace, s.session_id, s.version, s.created_at, s.updated_at, s.body, s.name, s.provider,"
    " s.model, s.labels, s.cost, s.message_count, s.pinned, s.forked_from, s.expires_at, s.deleted_at"
)
"""What ``from_columns`` takes, of ``sessions AS s``."""
WIDTH = 16

_LONG = 128
_Labels = tuple[tuple[str, ...], tuple[tuple[str, str], ...]]
_decode = msgspec.json.Decoder(_Labels).decode
_encode = msgspec.json.Encoder().encode

_INSERT = (
    "INSERT INTO sessions (namespace, session_id, version, created_at, updated_at, body, name, provider,"
    " model, labels, cost, message_count, pinned, forked_from, expires_at, deleted_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_UPDATE_ALL = (
    "UPDATE sessions SET version = ?, created_at = ?, updated_at = ?, body = ?, name = ?, provider = ?,"
    " model = ?, labels = ?, cost = ?, message_count = ?, pinned = ?, forked_from = ?, expires_at = ?,"
    " deleted_at = ? WHERE namespace = ? AND session_id = ? AND version = ? RETURNING sid"
)
# Only what each append changes; cost apart, because its index is then written too.
_UPDATE = (
    "UPDATE sessions SET version = ?, updated_at = ?, message_count = ?, body = ?"
    " WHERE namespace = ? AND session_id = ? AND version = ? RETURNING sid, cost IS NULL"
)
_UPDATE_COST = (
    "UPDATE sessions SET version = ?, updated_at = ?, message_count = ?, body = ?, cost = ?"
    " WHERE namespace = ? AND session_id = ? AND version = ? RETURNING sid"
)
# With the sid known, what each append changes: no search by key, and no row to fetch.
_UPDATE_KNOWN = (
    "UPDATE sessions SET version = ?, updated_at = ?, message_count = ?, body = ?"
    " WHERE sid = ? AND version = ? AND namespace = ? AND session_id = ? AND cost IS NULL"
)
_UPDATE_KNOWN_COST = (
    "UPDATE sessions SET version = ?, updated_at = ?, message_count = ?, body = ?, cost = ?"
    " WHERE sid = ? AND version = ? AND namespace = ? AND session_id = ?"
)


def safe(text: str) -> str:
    """``text`` as SQL text can hold it: lone surrogates become U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join(["\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text])
    return text


def _maybe(text: str | None) -> str | None:
    return None if text is None else safe(text)


def lookup_value(value: str) -> str:
    """A metadata value as its index holds it: long ones by digest."""
    if len(value) <= _LONG:
        return safe(value)
    import hashlib  # rarely needed, and loading it takes longer than opening a store

    return "sha256:" + hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


def from_columns(columns: Sequence[Any]) -> SessionRow:
    """The row behind one result row of ``COLUMNS``."""
    namespace, session_id, version, created, updated, body, name, provider, model, labels, *rest = columns
    cost, count, pinned, forked_from, expires, deleted = rest
    tags, metadata = _decode(labels) if labels else ((), ())
    return SessionRow(
        Key(namespace, session_id),
        version,
        created,
        updated,
        body,
        name,
        provider,
        model,
        tags,
        metadata,
        cost,
        count,
        pinned == 1,
        forked_from,
        expires,
        deleted,
    )


def _attributes(row: SessionRow) -> tuple[Any, ...]:
    """Columns from ``version`` to ``deleted_at``, in the order of the statements above."""
    labels = None
    if row.tags or row.metadata:
        tags = [safe(tag) for tag in row.tags]
        labels = _encode((tags, [(safe(path), safe(value)) for path, value in row.metadata]))
    return (
        row.version,
        row.created_at,
        row.updated_at,
        row.body,
        _maybe(row.name),
        _maybe(row.provider),
        _maybe(row.model),
        labels,
        row.cost,
        row.message_count,
        int(row.pinned),
        _maybe(row.forked_from),
        row.expires_at,
        row.deleted_at,
    )


def _conflict(key: Key, base: int) -> ConflictError:
    if base == 0:
        return ConflictError(f"Session {key.session_id!r} exists already.")
    return ConflictError(f"Session {key.session_id!r} is no longer at version {base}.")


def insert_row(conn: apsw.Connection, row: SessionRow) -> int:
    """Create the session and give its sid; ConflictError when it is there."""
    try:
        conn.execute(_INSERT, (*row.key, *_attributes(row)))
    except apsw.ConstraintError as error:
        if getattr(error, "extendedresult", 0) != apsw.SQLITE_CONSTRAINT_UNIQUE:
            raise InvalidError(f"Session {row.key.session_id!r} has a row that cannot be stored.") from error
        raise _conflict(row.key, 0) from error
    sid = conn.last_insert_rowid()
    _insert_labels(conn, sid, row)
    return sid


def update_row(conn: apsw.Connection, row: SessionRow, base: int, attributes: bool) -> int:
    """Replace the row at version ``base`` and give its sid; ConflictError when it is not there."""
    key, cost = row.key, row.cost
    if attributes:
        found = conn.execute(_UPDATE_ALL, (*_attributes(row), *key, base)).fetchall()
    elif cost is None:
        found = conn.execute(
            _UPDATE, (row.version, row.updated_at, row.message_count, row.body, *key, base)
        ).fetchall()
        if found and not found[0][1]:
            conn.execute("UPDATE sessions SET cost = NULL WHERE sid = ?", found[0][:1])
    else:
        found = conn.execute(
            _UPDATE_COST, (row.version, row.updated_at, row.message_count, row.body, cost, *key, base)
        ).fetchall()
    if not found:
        raise _conflict(key, base)
    sid = cast(int, found[0][0])
    if attributes:
        drop_labels(conn, sid)
        _insert_labels(conn, sid, row)
    return sid


def update_known(cursor: apsw.Cursor, row: SessionRow, base: int, sid: int) -> bool:
    """Replace what an append changes, at version ``base``, if ``sid`` is this session; False leaves it to
    ``update_row`` to find out why not."""
    key, cost = row.key, row.cost
    changed = (row.version, row.updated_at, row.message_count, row.body)
    if cost is None:
        cursor.execute(_UPDATE_KNOWN, (*changed, sid, base, *key))
    else:
        cursor.execute(_UPDATE_KNOWN_COST, (*changed, cost, sid, base, *key))
    return cursor.connection.changes() == 1


def _insert_labels(conn: apsw.Connection, sid: int, row: SessionRow) -> None:
    namespace = row.key.namespace
    if row.tags:
        conn.executemany(
            "INSERT OR IGNORE INTO tags (namespace, tag, sid) VALUES (?, ?, ?)",
            [(namespace, safe(tag), sid) for tag in row.tags],
        )
    if row.metadata:
        conn.executemany(
            "INSERT OR IGNORE INTO metadata (namespace, path, value, sid) VALUES (?, ?, ?, ?)",
            [(namespace, safe(path), lookup_value(value), sid) for path, value in row.metadata],
        )


def drop_labels(conn: apsw.Connection, sid: int) -> None:
    """Forget the tags and metadata of a session."""
    conn.execute("DELETE FROM tags WHERE sid = ?", (sid,))
    conn.execute("DELETE FROM metadata WHERE sid = ?", (sid,))


def sid_of(conn: apsw.Connection, key: Key) -> int | None:
    """The number of a session inside this file, or None."""
    sid: int | None = conn.execute("SELECT sid FROM sessions WHERE namespace = ? AND session_id = ?", key).get
    return sid


def put_row(conn: apsw.Connection, row: SessionRow, attributes: bool = True) -> int:
    """Insert or replace a row whatever its version, and give its sid. For derived copies of rows."""
    found: int | None = conn.execute(
        "SELECT version FROM sessions WHERE namespace = ? AND session_id = ?", row.key
    ).get
    return insert_row(conn, row) if found is None else update_row(conn, row, found, attributes)


def drop_row(conn: apsw.Connection, key: Key) -> int | None:
    """Delete a row with its tags and metadata; gives its former sid, so that its texts can go too."""
    sid = sid_of(conn, key)
    if sid is not None:
        drop_labels(conn, sid)
        conn.execute("DELETE FROM sessions WHERE sid = ?", (sid,))
    return sid
