"""Appending messages to a session, once each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec.structs import replace

from ..backend import SessionRow
from ..errors import ExistsError, InvalidError
from ..model import BlobPart, Message
from ..records import State, is_tombstone
from .base import Core, Handle
from .batch import Batch
from .branching import free_name, head_of
from .drafts import Draft, drafts
from .lines import end_at
from .reading import by_seqs
from .writing import Change, write

OnConflict = Literal["rebase", "branch"]


async def append(
    core: Core,
    handle: Handle,
    messages: Sequence[Message],
    *,
    branch: str | None = None,
    on_conflict: OnConflict = "rebase",
    expect: int | None = None,
) -> list[Message]:
    """Add messages to the end of the active line, or of ``branch``; returns them as stored.

    A message whose supplied id is stored already with the same content is not stored again; with
    other content it raises ExistsError. ``on_conflict`` says what happens when the session moved
    since the handle last saw it: ``rebase`` puts the messages behind the other writer's, ``branch``
    on a new branch behind what the handle saw.
    """
    if on_conflict not in ("rebase", "branch"):
        raise InvalidError(f"on_conflict must be 'rebase' or 'branch', not {on_conflict!r}.")
    now = core.clock.now()
    ready = drafts(messages, now)
    supplied = [d for d in ready if d.supplied]
    if supplied:
        check_unique(supplied)
    seen = handle.newest if on_conflict == "branch" else None

    async def build(row: SessionRow, state: State) -> Change[list[Message]] | list[Message]:
        known = await _known(core, handle, supplied) if supplied else {}
        fresh = [d for d in ready if d.message_id not in known] if known else ready
        if branch is not None:
            head_of(state, branch)  # raises when there is none
        if not fresh:
            return [known[d.message_id] for d in ready]
        batch = Batch(core, row, state, now)
        if seen is not None and seen.tip != state.tip and branch is None:
            aside, tip = free_name(state, state.info.branch), seen.tip
            stored = batch.extend_aside(aside, await end_at(core, row.key, tip), fresh)
        elif branch is not None and branch != state.info.branch:
            end = await end_at(core, row.key, head_of(state, branch))
            stored = batch.extend_aside(branch, end, fresh)
        else:
            stored = batch.extend(fresh)
        return batch.change([known.get(d.message_id, d.message) for d in ready] if known else stored)

    return await write(core, handle, build, expect)


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
