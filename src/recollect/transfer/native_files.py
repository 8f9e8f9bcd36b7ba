"""The files that sessions were imported from, into a folder: each once, whatever came from it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

from ..core.base import Core
from .destinations import Put, deliver, make_folder
from .file_names import source_names
from .native import NativeFile, beside, native_file


async def write_native_files(core: Core, ids: Sequence[str], folder: Path) -> dict[str, Path]:
    """The file of each session; those that a format reads along with it go to ``<file>.beside/``."""
    files: dict[str, NativeFile] = {}
    of_session: dict[str, str] = {}
    for session_id in ids:
        file = await native_file(core, session_id)
        files.setdefault(file.file, file)
        of_session[session_id] = file.file
    if files:
        make_folder(folder)
    paths = {
        name: folder / plain
        for name, plain in zip(files, source_names(file.name for file in files.values()), strict=True)
    }
    for name, file in files.items():
        await deliver(paths[name], partial(_fill, file.pieces))
    for session_id in ids:
        around = await beside(core, session_id)
        for file in around:
            path = Path(f"{paths[of_session[session_id]]}.beside", *_below(file.name))
            make_folder(path.parent)
            await deliver(path, partial(_fill, file.pieces))
    return {session_id: paths[name] for session_id, name in of_session.items()}


def _below(name: str) -> list[str]:
    """A relative path as one that leads only down; ``..`` becomes ``up``."""
    return ["up" if part == ".." else source_names([part])[0] for part in PurePosixPath(name).parts]


async def _fill(pieces: AsyncIterator[bytes], put: Put) -> None:
    async for piece in pieces:
        put(piece)
