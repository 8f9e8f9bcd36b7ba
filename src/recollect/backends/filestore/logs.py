"""The logs this process has looked at lately, kept in step with their files."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple

from ...backend import Key, SessionRow
from .disk import mapped, open_private, stamp_of, translated
from .log import Log
from .names import LOG_SUFFIX, encode_name

__all__ = ["Acknowledged", "Logs", "Place", "Shelf"]

_KEPT = 256
_PLACES = 4096


class Place(NamedTuple):
    """Where a session lives."""

    key: Key
    path: str
    """Of the log, relative to the store: also its name in the index."""
    folder: str
    log: str
    blobs: str
    torn: str


class Acknowledged(NamedTuple):
    """What the index remembers of a session: what was once there for sure."""

    row: SessionRow
    head: bytes


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
        return Place(key, path, folder, base + LOG_SUFFIX, base + ".blobs", base + ".torn")

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
        if shelf is not None and shelf.log.stamp == stamp_of(info) and shelf.log.row is not None:
            return shelf.log.row
        with self.using(place) as found:
            if found is None or found[1].is_empty:
                return None
            log = found[1]
            if log.row is None and (error := log.damaged_end()) is not None:
                raise error
            return log.row

    def current(self, place: Place, fd: int) -> Log:
        """The log as it is now. The caller holds the session's lock, so that it stays so."""
        try:
            stamp = stamp_of(os.fstat(fd))
        except OSError as error:
            raise translated(error, "read", place.log) from error
        log = self.shelf(place).log
        if log.stamp != stamp:
            with self.using(place, fd) as found:
                assert found is not None  # the descriptor is the caller's
                log = found[1]
        return log

    @contextmanager
    def using(self, place: Place, fd: int | None = None) -> Iterator[tuple[int, Log] | None]:
        """A descriptor of the log's file and the log as it is now, locked; None when there is no file.

        Writers give their own ``fd``, which says that they hold the session's lock.
        """
        with mapped("read", place.log):
            own = -1
            if fd is None:
                try:
                    fd = own = open_private(place.log, os.O_RDONLY)
                except (FileNotFoundError, NotADirectoryError):
                    self.forget(place)
                    yield None
                    return
            try:
                shelf = self.shelf(place)
                log = shelf.log
                with shelf.lock:
                    missing = None
                    if log.stamp != stamp_of(os.fstat(fd)):
                        missing = self._refresh(log, place, fd)
                        if missing is not None and own < 0:
                            self._judge(log, fd, missing)
                            missing = None
                    if missing is None:
                        yield fd, log
                        return
                # Only once no writer is at work is it for sure that something was lost.
                with self._settled(place), shelf.lock:
                    self._judge(log, fd, missing)
                    yield fd, log
            finally:
                if own >= 0:
                    os.close(own)

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

    def _refresh(self, log: Log, place: Place, fd: int) -> Acknowledged | None:
        """Bring the log up to date; gives what was acknowledged where that is not there."""
        before = None if log.row is None else Acknowledged(log.row, log.head)
        try:
            log.catch_up(fd)
            if before is None or log.version < before.row.version:
                before = self._remembered(place) or before
        except BaseException:
            log.unload()
            raise
        if before is None or _follows(log, before):
            return None
        log.unload()
        return before

    @staticmethod
    def _judge(log: Log, fd: int, before: Acknowledged) -> None:
        log.load(fd)
        if not _follows(log, before):
            log.lose(before.row, f"it ends before version {before.row.version}, which was acknowledged")


def _follows(log: Log, before: Acknowledged) -> bool:
    """Whether the log can be what became of ``before``: it goes as far, or it is another session's."""
    damaged = log.damaged_end() is not None
    if log.version > before.row.version or (log.version == before.row.version and not damaged):
        return True
    return log.head[-8:] != before.head[-8:] and not damaged and not log.is_empty
