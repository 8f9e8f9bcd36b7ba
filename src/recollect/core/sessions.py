"""Sessions as wholes: making, finding by id, deleting, the trash."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..backend import Key, SessionRow
from ..errors import ConflictError, ExistsError, NotFoundError, TrashedError, UnknownOutcomeError
from ..model import SessionInfo
from ..records import Patch, State, to_datetime
from .attributes import patch_of
from .base import Core, Handle
from .batch import Batch
from .ids import uuid7
from .lines import state_at
from .writing import Change, remove, write


async def open_session(
    core: Core, session_id: str | None, attributes: Mapping[str, Any], *, create: bool = True
) -> Handle:
    """The session, created with ``attributes`` if it is not there and ``create`` is true."""
    if session_id is None:
        return await create_session(core, None, attributes)
    patch = patch_of(attributes)
    key = core.key(session_id)
    while True:
        row = await core.backend.row(key)
        if row is not None and core.visible(row):
            return Handle(key, row, core.codec.state(row))
        if not create:
            await core.load(key)  # raises, and says why
        try:
            return await _create(core, key, row, patch)
        except ConflictError:
            continue  # another process created it first: load that one


async def create_session(core: Core, session_id: str | None, attributes: Mapping[str, Any]) -> Handle:
    """A new session. Raises ExistsError when the id is taken."""
    key = core.key(uuid7() if session_id is None else session_id)
    patch = patch_of(attributes)
    row = await core.backend.row(key)
    if row is not None and core.visible(row):
        raise taken(key)
    try:
        return await _create(core, key, row, patch)
    except ConflictError:
        raise taken(key) from None


def taken(key: Key) -> ExistsError:
    """What is raised when an id is in use."""
    return ExistsError(
        f"Session {key.session_id!r} exists in namespace {key.namespace!r}.",
        hint="Open it, or choose another id.",
    )


async def make_room(core: Core, key: Key, old: SessionRow | None) -> None:
    """See to it that a session can be created: one past its expiry goes. Raises ExistsError."""
    if old is None:
        return
    if old.deleted_at is not None:
        raise TrashedError(
            f"Session {key.session_id!r} of namespace {key.namespace!r} is in the trash.",
            hint="Restore it, or delete it for good.",
        )
    if core.visible(old):
        raise taken(key)
    await remove(core, old)


async def _create(core: Core, key: Key, old: SessionRow | None, patch: Patch) -> Handle:
    """Write a session's first record; ``old`` is a row in the trash, or one past its expiry."""
    core.writable()
    await make_room(core, key, old)
    batch = Batch.create(core, key, patch)
    commit = batch.change(None).commit
    try:
        await core.backend.commit(commit)
    except UnknownOutcomeError:
        stored = await core.backend.read(key, limit=1)
        if not stored or stored[0][3] != commit.records[0].body:
            raise
    assert commit.row is not None
    handle = Handle(key, commit.row, batch.state)
    core.adopt(handle, commit.row, batch.state)
    return handle


async def get_session(core: Core, session_id: str, at: int | None = None) -> Handle:
    """The session, or with ``at`` the session as it was at a version. Raises NotFoundError."""
    key = core.key(session_id)
    row = await core.load(key)
    state = core.codec.state(row)
    if at is None:
        return Handle(key, row, state)
    return Handle(key, row, await state_at(core, key, state, at), past=True)


async def exists(core: Core, session_id: str) -> bool:
    """Whether there is such a session, outside the trash."""
    return core.visible(await core.backend.row(core.key(session_id)))


async def delete(core: Core, session_id: str) -> None:
    """Remove a session for good, from the trash too. Raises NotFoundError."""
    core.writable()
    key = core.key(session_id)
    row = await core.backend.row(key)
    if row is None:
        row = await core.load(key)
    await remove(core, row)


async def trash(core: Core, session_id: str) -> SessionInfo:
    """Hide a session everywhere until it is restored or deleted."""
    handle = await get_session(core, session_id)

    async def build(row: SessionRow, state: State) -> Change[SessionInfo]:
        batch = Batch(core, row, state)
        batch.update(Patch(deleted_at=to_datetime(batch.now)))
        return batch.change(batch.state.info)

    return await write(core, handle, build)


async def restore(core: Core, session_id: str) -> Handle:
    """Bring a session back from the trash. Raises NotFoundError when it is not there."""
    core.writable()
    key = core.key(session_id)
    while True:
        row = await core.backend.row(key)
        if row is None or row.deleted_at is None:
            raise NotFoundError(f"There is no session {session_id!r} in the trash.")
        batch = Batch(core, row, core.codec.state(row))
        batch.update(Patch(deleted_at=None))
        change = batch.change(None)
        try:
            await core.backend.commit(change.commit)
        except ConflictError:
            continue  # another writer restored or deleted it: look again
        assert change.commit.row is not None
        return Handle(key, change.commit.row, change.state)
