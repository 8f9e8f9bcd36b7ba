"""Files that are one bare array of messages, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from ..model import Message
from .base import Conversation, Damage, Source, Spool
from .jsonstream import MAX_VALUE, Broken, Cursor, decode

_EMPTY = re.compile(rb"(?:null|\[\s*\])\s*\Z")

ReadMessage = Callable[[Any], Iterator[Message]]
"""Takes the next element, gives its messages. Raises ValueError for what is none."""


def read_array(source: Source, reader: Callable[[], ReadMessage], **fields: Any) -> Iterator[Any]:
    """The array as one conversation; elements wait on disk when they are many.

    ``reader`` makes what reads the messages, anew each time they are asked for.
    """
    cursor = Cursor(source.read)
    cursor.start()
    is_empty = cursor.looking_at(_EMPTY)
    spool = Spool()
    start: int | None = None
    for found in () if is_empty else cursor.records(MAX_VALUE):
        if isinstance(found, Broken):
            yield Damage(found.offset, found.reason)
            continue
        start = found.offset if start is None else start
        spool.add(found.raw or b"", found.offset)
    if start is not None or is_empty:
        yield Conversation(
            offset=start or 0,
            messages=_Spooled(spool, reader),
            native_id=source.name.rsplit("/", 1)[-1].removesuffix(".json") or None,
            **fields,
        )


class _Spooled:
    """Messages decoded whenever they are asked for."""

    def __init__(self, spool: Spool, reader: Callable[[], ReadMessage]) -> None:
        self._spool = spool
        self._reader = reader

    def __iter__(self) -> Iterator[Message | Damage]:
        read = self._reader()
        for offset, raw in self._spool:
            try:
                yield from read(decode(raw))
            except ValueError as error:
                yield Damage(offset, _reason(error))


def _reason(error: ValueError) -> str:
    """Our own words as they are; a decoder may quote the text."""
    return str(error) if type(error) is NoMessage else "this is no JSON"


class NoMessage(ValueError):
    """An element that is no message; says why."""
