"""The one way in which a session's log grows: optimistic, rebased on conflict, sure of its outcome.

A verb is a ``build``: from a state it makes a ``Change``, or None when there is nothing to write.
It is called again on a newer state when another writer was faster.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Generic, NamedTuple, TypeVar

from ..backend import Commit, Exclusive, SessionRow
from ..errors import AccessError, BusyError, ConflictError, StoreError, UnknownOutcomeError
from ..records import State
from .base import Core, Handle

R = TypeVar("R")
MAX_ATTEMPTS = 64
MAX_PAUSE = 0.1  # seconds


class Change(NamedTuple, Generic[R]):
    """A commit, the state it leads to, and what the verb returns."""

    commit: Commit
    state: State
    result: R


Build = Callable[[SessionRow, State], Awaitable[Change[R] | R]]
"""Makes the change, or the verb's result when nothing has to be written."""


async def write(core: Core, handle: Handle, build: Build[R], expect: int | None = None) -> R:
    """Build a change on the session's newest state and commit it.

    With ``expect`` the session must be at that version, else ConflictError; without, the change is
    rebuilt on what other writers committed first. The handle adopts its new row once the commit
    is acknowledged.
    """
    core.writable()
    if handle.past:
        raise AccessError(
            f"This is session {handle.key.session_id!r} as it was at version {handle.state.version}.",
            hint="To go on from there, fork it, or restore that version.",
        )
    row, state = handle.draft or (handle.row, handle.state)
    if expect is not None:
        if row.version != expect:
            row, state = await _reload(core, handle)
        if row.version != expect:
            raise moved(row, expect)
    elif row.expires_at is not None and not core.visible(row):
        row, state = await _reload(core, handle)
    try:
        return await _attempt(core, handle, build, row, state)
    except ConflictError:
        if expect is not None:
            row, state = await _reload(core, handle)
            if row.version != expect:
                raise moved(row, expect) from None
            return await _attempt(core, handle, build, row, state)  # the commit was lost on its way
    if core.transactional and isinstance(core.backend, Exclusive):
        # Nobody else writes inside: this second attempt cannot lose.
        async with core.backend.exclusive():
            row, state = await _reload(core, handle)
            return await _attempt(core, handle, build, row, state)
    return await _retry(core, handle, build)


def moved(row: SessionRow, expect: int) -> ConflictError:
    """What a guarded write says when it comes too late."""
    return ConflictError(
        f"Session {row.key.session_id!r} is at version {row.version}, not at {expect}.",
        hint="Read it again and decide, or write without expect=.",
    )


async def _reload(core: Core, handle: Handle) -> tuple[SessionRow, State]:
    row = await core.load(handle.key)
    return row, core.codec.state(row)


async def _attempt(core: Core, handle: Handle, build: Build[R], row: SessionRow, state: State) -> R:
    try:
        change = await build(row, state)
    except StoreError:
        await _check_newest(core, row)
        raise
    if not isinstance(change, Change):
        await _check_newest(core, row)
        return change
    commit = change.commit
    try:
        await core.backend.commit(commit)
    except UnknownOutcomeError:
        if not await _is_stored(core, commit):
            raise ConflictError("The commit was lost on its way.") from None
    assert commit.row is not None
    core.adopt(handle, commit.row, change.state)
    result: R = change.result
    return result


async def _check_newest(core: Core, row: SessionRow) -> None:
    """A refusal, or that there is nothing to write, counts only on the newest state: else
    ConflictError, so that the verb is tried on that one."""
    newest = await core.load(row.key)
    if newest.version != row.version:
        raise ConflictError(f"Session {row.key.session_id!r} moved.")


async def _is_stored(core: Core, commit: Commit) -> bool:
    """Whether a commit whose reply was lost took place: its first record is there, byte for byte."""
    found = await core.backend.read(commit.key, after=commit.base, limit=1)
    return bool(found) and found[0][3] == commit.records[0].body


async def _retry(core: Core, handle: Handle, build: Build[R]) -> R:
    """Optimistic attempts with jittered back-off, for engines without exclusive transactions."""
    pause = 0.001
    for _ in range(MAX_ATTEMPTS):
        row, state = await _reload(core, handle)
        try:
            return await _attempt(core, handle, build, row, state)
        except ConflictError:
            await core.clock.sleep(random.random() * pause)
            pause = min(2 * pause, MAX_PAUSE)
    raise BusyError(
        f"Session {handle.key.session_id!r} moved {MAX_ATTEMPTS} times while this write was tried.",
        hint="Try again; fewer writers on one session help.",
    )


async def remove(core: Core, key_row: SessionRow) -> None:
    """Delete a session for good, whatever version it has by now."""
    core.writable()
    row: SessionRow | None = key_row
    while row is not None:
        try:
            await core.backend.commit(Commit(key=row.key, base=row.version, delete=True))
            return
        except (ConflictError, UnknownOutcomeError):
            row = await core.backend.row(row.key)


__all__ = ["Build", "Change", "moved", "remove", "write"]
