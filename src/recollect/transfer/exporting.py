"""A session out of a store."""

from __future__ import annotations

import os
from typing import IO

from ..core.base import Core
from ..errors import UnsupportedError

Destination = str | os.PathLike[str] | IO[str] | IO[bytes]


async def export_session(
    core: Core,
    session_id: str,
    format: str,  # noqa: A002  # the field's word
    to: Destination | None,
) -> str | None:
    """A session as text, or written to ``to``."""
    raise UnsupportedError("Exporting is not there yet.")
