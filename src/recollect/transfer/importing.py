"""Conversations into a store."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import IO

from ..core.base import Core
from ..errors import UnsupportedError
from .results import Damage, ImportResult, Progress

PathOrFile = str | os.PathLike[str] | IO[bytes]


async def import_paths(
    core: Core,
    paths: Sequence[PathOrFile],
    format: str | None,  # the field's word
    *,
    progress: Callable[[Progress], None] | None = None,
) -> ImportResult:
    """Bring in conversations."""
    raise UnsupportedError("Importing is not there yet.")


__all__ = ["Damage", "ImportResult", "PathOrFile", "Progress", "import_paths"]
