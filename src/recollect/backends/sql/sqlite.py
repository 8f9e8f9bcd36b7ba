"""The SQLite engine: one file, many threads and processes, every commit durable on return."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Literal

import apsw

from ...backend import (
    Capabilities,
    Commit,
    Figures,
    Key,
    RowHit,
    RowQuery,
    SessionRow,
    StoredRecord,
    TextQuery,
)
from ...errors import AccessError, BusyError
from ..filelock import FileLock
from . import forks, reads
from .connections import Connections
from .driver_errors import DRIVER_ERRORS, translated
from .find import find_rows
from .maintenance import Maintenance
from .rows import sid_of
from .text import TextIndex
from .writer import Exclusively, Writer
from .writes import check, hand_over

__all__ = ["SqliteBackend"]

_CLOSING_WAIT = 5.0
_SCRUBBING = 10.0  # seconds; what readers hold back longer is done behind the commits
_PAUSE = 5.0  # seconds that a fork waits for a transaction of another thread
_live: weakref.WeakSet[SqliteBackend] = weakref.WeakSet()
_paused: list[tuple[int, FileLock]] = []


class SqliteBackend:
    """Sessions in the SQLite file ``path``, or with ``":memory:"`` in a private database.

    ``durability="relaxed"`` lets a power cut take the last commits (a crash of the process never
    does). ``timeout`` is how many seconds to wait for other writers before BusyError. ``vfs`` names
    a registered SQLite VFS, for tests of faults.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        durability: Literal["full", "relaxed"] = "full",
        readonly: bool = False,
        timeout: float = 30.0,
        vfs: str | None = None,
    ) -> None:
        name = os.fspath(path)
        file = None if name == ":memory:" else os.path.abspath(name)
        self.capabilities = Capabilities(
            name="sqlite",
            blocking=True,
            durable=file is not None,
            shared=file is not None,
            transactions=True,
            text_search=True,
        )
        self._lock = FileLock(file and file + ".lock")
        self._connections = Connections(
            file, relaxed=durability == "relaxed", readonly=readonly, timeout=timeout, vfs=vfs
        )
        self._maintenance = Maintenance(self._connections, self._lock)
        self._writer = Writer(self._connections, self._lock, self._maintenance, timeout)
        self._timeout = timeout
        self._opening = threading.Lock()
        self._reading = _Reading(self._connections, self._writer, self._lock, timeout)
        _live.add(self)

    # ---- life

    async def open(self) -> None:
        """Create or migrate the file as needed. Idempotent."""
        connections = self._connections
        with self._opening:
            if connections.is_open:
                return
            try:
                connections.open(self._lock)
                if not connections.readonly:
                    self._maintenance.look()
            except BaseException as error:
                connections.close()
                if isinstance(error, DRIVER_ERRORS):
                    raise translated(error, connections.where) from error
                raise

    async def close(self) -> None:
        """Index what little is left, then close every handle. Idempotent."""
        connections = self._connections
        with self._opening:
            if not connections.is_open:
                return
            self._writer.abandon()
            self._maintenance.stop()
            if not connections.has_writer:
                connections.close()
                return
            try:
                self._lock.acquire(min(self._timeout, _CLOSING_WAIT))
            except BusyError:  # what is left to do behind the commits, somebody else will do
                connections.close()
                return
            try:
                self._maintenance.finish()
            finally:
                connections.close()
                self._lock.close()
                self._lock.release()

    # ---- sessions and their logs

    async def commit(self, *commits: Commit) -> None:
        """Write all commits in one transaction; inside ``exclusive()``, in a savepoint."""
        for commit in commits:
            check(commit, self.capabilities.max_body)
        if self._connections.readonly:
            raise AccessError(f"{self._connections.where} was opened read-only.")
        self._writer.commit(commits)

    def exclusive(self) -> AbstractAsyncContextManager[None]:
        """One write transaction of the calling thread, in which its reads and commits nest."""
        return Exclusively(self._writer)

    async def row(self, key: Key) -> SessionRow | None:
        """The session's row, or None."""
        with self._reading as conn:
            return reads.row(conn, key)

    async def read(
        self,
        key: Key,
        *,
        after: int = 0,
        before: int | None = None,
        limit: int | None = None,
        last: int | None = None,
        kinds: Sequence[int] | None = None,
    ) -> list[StoredRecord]:
        """Records in ascending order: one range scan."""
        with self._reading as conn:
            return reads.read(conn, key, after, before, limit, last, kinds)

    async def seqs(self, key: Key, ids: Sequence[bytes]) -> dict[bytes, int]:
        """The newest seq of each message id that is stored."""
        self._writer.asked = True
        with self._reading as conn:
            return reads.seqs(conn, key, ids)

    async def find(self, query: RowQuery) -> list[SessionRow]:
        """At most ``query.limit`` rows in the query's order."""
        with self._reading as conn:
            return find_rows(conn, query)

    async def blob(self, key: Key, digest: bytes) -> bytes | None:
        """A blob of this session, or None."""
        with self._reading as conn:
            return reads.blob(conn, key, digest)

    async def figures(self, namespace: str | None = None) -> Figures:
        """Counts and sizes; walks the whole log."""
        with self._reading as conn:
            stored = self._connections.stored_bytes(conn)
            return reads.figures(conn, namespace, stored, TextIndex.pending(conn))

    async def namespaces(self) -> list[str]:
        """The namespaces that hold sessions, sorted by code point."""
        with self._reading as conn:
            return reads.namespaces(conn)

    # ---- search

    async def search(self, query: TextQuery) -> list[RowHit]:
        """At most ``query.limit`` hits, complete as of the last commit."""
        if not self._connections.readonly and self._writer.owner != threading.get_ident():
            self._maintenance.catch_up()
        with self._reading as conn:
            if conn.in_transaction:
                return TextIndex.search(conn, query)
            # Index and waiting texts at one moment, or a text moving between them is missed.
            conn.execute("BEGIN")
            try:
                return TextIndex.search(conn, query)
            finally:
                conn.execute("COMMIT")

    async def texts(self, key: Key) -> int:
        """How many records of a session the index holds, those that wait for it included."""
        with self._reading as conn:
            inside = conn.in_transaction
            if not inside:
                conn.execute("BEGIN")  # at one moment, or a text moving to the index counts twice
            try:
                sid = sid_of(conn, key)
                return 0 if sid is None else TextIndex.count(conn, sid)
            finally:
                if not inside:
                    conn.execute("COMMIT")

    async def scrub(self) -> None:
        """Take what was erased out of the files now; inside a transaction, behind it."""
        if self._connections.readonly or self._writer.owner == threading.get_ident():
            return
        deadline = time.monotonic() + _SCRUBBING
        while time.monotonic() < deadline:
            self._lock.acquire(self._timeout)
            try:
                if not self._maintenance.scrub_slice():
                    return
            finally:
                self._lock.release()
            time.sleep(0.001)  # a reader still needs the write-ahead log, or there is more to merge

    async def reindex(self) -> None:
        """Forget the whole index."""

        def clear(conn: apsw.Connection) -> int:
            TextIndex.clear(conn)
            return 0

        self._writer.change(clear)

    async def index(self, key: Key, entries: Iterable[tuple[int, tuple[str, ...]]]) -> None:
        """Hand over the texts of existing records again."""
        self._writer.change(lambda conn: hand_over(conn, key, entries))

    async def indexed(self) -> None:
        """Every text has been handed over."""

        def complete(conn: apsw.Connection) -> int:
            TextIndex.complete(conn)
            return 0

        self._writer.change(complete)

    # ---- fork

    def _after_fork(self) -> None:
        self._opening = threading.Lock()
        self._connections.after_fork()
        self._maintenance.after_fork()
        self._writer.after_fork()


class _Reading:
    """``with reading as conn``: the handle this thread reads through, and the boundary of its errors.

    Inside ``exclusive`` that is the writer. A database in memory has one handle, which threads share
    under the store's lock.
    """

    __slots__ = ("_connections", "_lock", "_shared", "_timeout", "_writer")

    def __init__(self, connections: Connections, writer: Writer, lock: FileLock, timeout: float) -> None:
        self._connections, self._writer, self._lock, self._timeout = connections, writer, lock, timeout
        self._shared = connections.path is None

    def __enter__(self) -> apsw.Connection:
        writer, me = self._writer, threading.get_ident()
        if writer.owner and writer.owner == me:
            return writer.connection
        if self._shared:
            self._lock.acquire(self._timeout)
        forks.enter(me)
        try:
            return self._connections.reader()
        except BaseException as error:
            forks.leave(me)
            if self._shared:
                self._lock.release()
            if isinstance(error, DRIVER_ERRORS):
                raise translated(error, self._connections.where) from error
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        me = threading.get_ident()
        if self._writer.owner != me:
            forks.leave(me)
            if self._shared:
                self._lock.release()
        if error is not None and isinstance(error, DRIVER_ERRORS):
            raise translated(error, self._connections.where) from error


def _pause_writers() -> None:
    # SQLite keeps its locks on a file in memory too, where a child would see a transaction of
    # the parent's threads going on for ever.
    for backend in list(_live):
        if backend._writer.owner != threading.get_ident() and backend._lock.pause(_PAUSE):
            _paused.append((threading.get_ident(), backend._lock))
    forks.close_gate(_PAUSE)


def _go_on_in_parent() -> None:
    forks.open_gate()
    mine = [item for item in _paused if item[0] == threading.get_ident()]  # several threads may fork
    for item in mine:
        _paused.remove(item)
        item[1].go_on()


def _forget_in_child() -> None:
    _paused.clear()
    forks.begin_anew()
    for backend in list(_live):
        backend._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_pause_writers, after_in_parent=_go_on_in_parent, after_in_child=_forget_in_child
    )
