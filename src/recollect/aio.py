"""``AsyncStore``: the verbs of ``Store``, awaited.

Over a blocking engine, writes are queued to one worker thread that commits many at once and reads
run on threads of their own; over an asynchronous engine everything is awaited where it is called.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Iterable, Sequence
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, Self, TypeVar, Unpack, overload

from . import core as features
from .aio_session import AsyncSession
from .backend import Backend, Capabilities, Figures
from .core.base import Clock, Core
from .errors import ClosedError
from .model import Hit, Message, Page, SessionInfo, SessionQuery
from .opening import open_target
from .options import Attributes, Filters
from .store import PathOrFile, merged, nested
from .workers import Worker

if TYPE_CHECKING:
    from pathlib import Path

    from .aio_transaction import AsyncTransaction
    from .core.repairing import RepairReport
    from .core.retention import CleanupResult, RetentionPolicy
    from .core.searching import Order
    from .core.verifying import Report
    from .transfer.destinations import Destination
    from .transfer.importing import ImportResult
    from .transfer.moving.results import BackupResult, MigrateResult, MoveProgress, OnConflict
    from .transfer.results import Progress, SyncResult

P = ParamSpec("P")
T = TypeVar("T")


class AsyncStore:
    """A ``Store`` for asyncio: the same verbs, awaited. Use it with ``async with``.

    Without ``async with``, it opens at its first verb. With ``retention``, or where the
    configuration file says ``auto = true``, it cleans up by that policy when it opens and every
    ``cleanup_every`` from then on: to the trash first, and for good after ``trash_days``.
    """

    def __init__(
        self,
        target: str | Backend | None = None,
        *,
        namespace: str | None = None,
        durability: str | None = None,
        readonly: bool = False,
        clock: Clock | None = None,
        retention: RetentionPolicy | None = None,
        cleanup_every: timedelta = timedelta(hours=1),
        trash_days: float = 30,
    ) -> None:
        self._opened = open_target(target, namespace, durability, readonly, clock)
        self._core = self._opened.core
        self._worker = Worker(self._core.backend) if self._opened.blocking else None
        self._owner = True
        configured = self._opened.retention
        if retention is None and configured is not None and configured.auto and configured.limited:
            from .caretaking import policy_of

            retention, trash_days = policy_of(configured), configured.trash_days
        if retention is not None and not readonly:
            from .caretaking import Caretaker  # only long-lived programs have one

            self._opened.caretaker = Caretaker(self._core, self._worker, retention, cleanup_every, trash_days)

    async def _open(self) -> None:
        if self._opened.closed:
            raise ClosedError("The store is closed.", hint="Open it again.")
        if not self._opened.ready:
            if self._worker is None:
                await self._core.backend.open()
            else:
                await self._worker.open(self._core.backend.open)
            self._opened.ready = True
            if self._opened.caretaker is not None:
                self._opened.caretaker.start()

    async def _write(
        self, verb: Callable[Concatenate[Core, P], Coroutine[Any, Any, T]], *args: P.args, **options: P.kwargs
    ) -> T:
        if not self._opened.ready or self._opened.closed:
            await self._open()
        if self._worker is None:
            return await verb(self._core, *args, **options)
        result: T = await self._worker.write(lambda: verb(self._core, *args, **options))
        return result

    async def _read(
        self, verb: Callable[Concatenate[Core, P], Coroutine[Any, Any, T]], *args: P.args, **options: P.kwargs
    ) -> T:
        if not self._opened.ready or self._opened.closed:
            await self._open()
        if self._worker is None:
            return await verb(self._core, *args, **options)
        return await self._worker.read(lambda: verb(self._core, *args, **options))

    async def close(self) -> None:
        """Let what is queued finish and release the engine. Closing twice is fine."""
        if self._opened.closed or not self._owner:
            return
        self._opened.closed = True
        if self._opened.caretaker is not None:
            await self._opened.caretaker.stop()
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
        handle = await self._write(features.sessions.open_session, session_id, attributes, create=create)
        return AsyncSession(self, handle)

    async def create(self, session_id: str | None = None, **attributes: Unpack[Attributes]) -> AsyncSession:
        """See ``Store.create``."""
        handle = await self._write(features.sessions.create_session, session_id, attributes)
        return AsyncSession(self, handle)

    async def get(self, session_id: str, *, at: int | None = None) -> AsyncSession:
        """See ``Store.get``."""
        handle = await self._read(features.sessions.get_session, session_id, at)
        return AsyncSession(self, handle)

    async def exists(self, session_id: str) -> bool:
        """See ``Store.exists``."""
        return await self._read(features.sessions.exists, session_id)

    async def resolve(self, reference: str, *, trashed: bool = False) -> str:
        """See ``Store.resolve``."""
        return await self._read(features.listing.resolve, reference, trashed=trashed)

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
        return await self._read(features.listing.sessions, asked, limit=limit, cursor=cursor)

    async def delete(self, session_id: str) -> None:
        """See ``Store.delete``."""
        await self._write(features.sessions.delete, session_id)

    async def trash(self, session_id: str) -> SessionInfo:
        """See ``Store.trash``."""
        return await self._write(features.sessions.trash, session_id)

    async def trashed(self, *, limit: int = 50, cursor: str | None = None) -> Page[SessionInfo]:
        """See ``Store.trashed``."""
        return await self._read(
            features.listing.sessions, SessionQuery(), limit=limit, cursor=cursor, trashed=True
        )

    async def restore(self, session_id: str) -> AsyncSession:
        """See ``Store.restore``."""
        return AsyncSession(self, await self._write(features.sessions.restore, session_id))

    async def save(self, session_id: str, messages: Iterable[Message]) -> AsyncSession:
        """See ``Store.save``."""
        handle = await self._write(features.saving.save_session, session_id, list(messages))
        return AsyncSession(self, handle)

    def transaction(self) -> AsyncTransaction:
        """See ``Store.transaction``: ``async with store.transaction() as tx``, and only through ``tx``."""
        from .aio_transaction import AsyncTransaction

        return AsyncTransaction(self)

    async def tags(self) -> dict[str, int]:
        """See ``Store.tags``."""
        return await self._read(features.tagging.tags)

    async def rename_tag(self, old: str, new: str) -> int:
        """See ``Store.rename_tag``."""
        return await self._write(features.tagging.rename_tag, old, new)

    async def cleanup(
        self, policy: RetentionPolicy, *, dry_run: bool = True, purge: bool = False
    ) -> CleanupResult:
        """See ``Store.cleanup``."""
        return await self._read(features.retention.cleanup, policy, dry_run=dry_run, purge=purge)

    async def purge(self, *, trash_days: float = 30) -> list[str]:
        """See ``Store.purge``."""
        return await self._read(features.retention.purge, trash_days=trash_days)

    async def search(
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
        """See ``Store.search``."""
        asked = merged(query, filters)
        return await self._read(
            features.searching.search,
            words,
            asked,
            session_id=session,
            role=role,
            kinds=kinds,
            order=order,
            limit=limit,
            cursor=cursor,
        )

    async def reindex(self) -> dict[str, int]:
        """See ``Store.reindex``."""
        return await self._read(features.searching.reindex)

    @overload
    async def export(self, session_id: str, *, format: Literal["native"], to: None = None) -> bytes: ...  # type: ignore[overload-overlap]  # one str is told apart from all others
    @overload
    async def export(
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
    async def export(
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
        """See ``Store.export``."""
        from .transfer.exporting import export_session
        from .transfer.selecting import Selection

        selection = Selection(last, branch, tools, redact)
        return await self._read(export_session, session_id, format, to, selection)

    async def export_all(
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
        """See ``Store.export_all``."""
        from .transfer.exporting_all import export_sessions
        from .transfer.selecting import Selection

        asked, selection = merged(query, filters), Selection(last, branch, tools, redact)
        return await self._read(export_sessions, to, asked, sessions, format, selection)

    async def import_(
        self,
        *paths: PathOrFile,
        format: str | None = None,
        keep_source: bool = True,
        progress: Callable[[Progress], None] | None = None,
    ) -> ImportResult:
        """See ``Store.import_``. Runs beside other writes and in many commits of its own."""
        from .transfer.importing import import_paths

        return await self._read(import_paths, paths, format, keep_source=keep_source, progress=progress)

    async def sync(
        self,
        paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = (),
        *,
        tools: Sequence[str] | None = None,
        dry_run: bool = False,
        keep_source: bool = True,
        progress: Callable[[Progress], None] | None = None,
    ) -> SyncResult:
        """See ``Store.sync``. Runs beside other writes and in many commits of its own."""
        from .transfer.syncing import sync

        return await self._read(
            sync, paths, tools=tools, dry_run=dry_run, keep_source=keep_source, progress=progress
        )

    async def backup(
        self,
        to: Destination,
        query: SessionQuery | None = None,
        *,
        sessions: Sequence[str] | None = None,
        all_namespaces: bool = True,
        progress: Callable[[MoveProgress], None] | None = None,
        **filters: Unpack[Filters],
    ) -> BackupResult:
        """See ``Store.backup``."""
        from .transfer.moving.backup import back_up
        from .transfer.moving.origins import selected

        chosen = selected(merged(query, filters), sessions, all_namespaces)
        return await self._read(back_up, to, chosen, progress)

    async def restore_backup(
        self,
        path: str | os.PathLike[str],
        *,
        on_conflict: OnConflict = "skip",
        dry_run: bool = False,
        progress: Callable[[MoveProgress], None] | None = None,
    ) -> MigrateResult:
        """See ``Store.restore_backup``. Runs beside other writes and in many commits of its own."""
        from .transfer.moving.restore import restore_from

        return await self._read(
            restore_from, path, on_conflict=on_conflict, dry_run=dry_run, progress=progress
        )

    async def verify(self, session_id: str | None = None) -> Report:
        """See ``Store.verify``."""
        return await self._read(features.verifying.verify, session_id)

    async def repair(
        self, session_id: str | None = None, *, quarantine: str | os.PathLike[str] | None = None
    ) -> RepairReport:
        """See ``Store.repair``."""
        from .transfer.quarantine import repair_into

        return await self._read(repair_into, session_id, quarantine)

    async def stats(self) -> Figures:
        """See ``Store.stats``."""
        return await self._read(features.listing.figures)

    async def namespaces(self) -> list[str]:
        """See ``Store.namespaces``."""
        return await self._read(features.listing.reachable)

    def __repr__(self) -> str:
        state = "closed" if self._opened.closed else "open"
        return f"<AsyncStore {self.capabilities.name} namespace={self._core.namespace!r} {state}>"
