"""Another history of a session as branches of the session that the destination has.

Both logs begin alike. Each branch of the other log becomes a branch here, from where the two part:
its messages keep ids, dates and figures. One whose id stands for something else here gets a new id
and ``metadata["merged_from"]``. What the other log says of attributes and versions is not taken over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from ...backend import MESSAGE, Key, SessionRow
from ...core.appending import same_content
from ...core.base import Core, Handle
from ...core.batch import Batch, End
from ...core.blobs import fill_blobs
from ...core.branching import free_name
from ...core.drafts import drafts
from ...core.lines import end_at
from ...core.reading import line_records
from ...core.writing import Change, write
from ...model import Message
from ...records import State
from .origins import StoredLog

_BATCH = 1000


class Brought(NamedTuple):
    """The branches that were added, and how many messages they have."""

    branches: list[str]
    messages: int


class _Said(NamedTuple):
    seq: int
    message: Message


async def bring(log: StoredLog, core: Core, key: Key, differs: int, *, dry_run: bool) -> Brought:
    """Add what ``log`` has from record ``differs`` on as branches of a session; again adds nothing."""
    theirs = log.core.codec.state(log.row)
    tips = {theirs.info.branch: theirs.tip, **theirs.heads}
    lines = [(name, await _line(log.core, log.row.key, tip)) for name, tip in tips.items() if tip >= differs]

    async def build(row: SessionRow, state: State) -> Change[Brought] | Brought:
        here = await _here(core, key, differs)
        batch = Batch(core, row, state)
        placed: dict[int, End] = {}
        brought = Brought([], 0)
        for name, line in lines:
            place = _Place(log.row.key, key, differs, here, placed)
            brought = await _branch(core, batch, name, line, place, brought)
        return batch.change(brought) if brought.branches else brought

    row = await core.load(key)
    state = core.codec.state(row)
    if dry_run:
        would = await build(row, state)
        return would.result if isinstance(would, Change) else would
    return await write(core, Handle(key, row, state), build)


class _Place(NamedTuple):
    """What is known of both sides: of our messages behind the common past by their first id, and
    where messages of theirs were put."""

    theirs: Key
    ours: Key
    differs: int
    here: dict[str, list[_Said]]
    placed: dict[int, End]


async def _branch(
    core: Core, batch: Batch, name: str, line: Sequence[_Said], place: _Place, brought: Brought
) -> Brought:
    """One line: over what is here already, then on with what is new."""
    last: int | End = 0
    shared = 0
    for said in line:
        known = _known(said, place)
        if known is None:
            break
        last, shared = known, shared + 1
    new = line[shared:]
    if not new:
        return brought
    end = last if isinstance(last, End) else await end_at(core, place.ours, last)
    branch = free_name(batch.state, name)
    copies = [_free(said.message, place) for said in new]
    stored = batch.extend_aside(branch, end, drafts(copies, batch.now), why="migrate")
    first = batch.state.version - len(stored)  # the record behind them points the branch
    line_after = end.line
    for number, (said, kept) in enumerate(zip(new, stored, strict=True)):
        seq = first + number
        depth, turn, origin = line_after.depth + 1, line_after.turn, line_after.origin
        if kept.role == "user":
            turn, origin = turn + 1, origin or seq
        line_after = line_after._replace(depth=depth, turn=turn, origin=origin)
        place.placed[said.seq] = End(seq, kept.id, line_after)
    return Brought([*brought.branches, branch], brought.messages + len(stored))


def _known(said: _Said, place: _Place) -> int | End | None:
    """Where a message of theirs stands here, if it does."""
    if said.seq < place.differs:
        return said.seq
    if said.seq in place.placed:
        return place.placed[said.seq]
    for mine in place.here.get(said.message.id, ()):
        if same_content(_bare(mine.message), _bare(said.message), dated=True):
            return mine.seq
    return None


def _free(message: Message, place: _Place) -> Message:
    """A message as it can be stored here: under its own id, or as a copy where that is taken."""
    message = replace(message, parent_id=None)
    if message.id not in place.here:
        return message
    first = {"session_id": place.theirs.session_id, "message_id": message.id}
    return replace(message, id="", metadata={**(message.metadata or {}), "merged_from": first})


def _bare(message: Message) -> Message:
    metadata = {name: value for name, value in (message.metadata or {}).items() if name != "merged_from"}
    return replace(message, id="", parent_id=None, metadata=metadata)


async def _here(core: Core, key: Key, differs: int) -> dict[str, list[_Said]]:
    """The messages of a session from a record on, by their id and by that of what they are copies of."""
    found: dict[str, list[_Said]] = {}
    after = differs - 1
    while records := await core.backend.read(key, after=after, limit=_BATCH, kinds=(MESSAGE,)):
        after = records[-1][0]
        messages = await fill_blobs(core, key, records, core.codec.messages(key, records))
        for record, message in zip(records, messages, strict=True):
            merged = (message.metadata or {}).get("merged_from")
            ids = {message.id}
            if isinstance(merged, dict) and merged.get("session_id") == key.session_id:
                ids.add(str(merged.get("message_id")))
            for message_id in ids:
                found.setdefault(message_id, []).append(_Said(record[0], message))
    return found


async def _line(core: Core, key: Key, tip: int) -> list[_Said]:
    records, _ = await line_records(core, key, tip, None)
    messages = await fill_blobs(core, key, records, core.codec.messages(key, records))
    return [_Said(record[0], message) for record, message in zip(records, messages, strict=True)]
