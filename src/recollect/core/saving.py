"""Saving a whole history: the store finds out what is new and records the difference."""

from __future__ import annotations

from collections.abc import Sequence

from ..backend import HEAD, Commit, Record, SessionRow
from ..codec import dumps, set_parents
from ..model import Message
from ..records import HeadBody, Line, State, extended, pointed, preview_of
from .appending import check_unique, records_of, same_content
from .base import Core, Handle
from .drafts import Draft, drafts
from .reading import line_records
from .writing import Change, write


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
        kept, fresh = stored[:common], ready[common:]
        if common == len(stored) and not fresh:
            return kept
        commit_records: list[Record] = []
        after = state
        if common < len(stored):
            tip = records[common - 1] if common else None
            after = _back(core, state, tip and tip[0], kept, now, commit_records)
        added = [d.message for d in fresh]
        if fresh:
            parent = after.info.head
            after, places = extended(after, now, added, len(commit_records))
            commit_records += records_of(core, fresh, places)
            set_parents(added, parent)
        commit = Commit(
            key=row.key,
            base=row.version,
            row=core.codec.next_row(row, after),
            records=commit_records,
            blobs={digest: body for d in fresh for digest, body in d.blobs.items()},
            attributes=False,
        )
        return Change(commit, after, kept + added)

    return await write(core, handle, build, expect)


def _common(stored: Sequence[Message], messages: Sequence[Message], ready: Sequence[Draft]) -> int:
    """How many messages both begin with. Ids and times count only where the caller gives them."""
    count = 0
    for old, given, new in zip(stored, messages, ready, strict=False):
        if given.id and given.id != old.id:
            break
        if not same_content(old, new.message, dated=given.created_at is not None):
            break
        count += 1
    return count


def _back(
    core: Core,
    state: State,
    tip: int | None,
    kept: Sequence[Message],
    now: int,
    records: list[Record],
) -> State:
    """Point the active branch at the last kept message; adds the record, returns the state after it."""
    users = [m for m in kept if m.role == "user"]
    body = HeadBody(
        state.info.branch,
        tip or 0,
        head=kept[-1].id if kept else None,
        why="save",
    )
    line = Line()
    if kept:
        preview = preview_of(users[0]) if users else ""
        line = Line(len(kept), len(users), state.origin if users else 0, preview)
    after = pointed(state, now, body, line)
    raw = core.codec.record(dumps(body), after.frame(now))
    records.append(Record(after.version, HEAD, body.to, b"", now, "", raw))
    return after
