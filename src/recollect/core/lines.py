"""Lines other than the active one: where they end, and where they were at a version."""

from __future__ import annotations

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ..backend import ERASE, HEAD, MESSAGE, SOURCE, UPDATE, Key
from ..errors import InvalidError, NotFoundError
from ..model import SessionInfo, Usage
from ..records import (
    Frame,
    HeadBody,
    Line,
    State,
    UpdateBody,
    applied,
    created,
    pointed,
    preview_of,
    slid,
    to_datetime,
)
from .base import Core
from .batch import End
from .reading import one, seq_of

_BATCH = 4096
_MARKS = (UPDATE, HEAD, ERASE, SOURCE)


class _Spent(Struct, frozen=True, gc=False):
    usage: Usage | None = None


_decode_spent = msgspec.json.Decoder(list[_Spent]).decode


async def end_at(core: Core, key: Key, seq: int) -> End:
    """The line that ends in the message ``seq`` (0: the empty one)."""
    if not seq:
        return End()
    record = await one(core, key, seq)
    if record[1] != MESSAGE:
        raise InvalidError(f"Record {seq} of session {key.session_id!r} is no message.")
    frame = core.codec.frame(key, record)
    message = core.codec.messages(key, [record])[0]
    preview = ""
    if frame.origin:
        origin = record if frame.origin == seq else await one(core, key, frame.origin)
        preview = preview_of(core.codec.messages(key, [origin])[0])
    return End(seq, message.id, Line(frame.depth, frame.turn, frame.origin, preview))


def check_version(state: State, version: object) -> int:
    """``version`` if the session has it. Raises InvalidError or NotFoundError."""
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise InvalidError(f"A version is a whole number from 1, not {version!r}.")
    if version > state.version:
        raise NotFoundError(
            f"Session {state.info.id!r} has no version {version}; its newest is {state.version}."
        )
    return version


async def frame_at(core: Core, key: Key, version: int) -> Frame:
    """The frame of a record."""
    return core.codec.frame(key, await one(core, key, version))


async def seq_at(core: Core, state: State, key: Key, at: str | int) -> int:
    """The message that ``at`` means: by its id, or the head of the active line at a version."""
    if isinstance(at, str):
        return await seq_of(core, key, at)
    return (await frame_at(core, key, check_version(state, at))).tip


async def state_at(core: Core, key: Key, current: State, version: int, *, spent: bool = True) -> State:
    """The session as it was at a version, attributes included.

    Folds what is no message; the figures come from frames, so that no message but the head and
    the first is decoded whole. Without ``spent`` the usage is left at nothing, which spares the
    only walk over all messages.
    """
    check_version(current, version)
    if version == current.version:
        return current
    frame = await frame_at(core, key, version)
    state = slid(await _attributes_at(core, key, version), frame.at)
    end = await end_at(core, key, frame.tip)
    info: SessionInfo = replace(
        state.info,
        version=version,
        updated_at=to_datetime(frame.at),
        head=end.head,
        preview=end.line.preview,
        message_count=end.line.depth,
        turn_count=end.line.turn,
        usage=await _spent(core, key, version) if spent else Usage(),
    )
    return State(info, frame.tip, end.line.origin, state.heads, state.labels, state.sliding)


async def _attributes_at(core: Core, key: Key, version: int) -> State:
    """The fold of the records that are no messages; lines are told by their ends alone."""
    state: State | None = None
    after = 0
    while records := await core.backend.read(
        key, after=after, before=version + 1, limit=_BATCH, kinds=_MARKS
    ):
        for record in records:
            after = record[0]
            frame = core.codec.frame(key, record)
            if state is None:
                state = created(key, frame.at, core.codec.body(key, record, UpdateBody).set)
            elif record[1] == UPDATE:
                state = applied(state, frame.at, core.codec.body(key, record, UpdateBody))
            elif record[1] == HEAD:
                body = core.codec.body(key, record, HeadBody)
                tip = (await frame_at(core, key, record[0] - 1)).tip if _switches(state, body) else 0
                state = pointed(replace(state, tip=tip), frame.at, body, Line())
    assert state is not None  # a log begins with an update
    return state


def _switches(state: State, body: HeadBody) -> bool:
    return body.active and body.branch != state.info.branch


async def _spent(core: Core, key: Key, version: int) -> Usage:
    total = Usage()
    after = 0
    while records := await core.backend.read(
        key, after=after, before=version + 1, limit=_BATCH, kinds=(MESSAGE,)
    ):
        after = records[-1][0]
        bodies = [core.codec.plain(key, record) for record in records]
        try:
            spent = _decode_spent(b"[%b]" % b",".join(bodies))
        except msgspec.DecodeError:  # lone surrogates: the slower decoder reads them
            spent = [core.codec.body(key, record, _Spent) for record in records]
        for item in spent:
            if item.usage is not None:
                total = total + item.usage
    return total
