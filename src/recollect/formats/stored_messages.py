"""Messages of a database that are read again whenever they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ..model import Message
from .base import Damage
from .sqlitefile import Unreadable


class Lazily:
    """What ``read`` gives; damage of the database ends it, and stands where it was met."""

    def __init__(self, read: Callable[[], Iterable[Message | Damage]]) -> None:
        self._read = read

    def __iter__(self) -> Iterator[Message | Damage]:
        try:
            yield from self._read()
        except Unreadable as error:
            yield Damage(0, str(error))
