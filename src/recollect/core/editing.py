"""Changing what was said, without losing it: edit, rewind, pop; and erase, which does lose it."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ..backend import MESSAGE, Key, Scrubs, SessionRow
from ..codec import dumps
from ..errors import ConflictError, ExistsError, InvalidError, NotFoundError
from ..model import BlobPart, Message, SessionInfo
from ..records import HeadBody, Patch, State, is_tombstone, origin_of, tombstone
from .base import Core, Handle
from .batch import Batch
from .branching import free_name
from .drafts import drafts
from .ids import encode_message_id
from .lines import end_at
from .notes import drop_sources, notes
from .reading import by_seqs, line_records, one, seq_of
from .titles import drop_names
from .verifying import every_row
from .writing import Change, write

_BATCH = 1000


async def edit(
    core: Core, handle: Handle, message_id: str, new: str | Message, *, expect: int | None = None
) -> Message:
    """Put a new version of a message beside the old one and go on from there.

    The old text and what followed it stay on a branch of their own. ``new`` is text or a whole
    message; text keeps the role. Returns the new message as stored; ``metadata["edit_of"]`` names
    the first version.
    """

    if not isinstance(new, str | Message):
        raise InvalidError(f"edit() takes text or a Message, not {type(new).__name__}.")

    async def build(row: SessionRow, state: State) -> Change[Message]:
        seq = await seq_of(core, row.key, message_id)
        record = await one(core, row.key, seq)
        (old,) = (await by_seqs(core, row.key, [seq])).values()
        if is_tombstone(old):
            raise InvalidError(f"Message {message_id!r} was erased; there is nothing to edit.")
        message = Message(role=old.role, parts=Message.user(new).parts) if isinstance(new, str) else new
        first = (old.metadata or {}).get("edit_of", old.id)
        message = replace(message, metadata={**(message.metadata or {}), "edit_of": first})
        if message.id and await core.backend.seqs(row.key, [encode_message_id(message.id)]):
            raise ExistsError(f"Session {row.key.session_id!r} has a message {message.id!r}.")
        batch = Batch(core, row, state)
        line, _ = await line_records(core, row.key, state.tip, None) if state.tip else ([], 0)
        for tip in dict.fromkeys([state.tip] if any(r[0] == seq for r in line) else [state.tip, seq]):
            if tip and tip not in batch.state.heads.values():
                old_end = await end_at(core, row.key, tip)
                name = free_name(batch.state, state.info.branch)
                batch.point(HeadBody(name, tip, False, old_end.head, "edit"), old_end.line)
        end = await end_at(core, row.key, record[2])
        batch.point(HeadBody(state.info.branch, end.seq, True, end.head, "edit"), end.line)
        return batch.change(batch.extend(drafts([message], batch.now))[0])

    return await write(core, handle, build, expect)


async def rewind(
    core: Core,
    handle: Handle,
    *,
    to: str | None = None,
    turns: int | None = None,
    expect: int | None = None,
) -> SessionInfo:
    """Let the active line end in the message ``to``, or ``turns`` user messages and all that
    answers them earlier. What is left behind stays in the log."""
    if (to is None) == (turns is None):
        raise InvalidError("rewind() takes to= or turns=, one of them.")
    if turns is not None and (not isinstance(turns, int) or isinstance(turns, bool) or turns < 1):
        raise InvalidError(f"turns must be a whole number from 1, not {turns!r}.")

    async def build(row: SessionRow, state: State) -> Change[SessionInfo] | SessionInfo:
        if to is not None:
            seq = await seq_of(core, row.key, to)
        else:
            seq = await _turns_back(core, row.key, state, turns or 1)
        if seq == state.tip:
            return state.info
        batch = await _back_to(core, row, state, seq, "rewind")
        return batch.change(batch.state.info)

    return await write(core, handle, build, expect)


async def _back_to(core: Core, row: SessionRow, state: State, seq: int, why: str) -> Batch:
    """A batch that lets the active branch end in ``seq``."""
    end = await end_at(core, row.key, seq)
    batch = Batch(core, row, state)
    batch.point(HeadBody(state.info.branch, seq, True, end.head, why), end.line)
    return batch


async def _turns_back(core: Core, key: Key, state: State, turns: int) -> int:
    """The head of the line before its last ``turns`` user messages."""
    if turns > state.info.turn_count:
        raise InvalidError(
            f"Session {key.session_id!r} has {state.info.turn_count} turns, not {turns} to go back."
        )
    wanted = state.info.turn_count - turns + 1
    count = 32
    while True:
        records, above = await line_records(core, key, state.tip, count)
        turn = [(record, core.codec.frame(key, record).turn) for record in records]
        first = next(record for record, number in turn if number >= wanted)
        if first is not records[0] or not above:
            return first[2]
        count *= 8  # the turn may have begun above what was read


async def pop(core: Core, handle: Handle, *, expect: int | None = None) -> Message:
    """Take the last message off the active line and return it. Raises NotFoundError on an empty one."""

    async def build(row: SessionRow, state: State) -> Change[Message]:
        if not state.tip:
            raise NotFoundError(f"Session {row.key.session_id!r} has no message to pop.")
        record = await one(core, row.key, state.tip)
        (last,) = (await by_seqs(core, row.key, [state.tip])).values()
        return (await _back_to(core, row, state, record[2], "pop")).change(last)

    return await write(core, handle, build, expect)


class EraseResult(Struct, frozen=True):
    """What ``erase`` removed, and which sessions forked from this one hold a copy of their own."""

    message_id: str
    blobs: int
    forks: list[str]

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values."""
        return {"message_id": self.message_id, "blobs": self.blobs, "forks": self.forks}


async def erase(core: Core, handle: Handle, message_id: str, *, expect: int | None = None) -> EraseResult:
    """Remove a message's content physically; its place, role and figures stay.

    Every stored message of that id goes, and every copy that a merge made of it here, and blobs
    that no other message uses. Forks made before keep copies of their own: the result names them.
    """

    async def build(row: SessionRow, state: State) -> Change[int] | int:
        seq = await seq_of(core, row.key, message_id)
        (message,) = (await by_seqs(core, row.key, [seq])).values()
        same = {message_id, origin_of(message)}
        batch = Batch(core, row, state)
        kept = await _tombstones(core, batch, row.key, same)
        if not batch.records:
            return 0
        batch.drop_blobs = [bytes.fromhex(digest) for digest in sorted(kept)]
        batch.drop_blobs += await drop_sources(core, batch, row.key)
        await drop_names(core, batch, row.key, message.text)
        if state.origin in {seq for seq, _ in batch.erased}:
            batch.state = replace(batch.state, info=replace(batch.state.info, preview=""))
        return batch.change(len(batch.drop_blobs))

    blobs = await write(core, handle, build, expect)
    await _drop_held(core, handle.key)
    if isinstance(core.backend, Scrubs):
        await core.backend.scrub()
    forks = await _copies(core, handle.key.session_id, encode_message_id(message_id))
    return EraseResult(message_id, blobs, forks)


async def _tombstones(core: Core, batch: Batch, key: Key, same: set[str]) -> set[str]:
    """Put tombstones on every message that is one of ``same`` or a copy of it; returns the digests
    of the blobs that nothing else in the session uses."""
    gone: set[str] = set()
    used: set[str] = set()
    after = 0
    while records := await core.backend.read(key, after=after, limit=_BATCH, kinds=(MESSAGE,)):
        after = records[-1][0]
        for record, message in zip(records, core.codec.messages(key, records), strict=True):
            digests = {p.digest for p in message.parts if isinstance(p, BlobPart) and p.digest}
            if message.id not in same and origin_of(message) not in same:
                used |= digests
            elif not is_tombstone(message):
                gone |= digests
                body = core.codec.record(dumps(tombstone(message)), core.codec.frame(key, record))
                batch.erase(record[0], message.id, body)
    return gone - used


async def _drop_held(core: Core, key: Key) -> None:
    """Take away the files with an erased message's text that other sessions keep for this one, in the
    trash or not."""
    holders = {note.holder for _, note in await notes(core, key)} - {None, key.session_id}
    for holder in sorted(name for name in holders if name):
        while (row := await core.backend.row(core.key(holder))) is not None:
            batch = Batch(core, row, core.codec.state(row))
            batch.drop_blobs = await drop_sources(core, batch, row.key)
            if not batch.erased:
                break
            batch.update(Patch(), why="erase")
            try:
                await core.backend.commit(batch.change(None).commit)
            except ConflictError:
                continue  # another writer was faster: once more on what it left
            break


async def _copies(core: Core, session_id: str, raw_id: bytes) -> list[str]:
    """The forks, whoever they were made from, that hold the message."""
    found: list[str] = []
    async for row in every_row(core):
        if row.forked_from is None or row.key.session_id == session_id:
            continue
        seqs = await core.backend.seqs(row.key, [raw_id])
        if seqs:
            (message,) = (await by_seqs(core, row.key, sorted(seqs.values()))).values()
            if not is_tombstone(message):
                found.append(row.key.session_id)
    return sorted(set(found))
