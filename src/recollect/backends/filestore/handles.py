"""Logs that stay open between commits, so that an append need not open and close its file."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict

from .disk import open_private

__all__ = ["Handles"]

# Windows neither renames over nor deletes a file that is open, which others must be free to do.
_KEPT = 0 if os.name == "nt" else 32
_APPEND = os.O_RDWR | os.O_APPEND


class Handles:
    """Descriptors for reading and appending. Thread-safe: who takes one has it alone.

    What another process deletes or replaces takes up its space until the descriptor here is closed:
    with the next commit to that session, for a newer one, or with the store.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[int, os.stat_result]] = OrderedDict()
        self._lock = threading.Lock()
        self._limit = _KEPT

    def take(self, path: str) -> tuple[int, os.stat_result]:
        """A descriptor of the file that is at ``path`` now, and that file's state. Raises OSError."""
        with self._lock:
            kept = self._kept.pop(path, None)
        if kept is not None:
            fd, then = kept
            try:
                now = os.stat(path)
            except BaseException:
                os.close(fd)
                raise
            # While it is open its inode is not given to another file. Other permissions: ask anew.
            if now.st_ino == then.st_ino and now.st_dev == then.st_dev and now.st_mode == then.st_mode:
                return fd, now
            os.close(fd)
        fd = open_private(path, _APPEND)
        try:
            return fd, os.fstat(fd)
        except BaseException:
            os.close(fd)
            raise

    def keep(self, path: str, fd: int, info: os.stat_result) -> None:
        """Give back what ``take`` gave, after a use that succeeded and left the file in its place."""
        with self._lock:
            kept = self._kept
            old = kept.pop(path, None)
            kept[path] = fd, info
            if len(kept) > self._limit:
                _, over = kept.popitem(last=False)
                os.close(over[0])
        if old is not None:
            os.close(old[0])

    def open(self) -> None:
        """Keep descriptors from now on."""
        self._limit = _KEPT

    def close(self) -> None:
        """Close what is kept, and from now on whatever is given back."""
        with self._lock:
            self._limit = 0
            kept, self._kept = self._kept, OrderedDict()
        for fd, _ in kept.values():
            os.close(fd)

    def after_fork(self) -> None:
        """In a child process: the descriptors are copies of the parent's."""
        self._lock = threading.Lock()
        limit = self._limit
        self.close()
        self._limit = limit
