"""Branches of one session: naming lines, switching between them, looking at the whole tree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from ..backend import MESSAGE, Key, SessionRow
from ..codec import set_parents
from ..errors import ExistsError, InvalidError, NotFoundError
from ..model import Message, SessionInfo
from ..records import HeadBody, State
from .base import Core, Handle
from .batch import Batch
from .blobs import fill_blobs
from .ids import check_name
from .lines import end_at, seq_at
from .reading import line_records, one, seq_of
from .writing import Change, write

_BATCH = 4096


class Branch(Struct, frozen=True):
    """A named line: the id of its newest message (None: empty) and how many messages it has."""

    name: str
    head: str | None
    message_count: int
    active: bool

    def to_dict(self) -> dict[str, Any]:
        """The branch as JSON values."""
        return {
            "name": self.name,
            "head": self.head,
            "message_count": self.message_count,
            "active": self.active,
        }


class TreeNode(Struct, frozen=True):
    """A message in a session's tree. ``active`` says that it is on the active line, ``branches``
    which branches end in it; its parent is ``message.parent_id``."""

    message: Message
    position: int
    active: bool
    branches: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The node as JSON values."""
        return {
            "message": self.message.to_dict(),
            "position": self.position,
            "active": self.active,
            "branches": list(self.branches),
            "labels": list(self.labels),
        }


class Diff(Struct, frozen=True):
    """What two lines have in common and what each adds: ``ancestor`` is the newest common message."""

    ancestor: str | None
    ours: list[Message]
    theirs: list[Message]

    def to_dict(self) -> dict[str, Any]:
        """The difference as JSON values."""
        return {
            "ancestor": self.ancestor,
            "ours": [message.to_dict() for message in self.ours],
            "theirs": [message.to_dict() for message in self.theirs],
        }


def head_of(state: State, branch: str) -> int:
    """The seq a branch ends in. Raises NotFoundError."""
    if branch == state.info.branch:
        return state.tip
    if branch in state.heads:
        return state.heads[branch]
    raise NotFoundError(f"Session {state.info.id!r} has no branch {branch!r}.")


async def branch(
    core: Core, handle: Handle, name: str, *, at: str | int | None = None, expect: int | None = None
) -> Branch:
    """Name a line that ends in the message ``at`` (an id, or a version), or at the active head.

    The active branch stays active. Raises ExistsError when the name is taken.
    """
    check_name("branch name", name)

    async def build(row: SessionRow, state: State) -> Change[Branch]:
        if name == state.info.branch or name in state.heads:
            raise ExistsError(f"Session {row.key.session_id!r} has a branch {name!r}.")
        seq = state.tip if at is None else await seq_at(core, state, row.key, at)
        end = await end_at(core, row.key, seq)
        batch = Batch(core, row, state)
        batch.point(HeadBody(name, seq, False, end.head, "branch"), end.line)
        return batch.change(Branch(name, end.head, end.line.depth, False))

    return await write(core, handle, build, expect)


async def checkout(core: Core, handle: Handle, name: str, *, expect: int | None = None) -> SessionInfo:
    """Make a branch the active one. Raises NotFoundError."""

    async def build(row: SessionRow, state: State) -> Change[SessionInfo] | SessionInfo:
        end = await end_at(core, row.key, head_of(state, name))
        if name == state.info.branch:
            return state.info
        batch = Batch(core, row, state)
        batch.point(HeadBody(name, end.seq, True, end.head, "checkout"), end.line)
        return batch.change(batch.state.info)

    return await write(core, handle, build, expect)


async def branches(core: Core, handle: Handle) -> list[Branch]:
    """All branches by name, the active one first."""
    state = await core.refresh(handle)
    info = state.info
    found = [Branch(info.branch, info.head, info.message_count, True)]
    names = sorted(state.heads)
    seqs = dict.fromkeys(seq for seq in state.heads.values() if seq)
    records = [(handle.key, await one(core, handle.key, seq)) for seq in seqs]
    heads = dict(zip(seqs, core.codec.glances(records), strict=True))
    for name in names:
        head = heads.get(state.heads[name])
        depth = 0 if head is None else head.frame.depth
        found.append(Branch(name, None if head is None else head.id, depth, False))
    return found


async def label(
    core: Core, handle: Handle, message_id: str, name: str, *, off: bool = False, expect: int | None = None
) -> tuple[str, ...]:
    """Put a label on a message, or with ``off`` take it away; returns the message's labels."""
    check_name("label", name)

    async def build(row: SessionRow, state: State) -> Change[tuple[str, ...]] | tuple[str, ...]:
        await seq_of(core, row.key, message_id)
        if (name in state.labels.get(message_id, ())) != off:
            return state.labels.get(message_id, ())
        batch = Batch(core, row, state)
        batch.label(message_id, name, off=off)
        return batch.change(batch.state.labels.get(message_id, ()))

    return await write(core, handle, build, expect)


async def tree(core: Core, handle: Handle) -> list[TreeNode]:
    """Every message of the session in the order written, with its place in the tree."""
    state = await core.refresh(handle)
    key = handle.key
    active = {record[0] for record in (await line_records(core, key, state.tip, None))[0]}
    ends: dict[int, list[str]] = {}
    for name, seq in {state.info.branch: state.tip, **state.heads}.items():
        ends.setdefault(seq, []).append(name)
    ids: dict[int, str] = {}
    depths: dict[int, int] = {0: 0}
    nodes: list[TreeNode] = []
    after = 0
    while records := await core.backend.read(
        key, after=after, before=state.version + 1, limit=_BATCH, kinds=(MESSAGE,)
    ):
        messages = await fill_blobs(core, key, records, core.codec.messages(key, records))
        for record, message in zip(records, messages, strict=True):
            seq, _, parent, _ = record
            ids[seq], depths[seq] = message.id, depths.get(parent, 0) + 1
            set_parents([message], ids.get(parent))
            labels = state.labels.get(message.id, ())
            nodes.append(
                TreeNode(message, depths[seq], seq in active, tuple(sorted(ends.get(seq, ()))), labels)
            )
        after = records[-1][0]
    return nodes


async def branch_line(core: Core, key: Key, state: State, name: str) -> list[Message]:
    """The messages of a branch, in order."""
    records, _ = await line_records(core, key, head_of(state, name), None)
    messages = core.codec.messages(key, records)
    set_parents(messages, None)
    return await fill_blobs(core, key, records, messages)


async def diff(core: Core, handle: Handle, ours: str, theirs: str | None) -> Diff:
    """What two branches have in common and what each adds; one alone is held against the active."""
    state = await core.refresh(handle)
    if theirs is None:
        ours, theirs = state.info.branch, ours
    return split(
        await branch_line(core, handle.key, state, ours), await branch_line(core, handle.key, state, theirs)
    )


async def diff_sessions(core: Core, ours: Handle, theirs: Handle) -> Diff:
    """The same between the active lines of two sessions, which share messages by id."""
    mine, other = await core.refresh(ours), await core.refresh(theirs)
    return split(
        await branch_line(core, ours.key, mine, mine.info.branch),
        await branch_line(core, theirs.key, other, other.info.branch),
    )


def split(ours: Sequence[Message], theirs: Sequence[Message]) -> Diff:
    """Two lines apart behind what they begin with together."""
    common = 0
    for a, b in zip(ours, theirs, strict=False):
        if a.id != b.id:
            break
        common += 1
    ancestor = ours[common - 1].id if common else None
    return Diff(ancestor, list(ours[common:]), list(theirs[common:]))


def free_name(state: State, base: str) -> str:
    """``base-1``, ``base-2`` …: the first branch name not taken."""
    taken = {state.info.branch, *state.heads}
    number = 1
    while f"{base}-{number}" in taken:
        number += 1
    if len(base) > 240:
        raise InvalidError(f"The branch name {base[:20]!r}… is too long for another one after it.")
    return f"{base}-{number}"
