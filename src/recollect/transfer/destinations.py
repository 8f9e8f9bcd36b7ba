"""Where an export goes: into memory, into an open stream, or into a file that is whole or not there."""

from __future__ import annotations

import errno
import io
import os
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from ..errors import AccessError, FullError, NotFoundError, StoreError, UnavailableError, UnsupportedError

Destination = str | os.PathLike[str] | IO[str] | IO[bytes]
Put = Callable[[str | bytes], object]
"""Takes the next piece of an export; all pieces of one are text (UTF-8 in files), or all are bytes."""
Fill = Callable[[Put], Awaitable[None]]


async def deliver(to: Destination | None, fill: Fill) -> str | bytes | None:
    """Have ``fill`` write to a path or stream; without one, what it wrote is returned.

    A path is replaced once everything is written, never in part.
    """
    if to is None:
        pieces: list[Any] = []
        await fill(pieces.append)
        return b"".join(pieces) if pieces and isinstance(pieces[0], bytes) else "".join(pieces)
    if isinstance(to, str | os.PathLike):
        await _write_file(Path(to), fill)
    else:
        await fill(_putter(to))
    return None


def _putter(stream: IO[str] | IO[bytes]) -> Put:
    """How to write to a stream of either kind."""
    anything: Any = stream
    if not isinstance(stream, io.TextIOBase):
        try:
            anything.write(b"")  # finds out which kind it is
        except TypeError:
            pass  # a text stream of somebody's own making
        else:
            return lambda piece: anything.write(piece.encode() if isinstance(piece, str) else piece)

    def put(piece: str | bytes) -> object:
        if isinstance(piece, bytes):
            raise UnsupportedError("This format is no text.", hint="Write it to a file or a binary stream.")
        return anything.write(piece)

    return put


async def _write_file(path: Path, fill: Fill) -> None:
    """Write beside the path, then take its place: a reader sees the old file or the whole new one.
    A link stays, its target is replaced; a device or pipe is written to as it is."""
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        await _write_special(path, fill)
        return
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent or ".", prefix=_hidden(path), suffix=".part")
    except OSError as error:
        raise file_error(path, error) from error
    try:
        with open(handle, "wb") as file:
            await fill(_putter(file))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with suppress(OSError):  # the first error is the one to tell
            os.unlink(temporary)
        if isinstance(error, OSError) and not isinstance(error, StoreError):
            raise file_error(path, error) from error
        raise


def _hidden(path: Path) -> str:
    """How the name of a file that is being written begins; names have at most 255 bytes."""
    return f".{path.name.encode(errors='replace')[:64].decode(errors='ignore')}."


async def _write_special(path: Path, fill: Fill) -> None:
    """Write to something that must not be replaced."""
    try:
        with open(path, "wb") as stream:
            await fill(_putter(stream))
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise file_error(path, error) from error


def file_error(path: Path, error: OSError) -> StoreError:
    """An error of the operating system about a file or folder to write."""
    reason = f"{str(path)!r} cannot be written: {error.strerror or error}."
    if isinstance(error, FileNotFoundError):
        return NotFoundError(reason, hint="Make its folder first.")
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return AccessError(reason)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return FullError(reason, hint="Free some space, then export again.")
    return UnavailableError(reason)


def make_folder(path: Path) -> None:
    """A folder with those above it. Raises a StoreError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise file_error(path, error) from error
