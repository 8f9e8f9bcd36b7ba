"""Writes a store, or a part of it, into one archive."""

from __future__ import annotations

import io
import tarfile
import tempfile
from collections.abc import Callable
from hashlib import sha256
from typing import IO, Any, cast

from ...codec import dumps
from ...core.base import Core
from ...core.verifying import Finding
from ...errors import CorruptError
from ...formats import own_jsonl
from ...packing import packing
from ...records import to_datetime
from ..destinations import Destination, Put, deliver
from .archive import HEAD, IMPORTS, MANIFEST, SESSIONS, VERSION, Head, Imports, Member, Summary
from .origins import Selected, StoredLog, StoreOrigin
from .results import BackupResult, MoveProgress

_SPOOLED = 8 << 20
_COPY = 1 << 20


async def back_up(
    core: Core, to: Destination, chosen: Selected, progress: Callable[[MoveProgress], None] | None
) -> BackupResult:
    """Write an archive: beside the path, then in its place once it is whole and on disk."""
    done: list[BackupResult] = []

    async def fill(put: Put) -> None:
        done.append(await _Writer(core, chosen, progress, put).run())

    await deliver(to, fill)
    return done[0]


class _Out(io.RawIOBase):
    """A stream for tarfile, counting."""

    def __init__(self, put: Put) -> None:
        self._put = put
        self.bytes = 0

    def write(self, piece: Any) -> int:
        self._put(bytes(piece))
        self.bytes += len(piece)
        return len(piece)


class _Packed:
    """A member in the making: compressed into a spool, hashed before."""

    def __init__(self) -> None:
        self.file = cast(IO[bytes], tempfile.SpooledTemporaryFile(_SPOOLED))  # noqa: SIM115  # closed by add
        self._zstd = packing(self.file)
        self._hash = sha256()
        self.size = 0

    def put(self, piece: str | bytes) -> None:
        """One more piece."""
        raw = piece.encode() if isinstance(piece, str) else piece
        self._zstd.write(raw)
        self._hash.update(raw)
        self.size += len(raw)

    def finish(self) -> str:
        """Complete it; returns its hash."""
        self._zstd.close()
        return self._hash.hexdigest()


class _Writer:
    """One backup."""

    def __init__(
        self, core: Core, chosen: Selected, progress: Callable[[MoveProgress], None] | None, put: Put
    ) -> None:
        self._core = core
        self._origin = StoreOrigin(core, chosen)
        self._progress = progress
        self._out = _Out(put)
        self._tar = tarfile.open(fileobj=self._out, mode="w|", format=tarfile.GNU_FORMAT)  # noqa: SIM115  # closed by run
        self._now = core.clock.now() // 1_000_000
        self._manifest = cast(IO[bytes], tempfile.SpooledTemporaryFile(_SPOOLED))  # noqa: SIM115  # closed by run
        self._hash = sha256()
        self._members = self._sessions = self._records = self._blobs = self._imports = 0
        self._damaged: list[Finding] = []

    async def run(self) -> BackupResult:
        """Write all of it."""
        try:
            with self._tar:
                created = to_datetime(self._now * 1_000_000).isoformat()
                self._add(HEAD, io.BytesIO(dumps(Head(VERSION, created))))
                await self._write_sessions()
                await self._write_imports()
                self._write_manifest()
        finally:
            self._manifest.close()
        return BackupResult(
            self._sessions, self._records, self._blobs, self._imports, self._out.bytes, self._damaged
        )

    async def _write_sessions(self) -> None:
        total = 0
        if self._progress is not None:
            total = sum([log.version async for log in self._origin.logs()])
        seen: set[tuple[str, str]] = set()
        done = 0
        async for log in self._origin.logs():
            name = (log.namespace, log.session_id)
            if name in seen:
                continue
            seen.add(name)
            await self._write_session(log)
            done += log.version
            if self._progress is not None:
                self._progress(MoveProgress("back up", log.session_id, done, max(total, done), len(seen)))

    async def _write_session(self, log: StoredLog) -> None:
        """A whole log; of a damaged one what stands before the damage."""
        packed = _Packed()
        packed.put(_header(log))
        known: set[str] = set()
        records = 0
        try:
            async for entry in log.entries():
                for digest, content in (await log.blobs(entry, known)).items():
                    known.add(digest)
                    packed.put(own_jsonl.blob_text(digest, content) + "\n")
                packed.put(own_jsonl.record_text(entry.seq, entry.kind, entry.parent, entry.body) + "\n")
                records += 1
        except CorruptError as error:
            self._damaged.append(Finding(error.place, error.message))
        self._sessions += 1
        self._records += records
        self._blobs += len(known)
        name = f"{SESSIONS}{self._sessions:08d}.jsonl.zst"
        about = (log.namespace, log.session_id, records, len(known))
        self._note(Member(name, packed.size, packed.finish(), *about), packed.file)

    async def _write_imports(self) -> None:
        number = 0
        async for namespace, entries in self._origin.imports():
            if not entries:
                continue
            number += 1
            self._imports += len(entries)
            packed = _Packed()
            packed.put(dumps(Imports(namespace, entries)))
            name = f"{IMPORTS}{number:04d}.json.zst"
            self._note(Member(name, packed.size, packed.finish(), namespace), packed.file)

    def _note(self, member: Member, file: IO[bytes]) -> None:
        """Put a finished member into the archive and into the manifest."""
        line = dumps(member) + b"\n"
        self._manifest.write(line)
        self._hash.update(line)
        self._members += 1
        with file:
            self._add(member.member, file)

    def _write_manifest(self) -> None:
        counts = (self._sessions, self._records, self._blobs, self._imports)
        self._manifest.write(dumps(Summary(self._members, *counts, self._hash.hexdigest())) + b"\n")
        self._add(MANIFEST, self._manifest)

    def _add(self, name: str, file: IO[bytes]) -> None:
        about = tarfile.TarInfo(name)
        about.size = file.seek(0, io.SEEK_END)
        about.mtime, about.mode = self._now, 0o600
        file.seek(0)
        self._tar.addfile(about, file)


def _header(log: StoredLog) -> str:
    """The line that a session's member begins with: as an export's, and the namespace."""
    try:
        shown = log.core.codec.info(log.row).to_dict()
    except CorruptError:
        shown = {"id": log.session_id, "version": log.version}  # the log is what counts, and it is whole
    return f'{own_jsonl.header_text(shown)},"namespace":{dumps(log.namespace).decode()}}}\n'
