"""``AsyncStore``: the verbs of ``Store``, awaited.

Over a blocking engine, writes are queued to one worker thread that commits many at once and reads
run on threads of their own; over an asynchronous engine everything is awaited where it is called.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from .aio_session import AsyncSession
from .backend import Backend, Capabilities, Figures
from .core import listing, retention, saving, searching, sessions, tagging, verifying
from .core.base import Clock, Handle
from .core.retention import CleanupResult, RetentionPolicy
from .errors import ClosedError
from .model import Hit, Message, Page, SessionInfo, SessionQuery
from .opening import open_target
from .options import Attributes, Filters
from .stepping import Worker
from .store import PathOrFile, merged, nested, reachable, reindex_all
from .transfer.exporting import Destination, export_session
from .transfer.importing import ImportResult, import_paths

T = TypeVar("T")


class AsyncStore:
    """A ``Store`` for asyncio: the same verbs, awaited. Use it with ``async with``.

    Without ``async with``, it opens at its first verb.
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
        self._worker = Worker(self._core.backend) if self._opened.blocking else None
        self._owner = True

    async def _open(self) -> None:
        if self._opened.closed:
            raise ClosedError("The store is closed.", hint="Open it again.")
        if not self._opened.ready:
            if self._worker is None:
                await self._core.backend.open()
            else:
                await self._worker.write(self._core.backend.open)
            self._opened.ready = True

    async def _write(self, operation: Callable[[], Coroutine[Any, Any, T]]) -> T:
        if not self._opened.ready or self._opened.closed:
            await self._open()
        if self._worker is None:
            return await operation()
        result: T = await self._worker.write(operation)
        return result

    async def _read(self, operation: Callable[[], Coroutine[Any, Any, T]]) -> T:
        if not self._opened.ready or self._opened.closed:
            await self._open()
        return await (operation() if self._worker is None else self._worker.read(operation()))

    async def close(self) -> None:
        """Let what is queued finish and release the engine. Closing twice is fine."""
        if self._opened.closed or not self._owner:
            return
        self._opened.closed = True
        if self._worker is None:
            await self._core.backend.close()
        else:
            await self._worker.close(self._core.backend.close)

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def namespace(self, name: str) -> AsyncStore:
        """See ``Store.namespace``."""
        inner = object.__new__(type(self))
        inner._opened = self._opened
        inner._core = self._core.confined(nested(self._core.namespace, name))
        inner._worker = self._worker
        inner._owner = False
        return inner

    @property
    def capabilities(self) -> Capabilities:
        """What the engine can do."""
        return self._core.backend.capabilities

    async def open(
        self, session_id: str | None = None, *, create: bool = True, **attributes: Unpack[Attributes]
    ) -> AsyncSession:
        """See ``Store.open``."""
        core = self._core
        handle = await self._write(lambda: sessions.open_session(core, session_id, attributes, create=create))
        return AsyncSession(self, handle)

    async def create(self, session_id: str | None = None, **attributes: Unpack[Attributes]) -> AsyncSession:
        """See ``Store.create``."""
        handle = await self._write(lambda: sessions.create_session(self._core, session_id, attributes))
        return AsyncSession(self, handle)

    async def get(self, session_id: str, *, at: int | None = None) -> AsyncSession:
        """See ``Store.get``."""
        handle = await self._read(lambda: sessions.get_session(self._core, session_id, at))
        return AsyncSession(self, handle)

    async def exists(self, session_id: str) -> bool:
        """See ``Store.exists``."""
        return await self._read(lambda: sessions.exists(self._core, session_id))

    async def resolve(self, reference: str, *, trashed: bool = False) -> str:
        """See ``Store.resolve``."""
        return await self._read(lambda: listing.resolve(self._core, reference, trashed=trashed))

    async def sessions(
        self,
        query: SessionQuery | None = None,
        *,
        limit: int = 50,
        cursor: str | None = None,
        **filters: Unpack[Filters],
    ) -> Page[SessionInfo]:
        """See ``Store.sessions``."""
        asked = merged(query, filters)
        return await self._read(lambda: listing.sessions(self._core, asked, limit=limit, cursor=cursor))

    async def delete(self, session_id: str) -> None:
        """See ``Store.delete``."""
        await self._write(lambda: sessions.delete(self._core, session_id))

    async def trash(self, session_id: str) -> SessionInfo:
        """See ``Store.trash``."""
        return await self._write(lambda: sessions.trash(self._core, session_id))

    async def trashed(self, *, limit: int = 50, cursor: str | None = None) -> Page[SessionInfo]:
        """See ``Store.trashed``."""
        return await self._read(
            lambda: listing.sessions(self._core, SessionQuery(), limit=limit, cursor=cursor, trashed=True)
        )

    async def restore(self, session_id: str) -> AsyncSession:
        """See ``Store.restore``."""
        return AsyncSession(self, await self._write(lambda: sessions.restore(self._core, session_id)))

    async def save(self, session_id: str, messages: Iterable[Message]) -> AsyncSession:
        """See ``Store.save``."""
        core, history = self._core, list(messages)

        async def saved() -> Handle:
            handle = await sessions.open_session(core, session_id, {})
            await saving.save(core, handle, history)
            return handle

        return AsyncSession(self, await self._write(saved))

    async def tags(self) -> dict[str, int]:
        """See ``Store.tags``."""
        return await self._read(lambda: tagging.tags(self._core))

    async def rename_tag(self, old: str, new: str) -> int:
        """See ``Store.rename_tag``."""
        return await self._write(lambda: tagging.rename_tag(self._core, old, new))

    async def cleanup(
        self, policy: RetentionPolicy, *, dry_run: bool = True, purge: bool = False
    ) -> CleanupResult:
        """See ``Store.cleanup``."""
        core = self._core
        return await self._read(lambda: retention.cleanup(core, policy, dry_run=dry_run, purge=purge))

    async def purge(self, *, trash_days: float = 30) -> list[str]:
        """See ``Store.purge``."""
        return await self._read(lambda: retention.purge(self._core, trash_days=trash_days))

    async def search(
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
        """See ``Store.search``."""
        asked = merged(query, filters)
        return await self._read(
            lambda: searching.search(
                self._core,
                words,
                asked,
                session_id=session,
                role=role,
                kinds=kinds,
                order=order,
                limit=limit,
                cursor=cursor,
            )
        )

    async def reindex(self) -> dict[str, int]:
        """See ``Store.reindex``."""
        return await self._read(lambda: reindex_all(self._core))

    async def export(
        self,
        session_id: str,
        *,
        format: str = "json",
        to: Destination | None = None,
    ) -> str | None:
        """See ``Store.export``."""
        return await self._read(lambda: export_session(self._core, session_id, format, to))

    async def import_(
        self,
        *paths: PathOrFile,
        format: str | None = None,
    ) -> ImportResult:
        """See ``Store.import_``. Runs beside other writes and in many commits of its own."""
        return await self._read(lambda: import_paths(self._core, paths, format))

    async def verify(self, session_id: str | None = None) -> verifying.Report:
        """See ``Store.verify``."""
        return await self._read(lambda: verifying.verify(self._core, session_id))

    async def stats(self) -> Figures:
        """See ``Store.stats``."""
        return await self._read(lambda: self._core.backend.figures(self._core.namespace))

    async def namespaces(self) -> list[str]:
        """See ``Store.namespaces``."""
        return await self._read(lambda: reachable(self._core))

    def __repr__(self) -> str:
        state = "closed" if self._opened.closed else "open"
        return f"<AsyncStore {self.capabilities.name} namespace={self._core.namespace!r} {state}>"
