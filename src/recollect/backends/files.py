"""The files engine: a folder for each namespace, a JSON Lines file for each session.

Every commit is one line that any text editor shows; ``filestore.lines`` describes it. Blobs are plain
files beside it, named by their digest. ``.index.db`` is derived from the rest and may be deleted
at any time.
"""

from __future__ import annotations

import errno
import os
import threading
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace

from ..backend import (
    KINDS,
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
from ..errors import (
    AccessError,
    ClosedError,
    ConflictError,
    CorruptError,
    NotFoundError,
    StoreWarning,
    UnsupportedError,
)
from .filelock import FileLock
from .filestore.changes import SLOTS, Changes
from .filestore.disk import create_folders, mapped
from .filestore.handles import Handles
from .filestore.logs import Logs, Place
from .filestore.names import encode_name
from .filestore.news import News
from .filestore.remembering import Memory
from .filestore.writing import MAX_BODY, Writer

if TYPE_CHECKING:
    from .filestore.sidecar import Sidecar

__all__ = ["FilesBackend"]

_live: weakref.WeakSet[FilesBackend] = weakref.WeakSet()

Texts = Callable[[int, bytes], tuple[str, ...]]


class FilesBackend:
    """Sessions as files below the folder ``path``, for any number of processes.

    ``durability="relaxed"`` leaves it to the operating system when commits reach the disk: a crash of
    the machine, not of the process, may then lose the newest. ``texts`` tells the searchable texts
    of a record from its kind and body; without it they are stored beside the bodies. ``timeout`` is
    how many seconds to wait for other writers of a session.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        durability: Literal["full", "relaxed"] = "full",
        readonly: bool = False,
        timeout: float = 30.0,
        texts: Texts | None = None,
    ) -> None:
        self._root = os.path.abspath(os.fspath(path))
        self._readonly = readonly
        self._timeout = timeout
        self._durable = durability == "full"
        self._memory = Memory(os.path.join(self._root, ".index.db"))
        self._logs = Logs(self._root, self._memory.of, self._settled)
        self._handles = Handles()
        self._writer = Writer(self._logs, self._handles, durable=self._durable, texts=texts is None)
        self._news = News()
        self._changes = Changes(os.path.join(self._root, ".locks", "changes"))
        self._texts = texts
        self._sidecar_made: Sidecar | None = None
        locks = os.path.join(self._root, ".locks")
        self._locks = [FileLock(os.path.join(locks, f"{number:02x}")) for number in range(SLOTS)]
        self._opening = threading.Lock()
        self._open = False
        self._used: set[int] = set()
        weakref.finalize(self, _close_all, self._locks, self._handles)
        _live.add(self)

    @property
    def capabilities(self) -> Capabilities:
        """What this engine can do."""
        return Capabilities(name="files", blocking=True, text_search=True, max_body=MAX_BODY)

    # ---- life

    async def open(self) -> None:
        """Make the folder where it is missing. Idempotent."""
        with self._opening:
            if self._open:
                return
            with mapped("open the store", self._root):
                if self._readonly:
                    self._look()
                else:
                    create_folders(self._root, durable=self._durable)
                    create_folders(os.path.join(self._root, ".locks"), durable=False)
                    self._changes.open()
                mode = os.stat(self._root).st_mode
            self._handles.open()
            self._open = True
        if os.name == "posix" and mode & 0o077:
            warnings.warn(
                f"Other users of this machine may read {self._root}. To keep it private: chmod 700.",
                StoreWarning,
                stacklevel=2,
            )

    def _look(self) -> None:
        if not os.path.exists(self._root):
            raise NotFoundError(f"There is no store at {self._root}.", hint="Open it once for writing.")
        if not os.path.isdir(self._root):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), self._root)

    async def close(self) -> None:
        """Bring the index up to date with what was written here, and let go. Idempotent."""
        with self._opening:
            if not self._open:
                return
            self._open = False
            self._handles.close()
            sidecar, self._sidecar_made = self._sidecar_made, None
            if not self._readonly and sidecar is None and self._news:
                sidecar = self._new_sidecar()
            if sidecar is not None:
                sidecar.close()
            self._memory.close()
            self._changes.close()
            self._logs.clear()
            while self._used:
                _let_go(self._locks[self._used.pop()])

    def _check_open(self) -> None:
        if not self._open:
            raise ClosedError(f"The store {self._root} is closed.", hint="Open it again before the call.")

    def _after_fork(self) -> None:
        self._opening = threading.Lock()
        self._handles.after_fork()
        self._logs.after_fork()
        self._news.after_fork()
        self._memory.after_fork()
        if self._sidecar_made is not None:
            self._sidecar_made.after_fork()

    # ---- writing

    async def commit(self, *commits: Commit) -> None:
        """Write one commit, durable on return."""
        self._check_open()
        if len(commits) > 1:
            raise UnsupportedError(
                "The files engine cannot change several sessions in one transaction.",
                hint="Commit them one by one, or use a SQLite store.",
            )
        if self._readonly:
            raise AccessError(f"The store {self._root} was opened read-only.")
        for commit in commits:
            place = self._logs.place(commit.key)
            prepared = self._writer.prepare(commit)
            slot = place.slot
            lock = self._locks[slot]
            self._used.add(slot)
            lock.acquire(self._timeout)
            try:
                try:
                    change = self._writer.apply(place, prepared)
                except ConflictError:
                    raise
                except BaseException:
                    self._changes.bump(slot)  # something may have been written all the same
                    raise
                # In this order: who counts a commit here already must find it counted there.
                self._changes.bump(slot)
                if change is not None:
                    self._news.add(change, slot)
            finally:
                lock.release()
            if change is None:
                self._sidecar.forget(place)

    @contextmanager
    def _settled(self, place: Place) -> Iterator[None]:
        """Nobody else writes to this session meanwhile."""
        if self._readonly:
            yield  # without permission to take the lock, a look is all there is
            return
        slot = place.slot
        lock = self._locks[slot]
        self._used.add(slot)
        lock.acquire(self._timeout)
        try:
            yield
        finally:
            lock.release()

    # ---- one session

    async def row(self, key: Key) -> SessionRow | None:
        """The session's row, or None."""
        self._check_open()
        return self._logs.row(self._logs.place(key))

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
        """Records between ``after`` and ``before``, the first ``limit`` or the last ``last``."""
        self._check_open()
        wanted = None if kinds is None else frozenset(KINDS[kind] for kind in kinds if kind in KINDS)
        return self._logs.records(self._logs.place(key), after, before, limit, last, wanted)

    async def seqs(self, key: Key, ids: Sequence[bytes]) -> dict[bytes, int]:
        """The seq of each of these message ids that is stored."""
        self._check_open()
        place = self._logs.place(key)
        with self._logs.opened(place) as fd:
            if fd is None or not ids:
                return {}
            with self._logs.using(place, fd) as log:
                stored = log.message_ids(fd)
                return {id_: stored[id_] for id_ in ids if id_ in stored}

    async def blob(self, key: Key, digest: bytes) -> bytes | None:
        """A blob of this session, or None."""
        self._check_open()
        place = self._logs.place(key)
        path = os.path.join(place.blobs, digest.hex())
        with mapped("read", path):
            try:
                with open(path, "rb") as file:
                    content = file.read()
            except FileNotFoundError:
                return None
        # A deletion that was cut short may leave blobs without their session.
        return content if os.path.exists(place.log) else None

    async def raw(self, key: Key) -> bytes:
        """The session's log as it lies on disk, damage included."""
        self._check_open()
        path = self._logs.place(key).log
        with mapped("read", path), open(path, "rb") as file:
            return file.read()

    # ---- all sessions

    @property
    def _sidecar(self) -> Sidecar:
        with self._opening:
            self._check_open()
            if self._sidecar_made is None:
                self._sidecar_made = self._new_sidecar()
            return self._sidecar_made

    def _new_sidecar(self) -> Sidecar:
        # Imported late: whoever reads or writes single sessions needs no SQLite.
        from .filestore.sidecar import Sidecar

        return Sidecar(
            self._logs, self._news, self._changes, self._texts, readonly=self._readonly, timeout=self._timeout
        )

    async def find(self, query: RowQuery) -> list[SessionRow]:
        """At most ``query.limit`` rows in the query's order."""
        return self._sidecar.rows(query)

    async def namespaces(self) -> list[str]:
        """The namespaces that hold sessions, sorted by code point."""
        return self._sidecar.namespaces()

    async def figures(self, namespace: str | None = None) -> Figures:
        """Counts and sizes; the first call after many changes reads what changed."""
        return self._sidecar.figures(namespace, None if namespace is None else encode_name(namespace))

    async def search(self, query: TextQuery) -> list[RowHit]:
        """At most ``query.limit`` hits, complete as of the last commit."""
        hits = []
        for hit in self._sidecar.hits(query):
            try:
                records = await self.read(hit.row.key, after=hit.seq - 1, before=hit.seq + 1)
            except CorruptError as error:
                warnings.warn(f"A hit is left out: {error.message}", StoreWarning, stacklevel=2)
                continue
            if records:  # else it was deleted a moment ago
                hits.append(replace(hit, body=records[0][3]))
        return hits

    async def reindex(self) -> None:
        """Forget the whole text index."""
        self._sidecar.reindex()

    async def index(self, key: Key, entries: Iterable[tuple[int, tuple[str, ...]]]) -> None:
        """Hand over the texts of existing records again."""
        self._sidecar.index(key, entries)

    async def indexed(self) -> None:
        """Every text has been handed over."""
        self._sidecar.indexed()


def _let_go(lock: FileLock) -> None:
    """Close a lock's file, unless a commit is under way: then whoever makes it keeps it."""
    if lock.try_acquire():
        lock.close()
        lock.release()


def _close_all(locks: list[FileLock], handles: Handles) -> None:
    handles.close()
    for lock in locks:
        lock.close()


def _forget_in_child() -> None:
    for backend in list(_live):
        backend._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
