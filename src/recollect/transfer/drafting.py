"""A conversation's messages made ready to be written, in chunks of bounded size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ..core.drafts import Draft, drafts
from ..errors import InvalidError
from ..formats.base import Conversation, Damage
from ..model import Message

LOOKED_AT = 64
"""How many messages at most say how a conversation begins."""
CHUNK_MESSAGES = 2000
CHUNK_BYTES = 2 << 20


class Stretch(NamedTuple):
    """Some messages in a row. Those of the main line are ``main``; of any other line the first
    stretch ``begins`` it, behind the message ``behind`` (None: behind none)."""

    drafts: list[Draft]
    main: bool
    begins: bool = False
    behind: str | None = None


class Drafts:
    """A conversation's messages ready to be written, as often as asked for. Those of a small
    conversation are kept, larger ones are read again."""

    def __init__(self, conversation: Conversation, now: int, report: Callable[[int, str], None]) -> None:
        self._conversation = conversation
        self._now = now
        self._report = report
        self._told: set[int] = set()
        self._whole: list[Stretch] | None = None
        self.head: str | None = None
        """The id of the main line's last message, once that was reached."""
        stretches = self._read()
        first = next(stretches)
        self._first = [one.at for one in first.drafts]
        self.beginning, self.answered = _beginning(first.drafts)
        if _size(first) <= CHUNK_BYTES and len(first.drafts) < CHUNK_MESSAGES:
            kept, room = [first], CHUNK_BYTES
            for stretch in stretches:
                room -= _size(stretch)
                if room < 0:
                    return
                kept.append(stretch)
            self._whole = kept

    def times(self) -> tuple[int, int]:
        """When the conversation began and when it was last added to, as far as its messages are at
        hand; now where they have no dates, and never later."""
        times = self._first
        if self._whole is not None:
            times = [one.at for stretch in self._whole for one in stretch.drafts]
        times = times or [self._now]
        return min(min(times), self._now), min(max(times), self._now)

    def stretches(self) -> Iterator[Stretch]:
        """All messages: the main line's, then every other line's."""
        return self._read() if self._whole is None else iter(self._whole)

    def main(self) -> Iterator[list[Draft]]:
        """The main line's messages."""
        for stretch in self.stretches():
            if not stretch.main:
                return
            yield stretch.drafts

    def release(self, stretch: Stretch) -> None:
        """Let go of a stretch's drafts, unless they are kept for the next time."""
        if self._whole is None:
            stretch.drafts.clear()

    def _read(self) -> Iterator[Stretch]:
        tree = self._conversation.head
        gathering = _Gathering()
        previous: str | None = None
        for number, message in enumerate(self._conversation.messages, 1):
            ready = self._draft(number, message)
            if isinstance(message, Damage):
                continue
            if ready is None:
                if message.id == tree:
                    yield from gathering.end_main()
                continue
            behind = message.parent_id
            del message
            if tree is not None and gathering.ended_main and behind != previous:
                yield from gathering.turn(behind)
            elif gathering.is_full:
                yield gathering.take()
            gathering.add(ready)
            previous = ready.message.id
            if gathering.main:
                self.head = previous
                if previous == tree:
                    yield from gathering.end_main()
                    previous = ""
            del ready
        if gathering.drafts or (gathering.main and not gathering.told):
            yield gathering.take()

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


class _Gathering:
    """The stretch that is being put together."""

    def __init__(self) -> None:
        self.drafts: list[Draft] = []
        self.main = True
        self.ended_main = False
        self.told = False
        self._begins = False
        self._behind: str | None = None
        self._bytes = 0

    @property
    def is_full(self) -> bool:
        return len(self.drafts) >= CHUNK_MESSAGES or self._bytes >= CHUNK_BYTES

    def add(self, ready: Draft) -> None:
        self.drafts.append(ready)
        self._bytes += len(ready.raw) + sum(map(len, ready.blobs.values()))

    def take(self) -> Stretch:
        stretch = Stretch(self.drafts, self.main, self._begins, self._behind)
        self.drafts, self._bytes, self._begins, self._behind = [], 0, False, None
        self.told = True
        return stretch

    def end_main(self) -> Iterator[Stretch]:
        yield self.take()
        self.main, self.ended_main = False, True

    def turn(self, behind: str | None) -> Iterator[Stretch]:
        """The line ends; another one begins behind a message."""
        if self.drafts:
            yield self.take()
        self._begins, self._behind = True, behind


def _size(stretch: Stretch) -> int:
    return sum(len(one.raw) + sum(map(len, one.blobs.values())) for one in stretch.drafts)


def _beginning(first: Sequence[Draft]) -> tuple[list[bytes], bool]:
    """What tells how a conversation begins: the ids of its messages up to the first answer, and
    whether there is one."""
    ids: list[bytes] = []
    for ready in first[:LOOKED_AT]:
        ids.append(ready.message_id)
        if ready.message.role == "assistant":
            return ids, True
    return ids, False
