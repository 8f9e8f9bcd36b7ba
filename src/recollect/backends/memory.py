"""The memory engine: plain dicts behind one lock, gone with the process.

It is written to be obviously right rather than clever: the other engines are tested against it.
Every change goes through ``_Journal.put``, which remembers what was there before; undoing a commit
or a transaction is putting that back, last change first.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterable, Sequence
from itertools import islice
from types import TracebackType
from typing import Any, Final

from ..backend import (
    MESSAGE,
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
from ..errors import ClosedError, ConflictError, InvalidError
from .memory_rows import page
from .memory_text import Log, MemoryText

__all__ = ["MemoryBackend"]

_ABSENT: Final = object()
_live: weakref.WeakSet[MemoryBackend] = weakref.WeakSet()
_held: list[list[MemoryBackend]] = []


class _Journal:
    """Changes dicts, and can take the changes back."""

    def __init__(self) -> None:
        self._changes: list[tuple[dict[Any, Any], Any, Any]] = []

    def put(self, mapping: dict[Any, Any], name: Any, value: Any) -> None:
        """``mapping[name] = value``, or its removal when the value is _ABSENT."""
        self._changes.append((mapping, name, mapping.get(name, _ABSENT)))
        self._set(mapping, name, value)

    def drop(self, mapping: dict[Any, Any], name: Any) -> None:
        """``del mapping[name]``, if it is there."""
        self.put(mapping, name, _ABSENT)

    def mark(self) -> int:
        """The present moment, for ``undo``."""
        return len(self._changes)

    def undo(self, mark: int) -> None:
        """Take back every change since ``mark``."""
        while len(self._changes) > mark:
            self._set(*self._changes.pop())

    def forget(self) -> None:
        """Make all changes final."""
        self._changes.clear()

    @staticmethod
    def _set(mapping: dict[Any, Any], name: Any, value: Any) -> None:
        if value is _ABSENT:
            mapping.pop(name, None)
        else:
            mapping[name] = value


class MemoryBackend:
    """Keeps sessions in this process's memory, for tests and throw-away work.

    Two objects share nothing. The data lives as long as the object: closing keeps it for the next
    ``open``. After a fork the child has a copy of its own.
    """

    def __init__(self) -> None:
        self._rows: dict[Key, SessionRow] = {}
        self._logs: dict[Key, Log] = {}
        self._lock = threading.RLock()
        self._depth = 0
        self._journal = _Journal()
        self._text = MemoryText(self._rows, self._logs)
        self._open = False
        _live.add(self)

    @property
    def capabilities(self) -> Capabilities:
        """What this engine can do."""
        return Capabilities(
            name="memory", blocking=True, durable=False, shared=False, transactions=True, text_search=True
        )

    async def open(self) -> None:
        """Make the engine usable; nothing needs connecting."""
        with self._lock:
            self._open = True

    async def close(self) -> None:
        """Refuse everything until the next ``open``; the data stays with the object."""
        with self._lock:
            self._open = False
            self._text.forget()

    # --- writing ---

    async def commit(self, *commits: Commit) -> None:
        """Apply all commits, or none of them."""
        self._refuse_too_large(commits)
        with self._lock:
            self._check_open()
            mark = self._journal.mark()
            try:
                for commit in commits:
                    self._apply(commit)
            except BaseException:
                self._journal.undo(mark)
                raise
            if not self._depth:
                self._journal.forget()

    def exclusive(self) -> _Transaction:
        """One write transaction of the calling thread; other threads wait until it ends."""
        return _Transaction(self)

    def _refuse_too_large(self, commits: Iterable[Commit]) -> None:
        limit = self.capabilities.max_body
        for commit in commits:
            for record in commit.records:
                if len(record.body) > limit:
                    raise InvalidError(
                        f"A record of {len(record.body):,} bytes is larger than the {limit:,} that fit.",
                        hint="Split it, or keep large content elsewhere and refer to it.",
                    )

    def _apply(self, commit: Commit) -> None:
        key = commit.key
        stored = self._rows.get(key)
        version = stored.version if stored else 0
        if version != commit.base:
            raise ConflictError(
                f"Session {key.session_id!r} is at version {version}, not {commit.base}.",
                hint="Read it again and repeat the change.",
            )
        if commit.delete:
            self._delete(key)
            return
        if commit.row is not None:
            self._journal.put(self._rows, key, commit.row)
        elif stored is None:
            raise InvalidError(f"The commit that creates session {key.session_id!r} has no row.")
        if key not in self._logs:
            self._journal.put(self._logs, key, Log())
        self._extend(key, self._logs[key], commit)

    def _delete(self, key: Key) -> None:
        if key in self._rows:
            self._text.replaced(key)
            self._journal.drop(self._logs, key)
            self._journal.drop(self._rows, key)

    def _extend(self, key: Key, log: Log, commit: Commit) -> None:
        put = self._journal.put
        self._text.changed(key, [record.seq for record in commit.records])
        self._text.changed(key, [seq for seq, _ in commit.erased])
        self._text.changed(key, [seq for seq, _, _ in commit.amended])
        for record in commit.records:
            if record.seq <= next(reversed(log.records), 0):
                raise InvalidError(f"Record {record.seq} of session {key.session_id!r} is not a new one.")
            put(log.records, record.seq, record)
            if record.message_id:
                put(log.ids, record.message_id, record.seq)
        for seq, tombstone in commit.erased:
            if seq in log.records:
                put(log.records, seq, log.records[seq]._replace(body=tombstone, texts=()))
        for seq, body, texts in commit.amended:
            put(log.records, seq, log.records[seq]._replace(body=body, texts=texts))
        for digest, content in commit.blobs.items():
            put(log.blobs, digest, content)
        for digest in commit.drop_blobs:
            self._journal.drop(log.blobs, digest)

    # --- one transaction ---

    def _enter(self) -> None:
        self._lock.acquire()
        if not self._open:
            self._lock.release()
            self._check_open()
        self._depth += 1

    def _leave(self, *, undo: bool) -> None:
        self._depth -= 1
        if not self._depth:
            if undo and self._journal.mark():
                self._journal.undo(0)
                self._text.forget()  # a search inside may have indexed what is gone again
            self._journal.forget()
        self._lock.release()

    # --- reading ---

    async def row(self, key: Key) -> SessionRow | None:
        """The session's row, or None."""
        with self._lock:
            self._check_open()
            return self._rows.get(key)

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
        with self._lock:
            self._check_open()
            records = self._logs[key].records if key in self._logs else {}
            newest = next(reversed(records), 0)
            end = newest + 1 if before is None else min(before, newest + 1)
            span = range(max(after, 0) + 1, end)
            count = len(span) if limit is None else limit
            if last is not None:
                span, count = span[::-1], last
            chosen = (records[seq] for seq in span if seq in records)
            wanted = (r for r in chosen if kinds is None or r.kind in kinds)
            found = [(r.seq, r.kind, r.parent, r.body) for r in islice(wanted, max(count, 0))]
            return found if last is None else found[::-1]

    async def seqs(self, key: Key, ids: Sequence[bytes]) -> dict[bytes, int]:
        """The seq of each of these message ids that is stored."""
        with self._lock:
            self._check_open()
            stored = self._logs[key].ids if key in self._logs else {}
            return {id_: stored[id_] for id_ in ids if id_ in stored}

    async def find(self, query: RowQuery) -> list[SessionRow]:
        """The rows that pass every filter, in the query's order."""
        with self._lock:
            self._check_open()
            rows = list(self._rows.values())
        return page(rows, query)

    async def blob(self, key: Key, digest: bytes) -> bytes | None:
        """A blob of this session, or None."""
        with self._lock:
            self._check_open()
            return self._logs[key].blobs.get(digest) if key in self._logs else None

    async def namespaces(self) -> list[str]:
        """The namespaces that hold sessions."""
        with self._lock:
            self._check_open()
            return sorted({key.namespace for key in self._rows})

    async def figures(self, namespace: str | None = None) -> Figures:
        """Counts and sizes. ``stored_bytes`` counts contents, not Python's objects."""
        with self._lock:
            self._check_open()
            keys = [key for key in self._rows if namespace in (None, key.namespace)]
            logs = [self._logs[key] for key in keys]
            records = [record for log in logs for record in log.records.values()]
            trashed = sum(self._rows[key].deleted_at is not None for key in keys)
            return Figures(
                sessions=len(keys) - trashed,
                trashed=trashed,
                records=len(records),
                messages=sum(record.kind == MESSAGE for record in records),
                blobs=sum(len(log.blobs) for log in logs),
                body_bytes=sum(log.content_bytes for log in logs),
                stored_bytes=sum(log.content_bytes for log in self._logs.values())
                + sum(len(row.body) for row in self._rows.values()),
                unindexed=self._text.waiting(namespace),
            )

    # --- searching ---

    async def search(self, query: TextQuery) -> list[RowHit]:
        """Messages that match, best or newest first."""
        with self._lock:
            self._check_open()
            return self._text.search(query)

    async def reindex(self) -> None:
        """Forget all texts; searches warn until ``indexed`` says that they were handed over again."""
        with self._lock:
            self._check_open()
            for log in self._logs.values():
                for record in list(log.records.values()):
                    log.records[record.seq] = record._replace(texts=())
            self._text.whole = False
            self._text.forget()

    async def index(self, key: Key, entries: Iterable[tuple[int, tuple[str, ...]]]) -> None:
        """Take the texts of existing records again."""
        with self._lock:
            self._check_open()
            records = self._logs[key].records if key in self._logs else {}
            for seq, texts in entries:
                if seq in records:
                    records[seq] = records[seq]._replace(texts=texts)
                    self._text.changed(key, [seq])

    async def indexed(self) -> None:
        """All texts were handed over."""
        with self._lock:
            self._check_open()
            self._text.whole = True

    def _check_open(self) -> None:
        if not self._open:
            raise ClosedError("The memory store is not open.", hint="Open it, or a new store.")


class _Transaction:
    """What ``MemoryBackend.exclusive`` returns; entered again by its thread, it joins the outer one."""

    def __init__(self, backend: MemoryBackend) -> None:
        self._backend = backend

    async def __aenter__(self) -> None:
        self._backend._enter()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._backend._leave(undo=kind is not None)


def _before_fork() -> None:
    """Wait until no thread is amid a change: the child gets whole data and free locks."""
    everything = sorted(_live, key=id)
    for backend in everything:
        backend._lock.acquire()
    _held.append(everything)


def _after_fork() -> None:
    for backend in _held.pop():
        backend._lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
