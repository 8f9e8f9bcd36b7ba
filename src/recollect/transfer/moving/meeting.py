"""Where a log meets what a session holds: the same so far, or another history.

A message's body changes when it is erased, or completed by an import; the log tells of it further
on. Two logs of which the longer one tells of every such difference are still the same history.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from msgspec.structs import replace

from ...backend import ERASE, MESSAGE, SOURCE, UPDATE, Key
from ...core.base import Core
from ...core.log import LogEntry, entries
from ...errors import CorruptError
from ...model import Message
from ...records import EraseBody, SourceBody
from .origins import Log


class Met(NamedTuple):
    """How two logs compare: the first record of another history (0: none), and in one history the
    records that the longer log erased or completed."""

    differs: int = 0
    changed: tuple[int, ...] = ()


class _Changed(NamedTuple):
    seq: int
    kind: int


async def meet(log: Log, core: Core, key: Key, have: int) -> Met:
    """Compare a log, record by record, with the ``have`` records of a stored session."""
    stored = entries(core, key, have)
    changed: list[_Changed] = []
    log_is_longer = log.version > have
    given = log.entries()
    async for entry in given:
        other = await _stored(stored)
        if other != entry:
            newer, older = (entry, other) if log_is_longer else (other, entry)
            if newer is None or older is None or not _may_follow(core, key, older, newer):
                return Met(entry.seq)
            changed.append(_Changed(entry.seq, entry.kind))
        if entry.seq == min(have, log.version):
            break
    if not changed or await _told(core, key, given if log_is_longer else stored, changed):
        return Met(0, tuple(change.seq for change in changed))
    return Met(changed[0].seq)


async def _stored(stored: AsyncIterator[LogEntry]) -> LogEntry | None:
    try:
        return await anext(stored, None)
    except CorruptError as error:
        raise CorruptError(
            f"In the destination: {error.message}", place=error.place, hint="Repair the destination first."
        ) from error


def _may_follow(core: Core, key: Key, older: LogEntry, newer: LogEntry) -> bool:
    """Whether a record can have become another one by an erasure or a completion."""
    if (older.seq, older.kind, older.parent) != (newer.seq, newer.kind, newer.parent):
        return False
    codec = core.codec
    was = (older.seq, older.kind, older.parent, older.body)
    now = (newer.seq, newer.kind, newer.parent, newer.body)
    if replace(codec.frame(key, was), crc=0) != replace(codec.frame(key, now), crc=0):
        return False
    if older.kind == MESSAGE:
        return codec.body(key, was, Message).id == codec.body(key, now, Message).id
    if older.kind == SOURCE:
        return codec.body(key, now, SourceBody).source.get("erased") is True
    return older.kind == UPDATE  # an erased message took a name along that was made of it


async def _told(core: Core, key: Key, rest: AsyncIterator[LogEntry], changed: list[_Changed]) -> bool:
    """Whether the rest of a log tells of all that changed before it."""
    named: set[int] = set()
    erased = False
    async for entry in rest:
        if entry.kind == ERASE:
            record = (entry.seq, entry.kind, entry.parent, entry.body)
            body = core.codec.body(key, record, EraseBody)
            named.add(body.seq)
            erased = erased or not body.amended
    return all(change.seq in named if change.kind == MESSAGE else erased for change in changed)
