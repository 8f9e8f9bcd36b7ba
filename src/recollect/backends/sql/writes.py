"""Commits as statements. All functions run inside a write transaction that the caller owns."""

from __future__ import annotations

from collections.abc import Iterable

import apsw

from ...backend import ROLES, Commit, Key
from ...errors import ConflictError, InvalidError
from .rows import drop_labels, insert_row, sid_of, update_known, update_row
from .text import TextIndex

__all__ = ["apply", "check", "clear_scrub", "hand_over", "needs_scrub"]

_ROLE_NUMBERS = {role: number for number, role in enumerate(ROLES)}
BULK = 64
"""So many texts in one commit of a bulk go into the index with it: waiting would cost more."""
_INSERT_RECORD = "INSERT INTO records (rid, kind, parent, at, role, body) VALUES (?, ?, ?, ?, ?, ?)"
_SEQ_LIMIT = 2**32
_KNOWN = 4096


def check(commit: Commit, max_body: int) -> None:
    """Refuse, before anything is written, what can never be stored."""
    row = commit.row
    if row is None:
        if not commit.delete:
            raise InvalidError(f"A commit to session {commit.key.session_id!r} has no row.")
    elif row.key != commit.key:
        raise InvalidError(f"A commit to session {commit.key.session_id!r} has another session's row.")
    elif len(row.body) > max_body:
        raise _too_large(commit, "row", len(row.body), max_body)
    for record in commit.records:
        if len(record.body) > max_body:
            raise _too_large(commit, f"record {record.seq}", len(record.body), max_body)
        if record.role not in _ROLE_NUMBERS or not 0 < record.seq < _SEQ_LIMIT:
            raise InvalidError(f"Record {record.seq} of {commit.key.session_id!r} has no valid role or seq.")
    for content in commit.blobs.values():
        if len(content) > max_body:
            raise _too_large(commit, "blob", len(content), max_body)


def _too_large(commit: Commit, what: str, size: int, most: int) -> InvalidError:
    return InvalidError(
        f"A {what} of session {commit.key.session_id!r} is too large: {size:,} bytes; {most:,} are possible."
    )


def apply(cursor: apsw.Cursor, commit: Commit, sids: dict[Key, int]) -> int:
    """Write one commit; gives the number of messages that now wait to be indexed, -1 if something is to
    be scrubbed. ConflictError when the stored version is not its base.

    ``sids`` keeps the sids of sessions met. They are hints, compared with key and version before use:
    entries may be wrong after a rollback, or after another process created a session anew.
    """
    conn = cursor.connection
    if commit.delete:
        sids.pop(commit.key, None)
        _delete(conn, commit)
        return -1
    row = commit.row
    assert row is not None  # see check()
    base = commit.base
    sid = sids.get(row.key, 0)
    if not (base and sid and not commit.attributes and update_known(cursor, row, base, sid)):
        sid = update_row(conn, row, base, commit.attributes) if base else insert_row(conn, row)
        if len(sids) >= _KNOWN:
            sids.clear()
        sids[row.key] = sid
    texts = _insert_records(conn, cursor, sid << 32, commit) if commit.records else 0
    if commit.blobs:
        conn.executemany(
            "INSERT OR IGNORE INTO blobs (sid, digest, content) VALUES (?, ?, ?)",
            [(sid, digest, content) for digest, content in commit.blobs.items()],
        )
    if commit.amended:
        texts += _amend(conn, sid << 32, commit)
    if commit.erased or commit.drop_blobs:
        _erase(conn, sid, commit)
        return -1
    return texts


def _insert_records(conn: apsw.Connection, cursor: apsw.Cursor, base: int, commit: Commit) -> int:
    """Write records; gives how many texts wait to be indexed then."""
    rows = []
    texts = []
    numbers = _ROLE_NUMBERS
    for seq, kind, parent, message_id, at, role, body, words in commit.records:
        rows.append((base + seq, kind, parent, at, numbers[role], body))
        if message_id or any(words):
            texts.append((base + seq, at, message_id or None, words))
    cursor.executemany(_INSERT_RECORD, rows)
    if commit.bulk and len(texts) >= BULK:
        TextIndex.add_now(conn, texts)
        return 0
    if texts:
        TextIndex.add_all(conn, [(rid, message_id, words) for rid, _, message_id, words in texts])
    return len(texts)


def _amend(conn: apsw.Connection, base: int, commit: Commit) -> int:
    conn.executemany(
        "UPDATE records SET body = ? WHERE rid = ?", [(body, base + seq) for seq, body, _ in commit.amended]
    )
    texts = [(base + seq, texts) for seq, _, texts in commit.amended if any(texts)]
    TextIndex.remove(conn, [base + seq for seq, _, _ in commit.amended])
    TextIndex.add(conn, texts)
    return len(texts)


def _erase(conn: apsw.Connection, sid: int, commit: Commit) -> None:
    base = sid << 32
    if commit.erased:
        conn.executemany(
            "UPDATE records SET body = ? WHERE rid = ?", [(body, base + seq) for seq, body in commit.erased]
        )
        TextIndex.remove(conn, [base + seq for seq, _ in commit.erased])
    if commit.drop_blobs:
        conn.executemany(
            "DELETE FROM blobs WHERE sid = ? AND digest = ?", [(sid, digest) for digest in commit.drop_blobs]
        )
    _mark_scrub(conn)


def _delete(conn: apsw.Connection, commit: Commit) -> None:
    key = commit.key
    sid = conn.execute(
        "DELETE FROM sessions WHERE namespace = ? AND session_id = ? AND version = ? RETURNING sid",
        (*key, commit.base),
    ).get
    if sid is None:
        raise ConflictError(f"Session {key.session_id!r} is not at version {commit.base}.")
    drop_labels(conn, sid)
    TextIndex.remove_session(conn, sid)
    conn.execute("DELETE FROM records WHERE rid > ? AND rid < ?", (sid << 32, (sid + 1) << 32))
    conn.execute("DELETE FROM message_ids WHERE sid = ?", (sid,))
    conn.execute("DELETE FROM blobs WHERE sid = ?", (sid,))
    _mark_scrub(conn)


def _mark_scrub(conn: apsw.Connection) -> None:
    conn.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('scrub', 1)")


def needs_scrub(conn: apsw.Connection) -> bool:
    """Whether erased text may still be in the index or in the write-ahead log."""
    return conn.execute("SELECT 1 FROM meta WHERE name = 'scrub'").get is not None


def clear_scrub(conn: apsw.Connection) -> None:
    """The write-ahead log was emptied after the last erasure."""
    conn.execute("DELETE FROM meta WHERE name = 'scrub'")


def hand_over(conn: apsw.Connection, key: Key, entries: Iterable[tuple[int, tuple[str, ...]]]) -> int:
    """Take the texts of existing records once more; gives how many there were."""
    sid = sid_of(conn, key)
    if sid is None:
        return 0
    texts = [((sid << 32) + seq, words) for seq, words in entries if words]
    TextIndex.remove(conn, [rid for rid, _ in texts])
    TextIndex.add(conn, texts)
    return len(texts)
