"""A backup as an origin of logs: checked member by member, damage reported, all else given out."""

from __future__ import annotations

import os
import tarfile
from collections.abc import AsyncIterator, Container, Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, NamedTuple

from msgspec import Struct

from ...backend import Key
from ...codec import loads
from ...core.base import Core
from ...core.ids import check_name
from ...core.log import LogEntry, digests_of
from ...core.verifying import Finding
from ...errors import (
    AccessError,
    CorruptError,
    InvalidError,
    NotFoundError,
    UnavailableError,
    UnsupportedError,
)
from ...formats import own_jsonl
from ...formats.base import Beside, Damage, LogBlob, LogRecord
from ...packing import BROKEN, opened
from ..ledger import Entry
from .archive import HEAD, IMPORTS, MANIFEST, SESSIONS, VERSION, Head, Imports, Member, Summary

_PIECE = 1 << 20


class _SessionHeader(Struct, frozen=True):
    """What a session's member begins with."""

    recollect: int
    session: dict[str, Any]
    namespace: str = ""


class _Checked(NamedTuple):
    """A session's member whose bytes are all there."""

    namespace: str
    session_id: str
    records: int


class Archive:
    """An open backup."""

    live = False

    def __init__(self, path: str | os.PathLike[str], core: Core) -> None:
        self.damaged: list[Finding] = []
        self._core = core
        self._checked: dict[str, _Checked | None] = {}
        self._names: set[tuple[str, str]] | None = None
        self._tar, self._file = _open(path)
        try:
            self._members = dict(self._found())
            self._check_head()
            self._manifest = self._read_manifest()
        except (tarfile.TarError, OSError) as error:
            self.close()
            raise InvalidError(f"{str(path)!r} cannot be read as a backup: {error}.") from error
        except BaseException:
            self.close()
            raise

    def _found(self) -> Iterator[tuple[str, tarfile.TarInfo]]:
        """The members, as far as the file goes. Blocks that are no header are stepped over: behind a
        damaged one the next member is found."""
        while True:
            try:
                about = self._tar.next()
            except tarfile.ReadError:
                return  # cut off: the manifest is missing, which is reported
            if about is None:
                return
            if about.isfile():
                yield about.name, about

    def close(self) -> None:
        """Close the file."""
        self._tar.close()
        self._file.close()

    def _check_head(self) -> None:
        """Refuse what is no backup, or one of a later version."""
        if HEAD not in self._members:
            if not any(name.startswith(SESSIONS) for name in self._members):
                raise InvalidError("This file is no backup of recollect.")
            self._damage(HEAD, "it is missing")
            return
        try:
            head = loads(self._plain(HEAD), Head)
        except ValueError:
            self._damage(HEAD, "it is damaged")
            return
        if head.recollect_backup > VERSION:
            raise UnsupportedError(
                f"This backup has version {head.recollect_backup}; {VERSION} can be read.",
                hint="Upgrade recollect.",
            )

    def _plain(self, name: str) -> bytes:
        stream = self._tar.extractfile(self._members[name])
        try:
            return b"" if stream is None else stream.read()
        except tarfile.ReadError:
            return b""  # cut off: no whole document, whichever it should be

    def _read_manifest(self) -> dict[str, Member] | None:
        """The members as they were written; None when nobody can tell."""
        if MANIFEST not in self._members:
            self._damage(MANIFEST, "it is missing: the archive was cut off, what stood at its end is lost")
            return None
        raw = self._plain(MANIFEST)
        lines = raw.splitlines()
        try:
            summary = loads(lines[-1] if lines else b"", Summary)
            members = [loads(line, Member) for line in lines[:-1]]
        except ValueError:
            self._damage(MANIFEST, "it is damaged")
            return None
        if sha256(raw[: raw.rstrip(b"\n").rfind(b"\n") + 1]).hexdigest() != summary.sha256:
            self._damage(MANIFEST, "it is damaged")
            return None
        for member in members:
            if member.member not in self._members:
                what = f"session {member.session!r}" if member.session else "what it knew of imports"
                self._damage(member.member, f"it is missing: {what} cannot be restored")
        return {member.member: member for member in members}

    def _damage(self, member: str, problem: str) -> None:
        self.damaged.append(Finding(member, problem))

    def _pieces(self, name: str) -> Iterator[bytes]:
        """A member, decompressed."""
        stream = opened(self._tar.extractfile(self._members[name]))
        while piece := stream.read(_PIECE):
            yield piece

    def _intact(self, name: str) -> bool:
        """Whether a member's bytes are those that were written; says so if they are not."""
        hashed, size = sha256(), 0
        try:
            for piece in self._pieces(name):
                hashed.update(piece)
                size += len(piece)
        except (*BROKEN, OSError, tarfile.TarError) as error:
            self._damage(name, f"{self._meaning(name)} cannot be read: {error}")
            return False
        known = None if self._manifest is None else self._manifest.get(name)
        if known is not None and (known.sha256, known.size) != (hashed.hexdigest(), size):
            self._damage(name, f"{self._meaning(name)} is not what was written")
            return False
        return True

    def _meaning(self, name: str) -> str:
        """What a member holds, for a person."""
        known = None if self._manifest is None else self._manifest.get(name)
        return f"session {known.session!r}" if known is not None and known.session else "it"

    # As an origin

    async def logs(self) -> AsyncIterator[ArchivedLog]:
        for name in self._members:
            if not name.startswith(SESSIONS):
                continue
            if name not in self._checked:
                self._checked[name] = self._check(name)
            checked = self._checked[name]
            if checked is not None:
                yield ArchivedLog(self, name, *checked)

    def _check(self, name: str) -> _Checked | None:
        if not self._intact(name):
            return None
        try:
            header = loads(self.stream(name).readline(), _SessionHeader)
            session_id = check_name("session id", header.session.get("id"))
            known = None if self._manifest is None else self._manifest.get(name)
            records = known.records if known is not None else self._count(name)
        except ValueError as error:
            self._damage(name, f"it holds no session: {error}")
            return None
        return _Checked(header.namespace, session_id, records)

    def _count(self, name: str) -> int:
        return sum(isinstance(piece, LogRecord) for piece in self.log_pieces(name))

    def stream(self, name: str) -> IO[bytes]:
        """A member, decompressed as it is read."""
        stream: Any = opened(self._tar.extractfile(self._members[name]))
        return stream  # type: ignore[no-any-return]  # it reads bytes

    def log_pieces(self, name: str) -> Iterator[Any]:
        """The records and blobs of a session's member."""
        return own_jsonl.read(_Text(self.stream(name), name))

    def digests(self, key: Key, entry: LogEntry) -> list[str]:
        """The blobs that a record refers to."""
        return digests_of(self._core, key, entry)

    async def taken(self, namespace: str, session_id: str) -> bool:
        if self._names is None:
            self._names = {(log.namespace, log.session_id) async for log in self.logs()}
        return (namespace, session_id) in self._names

    async def imports(self) -> AsyncIterator[tuple[str, list[Entry]]]:
        for name in self._members:
            if name.startswith(IMPORTS) and self._intact(name):
                try:
                    found = loads(self.stream(name).read(), Imports)
                except ValueError as error:
                    self._damage(name, f"it cannot be read: {error}")
                    continue
                yield found.namespace, found.entries


class ArchivedLog:
    """A session of a backup."""

    def __init__(self, archive: Archive, member: str, namespace: str, session_id: str, version: int) -> None:
        self._archive = archive
        self._member = member
        self.namespace = namespace
        self.session_id = session_id
        self.version = version
        self.stamp = (version, 0)
        self._key = Key(namespace, session_id)
        self._pending: dict[str, bytes] = {}

    async def entries(self) -> AsyncIterator[LogEntry]:
        self._pending.clear()
        for piece in self._archive.log_pieces(self._member):
            if isinstance(piece, LogBlob):
                if sha256(piece.content).hexdigest() != piece.digest:
                    raise CorruptError(f"A blob of session {self.session_id!r} is not what its name says.")
                self._pending[piece.digest] = piece.content
            elif isinstance(piece, LogRecord):
                yield LogEntry(piece.seq, piece.kind, piece.parent, piece.body)
                self._pending.clear()
            elif isinstance(piece, Damage):
                raise CorruptError(
                    f"The backup of session {self.session_id!r} is damaged: {piece.reason}.",
                    place=f"{self._member}:{piece.offset}",
                )

    async def blobs(self, entry: LogEntry, known: Container[str]) -> dict[str, bytes]:
        """Each blob stands before the record that refers to it first."""
        wanted = [digest for digest in self.digests(entry) if digest not in known]
        return {digest: self._pending[digest] for digest in wanted if digest in self._pending}

    def digests(self, entry: LogEntry) -> list[str]:
        return self._archive.digests(self._key, entry)


class _Text(NamedTuple):
    """A member as a source for the reader of logs."""

    stream: IO[bytes]
    name: str
    path: Path | None = None
    modified: datetime | None = None
    beside: Beside | None = None

    @property
    def label(self) -> str:
        return self.name

    def read(self, size: int) -> bytes:
        return self.stream.read(size)


def _open(path: str | os.PathLike[str]) -> tuple[tarfile.TarFile, IO[bytes]]:
    """The archive and its file. Raises a StoreError."""
    shown = repr(os.fspath(path))
    try:
        file = open(path, "rb")  # noqa: SIM115  # closed with the archive
    except FileNotFoundError:
        raise NotFoundError(f"There is no file {shown}.") from None
    except PermissionError as error:
        raise AccessError(f"{shown} cannot be read: {error.strerror}.") from error
    except OSError as error:
        raise UnavailableError(f"{shown} cannot be read: {error.strerror or error}.") from error
    try:
        return tarfile.open(fileobj=file, mode="r:", ignore_zeros=True), file
    except (tarfile.TarError, OSError) as error:
        file.close()
        raise InvalidError(f"{shown} is no backup of recollect.") from error
    except BaseException:
        file.close()
        raise


__all__ = ["Archive", "ArchivedLog"]
