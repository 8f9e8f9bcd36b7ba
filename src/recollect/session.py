"""``Session``: the verbs of one conversation for synchronous programs."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, Unpack

from . import core as features
from .core.base import Core, Handle
from .errors import InvalidError
from .model import Message, SessionInfo
from .options import Attributes

if TYPE_CHECKING:
    from .aio import AsyncStore
    from .aio_session import AsyncSession
    from .core.appending import OnConflict
    from .core.branching import Branch, Diff, TreeNode
    from .core.editing import EraseResult
    from .core.forking import Lineage
    from .core.history import HistoryEntry
    from .core.merging import MergeResult, Strategy
    from .store import Store

P = ParamSpec("P")
T = TypeVar("T")


class Session:
    """One conversation. Handles stay valid while others write: they reload by version."""

    def __init__(self, store: Store, handle: Handle) -> None:
        self._store = store
        self._core = store._core
        self._handle = handle

    def _do(
        self,
        verb: Callable[Concatenate[Core, Handle, P], Coroutine[Any, Any, T]],
        *args: P.args,
        **options: P.kwargs,
    ) -> T:
        return self._store._do(verb, self._handle, *args, **options)

    @property
    def id(self) -> str:
        """The session's id."""
        return self._handle.key.session_id

    @property
    def info(self) -> SessionInfo:
        """Attributes and figures, as of now. Raises NotFoundError once the session is gone."""
        return self._store._run(self._core.refresh(self._handle)).info

    @property
    def version(self) -> int:
        """The seq of the newest record, as of now: give it as ``expect=`` to guard a write."""
        return self.info.version

    def refresh(self) -> SessionInfo:
        """Look at the session anew; ``info`` does the same here, and does not in AsyncSession."""
        return self._store._run(self._core.refresh(self._handle)).info

    # Messages

    def append(
        self,
        *messages: Message,
        branch: str | None = None,
        on_conflict: OnConflict = "rebase",
        expect: int | None = None,
    ) -> list[Message]:
        """Add messages, all or none, durable on return; returns them as stored.

        A supplied id that is stored with the same content is not stored twice. When another
        writer was faster the messages go behind its (``on_conflict="rebase"``) or on a branch of
        their own (``"branch"``); with ``expect`` ConflictError is raised. With ``branch`` they go
        to the end of that branch and the active one stays active.
        """
        # The one verb that programs call all the time goes straight to its coroutine.
        return self._store._run(
            features.appending.append(
                self._core, self._handle, messages, branch=branch, on_conflict=on_conflict, expect=expect
            )
        )

    def messages(
        self,
        *,
        last: int | None = None,
        before: str | None = None,
        limit: int | None = None,
        at: int | None = None,
        repair_tool_calls: bool = False,
    ) -> list[Message]:
        """Messages in order: all, the ``last`` n, at most ``limit`` before the message ``before``,
        or those that were there ``at`` a version.

        With ``repair_tool_calls`` the line is one that any model provider accepts: every tool call
        answered once, directly behind it. Nothing stored changes.
        """
        line = self._do(features.reading.messages, last=last, before=before, limit=limit, at=at)
        return features.toolcalls.repaired(line) if repair_tool_calls else line

    def edit(self, message_id: str, new: str | Message, *, expect: int | None = None) -> Message:
        """Put a new version of a message beside the old one and go on from there.

        The old text and what followed it stay on a branch of their own. Returns the new message.
        """
        return self._do(features.editing.edit, message_id, new, expect=expect)

    def rewind(
        self, *, to: str | None = None, turns: int | None = None, expect: int | None = None
    ) -> SessionInfo:
        """Let the line end in the message ``to``, or ``turns`` turns earlier; the rest stays in the log."""
        return self._do(features.editing.rewind, to=to, turns=turns, expect=expect)

    def pop(self, *, expect: int | None = None) -> Message:
        """Take the last message off the line and return it. Raises NotFoundError on an empty one."""
        return self._do(features.editing.pop, expect=expect)

    def clear(self, *, expect: int | None = None) -> SessionInfo:
        """Begin anew with no messages; what was said stays in the log (see ``messages(at=)``)."""
        return self._do(features.attributes.clear, expect=expect)

    def erase(self, message_id: str, *, expect: int | None = None) -> EraseResult:
        """Remove a message's content physically, from every file; its place and figures stay.

        Forks made before keep copies of their own: the result names them.
        """
        return self._do(features.editing.erase, message_id, expect=expect)

    # Attributes

    def update(self, *, expect: int | None = None, **changes: Unpack[Attributes]) -> SessionInfo:
        """Set attributes; ``tags`` and ``metadata`` are replaced whole, what is not given stays."""
        return self._do(features.attributes.update, changes, expect=expect)

    def tag(self, *tags: str, expect: int | None = None) -> SessionInfo:
        """Add tags."""
        return self._do(features.attributes.retag, tags, (), expect=expect)

    def untag(self, *tags: str, expect: int | None = None) -> SessionInfo:
        """Remove tags; those it does not have do not matter."""
        return self._do(features.attributes.retag, (), tags, expect=expect)

    def set_metadata(self, path: str, value: Any, *, expect: int | None = None) -> SessionInfo:
        """Set one value of the metadata by its dotted path, ``project.name``."""
        return self._do(features.tagging.set_metadata, path, value, expect=expect)

    def get_metadata(self, path: str) -> Any:
        """One value of the metadata by its dotted path. Raises NotFoundError."""
        return features.tagging.dotted(self.info.metadata, path)

    def delete_metadata(self, path: str, *, expect: int | None = None) -> SessionInfo:
        """Remove one value of the metadata by its dotted path. Raises NotFoundError."""
        return self._do(features.tagging.delete_metadata, path, expect=expect)

    def touch(self, *, expect: int | None = None) -> SessionInfo:
        """Make the session the newest, changing nothing else."""
        return self._do(features.attributes.touch, expect=expect)

    def expire(
        self,
        *,
        after: timedelta | None = None,
        at: datetime | None = None,
        sliding: bool = False,
        expect: int | None = None,
    ) -> SessionInfo:
        """Let the session expire at a moment, or a time from now; with neither, never.

        From that instant on it is not found. With ``sliding`` every write puts the expiry off.
        """
        return self._do(features.retention.expire, after=after, at=at, sliding=sliding, expect=expect)

    # Versions

    def history(self, *, limit: int = 50, before: int | None = None) -> list[HistoryEntry]:
        """What changed, newest first: at most ``limit`` changes below the version ``before``."""
        return self._do(features.history.history, limit=limit, before=before)

    def restore(self, version: int, *, expect: int | None = None) -> SessionInfo:
        """Make the present equal to the past by adding to the log, so that it can be undone too."""
        return self._do(features.history.restore, version, expect=expect)

    def undo(self, *, expect: int | None = None) -> SessionInfo:
        """Take back the newest change; again, the one before it. Raises NotFoundError at the start."""
        return self._do(features.history.undo, expect=expect)

    # Branches

    def branch(self, name: str, *, at: str | int | None = None, expect: int | None = None) -> Branch:
        """Name a line that ends in a message (id), at a version, or at the head. It stays inactive."""
        return self._do(features.branching.branch, name, at=at, expect=expect)

    def checkout(self, name: str, *, expect: int | None = None) -> SessionInfo:
        """Make a branch the active one. Raises NotFoundError."""
        return self._do(features.branching.checkout, name, expect=expect)

    def branches(self) -> list[Branch]:
        """All branches, the active one first."""
        return self._do(features.branching.branches)

    def tree(self) -> list[TreeNode]:
        """Every message in the order written, with its place in the tree."""
        return self._do(features.branching.tree)

    def diff(self, ours: str | Session, theirs: str | None = None) -> Diff:
        """What two branches have in common and what each adds; or, given a session, this session's
        active line and that one's."""
        if isinstance(ours, Session):
            return self._do(features.branching.diff_sessions, same_store(self._store, ours))
        return self._do(features.branching.diff, ours, theirs)

    def label(
        self, message_id: str, name: str, *, off: bool = False, expect: int | None = None
    ) -> tuple[str, ...]:
        """Put a label on a message, or with ``off`` take it away; returns the message's labels."""
        return self._do(features.branching.label, message_id, name, off=off, expect=expect)

    def fork(
        self, session_id: str | None = None, *, at: str | int | None = None, name: str | None = None
    ) -> Session:
        """A new session with the past up to a message or version; the parent may be deleted."""
        forked = self._do(features.forking.fork, session_id=session_id, at=at, name=name)
        return Session(self._store, forked)

    def lineage(self) -> Lineage:
        """The sessions this one was forked from, and those forked from it."""
        return self._do(features.forking.lineage)

    def merge(
        self,
        source: str | Session,
        *,
        strategy: Strategy = "continuation",
        message_ids: Sequence[str] = (),
        expect: int | None = None,
    ) -> MergeResult:
        """Bring what a branch, or another session, said into the active line.

        ``continuation``, ``rebase``, ``cherry_pick`` (with ``message_ids``) or ``interleave``.
        Returns what was taken, what was here already, and every conflict.
        """
        other = same_store(self._store, source) if isinstance(source, Session) else source
        return self._do(
            features.merging.merge,
            other,
            strategy=strategy,
            message_ids=message_ids,
            expect=expect,
        )

    def __repr__(self) -> str:
        return f"<Session {self.id!r} version={self._handle.state.version}>"


def same_store(store: Store | AsyncStore, other: Session | AsyncSession) -> Handle:
    """The handle of a session that must be of the same store."""
    if other._store._opened is not store._opened:
        raise InvalidError(
            f"Session {other.id!r} belongs to another store.", hint="Export it there and import it here."
        )
    return other._handle
