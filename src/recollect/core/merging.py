"""Merging: bringing what another branch or session said into the active line, never silently."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from ..backend import Key, SessionRow
from ..codec import set_parents
from ..errors import InvalidError, NotFoundError
from ..model import Message, ToolCallPart, ToolCallResponsePart
from ..records import HeadBody, Patch, State, origin_of
from .appending import same_content
from .base import Core, Handle
from .batch import Batch
from .blobs import fill_blobs
from .branching import head_of, split
from .drafts import drafts
from .lines import end_at
from .reading import line_records, seq_of
from .writing import Change, write

Strategy = Literal["continuation", "rebase", "cherry_pick", "interleave"]
STRATEGIES = ("continuation", "rebase", "cherry_pick", "interleave")


class MergeConflict(Struct, frozen=True):
    """One message that both sides changed: its id, and the ids of either side's version."""

    message_id: str
    ours: str
    theirs: str

    def to_dict(self) -> dict[str, Any]:
        """The conflict as JSON values."""
        return {"message_id": self.message_id, "ours": self.ours, "theirs": self.theirs}


class MergeResult(Struct, frozen=True):
    """What a merge took (as stored now), which ids it skipped because they are here already, and
    where both sides changed the same message (both versions are in the result then)."""

    taken: list[Message]
    skipped: list[str]
    conflicts: list[MergeConflict]

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values."""
        return {
            "taken": [message.to_dict() for message in self.taken],
            "skipped": self.skipped,
            "conflicts": [conflict.to_dict() for conflict in self.conflicts],
        }


async def merge(
    core: Core,
    handle: Handle,
    source: str | Handle,
    *,
    strategy: Strategy = "continuation",
    message_ids: Sequence[str] = (),
    expect: int | None = None,
) -> MergeResult:
    """Bring messages of a branch of this session, or of another session's active line, into the
    active line.

    ``continuation`` appends what the other side added since the common ancestor (all of it when
    there is none); ``rebase`` puts this side's messages behind the other's; ``cherry_pick`` takes
    ``message_ids``; ``interleave`` orders both sides' additions by time. Copies get new ids and
    ``metadata["merged_from"]``; tool calls and their answers move together.
    """
    if strategy not in STRATEGIES:
        known = ", ".join(STRATEGIES)
        raise InvalidError(f"There is no merge strategy {strategy!r}.", hint=f"There are {known}.")
    if (strategy == "cherry_pick") != bool(message_ids):
        raise InvalidError("message_ids= goes with strategy='cherry_pick', and the other way round.")

    async def build(row: SessionRow, state: State) -> Change[MergeResult] | MergeResult:
        theirs, key = await _their_line(core, row.key, state, source)
        ours = await _line(core, row.key, state.tip)
        found = split(ours, theirs)
        skipped, added = _present(ours, found.theirs)
        conflicts = _conflicts(found.ours, found.theirs)
        if strategy == "cherry_pick":
            skipped, added = _picked(ours, theirs, message_ids)
        if not added:
            return MergeResult([], skipped, conflicts)
        batch = Batch(core, row, state)
        batch.update(Patch(), why="merge", note=_named(source))
        copies = [_copy(message, key) for message in added]
        if strategy == "rebase" and key == row.key:
            taken = await _onto(core, batch, row.key, added, found.ours)
        elif strategy in ("continuation", "cherry_pick"):
            taken = batch.extend(drafts(copies, batch.now))
        else:
            taken = await _rebuilt(core, batch, row.key, found.ancestor, found.ours, copies, strategy)
        return batch.change(MergeResult(taken, skipped, conflicts))

    return await write(core, handle, build, expect)


async def _their_line(core: Core, key: Key, state: State, source: str | Handle) -> tuple[list[Message], Key]:
    if isinstance(source, Handle):
        if source.key == key:
            raise InvalidError(f"Session {key.session_id!r} cannot be merged into itself.")
        other = await core.refresh(source)
        return await _line(core, source.key, other.tip), source.key
    if source == state.info.branch:
        raise InvalidError(f"The branch {source!r} is the active one; it cannot be merged into itself.")
    return await _line(core, key, head_of(state, source)), key


async def _line(core: Core, key: Key, tip: int) -> list[Message]:
    records, _ = await line_records(core, key, tip, None)
    messages = core.codec.messages(key, records)
    set_parents(messages, None)
    return await fill_blobs(core, key, records, messages)


def _named(source: str | Handle) -> str:
    return source.key.session_id if isinstance(source, Handle) else source


def _present(ours: Sequence[Message], theirs: Sequence[Message]) -> tuple[list[str], list[Message]]:
    """Which of ``theirs`` are here already, themselves or as copies, and which are new."""
    here = {m.id for m in ours} | {origin_of(m) for m in ours}
    skipped = [m.id for m in theirs if m.id in here or origin_of(m) in here]
    gone = set(skipped)
    return skipped, [m for m in theirs if m.id not in gone]


def _picked(
    ours: Sequence[Message], theirs: Sequence[Message], message_ids: Sequence[str]
) -> tuple[list[str], list[Message]]:
    """The chosen messages in their order, each with the other half of its tool calls."""
    known = {m.id for m in theirs}
    for message_id in message_ids:
        if message_id not in known:
            raise NotFoundError(f"There is no message {message_id!r} on the line to pick from.")
    wanted = set(message_ids)
    grown = True
    while grown:
        calls = {c for m in theirs if m.id in wanted for c in _calls(m)}
        more = {m.id for m in theirs if m.id not in wanted and calls & set(_calls(m))}
        grown = bool(more)
        wanted |= more
    return _present(ours, [m for m in theirs if m.id in wanted])


def _calls(message: Message) -> list[str]:
    """The ids of the tool calls that a message makes or answers."""
    return [
        part.id for part in message.parts if isinstance(part, ToolCallPart | ToolCallResponsePart) and part.id
    ]


def _conflicts(ours: Sequence[Message], theirs: Sequence[Message]) -> list[MergeConflict]:
    """Messages that both sides edited, or that have one id and two contents."""
    mine = {_edited(m): m for m in ours}
    found = []
    for message in theirs:
        other = mine.get(_edited(message))
        if other is None or same_content(_bare(message), _bare(other), dated=False):
            continue
        if message.id != other.id and origin_of(message) == origin_of(other):
            continue  # one is a copy of the other
        both_edited = _edited(message) != message.id and _edited(other) != other.id
        if message.id == other.id or both_edited:
            found.append(MergeConflict(_edited(message), other.id, message.id))
    return found


def _bare(message: Message) -> Message:
    """A message without what a copy has otherwise than what it was made of."""
    metadata = {key: value for key, value in (message.metadata or {}).items() if key != "merged_from"}
    return replace(message, usage=None, metadata=metadata)


def _edited(message: Message) -> str:
    """The id of the message that this one is a new version of, its own if of none."""
    return str((message.metadata or {}).get("edit_of") or message.id)


def _copy(message: Message, key: Key) -> Message:
    first = {"session_id": key.session_id, "message_id": message.id}
    metadata = {"merged_from": first, **(message.metadata or {})}
    # What was spent stays counted once, where it was spent.
    return replace(message, id="", parent_id=None, usage=None, metadata=metadata)


async def _rebuilt(
    core: Core,
    batch: Batch,
    key: Key,
    ancestor: str | None,
    ours: Sequence[Message],
    theirs: Sequence[Message],
    strategy: str,
) -> list[Message]:
    """Let the line go back to the ancestor and grow again from both sides; returns what was taken."""
    end = await end_at(core, key, await seq_of(core, key, ancestor) if ancestor else 0)
    batch.point(HeadBody(batch.state.info.branch, end.seq, True, end.head, "merge"), end.line)
    again = [_copy(message, key) for message in ours]
    both = [*theirs, *again] if strategy == "rebase" else _by_time(again, theirs)
    stored = batch.extend(drafts(both, batch.now))
    took = {id(message) for message in theirs}
    return [kept for kept, message in zip(stored, both, strict=True) if id(message) in took]


async def _onto(
    core: Core, batch: Batch, key: Key, theirs: list[Message], ours: Sequence[Message]
) -> list[Message]:
    """Let the active line go over the other branch's messages, then on with copies of its own."""
    end = await end_at(core, key, await seq_of(core, key, theirs[-1].id))
    batch.point(HeadBody(batch.state.info.branch, end.seq, True, end.head, "merge"), end.line)
    there = {origin_of(message) for message in await _line(core, key, end.seq)}
    again = [_copy(message, key) for message in ours if origin_of(message) not in there]
    if again:
        batch.extend(drafts(again, batch.now))
    return theirs


def _by_time(ours: Sequence[Message], theirs: Sequence[Message]) -> list[Message]:
    """Two lines in one, by time; a message that answers tool calls stays behind the one that made
    them, with all that lay between."""
    merged: list[Message] = []
    left, right = _blocks(ours), _blocks(theirs)
    while left and right:
        merged += (left if _time(left[0]) <= _time(right[0]) else right).pop(0)
    for block in [*left, *right]:
        merged += block
    return merged


def _blocks(line: Sequence[Message]) -> list[list[Message]]:
    """A line in pieces that must not be parted: a tool call up to its last answer."""
    last: dict[str, int] = {}
    for place, message in enumerate(line):
        for call in _calls(message):
            last[call] = place
    blocks: list[list[Message]] = []
    end = -1
    for place, message in enumerate(line):
        if place > end:
            blocks.append([])
        blocks[-1].append(message)
        end = max([end, *(last[call] for call in _calls(message))])
    return blocks


def _time(block: Sequence[Message]) -> float:
    moment = block[0].created_at
    return moment.timestamp() if moment is not None else 0.0
