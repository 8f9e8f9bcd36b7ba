"""How a conversation in a file compares with a line of messages in the store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from ..backend import HEAD, MESSAGE, Key, StoredRecord
from ..core.appending import same_content
from ..core.base import Core
from ..core.drafts import Draft
from ..core.reading import line_records, one
from ..errors import CorruptError
from ..model import Message, ReasoningPart, TextPart
from ..records import State, is_tombstone
from .drafting import Drafts

_IN_MEMORY = 4096
_WINDOW = 1000


class Amendment(NamedTuple):
    """A stored message that the file has more of by now."""

    record: StoredRecord
    old: Message
    draft: Draft


class Relation(NamedTuple):
    """What two lines have in common: the first ``common`` messages; whether that is all of the
    stored one, and all of the new one."""

    common: int
    tip: int
    """The seq of the last common message; 0 when there is none."""
    all_stored: bool
    all_new: bool
    amendments: list[Amendment]

    @property
    def related(self) -> bool:
        """Whether one is the other's beginning."""
        return self.all_stored or self.all_new


async def compare(core: Core, key: Key, state: State, drafts: Drafts, start: int = 0) -> Relation:
    """The relation of a session's active line to a conversation's main line; of what lies behind the
    stored message ``start`` to the whole, if the conversation is only a file's end. Raises CorruptError.
    """
    common, tip = 0, start
    amendments: list[Amendment] = []
    new = (one for chunk in drafts.main() for one in chunk)
    async for line in stored_line(core, key, state, start):
        for record, old in line:
            fresh = next(new, None)
            if fresh is None:
                return Relation(common, tip, False, True, amendments)
            if not is_known(old, fresh.message):
                if not has_grown(old, fresh.message):
                    return Relation(common, tip, False, False, amendments)
                amendments.append(Amendment(record, old, fresh))
            common, tip = common + 1, record[0]
    return Relation(common, tip, True, next(new, None) is None, amendments)


def has_grown(old: Message, new: Message) -> bool:
    """Whether ``new`` is the stored message ``old`` with more parts, longer texts, or other facts."""
    if old.id != new.id or old.role != new.role or len(new.parts) < len(old.parts) or is_tombstone(old):
        return False
    return all(
        before == after
        or (
            isinstance(before, TextPart | ReasoningPart)
            and before.__class__ is after.__class__
            and after.content.startswith(before.content)
        )
        for before, after in zip(old.parts, new.parts, strict=False)
    )


def is_known(old: Message, new: Message) -> bool:
    """Whether a stored message says all that ``new`` does: it is the same, was erased here (and is not
    to come back by an import), or ``new`` is from when less of it was there."""
    if same_content(old, new, dated=False):
        return True
    return (old.id == new.id and is_tombstone(old)) or (old.parts != new.parts and has_grown(new, old))


Stored = tuple[StoredRecord, Message]


async def stored_line(core: Core, key: Key, state: State, start: int = 0) -> AsyncIterator[list[Stored]]:
    """The messages of the active line in order, each with its record, from behind the message
    ``start``; window by window where the line is long and straight."""
    if start:
        count = state.info.message_count - core.codec.frame(key, await one(core, key, start)).depth
        records, above = await line_records(core, key, state.tip, count) if count > 0 else ([], start)
        if above != start:
            raise NotOnLine
        yield _messages(core, key, records)
    elif state.info.message_count > _IN_MEMORY and not await core.backend.read(key, kinds=(HEAD,), limit=1):
        tip = 0
        while tip < state.tip:
            records = await core.backend.read(key, after=tip, limit=_WINDOW, kinds=(MESSAGE,))
            if not records or records[0][2] != tip:
                raise CorruptError(
                    f"Session {key.session_id!r} lacks messages behind record {tip}.",
                    place=f"session {key.session_id!r}, record {tip}",
                )
            tip = records[-1][0]
            yield _messages(core, key, records)
    elif state.tip:
        yield _messages(core, key, (await line_records(core, key, state.tip, None))[0])


class NotOnLine(Exception):
    """The stored message to go on behind is not on the active line."""


def _messages(core: Core, key: Key, records: Sequence[StoredRecord]) -> list[Stored]:
    return list(zip(records, core.codec.messages(key, records), strict=True))
