"""Text search for the memory engine: SQLite's own index, in memory, brought up to date by searches.

The index is derived from the rows and records that the engine keeps, and follows them lazily: the
engine says what changed, and the next search looks at what is there now. So there is nothing to
undo when a commit fails, and both engines split texts into words alike.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..backend import MESSAGE, ROLES, Key, Record, RowHit, SessionRow, TextQuery
from ..errors import StoreWarning

if TYPE_CHECKING:
    import apsw

__all__ = ["Log", "MemoryText"]

_abandoned: list[Any] = []  # connections of a parent process, which SQLite forbids to close in a child


class Log:
    """What the memory engine stores of one session beside its row."""

    __slots__ = ("blobs", "ids", "records")

    def __init__(self) -> None:
        self.records: dict[int, Record] = {}
        """By seq, ascending: records are only ever added behind the last one."""
        self.ids: dict[bytes, int] = {}
        self.blobs: dict[bytes, bytes] = {}

    @property
    def content_bytes(self) -> int:
        """Bytes of bodies and blobs."""
        return sum(len(r.body) for r in self.records.values()) + sum(map(len, self.blobs.values()))


class MemoryText:
    """The index over the given rows and logs. Not thread-safe: the engine's lock is held throughout."""

    def __init__(self, rows: dict[Key, SessionRow], logs: dict[Key, Log]) -> None:
        self._rows = rows
        self._logs = logs
        self._conn: apsw.Connection | None = None
        self._pid = os.getpid()
        self._stale: dict[Key, set[int] | None] = {}
        """What the index has not seen yet: of a session these seqs, or (None) everything."""
        self.whole = True
        """False while texts are handed over again; searches then warn."""

    def changed(self, key: Key, seqs: Iterable[int]) -> None:
        """These records, and the session's row, are new or different."""
        stale = self._stale.setdefault(key, set())
        if stale is not None:
            stale.update(seqs)

    def replaced(self, key: Key) -> None:
        """Nothing the index knows of this session holds any more."""
        self._stale[key] = None

    def forget(self) -> None:
        """Start again from nothing at the next search."""
        if self._conn is not None and self._pid == os.getpid():
            self._conn.close()
        elif self._conn is not None:
            _abandoned.append(self._conn)
        self._conn = None
        self._stale = dict.fromkeys(self._rows)

    def waiting(self, namespace: str | None) -> int:
        """How many messages the index has not seen."""
        count = 0
        for key, seqs in self._stale.items():
            if namespace in (None, key.namespace) and key in self._logs:
                records = self._logs[key].records
                count += sum(_has_text(records.get(seq)) for seq in (records if seqs is None else seqs))
        return count

    def search(self, query: TextQuery) -> list[RowHit]:
        """Hits among all that is stored now."""
        from .sql.text import TextIndex

        if not self.whole:
            warnings.warn(
                "The search index is being rebuilt: hits are missing until it is done.",
                StoreWarning,
                stacklevel=3,
            )
        conn = self._connection()
        with conn:
            for key, seqs in self._stale.items():
                self._refresh(conn, key, seqs)
            while TextIndex.drain(conn, 1000):
                continue
        self._stale.clear()
        return [self._filled(hit) for hit in TextIndex.search(conn, query, bodies=False)]

    def _connection(self) -> apsw.Connection:
        if self._conn is not None and self._pid == os.getpid():
            return self._conn
        import apsw

        from .sql.schema import SIDECAR
        from .sql.text import TextIndex

        self.forget()
        self._pid = os.getpid()
        self._conn = conn = apsw.Connection(":memory:")
        conn.execute(SIDECAR)
        TextIndex.prepare(conn)
        return conn

    def _refresh(self, conn: apsw.Connection, key: Key, seqs: set[int] | None) -> None:
        from .sql import rows
        from .sql.text import TextIndex

        row = self._rows.get(key)
        if seqs is None or row is None:
            sid = rows.drop_row(conn, key)
            if sid is not None:
                TextIndex.remove_session(conn, sid)
                conn.execute("DELETE FROM records WHERE rid >> 32 = ?", (sid,))
        if row is None:
            return
        sid = rows.put_row(conn, row)
        records = self._logs[key].records
        for seq in sorted(records if seqs is None else seqs):
            rid = sid << 32 | seq
            conn.execute("DELETE FROM records WHERE rid = ?", (rid,))
            if conn.changes():  # only what was there before: looking among waiting texts walks them all
                TextIndex.remove(conn, [rid])
            record = records.get(seq)
            if record is not None and _has_text(record):
                conn.execute(
                    "INSERT INTO records (rid, kind, parent, message_id, at, role) VALUES (?, ?, ?, ?, ?, ?)",
                    (rid, record.kind, record.parent, b"", record.at, ROLES.index(record.role)),
                )
                TextIndex.add(conn, [(rid, record.texts)])

    def _filled(self, hit: RowHit) -> RowHit:
        row = self._rows[hit.row.key]
        record = self._logs[row.key].records[hit.seq]
        return RowHit(row, record.seq, record.at, record.role, record.body, hit.score)


def _has_text(record: Record | None) -> bool:
    return record is not None and record.kind == MESSAGE and any(record.texts)
