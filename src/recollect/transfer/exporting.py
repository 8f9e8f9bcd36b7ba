"""A session out of a store: as text, into a file, or into an open stream."""

from __future__ import annotations

import errno
import io
import os
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from ..core import reading
from ..core.base import Core, Handle
from ..core.log import blobs_of, entries
from ..core.sessions import get_session
from ..errors import AccessError, FullError, NotFoundError, StoreError, UnavailableError, UnsupportedError
from ..formats import LOGS, export_formats, own_jsonl, writer

Destination = str | os.PathLike[str] | IO[str] | IO[bytes]
Put = Callable[[str], object]


async def export_session(
    core: Core,
    session_id: str,
    format: str,  # the field's word
    to: Destination | None,
) -> str | None:
    """A session in a format: returned as text without ``to``, else written to that path or stream.

    ``json`` and ``jsonl`` hold the whole log and come back byte for byte; the others hold the
    active line. A path is replaced once the whole export is written, never in part.
    """
    if format not in export_formats():
        raise UnsupportedError(
            f"There is no format {format!r} to export to.", hint=f"There are {', '.join(export_formats())}."
        )
    handle = await get_session(core, session_id)

    async def write(put: Put) -> None:
        if format in LOGS:
            await _write_log(core, handle, put, one_document=format == "json")
        else:
            writer(format).write(handle.state.info, await reading.messages(core, handle), put)

    if to is None:
        pieces: list[str] = []
        await write(pieces.append)
        return "".join(pieces)
    if isinstance(to, str | os.PathLike):
        await _write_file(Path(to), write)
    else:
        await write(_putter(to))
    return None


async def _write_log(core: Core, handle: Handle, put: Put, *, one_document: bool) -> None:
    """Every record up to the version at which the export began, each blob before its first use."""
    put(own_jsonl.header_text(handle.state.info.to_dict()))
    put(',"log":[' if one_document else "}\n")
    told: set[str] = set()
    before, after = ("\n", "") if one_document else ("", "\n")
    async for entry in entries(core, handle.key, handle.state.version):
        for digest, content in (await blobs_of(core, handle.key, entry)).items():
            if digest not in told:
                told.add(digest)
                put(f"{before}{own_jsonl.blob_text(digest, content)}{after}")
                before = ",\n" if one_document else ""
        put(f"{before}{own_jsonl.record_text(entry.seq, entry.kind, entry.parent, entry.body)}{after}")
        before = ",\n" if one_document else ""
    if one_document:
        put("\n]}\n")


def _putter(stream: IO[str] | IO[bytes]) -> Put:
    """How to write text to a stream of either kind."""
    if isinstance(stream, io.TextIOBase):
        return stream.write
    anything: Any = stream
    try:
        anything.write(b"")  # finds out which kind it is
    except TypeError:
        return stream.write  # type: ignore[return-value]  # a text stream of somebody's own making
    return lambda text: anything.write(text.encode())


async def _write_file(path: Path, write: Callable[[Put], Awaitable[None]]) -> None:
    """Write beside the path, then take its place: a reader sees the old file or the whole new one.
    A link stays, its target is replaced; a device or pipe is written to as it is."""
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        await _write_special(path, write)
        return
    try:
        handle, temporary = tempfile.mkstemp(
            dir=path.parent or ".", prefix=f".{path.name[:64]}.", suffix=".part"
        )
    except OSError as error:
        raise _file_error(path, error) from error
    try:
        with open(handle, "w", encoding="utf-8", newline="\n") as file:
            await write(file.write)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with suppress(OSError):  # the first error is the one to tell
            os.unlink(temporary)
        if isinstance(error, OSError) and not isinstance(error, StoreError):
            raise _file_error(path, error) from error
        raise


async def _write_special(path: Path, write: Callable[[Put], Awaitable[None]]) -> None:
    """Write to something that must not be replaced."""
    try:
        with open(path, "w", encoding="utf-8", newline="\n") as stream:
            await write(stream.write)
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise _file_error(path, error) from error


def _file_error(path: Path, error: OSError) -> StoreError:
    """An error of the operating system about the file to write."""
    reason = f"{str(path)!r} cannot be written: {error.strerror or error}."
    if isinstance(error, FileNotFoundError):
        return NotFoundError(reason, hint="Make its folder first.")
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return AccessError(reason)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return FullError(reason, hint="Free some space, then export again.")
    return UnavailableError(reason)
