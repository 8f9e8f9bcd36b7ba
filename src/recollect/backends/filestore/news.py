"""What this process committed, on its way to the index."""

from __future__ import annotations

import threading
from collections import OrderedDict

from .writing import Change

__all__ = ["News"]

_KEPT_BYTES = 8 * 1024 * 1024
_KEPT_SESSIONS = 10_000


class News:
    """What this process committed and the index has not taken over yet. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changes: OrderedDict[str, list[Change]] = OrderedDict()
        self._bytes = 0
        self._counts: dict[int, int] | None = {}

    def add(self, change: Change, slot: int) -> None:
        """After a commit that was counted in ``slot``, with the session's lock held."""
        with self._lock:
            if self._counts is not None:
                self._counts[slot] = self._counts.get(slot, 0) + 1
            changes = self._changes.setdefault(change.place.path, [])
            changes.append(change)
            self._bytes += change.end - change.start
            if self._bytes > _KEPT_BYTES:
                self._shrink()
            if len(self._changes) > _KEPT_SESSIONS:
                self._changes.popitem(last=False)
                self._counts = None

    def _shrink(self) -> None:
        """Keep rows only; records are then read from the files."""
        for path, changes in self._changes.items():
            last = changes[-1]
            last.start, last.records = changes[0].start, None
            last.attributes = any(change.attributes for change in changes)
            self._changes[path] = [last]
        self._bytes = 0

    def __bool__(self) -> bool:
        return bool(self._changes)

    def take(self) -> tuple[dict[str, list[Change]], dict[int, int] | None]:
        """All of it, once: the changes by path, and how many commits they were by slot (None: some of
        them are not kept)."""
        with self._lock:
            taken = self._changes, self._counts
            self._changes, self._counts, self._bytes = OrderedDict(), {}, 0
        return taken

    def take_one(self, path: str) -> None:
        """Forget what concerns one session."""
        with self._lock:
            self._changes.pop(path, None)

    def after_fork(self) -> None:
        """In a child process: all of this is the parent's to record."""
        self._lock = threading.Lock()
        self._changes = OrderedDict()
        self._counts = {}
        self._bytes = 0
