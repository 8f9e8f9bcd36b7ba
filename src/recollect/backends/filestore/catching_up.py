"""Bringing the index up to date with the files: rows first, texts when a search needs them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import apsw

from ...backend import MESSAGE, ROLES, Key, Record, SessionRow
from ...errors import CorruptError, StoreWarning
from ..sql import rows
from ..sql.text import TextIndex
from . import lines
from .columns import from_moment
from .log import Log
from .logs import Logs, Place
from .names import decode_name
from .scanning import RawStamp
from .writing import Change

__all__ = ["NOTHING_YET", "CatchingUp", "Known", "Texts", "drop_session"]

Texts = Callable[[int, bytes], tuple[str, ...]]
"""From a record's kind and body to its searchable texts."""

NOTHING_YET = "it holds no commit yet"
"""The one reason that needs no warning: a session is being made, or its making was interrupted."""

_ROLE = {name: number for number, name in enumerate(ROLES)}
_DRAIN = 1000
_ENTRY = 'sid, head, "end", text_end, inode, size, mtime'


class Known(NamedTuple):
    """What the index has of one file."""

    sid: int
    head: bytes
    end: int
    text_end: int
    inode: int
    size: int
    mtime: int


class Entry(NamedTuple):
    """A record as the index takes it."""

    seq: int
    kind: int
    parent: int
    message_id: bytes
    at: int
    role: str
    size: int
    texts: tuple[str, ...]


class CatchingUp:
    """Steps of one write transaction on ``conn``."""

    def __init__(
        self, conn: apsw.Connection, logs: Logs, texts: Texts | None, *, with_texts: bool = True
    ) -> None:
        self._conn = conn
        self._logs = logs
        self._texts = texts
        self.with_texts = with_texts
        """Whether texts at hand are indexed at once."""
        self.added = 0
        """How many records were."""

    def known(self, path: str) -> Known | None:
        """What is stored of a file."""
        found = self._conn.execute(f"SELECT {_ENTRY} FROM files WHERE path = ?", (path,)).fetchone()
        return None if found is None else Known(*found)

    def file(self, path: str, stamp: RawStamp, changes: list[Change]) -> str | None:
        """Take over a file that looks changed; gives why it cannot be, None where it was.

        ``changes`` are what this process did to it since, if that is known.
        """
        known = self.known(path)
        if known is not None and (known.inode, known.size, known.mtime) == stamp:
            return None
        if changes and changes[-1].stamp == stamp and self._take(path, known, changes):
            return None
        place = self._place(path)
        if place is None:
            return "its name is none that this store gives"
        try:
            with self._logs.opened(place) as fd:
                if fd is None:
                    return NOTHING_YET
                with self._logs.using(place, fd) as log:
                    if log.is_empty:
                        return NOTHING_YET
                    if log.row is None:
                        return str(log.damaged_end())
                    self._put(path, known, log.row, log)
        except CorruptError as error:
            return str(error)
        return None

    def _place(self, path: str) -> Place | None:
        folder, _, name = path.partition("/")
        namespace, session = decode_name(folder), decode_name(name)
        if namespace is None or session is None:
            key = self._logs.key_inside(path)
            place = None if key is None else self._logs.place(key)
            return place if place is not None and place.path == path else None
        return self._logs.place(Key(namespace, session))

    def _put(self, path: str, known: Known | None, row: SessionRow, log: Log) -> None:
        """Row and stamp as the log has them now; texts stay where they were if the log only grew."""
        assert log.row is not None  # the caller looked
        grew = known is not None and known.inode == log.stamp.inode and known.head == log.head
        if known is not None and not (grew and known.text_end <= log.end):
            # It starts anew under a number of its own: the text index relies on what a record's
            # number once stood for.
            drop_session(self._conn, path)
        self._put_row(path, row, log.stamp, log.head, log.end)

    def _put_row(
        self, path: str, row: SessionRow, stamp: RawStamp, head: bytes, end: int, attributes: bool = True
    ) -> int:
        sid = rows.put_row(self._conn, row, attributes)
        self._conn.execute(
            'INSERT INTO files (path, sid, inode, size, mtime, head, "end", text_end, records, messages,'
            " body_bytes) VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0) ON CONFLICT (path) DO UPDATE SET"
            " inode = excluded.inode, size = excluded.size, mtime = excluded.mtime,"
            ' head = excluded.head, "end" = excluded."end"',
            (path, sid, *stamp, head, end),
        )
        return sid

    def _take(self, path: str, known: Known | None, changes: list[Change]) -> bool:
        """Add what this process appended, if the index has all that came before."""
        end = known.end if known is not None else 0
        last = changes[-1]
        if known is not None and (known.inode != last.stamp.inode or known.head != last.head):
            return False
        start = changes[0].start
        for change in changes:
            if change.start != start:
                return False
            start = change.end
        if changes[0].start != end:
            return False
        attributes = known is None or any(change.attributes for change in changes)
        sid = self._put_row(path, last.row, last.stamp, last.head, last.end, attributes)
        contiguous = (known.text_end if known is not None else 0) == end
        if contiguous and self.with_texts and all(change.records is not None for change in changes):
            entries = (_entry(record) for change in changes for record in change.records or ())
            self._add(sid, entries, last.end)
        return True

    # ---- texts

    def texts_of(self, sid: int) -> None:
        """Index the records of a session that are not yet."""
        row: Any = self._conn.execute('SELECT path, text_end, "end" FROM files WHERE sid = ?', (sid,)).get
        path, text_end, end = row
        key = Key(*self._conn.execute("SELECT namespace, session_id FROM sessions WHERE sid = ?", (sid,)).get)
        place = self._logs.place(key)
        with self._logs.opened(place) as fd:
            if fd is None:
                return
            with self._logs.using(place, fd) as log:
                known = self.known(path)
                if known is None or (known.head, known.inode) != (log.head, log.stamp.inode) or log.end < end:
                    # Gone or replaced since the files were listed; the next look takes care of it.
                    return
                entries = (entry for line in log.read_lines(fd, text_end) for entry in self._entries(line))
                self._add(sid, entries, log.end)

    def _entries(self, line: bytes) -> Iterable[Entry]:
        for record in lines.decode_full(line).records:
            kind, body = lines.NUMBERS[record.kind], record.content
            if record.texts is not None:
                texts = tuple(record.texts)
            else:
                texts = self._texts(kind, body) if self._texts is not None else ()
            yield Entry(
                record.seq,
                kind,
                record.parent,
                record.message_id,
                from_moment(record.at),
                record.role,
                len(body),
                texts,
            )

    def _add(self, sid: int, entries: Iterable[Entry], end: int) -> None:
        base = sid << 32
        count = messages = size = 0
        batch: list[tuple[Any, ...]] = []
        texts: list[tuple[int, tuple[str, ...]]] = []
        for entry in entries:
            rid = base | entry.seq
            batch.append((rid, entry.kind, entry.parent, entry.message_id, entry.at, _ROLE[entry.role]))
            if entry.texts:
                texts.append((rid, entry.texts))
            count += 1
            messages += entry.kind == MESSAGE
            size += entry.size
            if len(batch) >= _DRAIN:
                self._insert(batch, texts)
                batch, texts = [], []
                TextIndex.drain(self._conn, _DRAIN)
        self._insert(batch, texts)
        self.added += count
        self._conn.execute(
            "UPDATE files SET text_end = ?, records = records + ?, messages = messages + ?,"
            " body_bytes = body_bytes + ? WHERE sid = ?",
            (end, count, messages, size, sid),
        )

    def _insert(self, batch: list[tuple[Any, ...]], texts: list[tuple[int, tuple[str, ...]]]) -> None:
        if batch:
            self._conn.executemany("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?)", batch)
            TextIndex.add(self._conn, texts)


def _entry(record: Record) -> Entry:
    seq, kind, parent, message_id, at, role, body, texts = record
    return Entry(seq, kind, parent, message_id, at, role, len(body), texts)


def drop_session(conn: apsw.Connection, path: str) -> None:
    """Take a file's session out of the index, whole; the scrub that follows, out of its file."""
    sid = conn.execute("SELECT sid FROM files WHERE path = ?", (path,)).get
    if sid is None:
        return
    conn.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('scrub', 1)")
    TextIndex.remove_session(conn, sid)
    conn.execute("DELETE FROM records WHERE rid >= ? AND rid < ?", (sid << 32, (sid + 1) << 32))
    rows.drop_labels(conn, sid)
    conn.execute("DELETE FROM sessions WHERE sid = ?", (sid,))
    conn.execute("DELETE FROM files WHERE sid = ?", (sid,))


def warn_of(root: str, path: str, reason: str) -> None:
    """Say that a file is left out, and why."""
    warnings.warn(
        f"{root}/{path}.jsonl is left out of lists and searches: {reason}", StoreWarning, stacklevel=3
    )
