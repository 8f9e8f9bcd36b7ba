"""What the index knows of one session, asked beside all other work.

A file that ends before the version recorded here lost something that was acknowledged.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .logs import Acknowledged, Place

if TYPE_CHECKING:
    import apsw

__all__ = ["Memory"]

_abandoned: list[object] = []  # handles of a parent process: freeing one would close files under it


class Memory:
    """A reading handle of its own on the index file at ``path``. Thread-safe; waits for no writer."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._conn: apsw.Connection | None = None
        self._inode = 0

    def of(self, place: Place) -> Acknowledged | None:
        """The row and the beginning of a session's file as last recorded."""
        try:
            inode = os.stat(self._path).st_ino
        except OSError:
            return None  # without an index nothing is remembered
        # Imported late: whoever reads one session of a store without an index needs no SQLite.
        import apsw

        from ..sql.rows import COLUMNS, WIDTH, from_columns

        sql = f"SELECT {COLUMNS}, f.head FROM sessions AS s JOIN files AS f ON f.sid = s.sid WHERE f.path = ?"
        with self._lock:
            try:
                found: Any = self._handle(inode).execute(sql, (place.path,)).fetchone()
            except apsw.Error:
                return None  # derived data that cannot be read now remembers nothing; its owner replaces it
        if found is None:
            return None
        return Acknowledged(from_columns(found[:WIDTH]), found[WIDTH])

    def _handle(self, inode: int) -> apsw.Connection:
        import apsw

        if self._conn is None or self._inode != inode:
            self._close()
            name = "file:" + quote(os.path.abspath(self._path).replace("\\", "/"))
            unshared = not os.path.exists(self._path + "-wal") and not os.access(self._path, os.W_OK)
            self._conn = apsw.Connection(
                name + ("?immutable=1" if unshared else "?mode=ro"),
                flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI,
            )
            self._inode = inode
        return self._conn

    def _close(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            conn.close()

    def close(self) -> None:
        """Close the handle."""
        with self._lock:
            self._close()

    def after_fork(self) -> None:
        """In a child process: set the parent's handle aside."""
        _abandoned.append(self._conn)
        self._conn = None
        self._lock = threading.Lock()
