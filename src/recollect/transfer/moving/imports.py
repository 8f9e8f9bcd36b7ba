"""What a store knows of imported files, added to what another one knows.

Paths are those of the machine the files were imported on. An entry is taken over only if every
session that its file speaks of is in the destination, whole and under its own id: then a later
import there goes on where the last one here ended.
"""

from __future__ import annotations

from collections.abc import Callable

from ...core.base import Core
from ..ledger import Ledger
from .origins import Origin, outside


async def move_imports(
    origin: Origin, core: Core, whole: Callable[[str, str], bool], *, dry_run: bool
) -> int:
    """Add what the destination does not know; returns how many files that are."""
    added = 0
    async for namespace, entries in origin.imports():
        if not entries:
            continue
        ledger = Ledger(core.confined(outside(core.namespace, namespace)))
        for entry in entries:
            if not all(whole(namespace, session_id) for session_id in entry.sessions):
                continue
            known = await ledger.find(entry.path)
            if known is not None and known.modified >= entry.modified:
                continue  # the destination knows that state of the file, or a later one
            ledger.add(entry)
            added += 1
        if not dry_run:
            await ledger.flush()
    return added
