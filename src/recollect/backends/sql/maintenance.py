"""What happens behind the commits: texts move into the index, erased text leaves the files.

All of it is resumable: waiting texts and the mark of an unfinished scrub are in the database. One
daemon thread does it while the writer is quiet, in slices short enough that an append hardly waits,
through the writer's own handle, whose page cache stays good; it also moves the write-ahead log into
the database before a commit would have to.
``finish`` does what is left at close, within limits.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import apsw

from ...errors import StoreError
from ..filelock import FileLock
from .connections import Connections
from .driver_errors import DRIVER_ERRORS, translated
from .text import TextIndex
from .writes import clear_scrub, needs_scrub

__all__ = ["BACKLOG", "Maintenance"]

BACKLOG = 8192
"""So many waiting texts are worked off even while the writer is busy."""

_QUIET = 0.02
_BATCH = 64
_BUSY_BATCH = 16
_BUSY_REST = 0.03
_CLOSING_TEXTS = 2000
_SEARCH_SHARE = 0.01
_LOG_PAGES = 1000
_AFTER_ERROR = 1.0
_CLOSING_SCRUB = 2.0


class Maintenance:
    """The work behind the commits of one database file."""

    def __init__(self, connections: Connections, lock: FileLock) -> None:
        self._connections = connections
        self._lock = lock
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._stop = threading.Event()
        self.backlog = 0
        """About how many texts wait; changed only under the store's lock."""
        self.scrub = False
        """Erased text may still be in the files."""
        self.last_write = 0.0

    # ---- called by the writer

    def wrote(self, texts: int, scrub: bool) -> None:
        """After a commit, with the store's lock held: so many new texts wait; something was erased."""
        self.backlog += texts
        self.scrub = self.scrub or scrub
        self.last_write = time.monotonic()
        if self._connections.path is None:
            self._work_inline()
        elif not self._wake.is_set():
            self.wake()

    def wake(self) -> None:
        """There is something to do."""
        self._wake.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="recollect-sqlite", daemon=True)
            self._thread.start()

    def _work_inline(self) -> None:
        """A database in memory has no thread: its one handle is the writer's."""
        while self.scrub and self.scrub_slice():
            pass
        if self.backlog > BACKLOG:
            self.drain(BACKLOG // 2)

    def after_fork(self) -> None:
        """In a child process: the thread stayed with the parent."""
        self._thread, self._wake, self._stop = None, threading.Event(), threading.Event()
        self.backlog, self.scrub = 0, False

    def stop(self) -> None:
        """End the thread; work that is left stays in the database."""
        self._stop.set()
        self._wake.set()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        self._stop.clear()
        self._wake.clear()

    # ---- the thread

    def _run(self) -> None:
        # A slice may clear the very wake-up that says stop; so stop is looked at before each wait.
        while not self._stop.is_set():
            self._wake.wait()
            if self._stop.is_set():
                return
            try:
                pause = self._turn()
            except StoreError as error:
                _report(error)
                pause = _AFTER_ERROR
            if pause and self._stop.wait(pause):
                return

    def _turn(self) -> float:
        """One slice of work; how many seconds to rest before the next."""
        idle = time.monotonic() - self.last_write
        if idle < _QUIET:
            if self.backlog <= BACKLOG:
                return _QUIET - idle
            self._slice(_BUSY_BATCH)
            return _BUSY_REST
        done = self._slice(_BATCH)
        if done is None:
            return 0.005
        if not done and self._wake.is_set():
            return 0.001 if not self.scrub else 0.005
        self._checkpoint()
        return 0.0

    def _slice(self, limit: int) -> bool | None:
        """Take the lock if it is free and do a little: None if it was not, True if nothing is left."""
        if self._lock.waiting or not self._lock.try_acquire():
            return None
        try:
            self._wake.clear()
            more = self.drain(limit) == limit or self.scrub_slice()
            if more:
                self._wake.set()
            return not more
        except BaseException:
            self._wake.set()
            raise
        finally:
            self._lock.release()

    # ---- the work; the caller holds the store's lock

    def drain(self, limit: int) -> int:
        """Move up to ``limit`` waiting texts into the index."""
        moved = self._within(lambda conn: TextIndex.drain(conn, limit))
        self.backlog = max(0, self.backlog - moved) if moved == limit else 0
        return moved

    def scrub_slice(self) -> bool:
        """Go on removing erased text from the files; True if there is more to do."""
        conn = self._connections.writer
        if TextIndex.scrub_needed(conn) and self._within(TextIndex.scrub_step):
            return True
        if needs_scrub(conn):
            if not self._truncate(conn):
                return True
            self._within(clear_scrub)
        self.scrub = False
        return False

    def finish(self) -> None:
        """At close: index and scrub what is left, within limits."""
        left = _CLOSING_TEXTS
        try:
            while left > 0 and self.backlog and self.drain(_BATCH) == _BATCH:
                left -= _BATCH
            deadline = time.monotonic() + _CLOSING_SCRUB
            while self.scrub and self.scrub_slice() and time.monotonic() < deadline:
                time.sleep(0.001)
        except StoreError as error:
            _report(error)

    def look(self) -> None:
        """At open: what did others, or an interruption, leave to be done?"""
        conn = self._connections.writer
        self.backlog = TextIndex.pending(conn)
        self.scrub = needs_scrub(conn) or TextIndex.scrub_needed(conn)
        if self.backlog or self.scrub:
            self.wake()

    def catch_up(self) -> None:
        """Before a search: index what waits, if the lock is free at once, for a few milliseconds. What
        is left is searched as it is."""
        if not self.backlog or self._lock.waiting or not self._lock.try_acquire():
            return
        try:
            deadline = time.monotonic() + _SEARCH_SHARE
            while self.drain(_BATCH) == _BATCH and time.monotonic() < deadline:
                pass
        except StoreError as error:
            _report(error)
        finally:
            self._lock.release()

    def _within(self, work: Callable[[apsw.Connection], int | None]) -> int:
        """Run ``work`` in a transaction of its own."""
        try:
            with self._connections.lenient_writer() as conn:
                conn.execute("BEGIN IMMEDIATE")
                try:
                    result = work(conn) or 0
                    conn.execute("COMMIT")
                except BaseException:
                    if conn.in_transaction:
                        conn.execute("ROLLBACK")
                    raise
        except DRIVER_ERRORS as error:
            raise translated(error, self._connections.where) from error
        return result

    def _checkpoint(self) -> None:
        """Move a grown log into the database. Without the store's lock: commits do not wait for it."""
        try:
            conn = self._connections.checkpointer
            pages, moved = conn.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)
            if pages - moved >= _LOG_PAGES:
                conn.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.BusyError:
            return  # somebody else is doing it
        except DRIVER_ERRORS as error:
            raise translated(error, self._connections.where) from error

    def _truncate(self, conn: apsw.Connection) -> bool:
        """Empty the write-ahead log; False while readers still need it."""
        if self._connections.path is None:
            return True
        try:
            conn.set_busy_timeout(20)
            conn.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.BusyError:
            return False
        except DRIVER_ERRORS as error:
            raise translated(error, self._connections.where) from error
        finally:
            conn.set_busy_timeout(self._connections.timeout_ms)
        return True


def _report(error: StoreError) -> None:
    """Nothing is lost: all that was to be done is found again at the next commit, search or open."""
    import logging  # loading it takes longer than opening a store

    logging.getLogger("recollect.sqlite").warning("work behind the commits stopped for a while: %s", error)
