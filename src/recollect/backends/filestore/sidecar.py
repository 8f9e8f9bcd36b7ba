"""The index beside the logs: lists, filters and searches over all sessions.

Before it answers it compares size and time of every session's file with what it recorded and takes
over what changed, so that every acknowledged commit of any process counts. What this process commits is
handed to it without looking at the files again.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeVar

import apsw

from ...backend import Figures, Key, RowHit, RowQuery, SessionRow, TextQuery
from ...errors import StoreError
from ..sql.find import find_rows
from ..sql.text import TextIndex
from ..sql.writes import clear_scrub, hand_over, needs_scrub
from .catching_up import NOTHING_YET, CatchingUp, Texts, drop_session, warn_of
from .changes import Changes
from .database import Database
from .logs import Logs, Place
from .news import News
from .scanning import RawStamp, Scan, disk_usage
from .writing import Change

__all__ = ["Sidecar"]

T = TypeVar("T")

_FILES_AT_ONCE = 256
_RECORDS_AT_ONCE = 2000
_WAITING = 256
_SCRUB_NOW = 2.0
_SCRUB_LATER = 0.02
_log = logging.getLogger("recollect.files")


class Sidecar:
    """The index of the store at ``logs.root``. Thread-safe."""

    def __init__(
        self, logs: Logs, news: News, changes: Changes, texts: Texts | None, *, readonly: bool, timeout: float
    ) -> None:
        self._logs = logs
        self._news = news
        self._changes = changes
        self._texts = texts
        self._database = Database(logs.root, readonly=readonly, timeout=timeout)
        self._lock = threading.RLock()
        self._stamps: dict[str, RawStamp] = {}
        self._stamps_of: tuple[int, int] | None = None
        self._left_out: dict[str, RawStamp] = {}
        self._marks: list[int] | None = None
        self._scan: Scan | None = None
        self._scan_of = -1

    # ---- answers

    def rows(self, query: RowQuery) -> list[SessionRow]:
        """``Backend.find``."""
        return self._answer(lambda conn: find_rows(conn, query))

    def hits(self, query: TextQuery) -> list[RowHit]:
        """``SearchesText.search``, without bodies."""
        return self._answer(lambda conn: TextIndex.search(conn, query, bodies=False), texts=True)

    def namespaces(self) -> list[str]:
        """``Backend.namespaces``."""

        def names(conn: apsw.Connection) -> list[str]:
            return sorted(row[0] for row in conn.execute("SELECT DISTINCT namespace FROM sessions"))

        return self._answer(names)

    def figures(self, namespace: str | None, folder: str | None) -> Figures:
        """``Backend.figures``; ``folder`` is the namespace's."""

        def sums(conn: apsw.Connection) -> tuple[int, ...]:
            where = "" if namespace is None else " WHERE s.namespace = ?"
            row: Any = conn.execute(
                "SELECT count(*), count(s.deleted_at), coalesce(sum(f.records), 0),"
                " coalesce(sum(f.messages), 0), coalesce(sum(f.body_bytes), 0)"
                " FROM sessions AS s JOIN files AS f ON f.sid = s.sid" + where,
                () if namespace is None else (namespace,),
            ).fetchone()
            return (*row, TextIndex.pending(conn))

        sessions, trashed, records, messages, size, waiting = self._answer(sums, texts=True)
        usage = disk_usage(self._logs.root, folder)
        return Figures(
            sessions=sessions - trashed,
            trashed=trashed,
            records=records,
            messages=messages,
            blobs=usage.blobs,
            body_bytes=size + usage.blob_bytes,
            stored_bytes=usage.stored_bytes,
            unindexed=waiting,
        )

    def _answer(self, ask: Callable[[apsw.Connection], T], *, texts: bool = False) -> T:
        def work() -> T:
            self._catch_up(texts=texts)
            return self._database.read(ask)

        with self._lock:
            return self._database.guarded(work)

    # ---- the text index

    def reindex(self) -> None:
        """Forget all texts, those of records too that the index has not seen yet."""

        def work() -> None:
            self._catch_up(texts=True)
            self._database.write(TextIndex.clear)

        with self._lock:
            self._database.guarded(work)

    def index(self, key: Key, entries: Iterable[tuple[int, tuple[str, ...]]]) -> None:
        """Take texts again."""
        listed = list(entries)

        def take(conn: apsw.Connection) -> None:
            hand_over(conn, key, listed)
            if TextIndex.pending(conn) > _WAITING:
                TextIndex.drain(conn, _RECORDS_AT_ONCE)

        with self._lock:
            self._database.guarded(lambda: self._database.write(take))

    def indexed(self) -> None:
        """All texts were taken."""
        with self._lock:
            self._database.guarded(lambda: self._database.write(TextIndex.complete))

    # ---- catching up

    def _catch_up(self, *, texts: bool) -> None:
        news, counts = self._news.take()
        marks = self._changes.snapshot()
        stamps = self._recorded()
        quiet = self._nothing_else(marks, counts)
        self._marks = None  # whatever fails below, the next look is a full one
        gone: list[str] = []
        if quiet:
            seen: Mapping[str, RawStamp] = {path: changes[-1].stamp for path, changes in news.items()}
        else:
            self._scan, self._scan_of = Scan(self._logs.root), self._database.generation
            seen = self._scan.files
            gone = [path for path in stamps if path not in seen]
        left_out = self._left_out
        changed = [
            path for path, stamp in seen.items() if stamps.get(path) != stamp and left_out.get(path) != stamp
        ]
        if gone:
            self._drop(gone)
        for start in range(0, len(changed), _FILES_AT_ONCE):
            self._take_over({path: seen[path] for path in changed[start : start + _FILES_AT_ONCE]}, news)
        self._marks = marks
        if texts:
            self._index_texts()
        if changed or gone or not quiet:
            self._scrub(_SCRUB_LATER)

    def _nothing_else(self, marks: list[int] | None, counts: dict[int, int] | None) -> bool:
        """Whether nothing happened since the last look but what this process did and knows of."""
        if marks is None or counts is None or self._marks is None or self._scan is None:
            return False
        for slot, count in counts.items():
            self._marks[slot] += count
        if marks != self._marks or self._scan_of != self._database.generation:
            return False
        return self._scan.still_good()

    def _recorded(self) -> dict[str, RawStamp]:
        """The stamps in the database, read again only when another process changed it."""
        conn = self._database.connection()
        state = (self._database.generation, conn.pragma("data_version"))
        if state != self._stamps_of:
            found: list[Any] = conn.execute("SELECT path, inode, size, mtime FROM files").fetchall()
            self._stamps = {row[0]: row[1:] for row in found}
            self._stamps_of = state
        return self._stamps

    def _drop(self, paths: list[str]) -> None:
        def work(conn: apsw.Connection) -> None:
            for path in paths:
                drop_session(conn, path)

        self._database.write(work)
        for path in paths:
            self._stamps.pop(path, None)

    def _take_over(
        self, batch: Mapping[str, RawStamp], news: dict[str, list[Change]], *, with_texts: bool = True
    ) -> None:
        def work(conn: apsw.Connection) -> dict[str, str]:
            step = CatchingUp(conn, self._logs, self._texts, with_texts=with_texts)
            reasons = {path: step.file(path, stamp, news.get(path, [])) for path, stamp in batch.items()}
            return {path: reason for path, reason in reasons.items() if reason is not None}

        refused = self._database.write(work)
        for path, stamp in batch.items():
            if path not in refused:
                self._stamps[path] = stamp
                continue
            if path not in self._left_out and refused[path] != NOTHING_YET:
                warn_of(self._logs.root, path, refused[path])
            self._left_out[path] = stamp

    def _index_texts(self) -> None:
        tried: set[int] = set()
        while behind := [sid for sid in self._behind() if sid not in tried]:
            tried.update(self._database.write(partial(self._index_some, behind)))
        if TextIndex.pending(self._database.connection()) > _WAITING:
            while self._database.write(lambda conn: TextIndex.drain(conn, _RECORDS_AT_ONCE)):
                pass

    def _behind(self) -> list[int]:
        conn = self._database.connection()
        found: list[Any] = conn.execute('SELECT sid FROM files WHERE text_end < "end"').fetchall()
        return [row[0] for row in found]

    def _index_some(self, sids: list[int], conn: apsw.Connection) -> list[int]:
        """Index sessions until there are enough records for one transaction; gives which."""
        step = CatchingUp(conn, self._logs, self._texts)
        for count, sid in enumerate(sids, 1):
            step.texts_of(sid)
            if step.added >= _RECORDS_AT_ONCE:
                return sids[:count]
        return sids

    # ---- what must leave no trace

    def forget(self, place: Place) -> None:
        """After an erasure or deletion, without the session's lock: take it out of the file too."""

        def work() -> None:
            self._news.take_one(place.path)
            try:
                info = os.stat(place.log)
            except FileNotFoundError:
                self._drop([place.path])
            else:
                self._take_over({place.path: (info.st_ino, info.st_size, info.st_mtime_ns)}, {})
            self._scrub(_SCRUB_NOW)

        with self._lock:
            if self._database.exists():
                self._database.guarded(work)
            else:
                self._news.take_one(place.path)

    def _scrub(self, seconds: float) -> None:
        """Remove forgotten words from the index's file; what time is too short for is done later."""
        conn = self._database.connection()
        if not needs_scrub(conn):
            return
        deadline = time.monotonic() + seconds
        while TextIndex.scrub_needed(conn) and self._database.write(TextIndex.scrub_step):
            if time.monotonic() > deadline:
                return
        if self._database.checkpoint():
            self._database.write(clear_scrub)

    # ---- the end

    def close(self) -> None:
        """Record what this process wrote, so that the next one need not look; then let go."""
        with self._lock:
            news, _ = self._news.take()
            try:
                if news:
                    self._database.guarded(lambda: self._record(news))
                elif self._database.is_open:
                    self._database.guarded(lambda: self._scrub(_SCRUB_NOW))
            except StoreError as error:
                # Nothing is lost: whoever opens the store next finds the files changed.
                _log.warning("the index of %s was not brought up to date: %s", self._logs.root, error)
            self._database.end()
            self._stamps_of = None

    def _record(self, news: dict[str, list[Change]]) -> None:
        count = sum(len(change.records or ()) for changes in news.values() for change in changes)
        batch = {path: changes[-1].stamp for path, changes in news.items()}
        self._recorded()
        self._take_over(batch, news, with_texts=count <= _RECORDS_AT_ONCE)
        self._scrub(_SCRUB_NOW)

    def after_fork(self) -> None:
        """In a child process: start without a handle; the parent records what it wrote."""
        self._lock = threading.RLock()
        self._database.after_fork()
        self._stamps_of = self._marks = None
