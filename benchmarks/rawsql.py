"""The raw limit: apsw by hand, writing and reading the rows that a store does, and nothing else.

The tables have the columns of a store's tables and no secondary index; text waits in a table as it
does in a store and is never indexed. The bytes written are those a store wrote for the same
conversations, made beforehand, so that encoding them is on our side of the comparison only.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw

from recollect import Message, Store
from recollect.backend import ROLES, Commit
from recollect.backends.memory import MemoryBackend

SCHEMA = """
CREATE TABLE sessions (
    sid INTEGER PRIMARY KEY, namespace TEXT NOT NULL, session_id TEXT NOT NULL, version INTEGER NOT NULL,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, cost INTEGER, message_count INTEGER NOT NULL,
    pinned INTEGER NOT NULL, provider TEXT, model TEXT, name TEXT, forked_from TEXT, expires_at INTEGER,
    deleted_at INTEGER, labels BLOB, body BLOB NOT NULL, UNIQUE (namespace, session_id)
) STRICT;
CREATE TABLE records (
    rid INTEGER PRIMARY KEY, kind INTEGER NOT NULL, parent INTEGER NOT NULL, message_id BLOB NOT NULL,
    at INTEGER NOT NULL, role INTEGER NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE TABLE pending (
    rid INTEGER PRIMARY KEY, text TEXT NOT NULL, reasoning TEXT NOT NULL, tool TEXT NOT NULL
) STRICT;
"""
UPDATE = "UPDATE sessions SET version = ?, updated_at = ?, message_count = ?, body = ? WHERE sid = ?"
INSERT = (
    "INSERT INTO sessions (sid, namespace, session_id, version, created_at, updated_at, message_count,"
    " pinned, body) VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?)"
)
RECORD = "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?)"
PENDING = "INSERT INTO pending VALUES (?, ?, ?, ?)"
ORDERED = "CREATE INDEX newest ON sessions (namespace, updated_at, session_id) WHERE deleted_at IS NULL"
"""What a store needs to list sessions, and every append changes."""


class Recorder(MemoryBackend):
    """An engine in memory that keeps the commits it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.commits: list[Commit] = []

    async def commit(self, *commits: Commit) -> None:
        """Write them, and remember them."""
        await super().commit(*commits)
        self.commits += commits


class Rows:
    """One commit as the parameters of raw statements, but for the session's number."""

    __slots__ = ("body", "count", "key", "pending", "records", "updated", "version")

    def __init__(self, commit: Commit) -> None:
        row = commit.row
        assert row is not None
        self.key = row.key
        self.version, self.updated, self.count, self.body = (
            row.version,
            row.updated_at,
            row.message_count,
            row.body,
        )
        self.records: list[tuple[Any, ...]] = [
            (r.seq, r.kind, r.parent, r.message_id, r.at, ROLES.index(r.role), r.body) for r in commit.records
        ]
        self.pending: list[tuple[Any, ...]] = [(r.seq, *r.texts) for r in commit.records if r.texts]


def recorded(turns: Sequence[Sequence[Message]]) -> list[Rows]:
    """What a store writes for a session with these turns: its creation, then one entry a turn."""
    engine = Recorder()
    with Store(engine) as store:
        session = store.open("recorded")
        for turn in turns:
            session.append(*turn)
    return [Rows(commit) for commit in engine.commits]


class Raw:
    """A database by hand: write-ahead log, ``synchronous=FULL``, prepared statements."""

    def __init__(
        self, path: Path, *, pending: bool = True, ordered: bool = False, vfs: str | None = None
    ) -> None:
        self.path = path
        self.conn = apsw.Connection(str(path), vfs=vfs)
        self.conn.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -8192")
        self.conn.execute(SCHEMA + ORDERED if ordered else SCHEMA)
        self._pending = pending
        self._seqs: dict[int, int] = {}

    def create(self, sid: int, first: Rows) -> None:
        """A new session."""
        rows = (sid, first.key.namespace, f"s{sid}", 1, first.updated, first.updated, 0, first.body)
        self.conn.execute(INSERT, rows)
        self._seqs[sid] = 1

    def append(self, sid: int, turn: Rows) -> None:
        """One turn in one transaction: the session's row, its records, their texts."""
        conn = self.conn
        base = (sid << 32) + self._seqs[sid] - turn.records[0][0] + 1
        self._seqs[sid] += len(turn.records)
        conn.execute("BEGIN IMMEDIATE")
        self._statements(sid, base, turn)
        conn.execute("COMMIT")

    def _statements(self, sid: int, base: int, turn: Rows) -> None:
        conn = self.conn
        conn.execute(UPDATE, (turn.version, turn.updated, turn.count, turn.body, sid))
        conn.executemany(RECORD, [(base + seq, *rest) for seq, *rest in turn.records])
        if self._pending and turn.pending:
            conn.executemany(PENDING, [(base + seq, *texts) for seq, *texts in turn.pending])

    def close(self) -> None:
        """Close the handle."""
        self.conn.close()


def waiting(conn: apsw.Connection) -> int:
    """How many texts of a store wait to be indexed."""
    count: int = conn.execute("SELECT count(*) FROM text_pending").get
    return count
