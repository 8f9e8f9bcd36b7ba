"""What every feature works with: the engine, the codec, a clock, and session handles."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from ..backend import Backend, Key, SessionRow
from ..codec import Codec
from ..errors import AccessError, NotFoundError
from ..records import State
from .ids import check_name

DEFAULT_NAMESPACE = "default"
RESERVED = "recollect:"
"""What the namespaces begin with that recollect keeps its own books in."""


class Clock(Protocol):
    """Time, replaceable in tests."""

    def now(self) -> int:
        """Microseconds since 1970 UTC. May run backwards."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The machine's clock; waits by blocking the calling thread."""

    def now(self) -> int:
        return time.time_ns() // 1000

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Handle:
    """What a session object knows of its session.

    ``row`` and ``state`` are acknowledged. ``draft`` is newer, written inside a transaction whose
    commit is still to come; only writes in that same transaction build on it. A ``past`` handle
    stays at its version and cannot be written to.
    """

    __slots__ = ("draft", "key", "past", "row", "state")

    def __init__(self, key: Key, row: SessionRow, state: State, *, past: bool = False) -> None:
        self.key = key
        self.row = row
        self.state = state
        self.past = past
        self.draft: tuple[SessionRow, State] | None = None

    @property
    def newest(self) -> State:
        """The state as the owner of an open transaction sees it: its own draft, if there is one."""
        return self.draft[1] if self.draft else self.state


class Group:
    """The handles written to in an open transaction of one engine."""

    __slots__ = ("backend", "handles")

    def __init__(self, backend: object) -> None:
        self.backend = backend
        self.handles: list[Handle] = []


_group: ContextVar[Group | None] = ContextVar("recollect_group", default=None)


@contextmanager
def adopting(backend: object) -> Iterator[None]:
    """Around a transaction of several operations: handles adopt what was written inside once the
    block ends without an exception, and forget it otherwise."""
    group = Group(backend)
    token = _group.set(group)
    try:
        yield
    except BaseException:
        for handle in group.handles:
            handle.draft = None
        raise
    else:
        for handle in group.handles:
            if handle.draft is not None:
                (handle.row, handle.state), handle.draft = handle.draft, None
    finally:
        _group.reset(token)


class Core:
    """One namespace of one open engine."""

    __slots__ = ("backend", "clock", "codec", "namespace", "readonly", "transactional")

    def __init__(
        self,
        backend: Backend,
        *,
        namespace: str = DEFAULT_NAMESPACE,
        clock: Clock | None = None,
        codec: Codec | None = None,
        readonly: bool = False,
    ) -> None:
        self.backend = backend
        self.namespace = check_name("namespace", namespace)
        self.clock = clock or SystemClock()
        self.codec = codec or Codec()
        self.readonly = readonly
        self.transactional = backend.capabilities.transactions

    def confined(self, namespace: str) -> Core:
        """The same engine, another namespace."""
        return Core(
            self.backend,
            namespace=namespace,
            clock=self.clock,
            codec=self.codec,
            readonly=self.readonly,
        )

    def key(self, session_id: str) -> Key:
        """The full name of a session here. Raises InvalidError for an impossible id."""
        return Key(self.namespace, check_name("session id", session_id))

    def writable(self) -> None:
        """Raises AccessError on a store opened read-only."""
        if self.readonly:
            raise AccessError("The store is open read-only.", hint="Open it without readonly=True to write.")

    def adopt(self, handle: Handle, row: SessionRow, state: State) -> None:
        """Let a handle know what was written: at once, or once the open transaction is durable."""
        group = _group.get()
        if group is None or group.backend is not self.backend:
            handle.row, handle.state = row, state
        else:
            handle.draft = (row, state)
            group.handles.append(handle)

    def visible(self, row: SessionRow | None) -> bool:
        """Whether a row is there for users: neither trashed nor expired."""
        if row is None or row.deleted_at is not None:
            return False
        return row.expires_at is None or row.expires_at > self.clock.now()

    async def load(self, key: Key) -> SessionRow:
        """A session's row. Raises NotFoundError, also for trashed and expired sessions."""
        row = await self.backend.row(key)
        if row is not None and self.visible(row):
            return row
        trashed = row is not None and row.deleted_at is not None
        raise NotFoundError(
            f"There is no session {key.session_id!r} in namespace {key.namespace!r}.",
            hint="It is in the trash; restore it first." if trashed else None,
        )

    async def refresh(self, handle: Handle) -> State:
        """Bring a handle up to date with other writers."""
        if handle.past:
            return handle.state
        row = await self.load(handle.key)
        known, state = handle.draft or (handle.row, handle.state)
        if row.version == known.version and row.body == known.body:
            return state
        state = self.codec.state(row)
        self.adopt(handle, row, state)
        return state
