"""The SQLite file beside the logs: derived from them, and made anew whenever it is not right.

It may be deleted at any time, also while it is open: before each use it is checked whether the file at
the path is still the one that was opened. Where it cannot be written, this process keeps a copy in
memory.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import TypeVar
from urllib.parse import quote

import apsw

from ..filelock import FileLock
from ..sql import schema
from ..sql.driver_errors import DRIVER_ERRORS, translated
from ..sql.text import TextIndex
from .disk import mapped, open_private

__all__ = ["Database"]

T = TypeVar("T")

_FORMAT = schema.VERSION * 1000 + 1
_FILES = """
CREATE TABLE files (
    path TEXT PRIMARY KEY,
    sid INTEGER NOT NULL UNIQUE,
    inode INTEGER NOT NULL,
    size INTEGER NOT NULL,
    mtime INTEGER NOT NULL,
    head BLOB NOT NULL,
    "end" INTEGER NOT NULL,
    text_end INTEGER NOT NULL,
    records INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    body_bytes INTEGER NOT NULL
) STRICT;
CREATE INDEX files_behind ON files (sid) WHERE text_end < "end";
"""
_UNUSABLE = (
    apsw.CorruptError,
    apsw.NotADBError,
    apsw.SQLError,
    apsw.FormatError,
    apsw.ConstraintError,
    apsw.SchemaChangeError,
)
"""What says that the file is not, or no longer, what this code made."""
_UNWRITABLE = (apsw.FullError, apsw.ReadOnlyError, apsw.CantOpenError, apsw.IOError, apsw.PermissionsError)

_CHECKPOINT_WAIT = 200
"""Milliseconds for other processes' searches to end."""

_abandoned: list[object] = []  # handles of a parent process: freeing one would close files under it


class Database:
    """The index file of the store at ``root``. Not thread-safe: its owner holds a lock around it."""

    def __init__(self, root: str, *, readonly: bool, timeout: float) -> None:
        self.path = os.path.join(root, ".index.db")
        self._readonly = readonly
        self._timeout = timeout
        self._lock = FileLock(None if readonly else os.path.join(root, ".index.lock"))
        self._conn: apsw.Connection | None = None
        self._inode: int | None = None
        self._in_memory = readonly
        self._copyable = True
        self.generation = 0
        """Grows whenever what was known of the contents is void."""

    # ---- handles

    def exists(self) -> bool:
        """Whether there is anything to ask without building it."""
        return self._conn is not None or os.path.exists(self.path)

    @property
    def is_open(self) -> bool:
        """Whether there is a handle to close."""
        return self._conn is not None

    def connection(self) -> apsw.Connection:
        """The open database; made, replaced or copied to memory as needed."""
        if self._conn is not None and (self._in_memory or self._inode == self._inode_now()):
            return self._conn
        self.close()
        self.generation += 1
        if not self._in_memory:
            try:
                self._open_file()
            except _UNUSABLE:
                self.discard()
                self._open_file()
            except (*_UNWRITABLE, OSError):
                self._in_memory = True
        if self._in_memory:
            self._open_copy()
        assert self._conn is not None  # one of the two opened it
        return self._conn

    def _inode_now(self) -> int | None:
        try:
            return os.stat(self.path).st_ino
        except FileNotFoundError:
            return None

    def _open_file(self) -> None:
        if self._inode_now() is None:
            self._create()
        conn = apsw.Connection(self.path, flags=apsw.SQLITE_OPEN_READWRITE, statementcachesize=128)
        self._prepare(conn)
        # A crash of the machine may cost the newest entries; their files then look changed.
        conn.execute("PRAGMA synchronous = NORMAL")
        if conn.pragma("user_version") != _FORMAT:
            conn.close()
            self.discard()
            return self._open_file()
        self._conn, self._inode = conn, self._inode_now()
        return None

    def _create(self) -> None:
        """A new file under another name first: nobody ever opens one without tables."""
        with self._locked():
            if self._inode_now() is not None:
                return
            self._remove_files()
            beside = self.path + ".new"
            with contextlib.suppress(FileNotFoundError):  # left by a process that died here
                os.unlink(beside)
            os.close(open_private(beside, os.O_RDWR | os.O_CREAT))
            conn = apsw.Connection(beside, flags=apsw.SQLITE_OPEN_READWRITE)
            conn.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
            self._make_tables(conn)
            conn.close()
            os.replace(beside, self.path)

    def _prepare(self, conn: apsw.Connection) -> None:
        conn.set_busy_timeout(int(self._timeout * 1000))
        conn.pragma("journal_mode", "wal")
        conn.execute("PRAGMA secure_delete = ON; PRAGMA cache_size = -8192")
        conn.pragma("journal_size_limit", 16 * 1024 * 1024)
        TextIndex.prepare(conn)

    @staticmethod
    def _make_tables(conn: apsw.Connection) -> None:
        with conn:
            conn.execute(schema.SIDECAR + _FILES)
            conn.execute(f"PRAGMA user_version = {_FORMAT}")

    def _open_copy(self) -> None:
        conn = apsw.Connection(":memory:")
        if not (self._copyable and self._copy_into(conn)):
            conn = apsw.Connection(":memory:")
            self._make_tables(conn)
        TextIndex.prepare(conn)
        self._conn = conn

    def _copy_into(self, conn: apsw.Connection) -> bool:
        """Start from what the file holds, where it can be read."""
        name = "file:" + quote(os.path.abspath(self.path).replace("\\", "/"))
        flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        immutable = not os.access(os.path.dirname(self.path), os.W_OK) and not os.path.exists(
            self.path + "-wal"
        )
        try:
            source = apsw.Connection(name + ("?immutable=1" if immutable else "?mode=ro"), flags=flags)
            with contextlib.closing(source), conn.backup("main", source, "main") as backup:
                backup.step()
            return bool(conn.pragma("user_version") == _FORMAT)
        except apsw.Error:
            return False  # then it is built from the logs

    # ---- transactions

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self._lock.acquire(self._timeout)
        try:
            yield
        finally:
            self._lock.release()

    def write(self, work: Callable[[apsw.Connection], T]) -> T:
        """``work`` in one write transaction; where the file cannot be written, on a copy in memory."""
        try:
            conn = self.connection()
            if self._in_memory:
                return self._transaction(conn, work)
            with self._locked():
                return self._transaction(conn, work)
        except _UNWRITABLE:
            if self._in_memory:
                raise
            self.close()
            self._in_memory = True
            return self.write(work)

    @staticmethod
    def _transaction(conn: apsw.Connection, work: Callable[[apsw.Connection], T]) -> T:
        conn.execute("BEGIN IMMEDIATE")
        try:
            result = work(conn)
            conn.execute("COMMIT")
            return result
        except BaseException:
            if conn.in_transaction:
                conn.execute("ROLLBACK")
            raise

    def read(self, work: Callable[[apsw.Connection], T]) -> T:
        """``work`` on one snapshot."""
        conn = self.connection()
        conn.execute("BEGIN")
        try:
            return work(conn)
        finally:
            conn.execute("COMMIT")

    def guarded(self, work: Callable[[], T]) -> T:
        """``work``, once more on a new file where the old one turns out to be unusable.

        All errors of the driver end here.
        """
        try:
            with mapped("keep the index", self.path):
                try:
                    return work()
                except _UNUSABLE:
                    self.discard()
                    return work()
        except DRIVER_ERRORS as error:
            raise translated(error, self.path) from error

    # ---- the end

    def checkpoint(self) -> bool:
        """Move everything out of the write-ahead log and empty it; False where a reader is in the way."""
        if self._conn is None or self._in_memory:
            return True
        with self._locked():
            self._conn.set_busy_timeout(_CHECKPOINT_WAIT)
            try:
                self._conn.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            except apsw.BusyError:
                return False
            finally:
                self._conn.set_busy_timeout(int(self._timeout * 1000))
        return True

    def discard(self) -> None:
        """Throw the file away; the next use makes a new one."""
        self.close()
        self.generation += 1
        if self._in_memory:
            self._copyable = False
            return
        with self._locked():
            self._remove_files()

    def _remove_files(self) -> None:
        for suffix in ("", "-wal", "-shm", "-journal"):
            with contextlib.suppress(FileNotFoundError):  # not all of them are always there
                os.unlink(self.path + suffix)

    def close(self) -> None:
        """Close the handle."""
        conn, self._conn = self._conn, None
        if conn is not None:
            conn.close()

    def end(self) -> None:
        """Close the handle and the lock's file."""
        self.close()
        self._lock.close()

    def after_fork(self) -> None:
        """In a child process: set the parent's handle aside."""
        _abandoned.append(self._conn)
        self._conn = None
        self.generation += 1
