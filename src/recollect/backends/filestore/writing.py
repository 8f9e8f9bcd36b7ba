"""What changes a session's files. The caller holds the session's lock."""

from __future__ import annotations

import contextlib
import os
import shutil
import warnings
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from msgspec import Struct

from ...backend import Commit, Record, SessionRow
from ...errors import ConflictError, InvalidError, StoreWarning, UnknownOutcomeError
from . import lines
from .disk import (
    Stamp,
    create_folders,
    mapped,
    open_private,
    read_at,
    stamp_of,
    sync_file,
    sync_folder,
    translated,
    write_all,
    write_new_file,
)
from .handles import Handles
from .log import Log
from .logs import Logs, Place, Shelf

__all__ = ["MAX_BODY", "Change", "Prepared", "Writer"]

MAX_BODY = 512 * 1024 * 1024
_APPEND = os.O_RDWR | os.O_APPEND


class Prepared(NamedTuple):
    """A commit whose line is ready, so that the lock is held no longer than it must be."""

    commit: Commit
    line: bytes


class Change(Struct, gc=False):
    """What a commit did to a session's file, for the index."""

    place: Place
    row: SessionRow
    stamp: Stamp
    head: bytes
    start: int
    end: int
    records: Sequence[Record] | None
    """None: not kept, to be read from the file."""
    attributes: bool


class Writer:
    """Applies commits to files."""

    def __init__(self, logs: Logs, handles: Handles, *, durable: bool, texts: bool) -> None:
        self._logs = logs
        self._handles = handles
        self._durable = durable
        self._texts = texts

    def prepare(self, commit: Commit) -> Prepared:
        """Turn a commit into bytes. Raises InvalidError for what cannot be stored."""
        row = commit.row
        if commit.delete:
            return Prepared(commit, b"")
        name = commit.key.session_id
        if row is None or row.key != commit.key:
            raise InvalidError(f"A commit to session {name!r} has no row, or another session's.")
        if len(row.body) > MAX_BODY:
            raise _too_large(name)
        for record in commit.records:
            if len(record.body) > MAX_BODY:
                raise _too_large(name)
        if commit.blobs and max(map(len, commit.blobs.values())) > MAX_BODY:
            raise _too_large(name)
        records = lines.encode_records(commit.records, commit.base, texts=self._texts)
        if commit.records and row.version < commit.records[-1].seq:
            raise InvalidError(f"The row of session {name!r} is older than its newest record.")
        return Prepared(commit, lines.encode_line(commit.base, records, lines.encode_row(row)))

    def apply(self, place: Place, prepared: Prepared) -> Change | None:
        """Write a commit; what the index may add to itself, or None where it has to look itself."""
        try:
            fd, info = self._handles.take(place.log)
        except FileNotFoundError:
            _check_base(prepared.commit, 0)
            return None if prepared.commit.delete else self._create(place, prepared)
        except OSError as error:
            raise translated(error, "open", place.log) from error
        try:
            change = self._apply(place, fd, info, prepared)
        except BaseException:
            os.close(fd)
            raise
        if change is None:
            os.close(fd)  # of a file that was deleted or replaced
        else:
            self._handles.keep(place.log, fd, info)
        return change

    def _apply(self, place: Place, fd: int, info: os.stat_result, prepared: Prepared) -> Change | None:
        commit = prepared.commit
        shelf, version, end, size, is_empty, damage = self._logs.tail(place, fd, info)
        if commit.base != version:
            _check_base(commit, version)
        if commit.delete:
            self._delete(place, existed=not is_empty)
            return None
        if damage is not None:
            raise damage
        if size > end:
            self._set_aside(place, fd, end, size)
        if is_empty:
            return self._create(place, prepared)
        if not (commit.blobs or commit.erased or commit.amended or commit.drop_blobs):
            return self._append(place, fd, shelf, end, prepared)
        with self._blobs_stored(place, commit):
            if commit.erased or commit.amended:
                self._rewrite(place, fd, shelf, prepared)
                change = None
            else:
                change = self._append(place, fd, shelf, end, prepared)
        self._drop_blobs(place, commit)
        return change

    # ---- steps

    def _create(self, place: Place, prepared: Prepared) -> Change:
        commit = prepared.commit
        with mapped("write", place.log):
            create_folders(place.folder, durable=self._durable)
            self._remove_folder(place.blobs)  # what a deletion that was cut short left behind
            with self._blobs_stored(place, commit):
                fd = open_private(place.log, _APPEND | os.O_CREAT)
                try:
                    return self._append(place, fd, self._logs.shelf(place), 0, prepared)
                except UnknownOutcomeError:
                    raise
                except BaseException:
                    os.unlink(place.log)
                    raise
                finally:
                    os.close(fd)

    def _append(self, place: Place, fd: int, shelf: Shelf, start: int, prepared: Prepared) -> Change:
        commit, line = prepared
        row = commit.row
        assert row is not None  # prepare() saw to it
        try:
            write_all(fd, line)
        except BaseException as error:
            with mapped("write", place.log):
                os.ftruncate(fd, start)
                if isinstance(error, OSError):
                    raise
            raise
        if self._durable:
            self._make_durable(place, fd, created=start == 0)
        stamp = stamp_of(os.fstat(fd))
        log = shelf.log
        with shelf.lock:
            log.added(stamp, start, line, row, commit.records)
            head = log.head if start else line[: lines.HEAD_SIZE]
        return Change(place, row, stamp, head, start, start + len(line), commit.records, commit.attributes)

    def _make_durable(self, place: Place, fd: int, *, created: bool) -> None:
        try:
            sync_file(fd)
            if created:
                sync_folder(place.folder)
        except OSError as error:
            self._logs.forget(place)
            raise UnknownOutcomeError(
                f"The disk failed while a commit to {place.log} was being made durable: {error.strerror}.",
                hint="Read the session again to see whether it is there.",
            ) from error

    def _set_aside(self, place: Place, fd: int, end: int, size: int) -> None:
        """Move what an interrupted write left behind the last line into a file of its own."""
        with mapped("set aside the torn end of", place.log):
            create_folders(place.torn, durable=False)
            number = len(os.listdir(place.torn)) + 1
            aside = os.path.join(place.torn, f"{end}-{number}")
            write_new_file(aside, read_at(fd, size - end, end), durable=self._durable)
            if self._durable:
                sync_folder(place.torn)
                sync_folder(place.folder)
            os.ftruncate(fd, end)
        warnings.warn(
            f"A write to {place.log} had been interrupted; its {size - end:,} bytes, never"
            f" acknowledged, were moved to {aside}.",
            StoreWarning,
            stacklevel=2,
        )

    def _rewrite(self, place: Place, fd: int, shelf: Shelf, prepared: Prepared) -> None:
        """Write the file anew without what is erased, and put it in the old one's place."""
        commit = prepared.commit
        replaced: dict[int, tuple[bytes, tuple[str, ...]]]
        replaced = {seq: (body, texts if self._texts else ()) for seq, body, texts in commit.amended}
        replaced.update((seq, (tombstone, ())) for seq, tombstone in commit.erased)
        with mapped("rewrite", place.log):
            with self._logs.using(place, fd, owned=shelf) as log:
                log.know_all(fd)
                pieces = [_without(log, fd, index, replaced) for index in range(len(log.offsets))]
            pieces.append(prepared.line)
            self._logs.forget(place)
            write_new_file(place.log, b"".join(pieces), durable=self._durable)
            self._remove_folder(place.torn)
            self._sync_entries(place, place.folder)

    def _delete(self, place: Place, *, existed: bool) -> None:
        with mapped("delete", place.log):
            if existed:
                os.unlink(place.log)
            self._logs.forget(place)
            with contextlib.suppress(FileNotFoundError):  # only an erasure that was cut short left one
                os.unlink(place.log + ".new")
            self._remove_folder(place.blobs)
            self._remove_folder(place.torn)
            self._sync_entries(place, place.folder)

    def _sync_entries(self, place: Place, folder: str) -> None:
        if not self._durable:
            return
        try:
            sync_folder(folder)
        except OSError as error:
            raise UnknownOutcomeError(
                f"The disk failed while a change of {place.log} was being made durable: {error.strerror}.",
                hint="Read the session again to see what is there.",
            ) from error

    @staticmethod
    def _remove_folder(path: str) -> None:
        if os.path.isdir(path):  # most sessions have none
            shutil.rmtree(path)

    # ---- blobs

    @contextlib.contextmanager
    def _blobs_stored(self, place: Place, commit: Commit) -> Iterator[None]:
        """Blobs are on the disk before the line that speaks of them; without it they go again."""
        new: list[str] = []
        try:
            if commit.blobs:
                with mapped("write to", place.blobs):
                    create_folders(place.blobs, durable=self._durable)
                    for digest, content in commit.blobs.items():
                        path = os.path.join(place.blobs, digest.hex())
                        if not os.path.exists(path):
                            new.append(path)
                            write_new_file(path, content, durable=self._durable)
                    if new and self._durable:
                        sync_folder(place.blobs)
            yield
        except UnknownOutcomeError:
            raise
        except BaseException:
            for path in new:
                with contextlib.suppress(FileNotFoundError):  # the one whose writing failed
                    os.unlink(path)
            raise

    def _drop_blobs(self, place: Place, commit: Commit) -> None:
        if not commit.drop_blobs or not os.path.isdir(place.blobs):
            return
        with mapped("delete", place.blobs):
            for digest in commit.drop_blobs:
                with contextlib.suppress(FileNotFoundError):  # never stored, or dropped before
                    os.unlink(os.path.join(place.blobs, digest.hex()))
        self._sync_entries(place, place.blobs)


def _without(log: Log, fd: int, index: int, replaced: dict[int, tuple[bytes, tuple[str, ...]]]) -> bytes:
    """One entry of a log as it stands in the log after an erasure or completion, newline included."""
    line = log.line(fd, index)
    offset = log.offsets[index]
    if offset not in log.bad:
        return lines.rewritten(line, replaced)
    upper = log.bases[index + 1] if index + 1 < len(log.bases) else 2**63
    if any(log.bases[index] < seq <= upper for seq in replaced):
        raise log.damage(offset)
    return line + b"\n"


def _too_large(name: str) -> InvalidError:
    return InvalidError(
        f"A commit to session {name!r} holds more than {MAX_BODY:,} bytes in one piece.",
        hint="Split it, or keep large content elsewhere and refer to it.",
    )


def _check_base(commit: Commit, version: int) -> None:
    if commit.base == version:
        return
    name = commit.key.session_id
    if not version:
        text = f"There is no session {name!r}; the change was based on its version {commit.base}."
    elif not commit.base:
        text = f"Session {name!r} exists already."
    else:
        text = f"Session {name!r} is at version {version}, not {commit.base}."
    raise ConflictError(text, hint="Read it again and repeat the change.")
