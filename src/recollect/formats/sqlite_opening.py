"""How SQLite files are opened without a trace: nothing is written to them or beside them."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any
from weakref import finalize

from .base import Source

_COPY = 1 << 20


def open_file(apsw: Any, path: Path) -> Any:
    """A connection to a file on disk, which is not touched."""
    log, index, journal = (path.with_name(path.name + suffix) for suffix in ("-wal", "-shm", "-journal"))
    with path.open("rb") as file:
        uses_log = file.read(20)[18:20] == b"\2\2"
    pending = _size(log) > 0
    if (_size(journal) > 0 and not uses_log) or (pending and not index.exists()):
        return open_copy(apsw, _copied(path, log, journal))
    if uses_log and not pending:
        return _connected(apsw, path, immutable=True)  # else SQLite would create files beside it
    try:
        connection = _connected(apsw, path)
    except (apsw.CantOpenError, apsw.ReadOnlyError, apsw.BusyError):
        return open_copy(apsw, _copied(path, log, journal))
    return connection


def note_logs(source: Source, path: Path) -> None:
    """What SQLite has not yet written to the file is a part of it, and kept with it."""
    for suffix in ("-wal", "-journal"):
        if source.beside is not None and _size(path.with_name(path.name + suffix)) > 0:
            source.beside.read(path.name + suffix)


def _connected(apsw: Any, path: Path, *, immutable: bool = False, write: bool = False) -> Any:
    flags = apsw.SQLITE_OPEN_READWRITE if write else apsw.SQLITE_OPEN_READONLY
    uri = path.absolute().as_uri() + ("?immutable=1" if immutable else "")
    connection = apsw.Connection(uri, flags=flags | apsw.SQLITE_OPEN_URI)
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.set_busy_timeout(2000)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    except apsw.CorruptError:  # a file that is shorter than it says: this lets the rest be read
        connection.execute("PRAGMA writable_schema = 1")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    return connection


def open_copy(apsw: Any, folder: tempfile.TemporaryDirectory[str]) -> Any:
    """A connection to the database in a folder of our own, which goes with it."""
    try:
        connection = _connected(apsw, Path(folder.name) / "copy", write=True)
    except BaseException:
        folder.cleanup()
        raise
    finalize(connection, folder.cleanup)
    return connection


def _copied(path: Path, *beside: Path) -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory(prefix="recollect-", ignore_cleanup_errors=True)
    copy = Path(folder.name) / "copy"
    shutil.copyfile(path, copy)
    for file in beside:
        if file.is_file():
            shutil.copyfile(file, copy.with_name("copy" + file.name.removeprefix(path.name)))
    return folder


def spooled(source: Source) -> tempfile.TemporaryDirectory[str]:
    """What comes as a stream, with the write-ahead log that may lie beside it in its archive."""
    folder = tempfile.TemporaryDirectory(prefix="recollect-", ignore_cleanup_errors=True)
    copy = Path(folder.name) / "copy"
    with copy.open("wb") as file:
        while piece := source.read(_COPY):
            file.write(piece)
    for suffix in ("-wal", "-journal"):
        content = None if source.beside is None else source.beside.read(source.name + suffix)
        if content:
            copy.with_name("copy" + suffix).write_bytes(content)
    return folder


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
