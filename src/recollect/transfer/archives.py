"""Archives and compressed files, member by member, without unpacking anything to disk."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import posixpath
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple

from ..formats.base import Beside
from ..packing import opened as zstd_opened
from .beside import FolderBeside, ZipBeside
from .sources import Input, PathOrFile, Readable, Report, files_in, modified_at, open_file, reason_of

MAX_DEPTH = 3
MAX_RATIO = 2000
"""More than this many bytes out of one byte in is a bomb, not a transcript…"""
RATIO_FROM = 256 << 20
"""… once this much came out."""

_COMPRESSED: tuple[tuple[bytes, Any], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"\xfd7zXZ\x00", lzma.open),
    (b"BZh", bz2.open),
    (b"\x28\xb5\x2f\xfd", zstd_opened),
)
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")


class Place(NamedTuple):
    """A file on disk or an open stream; ``named`` by the user rather than found in a folder."""

    path: Path | None
    stream: IO[bytes] | None
    named: bool


def places(paths: Sequence[PathOrFile], report: Report) -> Iterator[Place]:
    """All files that the paths lead to, one after the other."""
    for path in paths:
        if not isinstance(path, str | os.PathLike):
            yield Place(None, path, True)
        elif Path(path).is_dir():
            for file in files_in(Path(path), report):
                yield Place(file, None, False)
        else:
            yield Place(Path(path), None, True)


def inputs(place: Place, report: Report) -> Iterator[Input]:
    """The contents of a file: itself, or everything inside an archive."""
    if place.path is None:
        assert place.stream is not None
        source = Input(place.stream, _stream_name(place.stream), report, named=True)
        yield from _unwrapped(source, report)
        return
    try:
        yield from _from_file(place.path, report, named=place.named)
    except OSError as error:
        if place.named:
            raise
        report(str(place.path), 0, reason_of(error))


def _stream_name(stream: object) -> str:
    name = getattr(stream, "name", None)
    return name if isinstance(name, str) and not name.startswith("<") else "-"


def _from_file(path: Path, report: Report, *, named: bool) -> Iterator[Input]:
    with open_file(path) as file:
        about = os.fstat(file.fileno())
        source = Input(
            file,
            str(path),
            report,
            named=named,
            total=about.st_size,
            path=path,
            modified=modified_at(about),
            beside=FolderBeside(path.parent),
        )
        source.tell = file.tell
        yield from _unwrapped(source, report, file=file)


class _Guarded:
    """Decompressed data that stops when it grows out of all proportion to what went in."""

    def __init__(self, stream: IO[bytes], packed: Input) -> None:
        self._stream = stream
        self._packed = packed
        self._out = 0

    def read(self, size: int, /) -> bytes:
        """Up to ``size`` more bytes."""
        # One step at a time: what came out before the data breaks off is not lost with it.
        data: bytes = self._stream.read1(size)  # type: ignore[attr-defined]  # all decompressors have it
        self._out += len(data)
        if self._out > RATIO_FROM and self._out > MAX_RATIO * max(self._packed.done, 1):
            raise ValueError(f"it unpacks to more than {MAX_RATIO} times its size; it was not read further")
        return data


def _unwrapped(
    source: Input, report: Report, *, file: IO[bytes] | None = None, depth: int = 0
) -> Iterator[Input]:
    """The input itself, or what is inside it when it is compressed or an archive."""
    head = source.head
    if depth < MAX_DEPTH:
        for magic, opener in _COMPRESSED:
            if head.startswith(magic):
                inner = Input(
                    _Guarded(opener(source), source),
                    source.label,
                    report,
                    named=source.named,
                    total=source.total,
                )
                inner.progress_of = source
                yield from _unwrapped(inner, report, depth=depth + 1)
                return
        if head[257:262] == b"ustar":
            yield from _tar(source, report, depth)
            return
        if head.startswith(_ZIP):
            yield from _zip(source, report, file, depth)
            return
    yield source


def _inside(
    source: Input,
    content: Readable,
    label: str,
    report: Report,
    depth: int,
    *,
    modified: datetime | None = None,
    beside: Beside | None = None,
) -> Iterator[Input]:
    """What stands inside ``source`` under ``label``."""
    inner = Input(content, label, report, named=False, modified=modified, beside=beside)
    inner.progress_of = source.progress_of
    yield from _unwrapped(inner, report, depth=depth + 1)


class _Watched:
    """A tar file that remembers its last block: whole ones end in zeros, and tarfile does not mind
    when they do not."""

    def __init__(self, source: Input) -> None:
        self._source = source
        self._last = b""

    def read(self, size: int, /) -> bytes:
        """Up to ``size`` more bytes."""
        data = self._source.read(size)
        self._last = (self._last + data)[-tarfile.BLOCKSIZE :]
        return data

    @property
    def ended(self) -> bool:
        """Whether the end mark was seen."""
        return not self._last.strip(b"\0")


def _tar(source: Input, report: Report, depth: int) -> Iterator[Input]:
    watched = _Watched(source)
    try:
        with tarfile.open(fileobj=watched, mode="r|") as archive:  # type: ignore[call-overload]  # only reads
            for member in archive:
                label = f"{source.label}/{member.name}"
                if member.isdir():
                    continue
                content = archive.extractfile(member) if member.isreg() else None
                if content is None:
                    report(label, 0, "this is no regular file; it was skipped")
                    continue
                modified = _moment(member.mtime)
                yield from _inside(source, content, label, report, depth, modified=modified)
    except (tarfile.TarError, OSError, EOFError) as error:
        report(source.label, source.done, reason_of(error))
    else:
        if not watched.ended:
            report(source.label, source.done, "the archive ends without its end mark: it was cut off")


def _zip(source: Input, report: Report, file: IO[bytes] | None, depth: int) -> Iterator[Input]:
    with tempfile.TemporaryFile() as copy:
        if file is None:  # a pipe: a zip's directory stands at its end
            while piece := source.read(1 << 20):
                copy.write(piece)
        try:
            with zipfile.ZipFile(file or copy) as archive:
                for member in sorted(archive.infolist(), key=lambda info: info.header_offset):
                    if not member.is_dir():
                        yield from _zip_member(archive, member, source, report, depth)
        except (zipfile.BadZipFile, OSError, EOFError) as error:
            report(source.label, 0, reason_of(error))


def _zip_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, source: Input, report: Report, depth: int
) -> Iterator[Input]:
    label = f"{source.label}/{member.filename}"
    if member.flag_bits & 0x1:
        report(label, 0, "it is encrypted; unpack it with its password first")
        return
    if member.file_size > RATIO_FROM and member.file_size > MAX_RATIO * max(member.compress_size, 1):
        report(label, 0, f"it unpacks to more than {MAX_RATIO} times its size; it was not read")
        return
    try:
        content = archive.open(member)
    except (NotImplementedError, RuntimeError, zipfile.BadZipFile) as error:
        report(label, 0, reason_of(error))
        return
    beside = ZipBeside(archive, posixpath.dirname(member.filename), partial(_loaded, archive))
    with content:
        yield from _inside(source, content, label, report, depth, beside=beside)


def _loaded(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes | None:
    """A member's bytes; None for one that cannot be read."""
    try:
        return archive.read(member)
    except (NotImplementedError, RuntimeError, zipfile.BadZipFile, OSError, EOFError, zlib.error):
        return None


def _moment(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
