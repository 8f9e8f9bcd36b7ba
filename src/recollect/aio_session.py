"""``AsyncSession``: the verbs of one conversation for asyncio."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, Unpack

from . import core as features
from .core.base import Core, Handle
from .model import Message, SessionInfo
from .options import Attributes
from .session import same_store

if TYPE_CHECKING:
    from .aio import AsyncStore
    from .core.appending import OnConflict
    from .core.branching import Branch, Diff, TreeNode
    from .core.editing import EraseResult
    from .core.forking import Lineage
    from .core.history import HistoryEntry
    from .core.merging import MergeResult, Strategy

P = ParamSpec("P")
T = TypeVar("T")


class AsyncSession:
    """A ``Session`` for asyncio: the same verbs, awaited.

    ``info`` and ``version`` are as of the last verb; ``await session.refresh()`` looks anew.
    """

    def __init__(self, store: AsyncStore, handle: Handle) -> None:
        self._store = store
        self._core = store._core
        self._handle = handle

    async def _read(
        self,
        verb: Callable[Concatenate[Core, Handle, P], Coroutine[Any, Any, T]],
        *args: P.args,
        **options: P.kwargs,
    ) -> T:
        return await self._store._read(verb, self._handle, *args, **options)

    async def _write(
        self,
        verb: Callable[Concatenate[Core, Handle, P], Coroutine[Any, Any, T]],
        *args: P.args,
        **options: P.kwargs,
    ) -> T:
        return await self._store._write(verb, self._handle, *args, **options)

    @property
    def id(self) -> str:
        """The session's id."""
        return self._handle.key.session_id

    @property
    def info(self) -> SessionInfo:
        """Attributes and figures as of the last verb on this handle."""
        return self._handle.newest.info

    @property
    def version(self) -> int:
        """The seq of the newest record as of the last verb on this handle."""
        return self._handle.newest.version

    async def refresh(self) -> SessionInfo:
        """See ``Session.refresh``."""
        return (await self._read(type(self._core).refresh)).info

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
            features.appending.append, messages, branch=branch, on_conflict=on_conflict, expect=expect
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
        line = await self._read(features.reading.messages, last=last, before=before, limit=limit, at=at)
        return features.toolcalls.repaired(line) if repair_tool_calls else line

    async def edit(self, message_id: str, new: str | Message, *, expect: int | None = None) -> Message:
        """See ``Session.edit``."""
        return await self._write(features.editing.edit, message_id, new, expect=expect)

    async def rewind(
        self, *, to: str | None = None, turns: int | None = None, expect: int | None = None
    ) -> SessionInfo:
        """See ``Session.rewind``."""
        return await self._write(features.editing.rewind, to=to, turns=turns, expect=expect)

    async def pop(self, *, expect: int | None = None) -> Message:
        """See ``Session.pop``."""
        return await self._write(features.editing.pop, expect=expect)

    async def clear(self, *, expect: int | None = None) -> SessionInfo:
        """See ``Session.clear``."""
        return await self._write(features.attributes.clear, expect=expect)

    async def erase(self, message_id: str, *, expect: int | None = None) -> EraseResult:
        """See ``Session.erase``."""
        return await self._write(features.editing.erase, message_id, expect=expect)

    # Attributes

    async def update(self, *, expect: int | None = None, **changes: Unpack[Attributes]) -> SessionInfo:
        """See ``Session.update``."""
        return await self._write(features.attributes.update, changes, expect=expect)

    async def tag(self, *tags: str, expect: int | None = None) -> SessionInfo:
        """See ``Session.tag``."""
        return await self._write(features.attributes.retag, tags, (), expect=expect)

    async def untag(self, *tags: str, expect: int | None = None) -> SessionInfo:
        """See ``Session.untag``."""
        return await self._write(features.attributes.retag, (), tags, expect=expect)

    async def set_metadata(self, path: str, value: Any, *, expect: int | None = None) -> SessionInfo:
        """See ``Session.set_metadata``."""
        return await self._write(features.tagging.set_metadata, path, value, expect=expect)

    async def get_metadata(self, path: str) -> Any:
        """See ``Session.get_metadata``."""
        return features.tagging.dotted((await self.refresh()).metadata, path)

    async def delete_metadata(self, path: str, *, expect: int | None = None) -> SessionInfo:
        """See ``Session.delete_metadata``."""
        return await self._write(features.tagging.delete_metadata, path, expect=expect)

    async def touch(self, *, expect: int | None = None) -> SessionInfo:
        """See ``Session.touch``."""
        return await self._write(features.attributes.touch, expect=expect)

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
            features.retention.expire, after=after, at=at, sliding=sliding, expect=expect
        )

    # Versions

    async def history(self, *, limit: int = 50, before: int | None = None) -> list[HistoryEntry]:
        """See ``Session.history``."""
        return await self._read(features.history.history, limit=limit, before=before)

    async def restore(self, version: int, *, expect: int | None = None) -> SessionInfo:
        """See ``Session.restore``."""
        return await self._write(features.history.restore, version, expect=expect)

    async def undo(self, *, expect: int | None = None) -> SessionInfo:
        """See ``Session.undo``."""
        return await self._write(features.history.undo, expect=expect)

    # Branches

    async def branch(self, name: str, *, at: str | int | None = None, expect: int | None = None) -> Branch:
        """See ``Session.branch``."""
        return await self._write(features.branching.branch, name, at=at, expect=expect)

    async def checkout(self, name: str, *, expect: int | None = None) -> SessionInfo:
        """See ``Session.checkout``."""
        return await self._write(features.branching.checkout, name, expect=expect)

    async def branches(self) -> list[Branch]:
        """See ``Session.branches``."""
        return await self._read(features.branching.branches)

    async def tree(self) -> list[TreeNode]:
        """See ``Session.tree``."""
        return await self._read(features.branching.tree)

    async def diff(self, ours: str | AsyncSession, theirs: str | None = None) -> Diff:
        """See ``Session.diff``."""
        if isinstance(ours, AsyncSession):
            return await self._read(features.branching.diff_sessions, same_store(self._store, ours))
        return await self._read(features.branching.diff, ours, theirs)

    async def label(
        self, message_id: str, name: str, *, off: bool = False, expect: int | None = None
    ) -> tuple[str, ...]:
        """See ``Session.label``."""
        return await self._write(features.branching.label, message_id, name, off=off, expect=expect)

    async def fork(
        self, session_id: str | None = None, *, at: str | int | None = None, name: str | None = None
    ) -> AsyncSession:
        """See ``Session.fork``."""
        forked = await self._write(features.forking.fork, session_id=session_id, at=at, name=name)
        return AsyncSession(self._store, forked)

    async def lineage(self) -> Lineage:
        """See ``Session.lineage``."""
        return await self._read(features.forking.lineage)

    async def merge(
        self,
        source: str | AsyncSession,
        *,
        strategy: Strategy = "continuation",
        message_ids: Sequence[str] = (),
        expect: int | None = None,
    ) -> MergeResult:
        """See ``Session.merge``."""
        other = same_store(self._store, source) if isinstance(source, AsyncSession) else source
        return await self._write(
            features.merging.merge,
            other,
            strategy=strategy,
            message_ids=message_ids,
            expect=expect,
        )

    def __repr__(self) -> str:
        return f"<AsyncSession {self.id!r} version={self._handle.state.version}>"
