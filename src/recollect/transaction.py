"""Transactions over several sessions: all that happens in one becomes visible together, or not at all."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Self

from .backend import Backend, Exclusive
from .core.base import adopting
from .errors import UnsupportedError
from .stepping import step
from .store import Store

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager


def refuse(what: str) -> NoReturn:
    """``sessions`` and ``search`` inside a transaction would mix what is there with what may never be."""
    raise UnsupportedError(
        f"{what} cannot be used inside a transaction.", hint="List and search before it or after it."
    )


def exclusive_of(backend: Backend) -> Exclusive:
    """The engine, if it has transactions. Raises UnsupportedError."""
    if backend.capabilities.transactions and isinstance(backend, Exclusive):
        return backend
    raise UnsupportedError(
        f"The {backend.capabilities.name} engine has no transactions over several sessions.",
        hint="Use SQLite or memory, or write each session by itself.",
    )


def entered(backend: Exclusive) -> ExitStack:
    """A transaction begun on the calling thread; leaving the stack ends it."""
    with ExitStack() as stack:
        stack.enter_context(adopting(backend))
        stack.enter_context(_Stepped(backend.exclusive()))
        return stack.pop_all()


class Transaction(Store):
    """What ``with store.transaction() as tx`` gives: a store whose writes become visible together,
    or with an exception not at all. It belongs to the thread that began it."""

    def __init__(self, store: Store) -> None:
        self._opened = store._opened
        self._core = store._core
        self._loop = None
        self._owner = False
        self._stack = ExitStack()
        self._backend = exclusive_of(store._core.backend)

    def __enter__(self) -> Self:
        self._core.writable()
        self._stack = entered(self._backend)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def sessions(self, *_args: object, **_filters: object) -> NoReturn:
        """Refused inside a transaction."""
        refuse("sessions()")

    def search(self, *_args: object, **_filters: object) -> NoReturn:
        """Refused inside a transaction."""
        refuse("search()")

    def __repr__(self) -> str:
        return f"<Transaction on {super().__repr__()}>"


class _Stepped:
    """A blocking engine's context manager, entered and left without an event loop."""

    def __init__(self, inner: AbstractAsyncContextManager[None]) -> None:
        self._inner = inner

    def __enter__(self) -> None:
        step(self._inner.__aenter__())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        step(self._inner.__aexit__(kind, error, trace))
