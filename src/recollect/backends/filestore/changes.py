"""Counters of commits that all processes on one store share.

Looking at size and time of every session's file takes milliseconds where there are thousands. While the
counters stand still and no folder changed, there is nothing to see; what other programs do inside a
file is noticed by looking all the same every now and then.
"""

from __future__ import annotations

import mmap
import os

from .disk import open_private

__all__ = ["SLOTS", "Changes"]

SLOTS = 64
"""Every session belongs to one of so many counters, each guarded by a lock of its own."""

_SIZE = SLOTS * 8


class Changes:
    """The counters in the file at ``path``."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._inode = 0
        self._map: memoryview | None = None

    def open(self) -> None:
        """Make the file where it is missing. Only a store that is written has one."""
        fd = open_private(self._path, os.O_RDWR | os.O_CREAT)
        try:
            if os.fstat(fd).st_size < _SIZE:
                os.ftruncate(fd, _SIZE)
            self._map = memoryview(mmap.mmap(fd, _SIZE)).cast("Q")
            self._inode = os.fstat(fd).st_ino
        finally:
            os.close(fd)

    def bump(self, slot: int) -> None:
        """After a change, with the slot's lock held: let the others look."""
        if self._map is not None:
            self._map[slot] = (self._map[slot] + 1) % 2**64

    def snapshot(self) -> list[int] | None:
        """All counters now; None where they cannot be relied upon."""
        try:
            if self._map is None or os.stat(self._path).st_ino != self._inode:
                return None
        except OSError:
            return None  # deleted: then nobody counts there any more
        return self._map.tolist()

    def close(self) -> None:
        """Let go of the file."""
        self._map = None
