"""``Store`` and ``Session``: the verbs of recollect for synchronous programs."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Iterable, Sequence
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, Self, TypeVar, Unpack, overload

from . import core as features
from .backend import Backend, Capabilities, Figures
from .core.base import DEFAULT_NAMESPACE, Clock, Core
from .errors import ClosedError, InvalidError
from .model import Hit, Message, Page, SessionInfo, SessionQuery
from .opening import open_target
from .options import Attributes, Filters
from .session import Session
from .stepping import step

if TYPE_CHECKING:
    from pathlib import Path

    from .core.repairing import RepairReport
    from .core.retention import CleanupResult, RetentionPolicy
    from .core.searching import Order
    from .core.verifying import Report
    from .transaction import Transaction
    from .transfer.destinations import Destination
    from .transfer.importing import ImportResult
    from .transfer.moving.results import BackupResult, MigrateResult, MoveProgress, OnConflict
    from .transfer.results import Progress, SyncResult
    from .workers import LoopThread

P = ParamSpec("P")
T = TypeVar("T")
PathOrFile = str | os.PathLike[str] | IO[bytes]


class Store:
    """A place that keeps sessions. May be shared by threads; survives ``fork``; a context manager.

    ``target`` is a URL (see ``recollect.urls``), a Backend, or None for the store that the
    environment and the configuration files name. Nothing acknowledged depends on ``close``.
    """

    def __init__(
        self,
        target: str | Backend | None = None,
        *,
        namespace: str | None = None,
        durability: str | None = None,
        readonly: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self._opened = open_target(target, namespace, durability, readonly, clock)
        self._core = self._opened.core
        self._loop = None if self._opened.blocking else _loop_thread()
        self._owner = True
        try:
            self._run(self._core.backend.open())
        except BaseException:
            self.close()
            raise

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        if self._opened.closed:
            coroutine.close()
            raise ClosedError("The store is closed.", hint="Open it again.")
        return step(coroutine) if self._loop is None else self._loop.run(coroutine)

    def _do(
        self, verb: Callable[Concatenate[Core, P], Coroutine[Any, Any, T]], *args: P.args, **options: P.kwargs
    ) -> T:
        return self._run(verb(self._core, *args, **options))

    # Opening and closing

    def close(self) -> None:
        """Release the engine. Closing twice is fine; closing a namespace's view does nothing."""
        if self._opened.closed or not self._owner:
            return
        try:
            self._run(self._core.backend.close())
        finally:
            self._opened.closed = True
            if self._loop is not None:
                self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def namespace(self, name: str) -> Store:
        """The same store confined to a namespace: nothing in it reaches another one.

        Inside a namespace, ``namespace`` goes deeper (``alice/work``), never out.
        """
        inner = object.__new__(type(self))
        inner._opened = self._opened
        inner._core = self._core.confined(nested(self._core.namespace, name))
        inner._loop = self._loop
        inner._owner = False
        return inner

    @property
    def capabilities(self) -> Capabilities:
        """What the engine can do."""
        return self._core.backend.capabilities

    # Sessions

    def open(
        self, session_id: str | None = None, *, create: bool = True, **attributes: Unpack[Attributes]
    ) -> Session:
        """The session of that id; created with ``attributes`` if it is not there.

        A session that is there keeps its own attributes. Without an id a new one is made (UUIDv7).
        With ``create=False`` a missing session raises NotFoundError.
        """
        handle = self._do(features.sessions.open_session, session_id, attributes, create=create)
        return Session(self, handle)

    def create(self, session_id: str | None = None, **attributes: Unpack[Attributes]) -> Session:
        """A new session. Raises ExistsError when the id is taken."""
        return Session(self, self._do(features.sessions.create_session, session_id, attributes))

    def get(self, session_id: str, *, at: int | None = None) -> Session:
        """The session of that id, or with ``at`` as it was at a version, attributes included: such
        a handle can be read, not written to. Raises NotFoundError."""
        return Session(self, self._do(features.sessions.get_session, session_id, at))

    def exists(self, session_id: str) -> bool:
        """Whether there is such a session, outside the trash."""
        return self._do(features.sessions.exists, session_id)

    def resolve(self, reference: str, *, trashed: bool = False) -> str:
        """The id meant by an id, a unique prefix of at least 4 characters, a name, or ``@last``.

        Raises NotFoundError, or AmbiguousError with the candidates.
        """
        return self._do(features.listing.resolve, reference, trashed=trashed)

    def sessions(
        self,
        query: SessionQuery | None = None,
        *,
        limit: int = 50,
        cursor: str | None = None,
        **filters: Unpack[Filters],
    ) -> Page[SessionInfo]:
        """A page of sessions, newest first, for which all filters hold.

        Sessions written to while you page may be shown again at the end; none is missed.
        """
        return self._do(features.listing.sessions, merged(query, filters), limit=limit, cursor=cursor)

    def delete(self, session_id: str) -> None:
        """Remove a session for good, from the trash too. Raises NotFoundError."""
        self._do(features.sessions.delete, session_id)

    def trash(self, session_id: str) -> SessionInfo:
        """Hide a session everywhere until it is restored or deleted."""
        return self._do(features.sessions.trash, session_id)

    def trashed(self, *, limit: int = 50, cursor: str | None = None) -> Page[SessionInfo]:
        """A page of the sessions in the trash."""
        return self._do(features.listing.sessions, SessionQuery(), limit=limit, cursor=cursor, trashed=True)

    def restore(self, session_id: str) -> Session:
        """Bring a session back from the trash. Raises NotFoundError."""
        return Session(self, self._do(features.sessions.restore, session_id))

    def save(self, session_id: str, messages: Iterable[Message]) -> Session:
        """Make a session's messages equal to a whole history, creating it if need be.

        Records only the difference: what both begin with is never written again, and what the
        session held beyond that stays in its log.
        """
        return Session(self, self._do(features.saving.save_session, session_id, list(messages)))

    def transaction(self) -> Transaction:
        """``with store.transaction() as tx``: what is done through ``tx``, or any session of this
        store on this thread, becomes visible together, or with an exception not at all.

        Raises UnsupportedError where an engine cannot do that over several sessions.
        """
        from .transaction import Transaction

        return Transaction(self)

    # Tags

    def tags(self) -> dict[str, int]:
        """Every tag with the number of sessions that have it, the most used first."""
        return self._do(features.tagging.tags)

    def rename_tag(self, old: str, new: str) -> int:
        """Rename a tag in every session, or merge it into one that exists; returns how many changed."""
        return self._do(features.tagging.rename_tag, old, new)

    # Retention

    def cleanup(self, policy: RetentionPolicy, *, dry_run: bool = True, purge: bool = False) -> CleanupResult:
        """Move what a policy lets go to the trash, or with ``purge`` remove it for good."""
        return self._do(features.retention.cleanup, policy, dry_run=dry_run, purge=purge)

    def purge(self, *, trash_days: float = 30) -> list[str]:
        """Remove expired sessions for good, and those in the trash for ``trash_days`` (0: never)."""
        return self._do(features.retention.purge, trash_days=trash_days)

    # Search

    def search(
        self,
        words: str,
        /,
        query: SessionQuery | None = None,
        *,
        session: str | None = None,
        role: str | Sequence[str] | None = None,
        kinds: Sequence[str] | None = None,
        order: Order = "relevance",
        limit: int = 20,
        cursor: str | None = None,
        **filters: Unpack[Filters],
    ) -> Page[Hit]:
        """A page of messages that match: words, "phrases", prefix*, -exclusion, OR.

        ``since`` and ``until`` bound the message's time; the other filters its session. ``kinds``
        says where to look: ``text``, ``reasoning``, ``tool``. Any text is legal.
        """
        return self._do(
            features.searching.search,
            words,
            merged(query, filters),
            session_id=session,
            role=role,
            kinds=kinds,
            order=order,
            limit=limit,
            cursor=cursor,
        )

    def reindex(self) -> dict[str, int]:
        """Build the text index anew; returns how many sessions and messages it holds."""
        return self._do(features.searching.reindex)

    # In and out

    @overload
    def export(self, session_id: str, *, format: Literal["native"], to: None = None) -> bytes: ...  # type: ignore[overload-overlap]  # one str is told apart from all others
    @overload
    def export(
        self,
        session_id: str,
        *,
        format: str = "json",
        to: Destination | None = None,
        last: int | None = None,
        branch: str | None = None,
        tools: bool = True,
        redact: bool = False,
    ) -> str | None: ...
    def export(
        self,
        session_id: str,
        *,
        format: str = "json",
        to: Destination | None = None,
        last: int | None = None,
        branch: str | None = None,
        tools: bool = True,
        redact: bool = False,
    ) -> str | bytes | None:
        """A session in a format: returned as text, or written to a path or file (then None is returned).

        ``json`` and ``jsonl`` hold the whole log; ``native`` is the file that the session was
        imported from, as bytes. The others hold the active line. Of that, ``last`` takes the last
        messages only, ``branch`` another line; ``tools=False`` leaves tool calls and answers out, and
        ``redact`` replaces secrets (see ``recollect.formats.redacting``).
        """
        from .transfer.exporting import export_session
        from .transfer.selecting import Selection

        selection = Selection(last, branch, tools, redact)
        return self._do(export_session, session_id, format, to, selection)

    def export_all(
        self,
        to: Destination,
        query: SessionQuery | None = None,
        *,
        sessions: Sequence[str] | None = None,
        format: str = "json",
        last: int | None = None,
        branch: str | None = None,
        tools: bool = True,
        redact: bool = False,
        **filters: Unpack[Filters],
    ) -> dict[str, Path | None]:
        """Several sessions: those named, or those for which all filters hold.

        A folder gets a file for each, named after title and id. A file object, or a path with the
        format's own ending, gets one after the other where the format can hold several. The rest
        is as for ``export``. Returns the file of each session's id (None in a file object).
        """
        from .transfer.exporting_all import export_sessions
        from .transfer.selecting import Selection

        asked, selection = merged(query, filters), Selection(last, branch, tools, redact)
        return self._do(export_sessions, to, asked, sessions, format, selection)

    def import_(
        self,
        *paths: PathOrFile,
        format: str | None = None,
        keep_source: bool = True,
        progress: Callable[[Progress], None] | None = None,
    ) -> ImportResult:
        """Bring in conversations from files, folders or archives; again adds only what is new.

        Each file's bytes are kept, compressed, for ``export(format="native")``, unless
        ``keep_source=False``. ``progress`` is called now and then with how far the import is.
        """
        from .transfer.importing import import_paths

        return self._do(import_paths, paths, format, keep_source=keep_source, progress=progress)

    def sync(
        self,
        paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = (),
        *,
        tools: Sequence[str] | None = None,
        dry_run: bool = False,
        keep_source: bool = True,
        progress: Callable[[Progress], None] | None = None,
    ) -> SyncResult:
        """Bring in what is new in the folders of the tools known on this machine, and in ``paths``.

        ``tools`` names some of them instead of all (``[]``: only ``paths``). What was read before is
        not read again; a file that grew is read from where it ended. With ``dry_run`` nothing is
        written: the result says what would be read. The rest is as for ``import_``.
        """
        from .transfer.syncing import sync

        return self._do(sync, paths, tools=tools, dry_run=dry_run, keep_source=keep_source, progress=progress)

    def backup(
        self,
        to: Destination,
        query: SessionQuery | None = None,
        *,
        sessions: Sequence[str] | None = None,
        all_namespaces: bool = True,
        progress: Callable[[MoveProgress], None] | None = None,
        **filters: Unpack[Filters],
    ) -> BackupResult:
        """Write whole sessions into one archive file: all, those named, or those for which all filters hold.

        The logs hold all versions, branches, blobs and times; the trash, what was imported and the
        namespaces inside this one go along as for ``migrate``. The file is whole or not there.
        Writers go on meanwhile: each session is in it as it was at one moment.
        """
        from .transfer.moving.backup import back_up
        from .transfer.moving.origins import selected

        chosen = selected(merged(query, filters), sessions, all_namespaces)
        return self._do(back_up, to, chosen, progress)

    def restore_backup(
        self,
        path: str | os.PathLike[str],
        *,
        on_conflict: OnConflict = "skip",
        dry_run: bool = False,
        progress: Callable[[MoveProgress], None] | None = None,
    ) -> MigrateResult:
        """Bring the sessions of a backup back, as ``migrate`` does: again brings only what is missing.

        What is damaged in the archive is reported and the rest restored. Raises UnsupportedError for
        an archive of a later version. ``on_conflict``: ``skip`` or ``rename``.
        """
        from .transfer.moving.restore import restore_from

        return self._do(restore_from, path, on_conflict=on_conflict, dry_run=dry_run, progress=progress)

    # Health

    def verify(self, session_id: str | None = None) -> Report:
        """Check every record of one session, or of all sessions here."""
        return self._do(features.verifying.verify, session_id)

    def repair(
        self, session_id: str | None = None, *, quarantine: str | os.PathLike[str] | None = None
    ) -> RepairReport:
        """Rebuild rows from their logs and move damaged records into a quarantine file.

        Nothing is deleted: the file (``recollect-quarantine-<time>.jsonl`` in the current folder
        if none is named) holds every byte that was moved aside.
        """
        from .transfer.quarantine import repair_into

        return self._do(repair_into, session_id, quarantine)

    def stats(self) -> Figures:
        """Counts and sizes of this namespace."""
        return self._do(features.listing.figures)

    def namespaces(self) -> list[str]:
        """The namespaces that hold sessions and can be reached from here."""
        return self._do(features.listing.reachable)

    def __repr__(self) -> str:
        state = "closed" if self._opened.closed else "open"
        return f"<Store {self.capabilities.name} namespace={self._core.namespace!r} {state}>"


def _loop_thread() -> LoopThread:
    from .workers import LoopThread  # asyncio is not loaded for engines that never suspend

    return LoopThread()


def merged(query: SessionQuery | None, filters: Filters) -> SessionQuery:
    """A query given as a value, or as keywords."""
    if query is None:
        return features.filters.query_of(filters)
    if filters:
        raise InvalidError("Give the filters as a SessionQuery or as keywords, not both.")
    return query


def nested(outer: str, inner: str) -> str:
    """The name of a namespace inside another one."""
    return inner if outer == DEFAULT_NAMESPACE else f"{outer}/{inner}"
