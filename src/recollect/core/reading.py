"""Reading messages: the active line, a page of it, or the line as it was."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import force_setattr

from ..backend import MESSAGE, Key, StoredRecord
from ..codec import place_of, set_parents
from ..errors import CorruptError, InvalidError, NotFoundError
from ..model import Message
from ..records import State
from .base import Core, Handle
from .blobs import fill_blobs
from .ids import encode_message_id

WINDOW = 4096
MARGIN = 16
_MESSAGES = (MESSAGE,)


async def messages(
    core: Core,
    handle: Handle,
    *,
    last: int | None = None,
    before: str | None = None,
    limit: int | None = None,
    at: int | None = None,
) -> list[Message]:
    """Messages of a line in order: all, the ``last`` n, or at most ``limit`` ones ``before`` a
    message; of the active line, or of the line as it was ``at`` a version."""
    count = _count(last, limit)
    if before is not None:
        if at is not None:
            raise InvalidError("messages() takes before= or at=, not both.")
        await core.refresh(handle)
        tip = await parent_of(core, handle.key, before)
    elif at is not None:
        tip = await tip_at(core, await core.refresh(handle), handle.key, at)
    else:
        tip = (await core.refresh(handle)).tip
    return await line(core, handle.key, tip, count)


def _count(last: int | None, limit: int | None) -> int | None:
    if last is not None and limit is not None:
        raise InvalidError("messages() takes last= or limit=, not both.")
    count = last if last is not None else limit
    if count is not None and (not isinstance(count, int) or count < 0):
        raise InvalidError(f"The number of messages must be 0 or more, not {count!r}.")
    return count


async def tip_at(core: Core, state: State, key: Key, version: int) -> int:
    """The seq of the active head as of a version."""
    if not isinstance(version, int) or version < 1:
        raise InvalidError(f"A version is a whole number from 1, not {version!r}.")
    if version > state.version:
        raise NotFoundError(
            f"Session {key.session_id!r} has no version {version}; its newest is {state.version}."
        )
    record = await one(core, key, version)
    return core.codec.frame(key, record).tip


async def parent_of(core: Core, key: Key, message_id: str) -> int:
    """The seq of the message before ``message_id`` on its line."""
    seq = await seq_of(core, key, message_id)
    return (await one(core, key, seq))[2]


async def seq_of(core: Core, key: Key, message_id: str) -> int:
    """The seq of a message. Raises NotFoundError."""
    raw = encode_message_id(message_id)
    found = await core.backend.seqs(key, [raw])
    if raw not in found:
        raise NotFoundError(f"There is no message {message_id!r} in session {key.session_id!r}.")
    return found[raw]


async def one(core: Core, key: Key, seq: int) -> StoredRecord:
    """One record. Raises CorruptError when it is missing: a log has no gaps."""
    found = await core.backend.read(key, after=seq - 1, limit=1)
    if not found or found[0][0] != seq:
        raise CorruptError(
            f"{place_of(key, seq).capitalize()} is missing.",
            place=place_of(key, seq),
            hint="Run 'recollect verify' to see what else is damaged.",
        )
    return found[0]


async def line(core: Core, key: Key, tip: int, count: int | None = None) -> list[Message]:
    """The messages of the line that ends in ``tip``, in order; the last ``count`` of them."""
    if not tip or count == 0:
        return []
    records, parent = await line_records(core, key, tip, count)
    found = core.codec.messages(key, records)
    first_parent = None
    if parent:
        above = await one(core, key, parent)
        first_parent = core.codec.messages(key, [above])[0].id
    set_parents(found, first_parent)
    return await fill_blobs(core, key, records, found)


async def line_records(core: Core, key: Key, tip: int, count: int | None) -> tuple[list[StoredRecord], int]:
    """The records of a line, in order, and the seq of the first one's parent.

    Read backwards in windows, following parents in memory and jumping below the lowest window
    when a parent lies there: on a straight line that is one range read.
    """
    size = WINDOW if count is None else min(count + MARGIN, WINDOW)
    windows: list[list[StoredRecord]] = []
    got, seq = 0, tip
    while seq and (count is None or got < count):
        window = await core.backend.read(key, before=seq + 1, last=size, kinds=_MESSAGES)
        chain = _chain(key, window, seq)
        if count is not None and got + len(chain) > count:
            chain = chain[got + len(chain) - count :]
        windows.append(chain)
        got += len(chain)
        seq = chain[0][2]
        size = WINDOW if count is None else min(count - got + MARGIN, WINDOW)
    windows.reverse()
    return (windows[0] if len(windows) == 1 else [r for w in windows for r in w]), seq


def _chain(key: Key, window: Sequence[StoredRecord], seq: int) -> list[StoredRecord]:
    """The part of a window that is the line ending in ``seq``, in order."""
    if not window or window[-1][0] != seq:
        raise CorruptError(
            f"{place_of(key, seq).capitalize()} is missing: the line of messages is broken there.",
            place=place_of(key, seq),
            hint="Run 'recollect verify' to see what else is damaged.",
        )
    if [r[2] for r in window[1:]] == [r[0] for r in window[:-1]]:
        return window if isinstance(window, list) else list(window)
    chain: list[StoredRecord] = []
    for record in reversed(window):
        if record[0] == seq:
            chain.append(record)
            seq = record[2]
            if not seq:
                break
    chain.reverse()
    return chain


async def by_seqs(core: Core, key: Key, seqs: Sequence[int]) -> dict[int, Message]:
    """Messages by seq, wherever they stand, complete with parents and blobs; ``seqs`` ascending."""
    records = await _scattered(core, key, seqs)
    parents = sorted({record[2] for record in records} - {record[0] for record in records} - {0})
    above = await _scattered(core, key, parents)
    messages = core.codec.messages(key, records)
    ids = {
        record[0]: message.id
        for record, message in zip(
            [*records, *above], [*messages, *core.codec.messages(key, above)], strict=True
        )
    }
    for record, message in zip(records, messages, strict=True):
        force_setattr(message, "parent_id", ids.get(record[2]))
    await fill_blobs(core, key, records, messages)
    return {record[0]: message for record, message in zip(records, messages, strict=True)}


async def _scattered(core: Core, key: Key, seqs: Sequence[int]) -> list[StoredRecord]:
    """Message records by seq; those close to each other share a range read."""
    found: list[StoredRecord] = []
    start = 0
    while start < len(seqs):
        end = start + 1
        while end < len(seqs) and seqs[end] - seqs[start] < WINDOW:
            end += 1
        wanted = set(seqs[start:end])
        records = await core.backend.read(
            key, after=seqs[start] - 1, before=seqs[end - 1] + 1, kinds=_MESSAGES
        )
        found += [record for record in records if record[0] in wanted]
        start = end
    return found
