"""Where conversations come from: files, folders, archives, open streams; always read as streams."""

from __future__ import annotations

import codecs
import os
import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import IO, Protocol
from weakref import finalize

from ..errors import AccessError, NotFoundError
from ..formats.base import HEAD_BYTES, Beside
from .prints import file_digest

PathOrFile = str | os.PathLike[str] | IO[bytes]
_KEPT_IN_MEMORY = 4 << 20
Report = Callable[[str, int, str], None]
"""Takes file, offset and reason of something that could not be read."""


class Readable(Protocol):
    """What is needed of an open stream."""

    def read(self, size: int, /) -> bytes: ...


class Input:
    """One file's content, whether it lies on disk, in an archive or comes through a pipe.

    What breaks while it is read (a torn archive, a disk error) is reported and ends the content
    there, so that everything before it is still taken.
    """

    def __init__(
        self,
        stream: Readable,
        label: str,
        report: Report,
        *,
        named: bool,
        total: int = 0,
        path: Path | None = None,
        modified: datetime | None = None,
        beside: Beside | None = None,
    ) -> None:
        self.label = label
        self.path = path
        """Where the file lies on disk as it is; None inside archives, compressed files and pipes."""
        self.modified = modified
        self.beside = beside
        self.named = named
        """The user named this very file, rather than a folder or archive around it."""
        self.total = total
        self.done = 0
        self.progress_of: Input = self
        """The file on disk that this is a part of."""
        self.tell: Callable[[], int] = lambda: self.done
        """How far the file itself has been read."""
        self._stream = stream
        self._report = report
        self._broken = False
        self._head = b""
        self._head = self._take(HEAD_BYTES)
        self.done = 0
        self._convert: codecs.IncrementalDecoder | None = None
        self._copy: IO[bytes] | None = None
        self._reopened = False
        self._hash = sha256()
        self._hashed = 0
        self._hashing = True

    @property
    def name(self) -> str:
        """The file's name, without folders."""
        return self.label.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]

    @property
    def head(self) -> bytes:
        """The first bytes, as they are."""
        return self._head

    def read(self, size: int) -> bytes:
        """Up to ``size`` more bytes; none at the end."""
        raw = self._take(size)
        if self._hashing:
            self._hash.update(raw)
            self._hashed += len(raw)
        if self._copy is not None and not self._reopened:
            self._copy.write(raw)
        if self._convert is None:
            return raw
        try:
            return self._convert.decode(raw, final=not raw).encode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            self._fail(f"no UTF-16: {error.reason}")
            return b""

    def read1(self, size: int) -> bytes:
        """The same; for the decompressors."""
        return self.read(size)

    def as_text(self) -> bytes:
        """The head as the formats should see it: UTF-8 without byte-order mark. From here on
        ``read`` gives UTF-8 too."""
        encoding = utf16(self._head)
        if encoding is None:
            return self._head.removeprefix(codecs.BOM_UTF8)
        self._convert = codecs.getincrementaldecoder(encoding)("strict")
        return self._head.decode(encoding, "ignore").encode("utf-8", "ignore")

    @property
    def is_converted(self) -> bool:
        """What is read are not the file's own bytes: it was UTF-16."""
        return self._convert is not None

    def keep(self) -> None:
        """Make ``raw`` work: from here on what is read is copied aside, unless the file lies on disk."""
        if self.path is None:
            self._copy = tempfile.SpooledTemporaryFile(_KEPT_IN_MEMORY)  # noqa: SIM115  # closed by finalize
            finalize(self, self._copy.close)
        else:
            self._hashing = False  # who keeps its bytes hashes them, beside

    def raw(self, offset: int, size: int) -> bytes:
        """The file's own bytes, of what has been read."""
        if self._copy is None:
            assert self.path is not None  # else keep() made a copy
            self._copy = open(self.path, "rb")  # noqa: SIM115  # closed by finalize
            finalize(self, self._copy.close)
            self._reopened = True
        self._copy.seek(offset)
        content = self._copy.read(size)
        if not self._reopened:
            self._copy.seek(0, os.SEEK_END)
        return content

    def drain(self) -> int:
        """Read to the end; gives how many of the file's own bytes there are."""
        while self.read(1 << 20):
            pass
        return self.done

    def digest(self) -> str:
        """A digest of all of the file's own bytes; empty when they were not read from the start."""
        size = self.drain()
        if not self._hashing and self.path is not None:
            return file_digest(self.path, size)
        return self._hash.hexdigest() if self._hashed == size else ""

    def start_at(self, offset: int) -> None:
        """Go on at an offset of a file on disk."""
        self._stream.seek(offset)  # type: ignore[attr-defined]  # files can
        self._head = b""
        self.done = offset

    def _take(self, size: int) -> bytes:
        parts = [self._head[:size]]
        self._head = self._head[size:]
        got = len(parts[0])
        while got < size and not self._broken:
            try:
                piece = self._stream.read(size - got)
            except Exception as error:  # noqa: BLE001  # every decompressor has errors of its own
                self._fail(reason_of(error))
                break
            if not piece:
                break
            got += len(piece)
            parts.append(piece)
        self.done += got
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _fail(self, reason: str) -> None:
        self._broken = True
        self._report(self.label, self.done, reason)


def utf16(head: bytes) -> str | None:
    """The encoding of a text that is UTF-16, by its mark or by its zeros."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(head) >= 4 and head[0] and not head[1] and head[2] and not head[3]:
        return "utf-16-le"
    if len(head) >= 4 and head[1] and not head[0] and head[3] and not head[2]:
        return "utf-16-be"
    return None


def reason_of(error: Exception) -> str:
    """A foreign error as one sentence without the text it choked on."""
    if isinstance(error, EOFError):
        return "the compressed data ends too early"
    if isinstance(error, OSError) and error.strerror:
        return f"it cannot be read: {error.strerror}"
    return f"it cannot be read: {error}" if str(error) else f"it cannot be read: {type(error).__name__}"


def check_paths(paths: Sequence[PathOrFile]) -> None:
    """Raises NotFoundError for a path that is not there, before anything is imported."""
    for path in paths:
        if isinstance(path, str | os.PathLike) and not os.path.exists(path):
            raise NotFoundError(f"There is no file or folder {os.fspath(path)!r}.")


def files_in(folder: Path, report: Report, above: tuple[tuple[int, int], ...] = ()) -> Iterator[Path]:
    """All regular files below a folder, sorted; links are followed, but not in circles."""
    about = os.stat(folder)
    identity = (about.st_dev, about.st_ino)
    if identity in above:
        report(str(folder), 0, "this link leads back to a folder above it; it was skipped")
        return
    try:
        children = sorted(folder.iterdir())
    except OSError as error:
        report(str(folder), 0, reason_of(error))
        return
    for child in children:
        try:
            mode = os.stat(child).st_mode
        except OSError as error:
            report(str(child), 0, reason_of(error))
            continue
        if stat.S_ISDIR(mode):
            yield from files_in(child, report, (*above, identity))
        elif stat.S_ISREG(mode):
            yield child
        else:
            report(str(child), 0, "this is no regular file; it was skipped")


def modified_at(about: os.stat_result) -> datetime | None:
    """When a file was last written; None where the system tells nonsense."""
    try:
        return datetime.fromtimestamp(about.st_mtime, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def open_file(path: Path) -> IO[bytes]:
    """A file for reading. Raises AccessError or NotFoundError."""
    try:
        return open(path, "rb")
    except PermissionError as error:
        raise AccessError(f"{str(path)!r} cannot be read: permission denied.") from error
    except OSError as error:
        raise NotFoundError(f"{str(path)!r} cannot be read: {error.strerror or error}.") from error
