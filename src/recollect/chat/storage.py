"""A chat's session in its store, reached from an event loop whichever kind of store it is."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..backend import Scrubs
from ..core.base import Core
from ..errors import InvalidError, NotFoundError
from ..model import Message, SessionInfo
from .threads import in_thread

if TYPE_CHECKING:
    from .. import AsyncSession, AsyncStore, Session, Store

AnyStore: TypeAlias = "Store | AsyncStore"
AnySession: TypeAlias = "Session | AsyncSession"
OnConflict = Literal["rebase", "branch"]


async def call(verb: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """A verb of a store or session: awaited, or run on a thread where it is a blocking one."""
    if inspect.iscoroutinefunction(verb):
        return await verb(*args, **options)
    return await in_thread(lambda: verb(*args, **options))


def open_store(given: AnyStore | str | None, namespace: str | None) -> tuple[AnyStore, bool]:
    """The store that is meant, and whether it was opened here. Raises InvalidError."""
    from .. import AsyncStore, Store

    if given is None or isinstance(given, str):
        return AsyncStore(given, namespace=namespace), True
    if not isinstance(given, Store | AsyncStore):
        raise InvalidError(f"store= takes a Store, an AsyncStore or a URL, not {type(given).__name__}.")
    return (given if namespace is None else given.namespace(namespace)), False


async def close_store(store: AnyStore) -> None:
    """Close a store that was opened here."""
    await call(store.close)


class Keeper:
    """One session of a store, made when the first thing is written to it."""

    def __init__(self, store: AnyStore, session_id: str, on_conflict: OnConflict, *, create: bool) -> None:
        if on_conflict not in ("rebase", "branch"):
            raise InvalidError(f"on_conflict must be 'rebase' or 'branch', not {on_conflict!r}.")
        self.store = store
        self.session_id = session_id
        self.session: AnySession | None = None
        self.info: SessionInfo | None = None
        """The session as of the last call; None while there is none."""
        self.attributes: dict[str, Any] = {}
        """What the session gets when it is made."""
        self.create = create
        self._on_conflict: OnConflict = on_conflict
        self._branch: str | None = None
        """Where this chat goes on, once another writer was faster (``on_conflict="branch"``)."""

    async def open(self, *, create: bool) -> bool:
        """Look for the session, or make it. False when there is none and none is made."""
        if self.session is None:
            options = self.attributes if create else {}
            try:
                self.session = await call(self.store.open, self.session_id, create=create, **options)
            except NotFoundError:
                if not self.create:
                    raise
                return False
            await self._note()
        return True

    async def refresh(self) -> None:
        """See what others wrote."""
        if self.session is not None:
            self.info = await call(self.session.refresh)

    async def _note(self) -> None:
        """Remember the session as the last verb left it."""
        session = self.session
        if session is not None and inspect.iscoroutinefunction(session.refresh):
            self.info = session.info  # no call is made
        else:
            await self.refresh()

    async def line(self, *, before: str | None = None) -> list[Message]:
        """The messages of the active line, or of the line that leads to a message."""
        if self.session is None:
            return []
        found: list[Message]
        if before is None:
            found = await call(self.session.messages)
        else:
            found = await call(self.session.messages, before=before)
        return found

    async def append(self, messages: Sequence[Message]) -> None:
        """Store messages; those that are stored already are not stored again."""
        session = await self._made()
        stored = await call(session.append, *messages, branch=self._branch, on_conflict=self._on_conflict)
        await self._note()
        if self._on_conflict == "branch" and self._branch is None and self.info is not None:
            newest = stored[-1].id
            if self.info.head != newest:
                branches = await call(session.branches)
                self._branch = next((one.name for one in branches if one.head == newest), None)

    async def update(self, attributes: Mapping[str, Any]) -> None:
        """Set those attributes that differ."""
        session = await self._made()
        self.info = await call(session.update, **attributes)

    async def _made(self) -> AnySession:
        if self.session is None:
            await self.open(create=self.create)
        assert self.session is not None
        return self.session

    async def clear(self) -> None:
        """Let the line begin anew; what was said stays in the log."""
        if self.session is not None:
            self.info = await call(self.session.clear)
            self._branch = None

    async def purge(self) -> None:
        """Remove what was said from every file; the session begins anew with its attributes."""
        if self.session is None or self.info is None:
            return
        self.info = await call(self.session.refresh)
        told = await call(self.session.messages)
        kept = _lasting(self.info, told)
        await self.delete()
        self.session = await call(self.store.open, self.session_id, **kept)
        await self._note()
        await self._scrub()

    async def _scrub(self) -> None:
        """Let what was deleted leave the files now, not some moments later."""
        store: Any = self.store
        if inspect.iscoroutinefunction(self.store.open):
            await store._write(_scrubbed)
        else:
            await call(store._do, _scrubbed)

    async def delete(self) -> None:
        """Remove the session for good."""
        await call(self.store.delete, self.session_id)
        self.forget()

    def forget(self) -> None:
        """Begin with the session as if it had never been looked at."""
        self.session = self.info = self._branch = None

    def write_now(self, items: Sequence[Message | dict[str, Any]]) -> None:
        """The same writes without an event loop at hand: at the end of the program."""
        if inspect.iscoroutinefunction(self.store.open):
            self.session = None  # it may belong to a loop that has ended
            asyncio.run(self.write(items))
            return
        store: Any = self.store
        session = store.open(self.session_id, create=self.create, **self.attributes)
        for group in grouped(items):
            if isinstance(group, dict):
                session.update(**group)
            else:
                session.append(*group, branch=self._branch)

    async def write(self, items: Sequence[Message | dict[str, Any]]) -> None:
        """Messages and attributes (dicts) in order."""
        for group in grouped(items):
            if isinstance(group, dict):
                await self.update(group)
            else:
                await self.append(group)


def grouped(items: Sequence[Message | dict[str, Any]]) -> list[list[Message] | dict[str, Any]]:
    """Messages in a row together, attributes each on their own."""
    groups: list[list[Message] | dict[str, Any]] = []
    for item in items:
        if isinstance(item, dict):
            groups.append(item)
        elif groups and isinstance(groups[-1], list):
            groups[-1].append(item)
        else:
            groups.append([item])
    return groups


async def _scrubbed(core: Core) -> None:
    if isinstance(core.backend, Scrubs):
        await core.backend.scrub()


def _lasting(info: SessionInfo, told: Sequence[Message]) -> dict[str, Any]:
    """A session's attributes, without a name that was taken from what was said, and without its summary."""
    kept = {
        name: getattr(info, name)
        for name in ("provider", "model", "system_prompt", "tags", "metadata", "pinned", "expires_at")
    }
    words = (info.name or "").rstrip(" …")
    if words and not any(words in message.text for message in told):
        kept["name"] = info.name
    return kept
