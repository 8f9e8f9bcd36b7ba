"""The logs this process has looked at lately, kept in step with their files."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple
from zlib import crc32

from ...backend import Key, SessionRow, StoredRecord
from ...errors import CorruptError
from .changes import SLOTS
from .disk import mapped, open_private, stamp_of
from .log import Log
from .names import LOG_SUFFIX, encode_name

__all__ = ["Acknowledged", "Logs", "Place", "Shelf", "Tail"]

_KEPT = 256
_PLACES = 4096
_ALL = 2**63


class Place(NamedTuple):
    """Where a session lives."""

    key: Key
    path: str
    """Of the log, relative to the store: also its name in the index."""
    folder: str
    log: str
    blobs: str
    torn: str
    slot: int
    """Of the lock and the counter that it shares with other sessions."""


class Acknowledged(NamedTuple):
    """What the index remembers of a session: what was once there for sure."""

    row: SessionRow
    head: bytes


class Tail(NamedTuple):
    """The end of a log, as its writer needs it."""

    shelf: Shelf
    version: int
    end: int
    size: int
    """Of the file; what lies behind ``end`` is a write that was never finished."""
    is_empty: bool
    damage: CorruptError | None


class Shelf:
    """A log and the lock that whoever uses it holds."""

    __slots__ = ("lock", "log")

    def __init__(self, log: Log) -> None:
        self.log = log
        self.lock = threading.RLock()


class Logs:
    """All logs under ``root``.

    ``remembered`` asks the index what it knows of a session; ``settled`` keeps writers of a session away.
    """

    def __init__(
        self,
        root: str,
        remembered: Callable[[Place], Acknowledged | None],
        settled: Callable[[Place], AbstractContextManager[None]],
    ) -> None:
        self.root = root
        self._remembered = remembered
        self._settled = settled
        self._shelves: OrderedDict[str, Shelf] = OrderedDict()
        self._places: dict[Key, Place] = {}
        self._lock = threading.Lock()

    def place(self, key: Key) -> Place:
        """Where the session's files are, or would be. Raises InvalidError for an impossible name."""
        place = self._places.get(key)
        if place is None:
            place = self._place(key)
            if len(self._places) >= _PLACES:
                self._places.clear()
            self._places[key] = place
        return place

    def _place(self, key: Key) -> Place:
        namespace, name = encode_name(key.namespace), encode_name(key.session_id)
        folder = os.path.join(self.root, namespace)
        base = os.path.join(folder, name)
        path = f"{namespace}/{name}"
        slot = crc32(path.encode()) % SLOTS
        return Place(key, path, folder, base + LOG_SUFFIX, base + ".blobs", base + ".torn", slot)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._shelves.clear()

    def after_fork(self) -> None:
        """In a child process: other threads of the parent may have held the locks."""
        self._lock = threading.Lock()
        self._shelves = OrderedDict()

    def forget(self, place: Place) -> None:
        """Forget one session."""
        with self._lock:
            self._shelves.pop(place.path, None)

    def shelf(self, place: Place) -> Shelf:
        """The log of a session, perhaps not yet looked at."""
        with self._lock:
            shelf = self._shelves.get(place.path)
            if shelf is None:
                shelf = self._shelves[place.path] = Shelf(Log(place.key, place.log))
                if len(self._shelves) > _KEPT:
                    self._shelves.popitem(last=False)
            else:
                self._shelves.move_to_end(place.path)
            return shelf

    def row(self, place: Place) -> SessionRow | None:
        """The session's row. Raises CorruptError where there is a log without a readable one."""
        with mapped("read", place.log):
            try:
                info = os.stat(place.log)
            except (FileNotFoundError, NotADirectoryError):
                self.forget(place)
                return None
        shelf = self._shelves.get(place.path)
        if shelf is not None:
            row = shelf.log.row  # before its stamp: that is always set last
            if row is not None and shelf.log.stamp == stamp_of(info):
                return row
        with self.opened(place) as fd:
            if fd is None:
                return None
            with self.using(place, fd) as log:
                if log.row is None and (error := log.damaged_end()) is not None:
                    raise error
                return log.row

    def tail(self, place: Place, fd: int, info: os.stat_result) -> Tail:
        """Where and at which version the log ends, whose file's state is ``info``. The caller holds
        the session's lock, so that it stays so."""
        stamp = stamp_of(info)
        shelf = self.shelf(place)
        with shelf.lock:
            if shelf.log.stamp == stamp:
                return _tail(shelf)
        with self.using(place, fd, owned=shelf):
            return _tail(shelf)

    def records(
        self,
        place: Place,
        after: int,
        before: int | None,
        limit: int | None,
        last: int | None,
        kinds: frozenset[str] | None,
    ) -> list[StoredRecord]:
        """What ``Backend.read`` gives. The log is locked only to learn where the lines are."""
        high = _ALL if before is None else before - 1
        with self.opened(place) as fd:
            if fd is None:
                return []
            if last is None:
                with self.using(place, fd) as log:
                    view = log.view_from(fd, after)
                return view.read(fd, after, high, _ALL if limit is None else max(limit, 0), kinds)
            count = last = max(last, 0)
            while True:
                with self.using(place, fd) as log:
                    view = log.view_back(fd, after, high, count)
                found = view.read_last(fd, after, high, last, kinds)
                if found is not None:
                    return found
                count *= 4

    @contextmanager
    def opened(self, place: Place) -> Iterator[int | None]:
        """A descriptor of the log's file for reading; None when there is none."""
        with mapped("read", place.log):
            try:
                fd = open_private(place.log, os.O_RDONLY)
            except (FileNotFoundError, NotADirectoryError):
                self.forget(place)
                yield None
                return
            try:
                yield fd
            finally:
                os.close(fd)

    @contextmanager
    def using(self, place: Place, fd: int, *, owned: Shelf | None = None) -> Iterator[Log]:
        """The log as its file is now, locked. Who holds the session's lock gives its shelf."""
        with mapped("read", place.log):
            shelf = owned or self.shelf(place)
            log = shelf.log
            with shelf.lock:
                doubt = None
                if log.stamp != stamp_of(os.fstat(fd)):
                    doubt = self._refresh(log, place, fd)
                    if doubt is not None and owned is not None:
                        doubt.settle(log, fd)
                        doubt = None
                if doubt is None:
                    yield log
                    return
            # Only once no writer is at work it is for sure that something was lost.
            with self._settled(place), shelf.lock:
                doubt.settle(log, fd)
                yield log

    def key_inside(self, path: str) -> Key | None:
        """The session that a file, by its path below the root, says it holds."""
        log = Log(None, os.path.join(self.root, path + LOG_SUFFIX))
        with mapped("read", log.path):
            fd = open_private(log.path, os.O_RDONLY)
            try:
                log.load(fd)
            finally:
                os.close(fd)
        return None if log.row is None else log.row.key

    def _refresh(self, log: Log, place: Place, fd: int) -> _Doubt | None:
        """Bring the log up to date, unless it looks as if something acknowledged were not there."""
        before = None if log.row is None else Acknowledged(log.row, log.head)
        try:
            log.catch_up(fd)
            if before is None or log.version < before.row.version:
                before = self._remembered(place) or before
        except BaseException:
            log.unload()
            raise
        if log.damaged_end() is None and (before is None or _follows(log, before)):
            return None
        log.unload()
        return _Doubt(before)


def _tail(shelf: Shelf) -> Tail:
    log = shelf.log
    damage = log.damaged_end() if log.bad or log.row is None else None
    return Tail(shelf, log.version, log.end, log.stamp.size, log.is_empty, damage)


class _Doubt(NamedTuple):
    """A log did not look whole; ``before`` is what was once there, as far as that is known."""

    before: Acknowledged | None

    def settle(self, log: Log, fd: int) -> None:
        """Look again; what is still missing is lost."""
        log.load(fd)
        if self.before is not None and not _follows(log, self.before):
            row = self.before.row
            log.lose(row, f"it ends before version {row.version}, which was acknowledged")


def _follows(log: Log, before: Acknowledged) -> bool:
    """Whether the log can be what became of ``before``: it goes as far, or it is another session's."""
    damaged = log.damaged_end() is not None
    if log.version > before.row.version or (log.version == before.row.version and not damaged):
        return True
    return log.head[-8:] != before.head[-8:] and not damaged and not log.is_empty
