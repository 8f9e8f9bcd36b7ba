"""Reads of logs, blobs and figures. Each is one statement, so it sees one moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import apsw

from ...backend import Figures, Key, SessionRow, StoredRecord
from ...errors import CorruptError
from .rows import COLUMNS, from_columns, sid_of

__all__ = ["blob", "figures", "namespaces", "read", "row", "seqs"]

_BIG = 2**32 - 1
_BASE = "((SELECT sid FROM sessions WHERE namespace = ? AND session_id = ?) << 32)"
_ROW = f"SELECT {COLUMNS} FROM sessions AS s WHERE s.namespace = ? AND s.session_id = ?"
_READ = (
    "SELECT rid & 4294967295, kind, parent, body FROM records"
    f" WHERE rid > {_BASE} + ? AND rid < {_BASE} + ? ORDER BY rid"
)
_SEQ = "SELECT id, seq FROM message_ids WHERE sid = ? AND id = ? ORDER BY seq DESC LIMIT 1"
_SEQS_WAITING = (
    "SELECT message_id, rid & 4294967295 FROM text_pending"
    " WHERE rid > ? AND rid < ? AND message_id IS NOT NULL"
)
_BLOB = (
    "SELECT b.content FROM blobs AS b JOIN sessions AS s ON s.sid = b.sid"
    " WHERE s.namespace = ? AND s.session_id = ? AND b.digest = ?"
)


def row(conn: apsw.Connection, key: Key) -> SessionRow | None:
    """The session's row, or None."""
    for columns in conn.execute(_ROW, key).fetchall():
        return from_columns(columns)
    return None


def read(
    conn: apsw.Connection,
    key: Key,
    after: int,
    before: int | None,
    limit: int | None,
    last: int | None,
    kinds: Sequence[int] | None,
) -> list[StoredRecord]:
    """Records in ascending order, as ``Backend.read`` says. One range scan, no work per row.

    ``last`` goes before ``limit`` should both be given.
    """
    end = _BIG if before is None else max(0, min(before, _BIG))
    start = max(0, min(after, _BIG))
    sql = _READ
    if kinds is not None:
        sql = sql.replace("ORDER BY", f"{_kinds(kinds)} ORDER BY")
    count = limit if last is None else last
    if last is not None:
        sql += " DESC"
    params: tuple[Any, ...] = (*key, start, *key, end)
    if count is not None:
        sql += " LIMIT ?"
        params += (max(0, count),)
    try:
        found: list[Any] = conn.execute(sql, params).fetchall()
    except apsw.CorruptError as error:
        raise _damaged(conn, key) from error
    if last is not None:
        found.reverse()
    return found


def _kinds(kinds: Sequence[int]) -> str:
    """A test on ``kind``; without messages it says so, which lets SQLite use the index of the few
    other records."""
    numbers = sorted({int(kind) for kind in kinds})
    listed = ", ".join(map(str, numbers))
    return f"AND kind IN ({listed})" + ("" if 1 in numbers else " AND kind != 1")


def _damaged(conn: apsw.Connection, key: Key) -> CorruptError:
    """Which record of the log cannot be read."""
    seq, what = 0, "the log"
    following = f"SELECT rid & 4294967295, body FROM records WHERE rid > {_BASE} + ? ORDER BY rid LIMIT 1"
    try:
        while found := conn.execute(following, (*key, seq)).fetchone():
            seq = cast(int, found[0])
    except apsw.CorruptError:
        what = f"the record after {seq}"
    place = f"{key.namespace}/{key.session_id}, {what}"
    return CorruptError(
        f"Stored data is damaged: {place}.",
        place=place,
        hint="Records before and after it can still be read; restore the file from a copy.",
    )


def seqs(conn: apsw.Connection, key: Key, ids: Sequence[bytes]) -> dict[bytes, int]:
    """The newest seq of each message id that is stored."""
    sid = sid_of(conn, key)
    if sid is None or not ids:
        return {}
    # First those that wait: one that moves meanwhile is then seen twice, rather than never.
    waiting: list[Any] = conn.execute(_SEQS_WAITING, (sid << 32, (sid + 1) << 32)).fetchall()
    known: list[Any] = conn.executemany(_SEQ, [(sid, message_id) for message_id in ids]).fetchall()
    found: dict[bytes, int] = dict(known)
    asked = set(ids)
    for message_id, seq in waiting:
        if message_id in asked and seq > found.get(message_id, 0):
            found[message_id] = seq
    return found


def blob(conn: apsw.Connection, key: Key, digest: bytes) -> bytes | None:
    """A blob of this session, or None."""
    content: bytes | None = conn.execute(_BLOB, (*key, digest)).get
    return content


def namespaces(conn: apsw.Connection) -> list[str]:
    """The namespaces that hold sessions, by one index probe each."""
    return [
        name
        for (name,) in conn.execute(
            "WITH RECURSIVE names (name) AS (SELECT min(namespace) FROM sessions UNION ALL"
            " SELECT (SELECT min(namespace) FROM sessions WHERE namespace > names.name) FROM names"
            " WHERE name IS NOT NULL) SELECT name FROM names WHERE name IS NOT NULL"
        )
    ]


def figures(conn: apsw.Connection, namespace: str | None, stored_bytes: int, unindexed: int) -> Figures:
    """Counts and sizes; walks the whole log."""
    ours = "" if namespace is None else " WHERE s.namespace = ?1"
    params = () if namespace is None else (namespace,)
    # CROSS JOIN keeps the order of the tables: sessions first, then each one's range of records.
    of_session = "r.rid > s.sid << 32 AND r.rid < (s.sid + 1) << 32"
    log = f"FROM sessions AS s CROSS JOIN records AS r ON {of_session}{ours}"
    if namespace is None:
        log = "FROM records AS r"
    counts: tuple[Any, ...] = conn.execute(
        f"SELECT (SELECT count(*) FROM sessions AS s{ours}),"
        f" (SELECT count(s.deleted_at) FROM sessions AS s{ours}),"
        f" (SELECT count(*) FROM blobs AS b JOIN sessions AS s ON s.sid = b.sid{ours}),"
        f" (SELECT total(length(b.content)) FROM blobs AS b JOIN sessions AS s ON s.sid = b.sid{ours}),"
        f" (SELECT count(*) {log}), (SELECT total(r.kind = 1) {log}), (SELECT total(length(r.body)) {log})",
        params,
    ).fetchall()[0]
    sessions, trashed, blobs, blob_bytes, records, messages, body_bytes = map(int, counts)
    return Figures(
        sessions=sessions - trashed,
        trashed=trashed,
        records=records,
        messages=messages,
        blobs=blobs,
        body_bytes=body_bytes + blob_bytes,
        stored_bytes=stored_bytes,
        unindexed=unindexed,
    )
