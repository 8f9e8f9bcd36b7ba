"""Appending messages to a session, once each."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from ..backend import MESSAGE, Commit, Record, SessionRow
from ..codec import set_parents
from ..errors import ExistsError, InvalidError
from ..model import BlobPart, Message
from ..records import Placed, State, extended, is_tombstone
from .base import Core, Handle
from .drafts import Draft, drafts
from .reading import by_seqs
from .writing import Change, write


async def append(
    core: Core, handle: Handle, messages: Sequence[Message], *, expect: int | None = None
) -> list[Message]:
    """Add messages to the end of the active line, all or none; returns them as stored.

    A message whose supplied id is stored already with the same content is not stored again;
    with other content it raises ExistsError.
    """
    core.writable()
    now = core.clock.now()
    ready = drafts(messages, now)
    supplied = [d for d in ready if d.supplied]
    check_unique(supplied)

    async def build(row: SessionRow, state: State) -> Change[list[Message]] | list[Message]:
        known = await _known(core, handle, supplied) if supplied else {}
        fresh = [d for d in ready if d.message_id not in known] if known else ready
        if not fresh:
            return [known[d.message_id] for d in ready]
        change = grow(core, row, state, fresh, now)
        stored = [known.get(d.message_id, d.message) for d in ready] if known else change.result
        return change._replace(result=stored)

    return await write(core, handle, build, expect)


def grow(
    core: Core, row: SessionRow, state: State, fresh: Sequence[Draft], now: int
) -> Change[list[Message]]:
    """The change that puts ``fresh`` behind the head of the active line."""
    messages = [d.message for d in fresh]
    after, places = extended(state, now, messages)
    records = records_of(core, fresh, places)
    set_parents(messages, state.info.head)
    new_row = core.codec.next_row(row, after)
    blobs = {digest: body for d in fresh if d.blobs for digest, body in d.blobs.items()}
    commit = Commit(
        key=row.key, base=row.version, row=new_row, records=records, blobs=blobs, attributes=False
    )
    return Change(commit, after, messages)


def records_of(core: Core, ready: Sequence[Draft], places: Sequence[Placed]) -> list[Record]:
    """The log records of placed messages."""
    frame = core.codec.record
    return [
        Record(seq, MESSAGE, parent, d.message_id, d.at, d.message.role, frame(d.raw, place), d.texts)
        for d, (seq, parent, place) in zip(ready, places, strict=True)
    ]


def check_unique(supplied: Sequence[Draft]) -> None:
    """Raises InvalidError when an id stands twice in one call."""
    seen: dict[bytes, Draft] = {}
    for d in supplied:
        if d.message_id in seen:
            raise InvalidError(f"The message id {d.message.id!r} is given twice in one call.")
        seen[d.message_id] = d


async def _known(core: Core, handle: Handle, supplied: Sequence[Draft]) -> dict[bytes, Message]:
    """Which of these ids are stored, with their messages. Raises ExistsError on other content."""
    seqs = await core.backend.seqs(handle.key, [d.message_id for d in supplied])
    if not seqs:
        return {}
    stored = await by_seqs(core, handle.key, sorted(seqs.values()))
    known: dict[bytes, Message] = {}
    for d in supplied:
        seq = seqs.get(d.message_id)
        if seq is None:
            continue
        message = stored[seq]
        if not same_content(message, d.message, dated=False) and not is_tombstone(message):
            raise ExistsError(
                f"Message {d.message.id!r} is stored in session {handle.key.session_id!r} "
                f"with other content.",
                hint="Give the new message another id.",
            )
        known[d.message_id] = message
    return known


def same_content(a: Message, b: Message, *, dated: bool) -> bool:
    """Whether two messages say the same; with ``dated`` at the same time, too."""
    return (
        a.role == b.role
        and (a.parts == b.parts or _bare(a) == _bare(b))
        and a.model == b.model
        and a.usage == b.usage
        and (a.metadata or None) == (b.metadata or None)
        and (not dated or a.created_at == b.created_at)
    )


def _bare(message: Message) -> list[object]:
    """A message's parts with blobs told by their digests, whether their contents are there or not."""
    return [
        replace(part, content=b"") if isinstance(part, BlobPart) and part.digest else part
        for part in message.parts
    ]
