"""The handles of one SQLite file: one writer, one reader per thread, one that empties the log.

SQLite's handles must not be used, nor closed, in a child process that was forked: there they are set
aside, never freed, and new ones are opened.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any

import apsw

from ...errors import AccessError, ClosedError, InvalidError, NotFoundError, StoreWarning, UnsupportedError
from ..filelock import FileLock
from . import schema
from .text import TextIndex

__all__ = ["OLDEST", "Connections"]

OLDEST = (3, 51, 3)
"""The first SQLite without the WAL-reset bug, which could corrupt a database under two writers."""

_abandoned: list[Any] = []  # handles of a parent process: freeing one would close files under it
_CREATE = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
_URI = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
_LOG_PAGES = 4000
"""Pages in the write-ahead log at which a commit moves them into the database itself: far above what
is moved in quiet moments, because that commit takes ten times as long."""


def _refuse_old_sqlite() -> None:
    number = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    if number < OLDEST:
        raise UnsupportedError(
            f"The linked SQLite {apsw.sqlite_lib_version()} can corrupt databases in WAL mode.",
            hint="Install a current apsw: pip install -U apsw.",
        )


class Connections:
    """All handles of the database at ``path`` (None: a private one in memory)."""

    def __init__(
        self, path: str | None, *, relaxed: bool, readonly: bool, timeout: float, vfs: str | None
    ) -> None:
        self.path, self.relaxed, self.readonly, self.vfs = path, relaxed, readonly, vfs
        self.where = path or "the database in memory"
        self.timeout_ms = int(timeout * 1000)
        self._local = threading.local()
        # Strong references: a forked child drops other threads' locals before anyone can step in, and
        # closing a parent's handle there would be fatal.
        self._all: list[tuple[threading.Thread | None, apsw.Connection]] = []
        self._writer: apsw.Connection | None = None
        self._cursor: apsw.Cursor | None = None
        self._checkpointer: apsw.Connection | None = None
        self._immutable: tuple[int, ...] | None = None
        self._opening = threading.Lock()
        self._writing = ("NORMAL" if relaxed else "FULL", 8192)
        self.is_open = False

    # ---- opening

    def open(self, lock: FileLock) -> None:
        """Open the first handle; create or migrate the file, under ``lock``, where that is needed."""
        _refuse_old_sqlite()
        self._check_path()
        self.is_open = True
        if self.readonly:
            self._open_readonly()
            return
        conn = self._connect(_CREATE)
        self._all.append((None, conn))
        if schema.version_of(conn, self.where) < schema.VERSION:
            lock.acquire(self.timeout_ms / 1000)
            try:
                self._set_wal(conn)
                schema.migrate(conn, schema.version_of(conn, self.where))
            finally:
                lock.release()
        self._writer = self._configured(conn, *self._writing)

    def _check_path(self) -> None:
        if self.path is None:
            return
        if os.path.isdir(self.path):
            raise InvalidError(
                f"{self.path} is a folder, not a database file.", hint="Name a file inside it."
            )
        if not os.path.exists(self.path):
            if self.readonly:
                raise NotFoundError(f"There is no store at {self.path}.", hint="Open it once for writing.")
            create_private(self.path)
        elif os.name == "posix":
            self._warn_if_wide(os.stat(self.path))

    def _warn_if_wide(self, info: os.stat_result) -> None:
        if info.st_mode & 0o077 and info.st_uid == os.geteuid():
            warnings.warn(
                f"Other users of this machine may read {self.path}. To keep it private: chmod 600.",
                StoreWarning,
                stacklevel=2,
            )

    def _connect(self, flags: int, name: str | None = None) -> apsw.Connection:
        conn = apsw.Connection(
            name or self.path or ":memory:", flags=flags, vfs=self.vfs, statementcachesize=128
        )
        conn.set_busy_timeout(self.timeout_ms)
        return conn

    def _set_wal(self, conn: apsw.Connection) -> None:
        if self.path is None:
            return
        mode = conn.pragma("journal_mode", "wal")
        if mode != "wal":
            raise UnsupportedError(
                f"{self.path} cannot use write-ahead logging (journal mode {mode}).",
                hint="Keep the store on a local disk.",
            )

    def _configured(self, conn: apsw.Connection, synchronous: str, cache: int) -> apsw.Connection:
        """A writing handle, ready for use."""
        conn.execute(
            f"PRAGMA synchronous = {synchronous}; PRAGMA secure_delete = ON; PRAGMA cache_size = -{cache};"
            f" PRAGMA journal_size_limit = 67108864; PRAGMA wal_autocheckpoint = {_LOG_PAGES}"
        ).fetchall()  # a pragma that answers holds up those behind it until it is read
        self._set_wal(conn)
        TextIndex.prepare(conn)
        return conn

    def _open_writing(self, synchronous: str, cache: int) -> apsw.Connection:
        conn = self._connect(apsw.SQLITE_OPEN_READWRITE)
        self._all.append((None, conn))
        return self._configured(conn, synchronous, cache)

    def _open_readonly(self) -> None:
        version = schema.version_of(self.reader(), self.where)
        if version < schema.VERSION:
            raise UnsupportedError(
                f"{self.where} has tables of version {version}; this recollect uses {schema.VERSION}.",
                hint="Open it once for writing, so that they can be migrated.",
            )

    # ---- handles

    @property
    def writer(self) -> apsw.Connection:
        """The one handle that writes; hold the store's lock while using it."""
        if self._writer is not None:
            return self._writer
        if not self.is_open:
            raise self._closed()
        if self.readonly:
            raise AccessError(f"{self.where} was opened read-only.")
        self._writer = self._open_writing(*self._writing)
        return self._writer

    @property
    def cursor(self) -> apsw.Cursor:
        """A cursor of the writer that stays: making one takes longer than preparing a statement anew."""
        if self._cursor is None:
            self._cursor = self.writer.cursor()
        return self._cursor

    @property
    def has_writer(self) -> bool:
        """Whether this process has a writing handle open."""
        return self._writer is not None or self._checkpointer is not None

    def discard_writer(self) -> None:
        """Give up a writing handle that cannot roll back; the next write opens a new one."""
        conn, self._writer, self._cursor = self._writer, None, None
        if conn is not None and self.path is not None:
            conn.close(force=True)

    @property
    def checkpointer(self) -> apsw.Connection:
        """A handle that moves the log into a database file beside the writer, which goes on."""
        if self._checkpointer is None:
            if not self.is_open:
                raise self._closed()
            self._checkpointer = self._open_writing("NORMAL", 1024)
        return self._checkpointer

    @contextlib.contextmanager
    def lenient_writer(self) -> Iterator[apsw.Connection]:
        """The writer, for transactions of derived data, which a crash may cost; hold the store's lock."""
        conn = self.writer
        if self._writing[0] == "NORMAL":
            yield conn
            return
        conn.execute("PRAGMA synchronous = NORMAL")
        try:
            yield conn
        finally:
            conn.execute("PRAGMA synchronous = FULL")

    def reader(self) -> apsw.Connection:
        """This thread's reading handle."""
        try:
            conn: apsw.Connection = self._local.conn
        except AttributeError:
            return self._open_reader()
        if self._immutable is not None and self._immutable != self._state():
            return self._open_reader()
        return conn

    def _open_reader(self) -> apsw.Connection:
        if not self.is_open:
            raise self._closed()
        if self.path is None:
            return self.writer
        if self.readonly:
            conn = self._connect_readonly(self.path)
        else:
            conn = self._connect(apsw.SQLITE_OPEN_READONLY)
        conn.execute("PRAGMA cache_size = -4096")
        TextIndex.prepare(conn)
        with self._opening:
            self._reap()
            self._all.append((threading.current_thread(), conn))
        self._local.conn = conn
        return conn

    def _reap(self) -> None:
        """Close the readers of threads that are gone."""
        for item in [item for item in self._all if item[0] is not None and not item[0].is_alive()]:
            self._all.remove(item)
            item[1].close()

    def _connect_readonly(self, path: str) -> apsw.Connection:
        """A reader that changes nothing. On a folder it cannot write to, SQLite cannot take part in a
        WAL; without one nothing is going on there and the file can be read as it lies, watched for
        changes."""
        from urllib.parse import quote  # for read-only stores alone

        name = "file:" + quote(os.path.abspath(path).replace("\\", "/"))
        self._immutable = None
        try:
            conn = self._connect(_URI, name + "?mode=ro")
            conn.pragma("user_version")
            return conn
        except (apsw.CantOpenError, apsw.ReadOnlyError) as error:
            state = self._state()
            if not os.access(path, os.R_OK):
                raise AccessError(f"{path} cannot be read.", hint="Check its permissions.") from error
            if os.access(os.path.dirname(os.path.abspath(path)), os.W_OK):
                raise
            if state[2]:
                raise AccessError(
                    f"{path} has a write-ahead log that this user may not share.",
                    hint="Close it in the program that writes it, or copy it to a folder of your own.",
                ) from error
            self._immutable = state
            return self._connect(_URI, name + "?mode=ro&immutable=1")

    def _state(self) -> tuple[int, int, int]:
        """What changes when somebody writes to a file that is read as it lies."""
        path = self.path or ""
        info = os.stat(path)
        try:
            log = os.stat(path + "-wal").st_size
        except FileNotFoundError:
            log = 0
        return info.st_mtime_ns, info.st_size, log

    def stored_bytes(self, conn: apsw.Connection) -> int:
        """What the database takes on disk, its write-ahead log included."""
        size: int = conn.pragma("page_count") * conn.pragma("page_size")
        return size if self.path is None else self._state()[1] + self._state()[2]

    def _closed(self) -> ClosedError:
        return ClosedError(f"The store {self.where} is closed.", hint="Open it again before the call.")

    # ---- the end

    def close(self) -> None:
        """Close every handle. A read going on in another thread is waited for, up to a second."""
        self.is_open = False
        with self._opening:
            handles, self._all = self._all, []
        self._forget()
        deadline = time.monotonic() + 1.0
        for _, conn in reversed(handles):  # a writer last: only a writer can tidy the log away
            while True:
                try:
                    conn.close()
                    break
                except (apsw.ThreadingViolationError, apsw.BusyError):
                    if time.monotonic() > deadline:
                        break  # it closes itself when that thread lets go of it
                    time.sleep(0.001)

    def _forget(self) -> None:
        self._local, self._writer, self._cursor, self._checkpointer = threading.local(), None, None, None

    def after_fork(self) -> None:
        """In a child process: set the parent's handles aside and start without any."""
        if self.path is None:
            return  # a database in memory has no files: the child's copy is its own
        _abandoned.append((self._local, self._all, self._cursor))
        self._forget()
        self._all, self._opening = [], threading.Lock()


def create_private(path: str) -> None:
    """An empty file only its owner can read, in folders (as far as missing) only its owner can enter."""
    try:
        _make_folders(os.path.dirname(os.path.abspath(path)))
        with contextlib.suppress(FileExistsError):  # another process was faster
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise AccessError(
            f"{path} cannot be created: {error.strerror}.", hint="Choose a place that you can write to."
        ) from error


def _make_folders(path: str) -> None:
    if path and not os.path.isdir(path):
        _make_folders(os.path.dirname(path))
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            if not os.path.isdir(path):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path) from None
