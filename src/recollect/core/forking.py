"""Forks: a new session that starts from another's past, and whose child is whose."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct
from msgspec.structs import replace

from ..backend import HEAD, MESSAGE, SOURCE, UPDATE, Commit, Key, Record, RowQuery
from ..codec import dumps
from ..errors import ConflictError
from ..model import BlobPart, ForkedFrom, SessionInfo
from ..records import HeadBody, Patch, SourceBody, State, UpdateBody, pointed, slid, to_microseconds, updated
from .base import Core, Handle
from .blobs import load_blob
from .drafts import texts_of
from .ids import encode_message_id, uuid7
from .lines import check_version, end_at, state_at
from .notes import blobs_in
from .reading import seq_of
from .sessions import make_room, taken

_BATCH = 4096


async def fork(
    core: Core,
    handle: Handle,
    *,
    session_id: str | None = None,
    at: str | int | None = None,
    name: str | None = None,
) -> Handle:
    """A new session with this one's past up to a message or a version.

    It holds a copy of the log, so all of the past's versions are there and the parent can be
    deleted without harm; message ids, tags and attributes are carried over.
    """
    core.writable()
    state = await core.refresh(handle)
    source, target = handle.key, core.key(uuid7() if session_id is None else session_id)
    tip = await seq_of(core, source, at) if isinstance(at, str) else None
    version = tip or (state.version if at is None else check_version(state, at))
    past = await state_at(core, source, state, version)
    records, blobs = await _copy(core, source, version)
    now = core.clock.now()
    after = replace(past, info=replace(past.info, id=target.session_id))
    nth = 0
    if tip is not None and past.tip != tip:
        end = await end_at(core, source, tip)
        head = HeadBody(past.info.branch, tip, True, end.head, "fork")
        after = pointed(after, now, head, end.line)
        records.append(_mark(core, after, HEAD, now, nth, tip, head))
        nth += 1
    origin = ForkedFrom(source.session_id, version)
    patch = Patch(
        name=UNSET if name is None else name,
        deleted_at=UNSET if past.info.deleted_at is None else None,
        forked_from=origin,
    )
    after = slid(updated(after, now, patch), now)
    records.append(_mark(core, after, UPDATE, now, nth, 0, UpdateBody(patch, "fork")))
    row = core.codec.row(target, after)
    await make_room(core, target, await core.backend.row(target))
    try:
        await core.backend.commit(Commit(key=target, base=0, row=row, records=records, blobs=blobs))
    except ConflictError:
        raise taken(target) from None
    return Handle(target, row, after)


def _mark(core: Core, state: State, kind: int, now: int, nth: int, parent: int, body: object) -> Record:
    raw = core.codec.record(dumps(body), state.frame(now, nth))
    return Record(state.version, kind, parent, b"", now, "", raw)


async def _copy(core: Core, key: Key, version: int) -> tuple[list[Record], dict[bytes, bytes]]:
    """The log up to a version as records for another session, bodies unchanged, and their blobs."""
    copied: list[Record] = []
    blobs: dict[bytes, bytes] = {}
    after = 0
    while records := await core.backend.read(key, after=after, before=version + 1, limit=_BATCH):
        messages = iter(core.codec.messages(key, [record for record in records if record[1] == MESSAGE]))
        for record in records:
            seq, kind, parent, body = record
            if kind != MESSAGE:
                copied.append(Record(seq, kind, parent, b"", core.codec.frame(key, record).at, "", body))
                for name in blobs_in(core.codec.body(key, record, SourceBody)) if kind == SOURCE else ():
                    blobs[bytes.fromhex(name)] = await load_blob(core, key, seq, name)
                continue
            message = next(messages)
            assert message.created_at is not None  # every stored message is dated
            at = to_microseconds(message.created_at)
            message_id = encode_message_id(message.id)
            texts = texts_of(message.parts)
            copied.append(Record(seq, MESSAGE, parent, message_id, at, message.role, body, texts))
            for part in message.parts:
                if part.__class__ is BlobPart and part.digest:
                    digest = bytes.fromhex(part.digest)
                    if digest not in blobs:
                        blobs[digest] = await load_blob(core, key, seq, part.digest)
        after = records[-1][0]
    return copied, blobs


class Lineage(Struct, frozen=True):
    """Where a session comes from and what came from it: ids of ancestors, nearest first, whether
    they still exist or not, and of the forks made from it."""

    ancestors: list[ForkedFrom]
    children: list[SessionInfo]

    def to_dict(self) -> dict[str, Any]:
        """The lineage as JSON values."""
        return {
            "ancestors": [{"session_id": a.session_id, "version": a.version} for a in self.ancestors],
            "children": [child.to_dict() for child in self.children],
        }


async def lineage(core: Core, handle: Handle) -> Lineage:
    """A session's ancestors and children."""
    state = await core.refresh(handle)
    ancestors: list[ForkedFrom] = []
    origin = state.info.forked_from
    seen = {handle.key.session_id}
    while origin is not None and origin.session_id not in seen:
        ancestors.append(origin)
        seen.add(origin.session_id)
        row = await core.backend.row(core.key(origin.session_id))
        origin = None if row is None else core.codec.info(row).forked_from
    query = RowQuery(
        namespace=core.namespace,
        now=core.clock.now(),
        forked_from=handle.key.session_id,
        order="oldest",
        limit=10_000,
    )
    children = [core.codec.info(row) for row in await core.backend.find(query)]
    return Lineage(ancestors, children)
