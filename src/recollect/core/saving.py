"""Saving a whole history: the store finds out what is new and records the difference."""

from __future__ import annotations

from collections.abc import Sequence

from ..backend import Key, SessionRow
from ..codec import set_parents
from ..errors import ConflictError, UnknownOutcomeError
from ..model import Message
from ..records import HeadBody, Line, Patch, State, is_tombstone, preview_of
from .appending import check_unique, same_content
from .base import Core, Handle
from .batch import Batch
from .drafts import Draft, drafts
from .reading import by_seqs, line_records
from .sessions import make_room, open_session
from .writing import Change, write


async def save_session(core: Core, session_id: str, messages: Sequence[Message]) -> Handle:
    """Save a whole history under an id; a session that is not there is created with it, at once."""
    core.writable()
    key = core.key(session_id)
    row = await core.backend.row(key)
    if not core.visible(row):
        await make_room(core, key, row)
        handle = await _created(core, key, messages)
        if handle is not None:
            return handle
    handle = await open_session(core, session_id, {})
    await save(core, handle, messages)
    return handle


async def _created(core: Core, key: Key, messages: Sequence[Message]) -> Handle | None:
    """A new session with its history in one commit; None when another writer was faster, or the
    outcome is not known."""
    batch = Batch.create(core, key, Patch())
    ready = drafts(messages, batch.now)
    check_unique(ready)
    if ready:
        batch.extend(ready)
    change = batch.change(None)
    try:
        await core.backend.commit(change.commit)
    except (ConflictError, UnknownOutcomeError):
        return None
    assert change.commit.row is not None
    handle = Handle(key, change.commit.row, change.state)
    core.adopt(handle, change.commit.row, change.state)
    return handle


async def save(
    core: Core, handle: Handle, messages: Sequence[Message], *, expect: int | None = None
) -> list[Message]:
    """Make the active line equal to ``messages``; returns them as stored.

    What the line and ``messages`` have in common at their start stays untouched. When the rest
    differs, the line goes back to the last common message and grows from there; what it held
    before stays in the log. An id whose content changed is stored again, with the new content.
    """
    core.writable()
    now = core.clock.now()
    ready = drafts(messages, now)
    check_unique(ready)

    async def build(row: SessionRow, state: State) -> Change[list[Message]] | list[Message]:
        records, _ = await line_records(core, row.key, state.tip, None) if state.tip else ([], 0)
        stored = core.codec.messages(row.key, records)
        set_parents(stored, None)
        common = _common(stored, messages, ready)
        fresh = await _unerased(core, row.key, ready[common:])
        again = {d.message.id for d in fresh if d.supplied}
        cut = next((place for place in range(common) if stored[place].id in again), common)
        if cut < common:  # no id may stand twice on a line: the one that was kept goes
            matched = zip(stored[cut:common], ready[cut:common], strict=True)
            fresh = [d for old, d in matched if not is_tombstone(old)] + fresh
            common = cut
        kept = stored[:common]
        if common == len(stored) and not fresh:
            return kept
        batch = Batch(core, row, state, now)
        if common < len(stored):
            _back(batch, records[common - 1][0] if common else 0, kept)
        added = batch.extend(fresh) if fresh else []
        return batch.change(kept + added)

    return await write(core, handle, build, expect)


async def _unerased(core: Core, key: Key, fresh: Sequence[Draft]) -> list[Draft]:
    """Without the messages that were erased: they do not come back."""
    ids = [d.message_id for d in fresh if d.supplied]
    seqs = await core.backend.seqs(key, ids) if ids else {}
    if not seqs:
        return list(fresh)
    stored = await by_seqs(core, key, sorted(seqs.values()))
    gone = {raw for raw, seq in seqs.items() if is_tombstone(stored[seq])}
    return [d for d in fresh if d.message_id not in gone]


def _common(stored: Sequence[Message], messages: Sequence[Message], ready: Sequence[Draft]) -> int:
    """How many messages both begin with. Ids and times count only where the caller gives them."""
    count = 0
    for old, given, new in zip(stored, messages, ready, strict=False):
        if given.id and given.id != old.id:
            break
        same = same_content(old, new.message, dated=given.created_at is not None)
        if not same and not is_tombstone(old):  # what was erased does not come back
            break
        count += 1
    return count


def _back(batch: Batch, tip: int, kept: Sequence[Message]) -> None:
    """Point the active branch at the last kept message."""
    users = [message for message in kept if message.role == "user"]
    line = Line()
    if kept:
        preview = preview_of(users[0]) if users else ""
        line = Line(len(kept), len(users), batch.state.origin if users else 0, preview)
    head = kept[-1].id if kept else None
    batch.point(HeadBody(batch.state.info.branch, tip, head=head, why="save"), line)
