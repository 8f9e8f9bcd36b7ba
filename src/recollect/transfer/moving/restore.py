"""Brings the sessions of a backup into a store."""

from __future__ import annotations

import os
from collections.abc import Callable

from msgspec.structs import replace

from ...core.base import Core
from ...errors import InvalidError
from .mover import Mover
from .reading import Archive
from .results import MigrateResult, MoveProgress, OnConflict


async def restore_from(
    core: Core,
    path: str | os.PathLike[str],
    *,
    on_conflict: OnConflict,
    dry_run: bool,
    progress: Callable[[MoveProgress], None] | None,
) -> MigrateResult:
    """Restore all of an archive that can be read; what is damaged is reported."""
    if on_conflict == "branch":
        raise InvalidError(
            "A backup's sessions cannot become branches.", hint="Use on_conflict='skip' or 'rename'."
        )
    archive = Archive(path, core)
    try:
        mover = Mover(archive, core, on_conflict=on_conflict, dry_run=dry_run, progress=progress)
        result = await mover.run()
        return replace(result, damaged=[*archive.damaged, *result.damaged])
    finally:
        archive.close()
