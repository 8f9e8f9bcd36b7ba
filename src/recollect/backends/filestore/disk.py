"""The one boundary between the files engine and the operating system."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from ...errors import AccessError, FullError, NotFoundError, StoreError, UnavailableError

__all__ = [
    "Stamp",
    "create_folders",
    "mapped",
    "open_private",
    "read_at",
    "stamp_of",
    "sync_file",
    "sync_folder",
    "translated",
    "write_all",
    "write_new_file",
]

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}
_BINARY = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_FULLSYNC = 51  # F_FULLFSYNC of macOS, where fsync alone leaves data in the drive's cache


class Stamp(NamedTuple):
    """What shows that a file changed."""

    inode: int
    size: int
    mtime: int


def stamp_of(info: os.stat_result) -> Stamp:
    """The stamp behind a stat."""
    return Stamp(info.st_ino, info.st_size, info.st_mtime_ns)


def translated(error: OSError, doing: str, path: str) -> StoreError:
    """The typed error for what the operating system said."""
    reason = error.strerror or str(error)
    text = f"Could not {doing} {path}: {reason}."
    if error.errno in _FULL:
        return FullError(text, hint="Free some space, then try again.")
    if error.errno in _REFUSED:
        return AccessError(text, hint="Check the permissions of the folder and of the files in it.")
    if isinstance(error, NotADirectoryError | FileExistsError):
        return AccessError(text, hint="A file stands where the store needs a folder.")
    if isinstance(error, FileNotFoundError):
        return NotFoundError(text, hint="Was the store's folder moved or deleted?")
    return UnavailableError(text)


@contextmanager
def mapped(doing: str, path: str) -> Iterator[None]:
    """Turns OSError raised inside into the typed error that says what was tried, and where."""
    try:
        yield
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise translated(error, doing, path) from error


def open_private(path: str, flags: int) -> int:
    """A file descriptor; a file that is created is its owner's alone."""
    return os.open(path, flags | _BINARY, 0o600)


def create_folders(path: str, *, durable: bool) -> None:
    """The folder and its missing parents, all 0700; each one's entry is made durable."""
    if os.path.isdir(path):
        return
    parent = os.path.dirname(path)
    if parent != path:
        create_folders(parent, durable=durable)
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        if not os.path.isdir(path):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path) from None
        return
    if durable:
        sync_folder(parent)


if hasattr(os, "fdatasync"):

    def sync_file(fd: int) -> None:
        """Makes a file's contents durable."""
        os.fdatasync(fd)
else:

    def sync_file(fd: int) -> None:
        """Makes a file's contents durable."""
        try:
            import fcntl

            fcntl.fcntl(fd, _FULLSYNC)
        except (ImportError, OSError):
            os.fsync(fd)  # Windows, and file systems that do not know the stronger call


def sync_folder(path: str) -> None:
    """Makes a folder's entries durable, where the system has a way to."""
    if os.name == "nt":
        return
    fd = os.open(path, os.O_RDONLY | _BINARY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_all(fd: int, data: bytes) -> None:
    """Write everything; usually that is one call."""
    written = os.write(fd, data)
    if written < len(data):
        view = memoryview(data)
        while written < len(data):
            written += os.write(fd, view[written:])


if hasattr(os, "pread"):

    def read_at(fd: int, size: int, offset: int) -> bytes:
        """Up to ``size`` bytes from ``offset``; fewer only at the end of the file."""
        data = os.pread(fd, size, offset)
        if len(data) < size and data:
            pieces = [data]
            got = len(data)
            while got < size and (data := os.pread(fd, size - got, offset + got)):
                pieces.append(data)
                got += len(data)
            return b"".join(pieces)
        return data
else:

    def read_at(fd: int, size: int, offset: int) -> bytes:
        """Up to ``size`` bytes from ``offset``; the descriptor is this call's alone."""
        os.lseek(fd, offset, os.SEEK_SET)
        pieces = []
        while size > 0 and (data := os.read(fd, size)):
            pieces.append(data)
            size -= len(data)
        return b"".join(pieces)


def write_new_file(path: str, data: bytes, *, durable: bool) -> None:
    """A file with these contents, whole or not at all: written beside, then renamed over ``path``.

    The folder's entry is not made durable here.
    """
    beside = path + ".new"
    fd = open_private(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        try:
            write_all(fd, data)
            if durable:
                sync_file(fd)
        finally:
            os.close(fd)
        os.replace(beside, path)
    except OSError:
        os.unlink(beside)
        raise
