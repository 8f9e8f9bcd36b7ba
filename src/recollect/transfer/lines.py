"""How a conversation in a file compares with a line of messages in the store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import NamedTuple

from ..backend import HEAD, MESSAGE, Key, StoredRecord
from ..core.appending import same_content
from ..core.base import Core
from ..core.drafts import Draft, drafts
from ..core.reading import line_records
from ..errors import CorruptError, InvalidError
from ..formats.base import Conversation, Damage
from ..model import Message
from ..records import Line, State, is_tombstone

LOOKED_AT = 64
"""How many messages at most say how a conversation begins."""
CHUNK_MESSAGES = 2000
CHUNK_BYTES = 8 << 20
_IN_MEMORY = 4096
_WINDOW = 1000


class Drafts:
    """A conversation's messages ready to be written, in chunks of bounded size, as often as asked
    for. Those of a small conversation are kept, larger ones are read again."""

    def __init__(self, conversation: Conversation, now: int, report: Callable[[int, str], None]) -> None:
        self._conversation = conversation
        self._now = now
        self._report = report
        self._told: set[int] = set()
        self._whole: list[Draft] | None = None
        self.beginning, self.answered = _beginning(next(self._read()))

    def chunks(self) -> Iterator[list[Draft]]:
        """All messages from the first one on."""
        return self._read() if self._whole is None else iter((self._whole,))

    def release(self, chunk: list[Draft]) -> None:
        """Let go of a chunk's drafts, unless they are kept for the next time."""
        if chunk is not self._whole:
            chunk.clear()

    def _read(self) -> Iterator[list[Draft]]:
        chunk: list[Draft] = []
        first, size = True, 0
        for number, message in enumerate(self._conversation.messages, 1):
            ready = self._draft(number, message)
            if ready is None:
                continue
            if chunk and (len(chunk) >= CHUNK_MESSAGES or size + len(ready.raw) > CHUNK_BYTES):
                yield chunk
                chunk, first, size = [], False, 0
            chunk.append(ready)
            size += len(ready.raw) + sum(map(len, ready.blobs.values()))
            del message, ready
        if first and size <= CHUNK_BYTES:
            self._whole = chunk
        if first or chunk:
            yield chunk

    def _draft(self, number: int, message: Message | Damage) -> Draft | None:
        if isinstance(message, Message):
            try:
                return drafts((message,), self._now)[0]
            except InvalidError as error:
                message = Damage(self._conversation.offset, f"message {number}: {error.message}")
        if number not in self._told:
            self._told.add(number)
            self._report(message.offset, message.reason)
        return None


def _beginning(first: Sequence[Draft]) -> tuple[list[bytes], bool]:
    """What tells how a conversation begins: the ids of its messages up to the first answer, and
    whether there is one."""
    ids: list[bytes] = []
    for ready in first[:LOOKED_AT]:
        ids.append(ready.message_id)
        if ready.message.role == "assistant":
            return ids, True
    return ids, False


class Relation(NamedTuple):
    """What two lines have in common: the first ``common`` messages; whether that is all of the
    stored one, and all of the new one."""

    common: int
    tip: int
    """The seq of the last common message; 0 when there is none."""
    head: str | None
    users: int
    """User messages among the common ones."""
    all_stored: bool
    all_new: bool

    @property
    def related(self) -> bool:
        """Whether one is the other's beginning."""
        return self.all_stored or self.all_new

    def line(self, state: State) -> Line:
        """The common messages as a line of their own."""
        if not self.users:
            return Line(self.common)
        return Line(self.common, self.users, state.origin, state.info.preview)


async def compare(core: Core, key: Key, state: State, ready: Drafts) -> Relation:
    """The relation of a session's active line to a conversation. Raises CorruptError."""
    common = tip = users = 0
    head: str | None = None
    new = (one for chunk in ready.chunks() for one in chunk)
    async for line in stored_line(core, key, state):
        for place, old in line:
            fresh = next(new, None)
            if fresh is None or not _same(old, fresh.message):
                return Relation(common, tip, head, users, False, fresh is None)
            common, tip, head = common + 1, place, old.id
            users += old.role == "user"
    return Relation(common, tip, head, users, True, next(new, None) is None)


async def known(core: Core, key: Key, ready: Drafts) -> bool:
    """Whether every message of a conversation is in the session, on whatever line: then a line that
    went another way since is its user's doing, and stays."""
    for chunk in ready.chunks():
        ids = [one.message_id for one in chunk]
        if len(await core.backend.seqs(key, ids)) < len(set(ids)):
            return False
    return True


def _same(old: Message, new: Message) -> bool:
    if same_content(old, new, dated=False):
        return True
    return old.id == new.id and is_tombstone(old)  # erased here: not to come back by an import


async def stored_line(core: Core, key: Key, state: State) -> AsyncIterator[list[tuple[int, Message]]]:
    """The messages of the active line in order, each with its seq; window by window where the line
    is long and straight."""
    if state.info.message_count > _IN_MEMORY and not await core.backend.read(key, kinds=(HEAD,), limit=1):
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


def _messages(core: Core, key: Key, records: Sequence[StoredRecord]) -> list[tuple[int, Message]]:
    found = core.codec.messages(key, records)
    return [(record[0], message) for record, message in zip(records, found, strict=True)]
