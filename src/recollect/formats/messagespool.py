"""Messages put by while a file is read to its end: title, usage and the like stand far behind them.

They wait on disk when they are many. ``MessageTree`` hands them out in the order that trees need.
"""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from weakref import finalize

from msgspec import structs

from ..codec import dumps, loads
from ..errors import InvalidError
from ..model import Message
from .base import Damage
from .trees import lay_out

_KEPT_IN_MEMORY = 4 << 20


class MessageSpool:
    """Messages and damage in order; can be iterated any number of times."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_KEPT_IN_MEMORY)  # noqa: SIM115  # closed below
        self._places = array("Q")
        self._end = 0
        finalize(self, self._file.close)

    def __len__(self) -> int:
        return len(self._places)

    def add(self, message: Message, offset: int) -> None:
        """One more message, which stands at ``offset``."""
        try:
            raw = dumps(message)
        except InvalidError:
            raw = b"!it holds what JSON cannot say again"
        self._write(raw, offset)

    def damage(self, damage: Damage) -> None:
        """Something that is missing at this place."""
        self._write(b"!" + damage.reason.encode("utf-8", "replace"), damage.offset)

    def _write(self, raw: bytes, offset: int) -> None:
        self._places.append(self._end)
        self._file.seek(self._end)
        self._end += self._file.write(b"%d %d\n" % (len(raw), offset)) + self._file.write(raw)

    def __iter__(self) -> Iterator[Message | Damage]:
        return map(self.at, range(len(self._places)))

    def at(self, number: int) -> Message | Damage:
        """The piece that was put by after ``number`` others."""
        self._file.seek(self._places[number])
        length, offset = map(int, self._file.readline().split())
        raw = self._file.read(length)
        return Damage(offset, raw[1:].decode()) if raw[:1] == b"!" else loads(raw, Message)


class Arranged(NamedTuple):
    """What a conversation says of its messages: see ``Conversation``."""

    messages: MessageSpool | _Ordered
    head: str | None
    forks: set[str]


class MessageTree:
    """Messages that each stand under an earlier one; their numbers count from 0."""

    def __init__(self) -> None:
        self._spool = MessageSpool()
        self._pieces = array("Q")
        self._parents = array("q")
        self._ids: list[str] = []
        self._damaged: list[tuple[int, Damage]] = []

    def __len__(self) -> int:
        return len(self._parents)

    def id_of(self, node: int) -> str:
        """The id of a message."""
        return self._ids[node]

    def parent_of(self, node: int) -> int:
        """The message that one stands under, -1 for none."""
        return self._parents[node]

    def add(self, message: Message, parent: int, offset: int) -> int:
        """One more message under another (-1: under none); its number."""
        self._pieces.append(len(self._spool))
        self._spool.add(message, offset)
        self._parents.append(parent)
        self._ids.append(message.id)
        return len(self._parents) - 1

    def replace(self, node: int, message: Message, offset: int) -> None:
        """The source says a message anew, under the same id."""
        self._pieces[node] = len(self._spool)
        self._spool.add(message, offset)

    def damage(self, damage: Damage) -> None:
        """Something unreadable stands here, behind all that was added so far."""
        self._damaged.append((len(self._parents), damage))

    def is_line(self, head: int) -> bool:
        """Whether the messages are one line, in order, that ends in ``head``."""
        return head == len(self) - 1 and all(parent == node - 1 for node, parent in enumerate(self._parents))

    def arranged(self, head: int) -> Arranged:
        """The messages with the line to ``head`` (-1: none) first."""
        if self.is_line(head):
            return Arranged(_Ordered(self, range(len(self)), linear=True), None, set())
        layout = lay_out(self._parents, head)
        forks = {self._ids[node] for node in layout.forks}
        newest = self._ids[layout.order[layout.main - 1]] if layout.main else None
        return Arranged(_Ordered(self, layout.order, linear=False), newest, forks)

    def read(self, node: int, *, linear: bool) -> Message | Damage:
        """A message, with the id of its parent unless they are one line."""
        message = self._spool.at(self._pieces[node])
        parent = self._parents[node]
        if linear or parent < 0 or isinstance(message, Damage):
            return message
        return structs.replace(message, parent_id=self._ids[parent])

    def damaged(self) -> list[tuple[int, Damage]]:
        """Damage, each with how many messages had been added before it."""
        return self._damaged


class _Ordered:
    """The messages of a tree in some order; damage before the first one that was added after it."""

    def __init__(self, tree: MessageTree, order: Sequence[int], *, linear: bool) -> None:
        self._tree = tree
        self._order = order
        self._linear = linear

    def __iter__(self) -> Iterator[Message | Damage]:
        waiting = self._tree.damaged()[::-1]
        for node in self._order:
            while waiting and waiting[-1][0] <= node:
                yield waiting.pop()[1]
            yield self._tree.read(node, linear=self._linear)
        for _, damage in reversed(waiting):
            yield damage
