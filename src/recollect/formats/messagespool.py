"""Messages put by while a file is read to its end: title, usage and the like stand far behind them."""

from __future__ import annotations

from collections.abc import Iterator

from ..codec import dumps, loads
from ..errors import InvalidError
from ..model import Message
from .base import Damage, Spool


class MessageSpool:
    """Messages and damage in order, on disk when they are many; can be iterated any number of times."""

    def __init__(self) -> None:
        self._spool = Spool()

    def add(self, message: Message, offset: int) -> None:
        """One more message, which stands at ``offset``."""
        try:
            self._spool.add(dumps(message), offset)
        except InvalidError:
            self.damage(Damage(offset, "it holds what JSON cannot say again"))

    def damage(self, damage: Damage) -> None:
        """Something that is missing at this place."""
        self._spool.add(b"!" + damage.reason.encode("utf-8", "replace"), damage.offset)

    def __iter__(self) -> Iterator[Message | Damage]:
        for offset, raw in self._spool:
            if raw[:1] == b"!":
                yield Damage(offset, raw[1:].decode())
            else:
                yield loads(raw, Message)
