"""What all store tests share: fixtures, and the adapter that lets one test drive both stores."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from msgspec import Struct

from ...aio import AsyncStore
from ...aio_session import AsyncSession
from ...backend import Backend
from ...errors import ClosedError
from ...model import Message
from ...session import Session
from ...store import Store
from ..base import EngineTests, MakeBackend
from ..clock import Clock
from ..driving import Loop

__all__ = [
    "Awaited",
    "CheckedVerbTests",
    "OpenStore",
    "Session",
    "Store",
    "VerbTests",
    "contents",
    "grown",
    "joined",
    "picture",
    "said",
]

OpenStore = Callable[..., Store]


class Awaited:
    """An AsyncStore, or what it hands out, used like the synchronous one: every call runs on a loop."""

    def __init__(self, target: Any, loop: Loop) -> None:
        self._target = target
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        if not inspect.ismethod(value):
            return value
        return lambda *args, **options: self._call(value, tuple(map(_bare, args)), options)

    def __enter__(self) -> Awaited:
        return Awaited(self._loop.run(self._target.__aenter__()), self._loop)

    def __exit__(self, *error: Any) -> None:
        self._loop.run(self._target.__aexit__(*error))

    def _call(self, method: Callable[..., Any], args: Any, options: Any) -> Any:
        async def on_loop() -> Any:
            value = method(*args, **options)
            return await value if inspect.isawaitable(value) else value

        value = self._loop.run(on_loop())
        return Awaited(value, self._loop) if isinstance(value, AsyncStore | AsyncSession) else value


def _bare(value: Any) -> Any:
    """What an argument wraps, if it came from an Awaited itself."""
    return value._target if isinstance(value, Awaited) else value


class VerbTests(EngineTests):
    """Base of all store tests. ``asynchronous`` says which of the two stores is meant."""

    asynchronous = False

    @pytest.fixture
    def clock(self) -> Clock:
        """The store's clock: a millisecond passes with every look."""
        return Clock(step=1000)

    @pytest.fixture
    def loop(self) -> Iterator[Loop | None]:
        """The event loop that AsyncStore lives on."""
        loop = Loop() if self.asynchronous else None
        yield loop
        if loop is not None:
            loop.close()

    @pytest.fixture
    def open_store(self, make_backend: MakeBackend, clock: Clock, loop: Loop | None) -> Iterator[OpenStore]:
        """Opens the engine's data, once more for every call; closes all at the end."""
        opened: list[Store] = []

        def open_store(backend: Backend | None = None, **options: Any) -> Store:
            target = make_backend() if backend is None else backend
            options = {"clock": clock} | options
            if loop is None:
                store = Store(target, **options)
            else:
                store = cast(Store, Awaited(loop.run(_open(target, options)), loop))
            opened.append(store)
            return store

        yield open_store
        for store in opened:
            store.close()

    @pytest.fixture
    def store(self, open_store: OpenStore) -> Store:
        """The engine's data behind a store, empty."""
        return open_store()


class CheckedVerbTests(VerbTests):
    """Tests after each of which the whole store must verify clean."""

    @pytest.fixture(autouse=True)
    def checked(self, store: Store) -> Iterator[None]:
        """Nothing that a test did may leave the store inconsistent."""
        yield
        try:
            report = store.verify()
        except ClosedError:
            return  # what the test was about
        assert report.clean, report.findings


def grown(session: Session, *texts: str) -> list[Message]:
    """Texts appended one by one: what stands at an odd place is the user's. All are returned."""
    return [
        session.append(Message.user(text) if n % 2 == 0 else Message.assistant(text))[0]
        for n, text in enumerate(texts)
    ]


def picture(session: Session) -> dict[str, Any]:
    """All there is to see of a session but its version, the time of its last write and its costs."""
    info = session.refresh()
    gone = ("version", "updated_at", "usage")
    return {
        "info": {name: getattr(info, name) for name in info.__struct_fields__ if name not in gone},
        "messages": session.messages(),
        "branches": session.branches(),
        "labels": {node.message.id: node.labels for node in session.tree() if node.labels},
    }


async def _open(target: Backend, options: dict[str, Any]) -> AsyncStore:
    store = AsyncStore(target, **options)
    await store.__aenter__()
    return store


def said(session: Session, **window: Any) -> list[str]:
    """The texts of a session's messages."""
    return [message.text for message in session.messages(**window)]


def contents(messages: list[Message]) -> list[tuple[Any, ...]]:
    """Messages without what the store adds to them."""
    return [
        tuple(joined(value) for value in (m.role, m.parts, m.model, m.usage, m.metadata)) for m in messages
    ]


def joined(value: Any) -> Any:
    """The value as JSON sees it: two halves of a surrogate pair in a row are their character.

    Digests, which the store adds to large contents, are left out.
    """
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    if isinstance(value, dict):
        return {joined(key): joined(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [joined(inner) for inner in value]
    if isinstance(value, Struct):
        fields = {name: getattr(value, name) for name in value.__struct_fields__ if name != "digest"}
        return (type(value).__name__, joined(fields))
    return value
