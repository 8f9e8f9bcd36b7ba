"""Several sessions out of a store: one file each into a folder, or one after the other."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from ..core.base import Core
from ..core.listing import sessions as page_of_sessions
from ..core.sessions import get_session
from ..errors import InvalidError, UnsupportedError
from ..formats import JOINED, NATIVE, ending
from ..formats.redacting import redact_info
from ..model import SessionInfo, SessionQuery
from .destinations import Destination, Put, deliver, make_folder
from .exporting import check_format, export_session, write_session
from .file_names import file_names
from .native_files import write_native_files
from .selecting import Selection

_PAGE = 500


async def export_sessions(
    core: Core,
    to: Destination,
    query: SessionQuery,
    ids: Sequence[str] | None,
    format: str,  # the field's word
    selection: Selection,
) -> dict[str, Path | None]:
    """The sessions ``ids``, or those for which ``query`` holds: into a folder, or one after the other
    into a stream, or into a file where the format can and the name has its ending.

    Returns the file of each session's id; None for streams.
    """
    check_format(format, selection)
    if ids is not None and query != SessionQuery():
        raise InvalidError("Name the sessions or give filters, not both.")
    if not isinstance(to, str | os.PathLike):
        found = {info.id: None async for info in _sessions(core, query, ids)}
        await _write_joined(core, list(found), to, format, selection)
        return dict(found)
    path = Path(to)
    infos = [_named(info, selection) async for info in _sessions(core, query, ids)]
    if not infos:
        return {}
    if format in JOINED and path.suffix == f".{ending(format)}" and not path.is_dir():
        await _write_joined(core, [session_id for session_id, _ in infos], path, format, selection)
        return {session_id: path for session_id, _ in infos}
    if format == NATIVE:
        return dict(await write_native_files(core, [session_id for session_id, _ in infos], path))
    names = file_names(infos, ending(format))
    make_folder(path)
    for session_id, name in names.items():
        await export_session(core, session_id, format, path / name, selection)
    return {session_id: path / name for session_id, name in names.items()}


def _named(info: SessionInfo, selection: Selection) -> tuple[str, str | None]:
    return info.id, (redact_info(info) if selection.redact else info).name


async def _sessions(core: Core, query: SessionQuery, ids: Sequence[str] | None) -> AsyncIterator[SessionInfo]:
    """Each session once: one that is written to meanwhile is listed again."""
    if ids is not None:
        for session_id in dict.fromkeys(ids):
            yield (await get_session(core, session_id)).state.info
        return
    seen: set[str] = set()
    cursor: str | None = None
    while True:
        page = await page_of_sessions(core, query, limit=_PAGE, cursor=cursor)
        for info in page:
            if info.id not in seen:
                seen.add(info.id)
                yield info
        cursor = page.next
        if cursor is None:
            return


async def _write_joined(
    core: Core, ids: Sequence[str], to: Destination, format: str, selection: Selection
) -> None:
    if len(ids) > 1 and format not in JOINED:
        raise UnsupportedError(
            f"A file holds one session in the format {format}, and these are {len(ids):,}.",
            hint=f"Give a folder, or take one of these formats: {', '.join(sorted(JOINED))}.",
        )

    async def fill(put: Put) -> None:
        for number, session_id in enumerate(ids):
            await write_session(
                core, await get_session(core, session_id), format, selection, put, again=number > 0
            )

    await deliver(to, fill)
