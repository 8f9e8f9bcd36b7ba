"""``AsyncSession``: the verbs of one conversation for asyncio."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from .core import (
    appending,
    attributes,
    branching,
    editing,
    forking,
    history,
    merging,
    reading,
    retention,
    tagging,
    toolcalls,
)
from .core.appending import OnConflict
from .core.base import Handle
from .core.branching import Branch, Diff, TreeNode
from .core.editing import EraseResult
from .core.forking import Lineage
from .core.history import HistoryEntry
from .core.merging import MergeResult
from .model import Message, SessionInfo
from .options import Attributes

if TYPE_CHECKING:
    from .aio import AsyncStore

T = TypeVar("T")


class AsyncSession:
    """A ``Session`` for asyncio: the same verbs, awaited.

    ``info`` and ``version`` are as of the last verb; ``await session.refresh()`` looks anew.
    """

    def __init__(self, store: AsyncStore, handle: Handle) -> None:
        self._store = store
        self._core = store._core
        self._handle = handle

    async def _read(self, operation: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return await self._store._read(operation)

    async def _write(self, operation: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return await self._store._write(operation)

    @property
    def id(self) -> str:
        """The session's id."""
        return self._handle.key.session_id

    @property
    def info(self) -> SessionInfo:
        """Attributes and figures as of the last verb on this handle."""
        return self._handle.state.info

    @property
    def version(self) -> int:
        """The seq of the newest record as of the last verb on this handle."""
        return self._handle.state.version

    async def refresh(self) -> SessionInfo:
        """See ``Session.refresh``."""
        return (await self._read(lambda: self._core.refresh(self._handle))).info

    # Messages

    async def append(
        self,
        *messages: Message,
        branch: str | None = None,
        on_conflict: OnConflict = "rebase",
        expect: int | None = None,
    ) -> list[Message]:
        """See ``Session.append``."""
        return await self._write(
            lambda: appending.append(
                self._core, self._handle, messages, branch=branch, on_conflict=on_conflict, expect=expect
            )
        )

    async def messages(
        self,
        *,
        last: int | None = None,
        before: str | None = None,
        limit: int | None = None,
        at: int | None = None,
        repair_tool_calls: bool = False,
    ) -> list[Message]:
        """See ``Session.messages``."""
        line = await self._read(
            lambda: reading.messages(self._core, self._handle, last=last, before=before, limit=limit, at=at)
        )
        return toolcalls.repaired(line) if repair_tool_calls else line

    async def edit(self, message_id: str, new: str | Message, *, expect: int | None = None) -> Message:
        """See ``Session.edit``."""
        return await self._write(
            lambda: editing.edit(self._core, self._handle, message_id, new, expect=expect)
        )

    async def rewind(
        self, *, to: str | None = None, turns: int | None = None, expect: int | None = None
    ) -> SessionInfo:
        """See ``Session.rewind``."""
        return await self._write(
            lambda: editing.rewind(self._core, self._handle, to=to, turns=turns, expect=expect)
        )

    async def pop(self, *, expect: int | None = None) -> Message:
        """See ``Session.pop``."""
        return await self._write(lambda: editing.pop(self._core, self._handle, expect=expect))

    async def clear(self, *, expect: int | None = None) -> SessionInfo:
        """See ``Session.clear``."""
        return await self._write(lambda: attributes.clear(self._core, self._handle, expect=expect))

    async def erase(self, message_id: str, *, expect: int | None = None) -> EraseResult:
        """See ``Session.erase``."""
        return await self._write(lambda: editing.erase(self._core, self._handle, message_id, expect=expect))

    # Attributes

    async def update(self, *, expect: int | None = None, **changes: Unpack[Attributes]) -> SessionInfo:
        """See ``Session.update``."""
        return await self._write(lambda: attributes.update(self._core, self._handle, changes, expect=expect))

    async def tag(self, *tags: str, expect: int | None = None) -> SessionInfo:
        """See ``Session.tag``."""
        return await self._write(lambda: attributes.retag(self._core, self._handle, tags, (), expect=expect))

    async def untag(self, *tags: str, expect: int | None = None) -> SessionInfo:
        """See ``Session.untag``."""
        return await self._write(lambda: attributes.retag(self._core, self._handle, (), tags, expect=expect))

    async def set_metadata(self, path: str, value: Any, *, expect: int | None = None) -> SessionInfo:
        """See ``Session.set_metadata``."""
        return await self._write(
            lambda: tagging.set_metadata(self._core, self._handle, path, value, expect=expect)
        )

    async def get_metadata(self, path: str) -> Any:
        """See ``Session.get_metadata``."""
        return tagging.dotted((await self.refresh()).metadata, path)

    async def delete_metadata(self, path: str, *, expect: int | None = None) -> SessionInfo:
        """See ``Session.delete_metadata``."""
        return await self._write(
            lambda: tagging.delete_metadata(self._core, self._handle, path, expect=expect)
        )

    async def touch(self, *, expect: int | None = None) -> SessionInfo:
        """See ``Session.touch``."""
        return await self._write(lambda: attributes.touch(self._core, self._handle, expect=expect))

    async def expire(
        self,
        *,
        after: timedelta | None = None,
        at: datetime | None = None,
        sliding: bool = False,
        expect: int | None = None,
    ) -> SessionInfo:
        """See ``Session.expire``."""
        return await self._write(
            lambda: retention.expire(
                self._core, self._handle, after=after, at=at, sliding=sliding, expect=expect
            )
        )

    # Versions

    async def history(self, *, limit: int = 50, before: int | None = None) -> list[HistoryEntry]:
        """See ``Session.history``."""
        return await self._read(lambda: history.history(self._core, self._handle, limit=limit, before=before))

    async def restore(self, version: int, *, expect: int | None = None) -> SessionInfo:
        """See ``Session.restore``."""
        return await self._write(lambda: history.restore(self._core, self._handle, version, expect=expect))

    async def undo(self, *, expect: int | None = None) -> SessionInfo:
        """See ``Session.undo``."""
        return await self._write(lambda: history.undo(self._core, self._handle, expect=expect))

    # Branches

    async def branch(self, name: str, *, at: str | int | None = None, expect: int | None = None) -> Branch:
        """See ``Session.branch``."""
        return await self._write(
            lambda: branching.branch(self._core, self._handle, name, at=at, expect=expect)
        )

    async def checkout(self, name: str, *, expect: int | None = None) -> SessionInfo:
        """See ``Session.checkout``."""
        return await self._write(lambda: branching.checkout(self._core, self._handle, name, expect=expect))

    async def branches(self) -> list[Branch]:
        """See ``Session.branches``."""
        return await self._read(lambda: branching.branches(self._core, self._handle))

    async def tree(self) -> list[TreeNode]:
        """See ``Session.tree``."""
        return await self._read(lambda: branching.tree(self._core, self._handle))

    async def diff(self, ours: str | AsyncSession, theirs: str | None = None) -> Diff:
        """See ``Session.diff``."""
        if isinstance(ours, AsyncSession):
            return await self._read(lambda: branching.diff_sessions(self._core, self._handle, ours._handle))
        return await self._read(lambda: branching.diff(self._core, self._handle, ours, theirs))

    async def label(
        self, message_id: str, name: str, *, off: bool = False, expect: int | None = None
    ) -> tuple[str, ...]:
        """See ``Session.label``."""
        return await self._write(
            lambda: branching.label(self._core, self._handle, message_id, name, off=off, expect=expect)
        )

    async def fork(
        self, session_id: str | None = None, *, at: str | int | None = None, name: str | None = None
    ) -> AsyncSession:
        """See ``Session.fork``."""
        core, handle = self._core, self._handle
        forked = await self._write(
            lambda: forking.fork(core, handle, session_id=session_id, at=at, name=name)
        )
        return AsyncSession(self._store, forked)

    async def lineage(self) -> Lineage:
        """See ``Session.lineage``."""
        return await self._read(lambda: forking.lineage(self._core, self._handle))

    async def merge(
        self,
        source: str | AsyncSession,
        *,
        strategy: merging.Strategy = "continuation",
        message_ids: Sequence[str] = (),
        expect: int | None = None,
    ) -> MergeResult:
        """See ``Session.merge``."""
        other = source._handle if isinstance(source, AsyncSession) else source
        return await self._write(
            lambda: merging.merge(
                self._core,
                self._handle,
                other,
                strategy=strategy,
                message_ids=message_ids,
                expect=expect,
            )
        )

    def __repr__(self) -> str:
        return f"<AsyncSession {self.id!r} version={self._handle.state.version}>"
