"""``Store`` and ``Session``: the verbs of recollect for synchronous programs."""

from __future__ import annotations

import os
from collections.abc import Coroutine, Iterable, Sequence
from types import TracebackType
from typing import IO, Any, Self, TypeVar, Unpack

from .backend import Backend, Capabilities, Figures
from .core import listing, retention, saving, searching, sessions, tagging, verifying
from .core.base import DEFAULT_NAMESPACE, Clock, Core
from .core.filters import query_of
from .core.retention import CleanupResult, RetentionPolicy
from .errors import ClosedError, InvalidError
from .model import Hit, Message, Page, SessionInfo, SessionQuery
from .opening import open_target
from .options import Attributes, Filters
from .session import Session
from .stepping import LoopThread, step
from .transfer.exporting import Destination, export_session
from .transfer.importing import ImportResult, import_paths

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
        self._loop = None if self._opened.blocking else LoopThread()
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
        opening = sessions.open_session(self._core, session_id, attributes, create=create)
        return Session(self, self._run(opening))

    def create(self, session_id: str | None = None, **attributes: Unpack[Attributes]) -> Session:
        """A new session. Raises ExistsError when the id is taken."""
        return Session(self, self._run(sessions.create_session(self._core, session_id, attributes)))

    def get(self, session_id: str, *, at: int | None = None) -> Session:
        """The session of that id, or with ``at`` as it was at a version, attributes included: such
        a handle can be read, not written to. Raises NotFoundError."""
        return Session(self, self._run(sessions.get_session(self._core, session_id, at)))

    def exists(self, session_id: str) -> bool:
        """Whether there is such a session, outside the trash."""
        return self._run(sessions.exists(self._core, session_id))

    def resolve(self, reference: str, *, trashed: bool = False) -> str:
        """The id meant by an id, a unique prefix of at least 4 characters, a name, or ``@last``.

        Raises NotFoundError, or AmbiguousError with the candidates.
        """
        return self._run(listing.resolve(self._core, reference, trashed=trashed))

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
        found = listing.sessions(self._core, merged(query, filters), limit=limit, cursor=cursor)
        return self._run(found)

    def delete(self, session_id: str) -> None:
        """Remove a session for good, from the trash too. Raises NotFoundError."""
        self._run(sessions.delete(self._core, session_id))

    def trash(self, session_id: str) -> SessionInfo:
        """Hide a session everywhere until it is restored or deleted."""
        return self._run(sessions.trash(self._core, session_id))

    def trashed(self, *, limit: int = 50, cursor: str | None = None) -> Page[SessionInfo]:
        """A page of the sessions in the trash."""
        found = listing.sessions(self._core, SessionQuery(), limit=limit, cursor=cursor, trashed=True)
        return self._run(found)

    def restore(self, session_id: str) -> Session:
        """Bring a session back from the trash. Raises NotFoundError."""
        return Session(self, self._run(sessions.restore(self._core, session_id)))

    def save(self, session_id: str, messages: Iterable[Message]) -> Session:
        """Make a session's messages equal to a whole history, creating it if need be.

        Records only the difference: what both begin with is never written again, and what the
        session held beyond that stays in its log.
        """
        handle = self._run(sessions.open_session(self._core, session_id, {}))
        self._run(saving.save(self._core, handle, list(messages)))
        return Session(self, handle)

    # Tags

    def tags(self) -> dict[str, int]:
        """Every tag with the number of sessions that have it, the most used first."""
        return self._run(tagging.tags(self._core))

    def rename_tag(self, old: str, new: str) -> int:
        """Rename a tag in every session, or merge it into one that exists; returns how many changed."""
        return self._run(tagging.rename_tag(self._core, old, new))

    # Retention

    def cleanup(self, policy: RetentionPolicy, *, dry_run: bool = True, purge: bool = False) -> CleanupResult:
        """Move what a policy lets go to the trash, or with ``purge`` remove it for good."""
        return self._run(retention.cleanup(self._core, policy, dry_run=dry_run, purge=purge))

    def purge(self, *, trash_days: float = 30) -> list[str]:
        """Remove expired sessions for good, and those in the trash for ``trash_days`` (0: never)."""
        return self._run(retention.purge(self._core, trash_days=trash_days))

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
        order: searching.Order = "relevance",
        limit: int = 20,
        cursor: str | None = None,
        **filters: Unpack[Filters],
    ) -> Page[Hit]:
        """A page of messages that match: words, "phrases", prefix*, -exclusion, OR.

        ``since`` and ``until`` bound the message's time; the other filters its session. ``kinds``
        says where to look: ``text``, ``reasoning``, ``tool``. Any text is legal.
        """
        found = searching.search(
            self._core,
            words,
            merged(query, filters),
            session_id=session,
            role=role,
            kinds=kinds,
            order=order,
            limit=limit,
            cursor=cursor,
        )
        return self._run(found)

    def reindex(self) -> dict[str, int]:
        """Build the text index anew; returns how many sessions and messages it holds."""
        return self._run(reindex_all(self._core))

    # In and out

    def export(
        self,
        session_id: str,
        *,
        format: str = "json",
        to: Destination | None = None,
    ) -> str | None:
        """A session as text in a format, or written to a path or file (then None is returned)."""
        return self._run(export_session(self._core, session_id, format, to))

    def import_(
        self,
        *paths: PathOrFile,
        format: str | None = None,
    ) -> ImportResult:
        """Bring in conversations from files, folders or archives; again adds only what is new."""
        return self._run(import_paths(self._core, paths, format))

    # Health

    def verify(self, session_id: str | None = None) -> verifying.Report:
        """Check every record of one session, or of all sessions here."""
        return self._run(verifying.verify(self._core, session_id))

    def stats(self) -> Figures:
        """Counts and sizes of this namespace."""
        return self._run(self._core.backend.figures(self._core.namespace))

    def namespaces(self) -> list[str]:
        """The namespaces that hold sessions and can be reached from here."""
        return self._run(reachable(self._core))

    def __repr__(self) -> str:
        state = "closed" if self._opened.closed else "open"
        return f"<Store {self.capabilities.name} namespace={self._core.namespace!r} {state}>"


def merged(query: SessionQuery | None, filters: Filters) -> SessionQuery:
    """A query given as a value, or as keywords."""
    if query is None:
        return query_of(filters)
    if filters:
        raise InvalidError("Give the filters as a SessionQuery or as keywords, not both.")
    return query


def nested(outer: str, inner: str) -> str:
    """The name of a namespace inside another one."""
    return inner if outer == DEFAULT_NAMESPACE else f"{outer}/{inner}"


async def reachable(core: Core) -> list[str]:
    """The namespaces inside a core's own, itself included; from the default one, all."""
    names = await core.backend.namespaces()
    if core.namespace == DEFAULT_NAMESPACE:
        return names
    return [n for n in names if n == core.namespace or n.startswith(core.namespace + "/")]


async def reindex_all(core: Core) -> dict[str, int]:
    """Rebuild the text index of the whole store, whichever namespace asks."""
    return await searching.reindex(core, await core.backend.namespaces())
