"""The writing side of a SQLite file: lone commits, and transactions of several.

A lone commit is one ``BEGIN IMMEDIATE … COMMIT`` under the store's lock. Inside ``exclusive`` the
thread owns the lock and the transaction. A call with several commits is a savepoint of it. One with a
single commit, of which there are many, needs none as long as it fails at its first statement: a
conflict, the one failure to be expected, leaves nothing behind. After any other failure inside, the
whole transaction is lost, as it is where SQLite rolls back by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from types import TracebackType

import apsw

from ...backend import Commit, Key
from ...errors import AccessError, StoreError, UnavailableError
from ..filelock import FileLock
from .connections import Connections
from .driver_errors import DRIVER_ERRORS, translated
from .maintenance import BACKLOG, Maintenance
from .text import TextIndex
from .writes import apply

__all__ = ["Exclusively", "Writer"]

_BULK = 8
"""Texts in one commit from which on its writer moves a history, rather than talks."""
_FLOOD = 8 * BACKLOG
_BULK_BACKLOG = 1024
"""Texts that wait while bulk is written: the room that they take stays in the file."""
_ASKED_BATCH = 256


class Writer:
    """Commits to one database, one at a time among all threads and processes."""

    def __init__(
        self, connections: Connections, lock: FileLock, maintenance: Maintenance, timeout: float
    ) -> None:
        self._connections, self._lock, self._maintenance = connections, lock, maintenance
        self._timeout = timeout
        self._where = connections.where
        self._depth = 0
        self._texts = self._bulk = 0
        self._scrub = False
        self._sids: dict[Key, int] = {}
        self._lost: StoreError | None = None
        self.asked = False
        """Ids of messages were looked up, which reads all that wait: so that no more than about
        ``_BULK_BACKLOG`` do then."""
        self.owner = 0
        """The thread inside ``exclusive``, 0 when there is none."""

    @property
    def connection(self) -> apsw.Connection:
        """What the owner reads and writes through; raises when its transaction is gone."""
        self._check()
        return self._connections.writer

    def _check(self) -> None:
        if self._lost is not None:
            raise UnavailableError(
                f"The transaction on {self._where} was rolled back after an earlier error.",
                hint="Leave it and start again.",
            ) from self._lost

    def commit(self, commits: Sequence[Commit]) -> None:
        """Write all or nothing: durable on return, or inside ``exclusive`` a part of it."""
        if self.owner == threading.get_ident():
            self._check()
            cursor = self._connections.cursor
            if len(commits) == 1:
                texts, bulk, scrub = self._write_one(cursor, commits[0])
            else:
                texts, bulk, scrub = self._write(cursor, commits, nested=True)
            self._texts += texts
            self._bulk += bulk
            self._scrub = self._scrub or scrub
            return
        self._lock.acquire(self._timeout)
        try:
            texts, _, scrub = self._write(self._connections.cursor, commits, nested=False)
            if texts or scrub:
                self._maintenance.wrote(texts, scrub)
        finally:
            self._lock.release()

    def change(self, work: Callable[[apsw.Connection], int]) -> None:
        """Run ``work``, which gives how many texts it added, in a transaction or a savepoint."""
        inside = self.owner == threading.get_ident()
        if not inside:
            self.enter()
        try:
            texts = work(self.connection)
            self._texts += texts
            self._bulk += texts
        except BaseException as error:
            if not inside:
                self.leave(failed=True)
            if isinstance(error, DRIVER_ERRORS):
                raise translated(error, self._where) from error
            raise
        if not inside:
            self.leave(failed=False)

    def _write(
        self, cursor: apsw.Cursor, commits: Sequence[Commit], *, nested: bool
    ) -> tuple[int, int, bool]:
        """How many texts were added, how many of them in bulk, and whether something was removed."""
        texts, bulk, scrub, ending = 0, 0, False, False
        try:
            cursor.execute("SAVEPOINT c" if nested else "BEGIN IMMEDIATE")
            for commit in commits:
                waiting = apply(cursor, commit, self._sids)
                if waiting < 0:
                    scrub = True
                else:
                    texts += waiting
                    if waiting >= _BULK:
                        bulk += waiting
            if (bulk or self.asked) and not nested:
                self._keep_up(cursor.connection, bulk)
            ending = True
            cursor.execute("RELEASE c" if nested else "COMMIT")
        except BaseException as error:
            self._undo(cursor.connection, nested=nested)
            if isinstance(error, DRIVER_ERRORS):
                raise translated(error, self._where, committing=ending) from error
            raise
        return texts, bulk, scrub

    def _write_one(self, cursor: apsw.Cursor, commit: Commit) -> tuple[int, int, bool]:
        """The same for one commit inside ``exclusive``."""
        conn = cursor.connection
        before = conn.total_changes()
        try:
            waiting = apply(cursor, commit, self._sids)
        except BaseException as error:
            if not conn.in_transaction or conn.total_changes() != before:
                self._lose(conn, error)
            if isinstance(error, DRIVER_ERRORS):
                raise translated(error, self._where) from error
            raise
        if waiting < 0:
            return 0, 0, True
        return waiting, waiting if waiting >= _BULK else 0, False

    def _lose(self, conn: apsw.Connection, error: BaseException) -> None:
        """Give up the transaction of ``exclusive``: all that follows in it raises."""
        self._lost = UnavailableError(f"The transaction on {self._where} failed ({type(error).__name__}).")
        try:
            if conn.in_transaction:
                conn.execute("ROLLBACK")
        except apsw.Error:
            self._connections.discard_writer()

    def _keep_up(self, conn: apsw.Connection, texts: int) -> None:
        """A bulk writer indexes as much as it adds, once enough waits: what waits takes room in the
        file. Lone appends never pay for that, unless they come in floods, or in larger numbers with
        ids to be looked up."""
        maintenance = self._maintenance
        if self.asked:
            self.asked = False
            if maintenance.backlog > _BULK_BACKLOG + _ASKED_BATCH:
                texts = max(texts, _ASKED_BATCH)
        if texts and maintenance.backlog > _BULK_BACKLOG:
            maintenance.backlog -= TextIndex.drain(conn, texts)

    def _undo(self, conn: apsw.Connection, *, nested: bool) -> None:
        """Take back a failed write; a handle that cannot even do that is given up."""
        try:
            if nested and conn.in_transaction:
                conn.execute("ROLLBACK TO c; RELEASE c")
            elif conn.in_transaction:
                conn.execute("ROLLBACK")
            elif nested:
                # SQLite gave up the whole transaction by itself (disk full, I/O error).
                self._lost = UnavailableError(f"SQLite rolled back the transaction on {self._where}.")
        except apsw.Error as error:
            self._connections.discard_writer()
            if nested:
                self._lost = translated(error, self._where)

    # ---- exclusive

    def enter(self) -> None:
        """Begin the calling thread's transaction, or join the one it is in."""
        if self.owner == threading.get_ident():
            self._depth += 1
            return
        if self._connections.readonly:
            raise AccessError(f"{self._where} was opened read-only.")
        self._lock.acquire(self._timeout)
        try:
            self._connections.writer.execute("BEGIN IMMEDIATE")
        except BaseException as error:
            self._lock.release()
            if isinstance(error, DRIVER_ERRORS):
                raise translated(error, self._where) from error
            raise
        self._depth, self._texts, self._bulk, self._scrub, self._lost = 1, 0, 0, False, None
        self.owner = threading.get_ident()

    def leave(self, *, failed: bool) -> None:
        """Commit, or with ``failed`` roll back, when the outermost transaction is left."""
        if self.owner != threading.get_ident():
            if not failed:
                raise UnavailableError(
                    f"The transaction on {self._where} is gone: the store was closed, or the process forked."
                )
            return
        self._depth -= 1
        if self._depth:
            return
        try:
            if failed:
                self._roll_back()
            else:
                self._commit()
        finally:
            self.owner, self._lost = 0, None
            self._lock.release()

    def _commit(self) -> None:
        conn, ending = self.connection, False
        try:
            self._keep_up(conn, self._texts if self._maintenance.backlog > _FLOOD else self._bulk)
            ending = True
            conn.execute("COMMIT")
        except BaseException as error:
            self._undo(conn, nested=False)
            if isinstance(error, DRIVER_ERRORS):
                raise translated(error, self._where, committing=ending) from error
            raise
        if self._texts or self._scrub:
            self._maintenance.wrote(self._texts, self._scrub)

    def _roll_back(self) -> None:
        if self._lost is None:
            self._undo(self._connections.writer, nested=False)

    # ---- ends

    def abandon(self) -> None:
        """Roll back the transaction of the calling thread, if it is in one; leaving it then raises."""
        if self.owner == threading.get_ident():
            self._roll_back()
            self.owner = self._depth = 0
            self._lock.release()

    def after_fork(self) -> None:
        """In a child process: the transaction, if any, is the parent's."""
        self.owner = self._depth = 0
        self._lost = None
        self._sids.clear()


class Exclusively:
    """What ``exclusive()`` gives: never suspends."""

    __slots__ = ("_writer",)

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def __aenter__(self) -> None:
        self._writer.enter()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.leave(failed=kind is not None)
