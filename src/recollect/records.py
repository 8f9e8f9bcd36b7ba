"""What a session's log says: record bodies, and the fold that turns a log into a session.

Pure: no I/O, no clock. A record never changes; a session is ``State`` after its last record. The
same functions that fold a log when it is verified compute the row that is stored with each commit.

Every body carries a frame under the key ``_``, so that reading at an older version, going back and
counting need no walk over the log:

    [crc, depth, turn, origin, nth, tip, at]

``depth``, ``turn`` and ``origin`` are the number of messages, the number of user messages and the
seq of the first user message: in a message record those of the line that ends in it, in all others
those of the active line. ``nth`` is the record's place in its commit, from 0, ``tip`` the seq of the
active head after it (0: none), ``at`` the commit's time (microseconds UTC). What says nothing new is
left out at the end: that the record is the first of its commit, is the active head itself (-1), or
is a message dated when it was committed (-1). ``crc`` is the CRC-32 of all other bytes before ``]}``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from .backend import Key
from .model import ForkedFrom, Message, SessionInfo, TextPart, Usage

PREVIEW_LENGTH = 50
NO_USAGE = Usage()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_datetime(microseconds: int) -> datetime:
    """Microseconds since 1970 as an aware UTC datetime."""
    return _EPOCH + timedelta(0, 0, microseconds)


def to_microseconds(moment: datetime) -> int:
    """An aware datetime as microseconds since 1970, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


class Frame(Struct, array_like=True, frozen=True, gc=False):
    """The bookkeeping in every record body; see the module's docstring."""

    crc: int
    depth: int
    turn: int
    origin: int
    nth: int = 0
    tip: int = -1
    at: int = -1


class Patch(Struct, frozen=True, gc=False, omit_defaults=True):
    """New values of session attributes; what is unset stays as it is."""

    name: str | UnsetType | None = UNSET
    provider: str | UnsetType | None = UNSET
    model: str | UnsetType | None = UNSET
    system_prompt: str | UnsetType | None = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET
    summary: str | UnsetType | None = UNSET
    pinned: bool | UnsetType = UNSET
    expires_at: datetime | UnsetType | None = UNSET
    deleted_at: datetime | UnsetType | None = UNSET
    forked_from: ForkedFrom | UnsetType | None = UNSET
    created_at: datetime | UnsetType = UNSET
    """When the conversation began, where it began elsewhere; only in a session's first record."""

    def changes(self) -> dict[str, Any]:
        """The attributes that are set."""
        values = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return {name: value for name, value in values if value is not UNSET}


class UpdateBody(Struct, frozen=True, gc=False, omit_defaults=True):
    """An ``update`` record: attributes that took new values.

    ``why`` and ``ref`` are those of ``HeadBody``. ``tagged`` says which tags came (``+x``) and went
    (``-y``), ``label`` is a (message id, label) that was put on, or with ``off`` taken away.
    ``note`` names what a merge took from. ``sliding`` goes with ``expires_at``: microseconds by
    which every write puts it off again.
    """

    set: Patch
    why: str = ""
    ref: int = 0
    note: str = ""
    tagged: tuple[str, ...] = ()
    label: tuple[str, str] | None = None
    off: bool = False
    sliding: int = 0


class HeadBody(Struct, frozen=True, gc=False, omit_defaults=True):
    """A ``head`` record: ``branch`` now ends in the message ``to`` (0: in nothing).

    ``active`` says that it is the active branch from here on, ``gone`` that the branch is no more.
    ``head`` is the message's id. ``why`` names the verb; ``ref`` is the version that undo and
    restore went back to. No text of a message is repeated here, so
    that erasing one leaves none behind.
    """

    branch: str
    to: int
    active: bool = True
    head: str | None = None
    why: str = ""
    ref: int = 0
    gone: bool = False


class EraseBody(Struct, frozen=True, gc=False, omit_defaults=True):
    """An ``erase`` record: the body of record ``seq`` was physically removed; ``amended``: it was
    completed by an import that found the message's rest."""

    seq: int
    id: str
    amended: bool = False


class SourceBody(Struct, frozen=True, gc=False):
    """A ``source`` record: where an import came from and how far it got."""

    source: dict[str, Any]


class State(Struct, frozen=True, gc=False, omit_defaults=True):
    """A session as its log describes it: what users see, and what writing needs."""

    info: SessionInfo
    tip: int = 0
    origin: int = 0
    heads: dict[str, int] = {}
    """The seq each inactive branch ends in; the active one ends in ``tip``."""
    labels: dict[str, tuple[str, ...]] = {}
    """Labels by message id."""
    sliding: int = 0
    """Microseconds from each write to the session's expiry; 0 when writes do not put it off."""

    @property
    def version(self) -> int:
        return self.info.version

    def frame(self, at: int, nth: int = 0) -> Frame:
        """The frame of a record, other than a message, that led to this state."""
        return Frame(0, self.info.message_count, self.info.turn_count, self.origin, nth, self.tip, at)


def created(key: Key, at: int, patch: Patch) -> State:
    """The state after a session's first record, an ``update`` that names its attributes."""
    now = to_datetime(at)
    values = patch.changes()
    began = values.pop("created_at", now)
    info = SessionInfo(key.session_id, key.namespace, 1, began, now, **values)
    return State(info)


def updated(state: State, at: int, patch: Patch) -> State:
    """The state after an ``update`` record. The one that says where a fork comes from begins it."""
    changes = patch.changes()
    now = to_datetime(at)
    if changes.get("forked_from") is not None:
        changes["created_at"] = now
    info = replace(state.info, version=state.version + 1, updated_at=now, **changes)
    return replace(state, info=info)


def labelled(state: State, at: int, message_id: str, label: str, off: bool) -> State:
    """The state after an ``update`` record that labels a message."""
    labels = dict(state.labels)
    kept = {name for name in labels.pop(message_id, ()) if name != label}
    if kept or not off:
        labels[message_id] = tuple(sorted(kept if off else {*kept, label}))
    return replace(noted(state, at), labels=labels)


def applied(state: State, at: int, body: UpdateBody) -> State:
    """The state after any ``update`` record but a session's first."""
    if body.label is not None:
        return labelled(state, at, *body.label, body.off)
    after = updated(state, at, body.set)
    if body.set.expires_at is UNSET:
        return after
    return replace(after, sliding=body.sliding)


def slid(state: State, at: int) -> State:
    """The state after a commit at ``at``, its expiry put off if it slides."""
    if not state.sliding:
        return state
    return replace(state, info=replace(state.info, expires_at=to_datetime(at + state.sliding)))


def noted(state: State, at: int) -> State:
    """The state after a record that changes nothing else (``source``, ``erase``)."""
    return updated(state, at, Patch())


def amended(state: State, at: int, seq: int, old: Message, new: Message) -> State:
    """The state after a message was completed: what it spent is counted once."""
    info = noted(state, at).info
    usage = info.usage if old.usage is None else _without(info.usage, old.usage)
    if new.usage is not None:
        usage = usage + new.usage
    preview = preview_of(new) if seq == state.origin else info.preview
    return replace(state, info=replace(info, usage=usage, preview=preview))


def _without(total: Usage, part: Usage) -> Usage:
    cost = total.cost_usd
    if cost is not None and part.cost_usd is not None:
        cost -= part.cost_usd
    return Usage(
        total.input_tokens - part.input_tokens,
        total.output_tokens - part.output_tokens,
        total.cached_tokens - part.cached_tokens,
        total.reasoning_tokens - part.reasoning_tokens,
        cost,
    )


class Line(NamedTuple):
    """What a line of messages counts up to: see ``Frame``; ``preview`` is that of its origin."""

    depth: int = 0
    turn: int = 0
    origin: int = 0
    preview: str = ""


def pointed(state: State, at: int, body: HeadBody, line: Line) -> State:
    """The state after a ``head`` record; ``line`` is the one that ends in ``body.to``."""
    heads = dict(state.heads)
    if not body.active and body.branch != state.info.branch:
        if body.gone:
            heads.pop(body.branch, None)
        else:
            heads[body.branch] = body.to
        return replace(noted(state, at), heads=heads)
    if body.branch != state.info.branch:
        heads[state.info.branch] = state.tip
        heads.pop(body.branch, None)
    info = replace(
        state.info,
        version=state.version + 1,
        updated_at=to_datetime(at),
        branch=body.branch,
        head=body.head,
        preview=line.preview,
        message_count=line.depth,
        turn_count=line.turn,
    )
    return State(info, body.to, line.origin, heads, state.labels, state.sliding)


class Placed(Struct, frozen=True, gc=False):
    """Where a new message stands: its seq, its parent's seq, and its record's frame."""

    seq: int
    parent: int
    frame: Frame


def extended(state: State, at: int, messages: Sequence[Message], nth: int = 0) -> tuple[State, list[Placed]]:
    """The state after the active line grew by ``messages``, and the place of each; ``nth`` is how
    many records of the same commit come before them."""
    info, tip, origin = state.info, state.tip, state.origin
    seq, depth, turn = info.version, info.message_count, info.turn_count
    preview, usage = info.preview, info.usage
    placed: list[Placed] = []
    for message in messages:
        seq += 1
        depth += 1
        if message.role == "user":
            turn += 1
            if not origin:
                origin, preview = seq, preview_of(message)
        if message.usage is not None:
            usage = usage + message.usage
        placed.append(Placed(seq, tip, Frame(0, depth, turn, origin, nth, seq, at)))
        tip = seq
        nth += 1
    info = replace(
        info,
        version=seq,
        updated_at=to_datetime(at),
        head=messages[-1].id,
        preview=preview,
        message_count=depth,
        turn_count=turn,
        usage=usage,
    )
    return State(info, tip, origin, state.heads, state.labels, state.sliding), placed


def extended_aside(
    state: State, at: int, messages: Sequence[Message], parent: int, line: Line, nth: int = 0
) -> tuple[State, list[Placed]]:
    """The state after messages were put behind ``parent``, which ends ``line``, without the active
    line being touched: only what was spent counts."""
    seq, usage = state.version, state.info.usage
    depth, turn, origin = line.depth, line.turn, line.origin
    placed: list[Placed] = []
    for message in messages:
        seq += 1
        depth += 1
        if message.role == "user":
            turn += 1
            origin = origin or seq
        if message.usage is not None:
            usage = usage + message.usage
        placed.append(Placed(seq, parent, Frame(0, depth, turn, origin, nth, state.tip, at)))
        parent = seq
        nth += 1
    info = replace(state.info, version=seq, updated_at=to_datetime(at), usage=usage)
    return replace(state, info=info), placed


def preview_of(message: Message) -> str:
    """The first 50 characters of a message's text, on one line."""
    for part in message.parts:
        if part.__class__ is TextPart:
            return " ".join(part.content[: 4 * PREVIEW_LENGTH].split())[:PREVIEW_LENGTH]
    return ""


def tombstone(message: Message) -> Message:
    """What stays of an erased message: its place, its role, its figures and whose copy it was."""
    merged = (message.metadata or {}).get("merged_from")
    return Message(
        message.id,
        None,
        message.role,
        (),
        message.created_at,
        message.model,
        message.usage,
        {"erased": True} if merged is None else {"erased": True, "merged_from": merged},
    )


def origin_of(message: Message) -> str:
    """The id under which a message was first said: its own, or that of what it is a copy of."""
    merged = (message.metadata or {}).get("merged_from")
    return str(merged["message_id"]) if isinstance(merged, dict) and "message_id" in merged else message.id


def is_tombstone(message: Message) -> bool:
    """Whether the message was erased."""
    return not message.parts and message.metadata is not None and message.metadata.get("erased") is True


def leaves(metadata: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """(dotted path, canonical JSON) of every leaf of ``metadata``, for equality filters."""
    found: list[tuple[str, str]] = []
    _collect("", metadata, found)
    return tuple(found)


def _collect(path: str, value: object, found: list[tuple[str, str]]) -> None:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            _collect(f"{path}.{key}" if path else key, inner, found)
    elif path:
        found.append((path, canonical(value)))


def canonical(value: object) -> str:
    """JSON with sorted keys; equal values give equal text."""
    try:
        return msgspec.json.encode(value, order="sorted").decode()
    except UnicodeEncodeError:  # lone surrogates have no UTF-8
        import json

        return json.dumps(value, sort_keys=True, separators=(",", ":"))
