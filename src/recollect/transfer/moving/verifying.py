"""Comparing all logs of an origin with where they were moved to."""

from __future__ import annotations

from collections.abc import Callable

from ...backend import Key
from ...core.base import Core
from ...core.verifying import Finding
from ...errors import CorruptError
from .comparing import hash_log
from .origins import Log, Origin, StoredLog
from .results import LogComparison

Where = Callable[[Log], tuple[Key, int] | None]
"""Where a log was moved to, and its version then; None: it is not there as it is."""


async def compare_all(
    origin: Origin, core: Core, where: Where, done: Callable[[Log, int], None]
) -> LogComparison:
    """Hash every log that was moved on both sides, records and blobs."""
    sessions = records = blobs = size = 0
    different: list[Finding] = []
    seen: set[Key] = set()
    async for log in origin.logs():
        place = where(log)
        if place is None or place[0] in seen:
            continue
        key, version = place
        seen.add(key)
        problem = None
        try:
            here = await hash_log(log, version)
            problem = await _differs(core, key, here.digest, version)
            records, blobs, size = records + here.records, blobs + here.blobs, size + here.bytes
        except CorruptError as error:
            problem = error.message
        sessions += 1
        if problem is not None:
            different.append(Finding(f"session {key.session_id!r} in namespace {key.namespace!r}", problem))
        done(log, version)
    return LogComparison(sessions, records, blobs, size, different)


async def _differs(core: Core, key: Key, digest: str, version: int) -> str | None:
    """What is wrong with the destination's log; None when it is the same up to a version."""
    row = await core.backend.row(key)
    if row is None:
        return "it is not there"
    if row.version < version:
        return f"it ends at record {row.version} of {version}"
    there = await hash_log(StoredLog(core.confined(key.namespace), row, ""), version)
    return None if there.digest == digest else "its log has another hash"
