"""What this process knows of one session's file.

Only lines whose checksum was verified are known, from some line on to the end of the file: the row needs
the last line only, the last n messages a few. Damaged stretches are entries like lines, marked as such,
so that whoever needs something inside one gets a CorruptError with its place, and nobody else does.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from ...backend import Key, Record, SessionRow
from ...errors import CorruptError
from . import lines
from .disk import Stamp, read_at, stamp_of
from .reading import View

__all__ = ["Log"]

_BLOCK = 8192
_CHUNK = 4 * 1024 * 1024


class Log:
    """The file at ``path`` as it was at ``stamp``. Not thread-safe: hold ``lock`` of its owner.

    Without a ``key``, whatever session the file says it holds.
    """

    __slots__ = ("bad", "bases", "end", "head", "ids", "key", "offsets", "path", "row", "stamp", "version")

    def __init__(self, key: Key | None, path: str) -> None:
        self.key = key
        self.path = path
        self.stamp = Stamp(0, 0, 0)
        self.head = b""
        """How the file begins: another beginning, another session."""
        self.bases: list[int] = []
        self.offsets: list[int] = []
        self.end = 0
        """Where the last intact line ends; what follows was never acknowledged."""
        self.bad: dict[int, str] = {}
        """Offsets of damaged stretches, and what is wrong with them."""
        self.row: SessionRow | None = None
        self.version = 0
        """The row's; past a damaged end one more than can be read."""
        self.ids: dict[bytes, int] | None = None

    # ---- finding out

    def load(self, fd: int) -> None:
        """Learn the end of the file, without its history."""
        info = os.fstat(fd)
        self.unload()
        self.head = read_at(fd, lines.HEAD_SIZE, 0)
        self.end = _last_newline(fd, info.st_size)
        start, block, found = self.end, _BLOCK, False
        while start > 0 and not found:
            start = self._extend(fd, start, block)
            self._drop_torn_end()
            found = self._find_row(fd)
            block *= 4
        if self.offsets and self.offsets[-1] in self.bad:
            self.version += 1
            if self.row is not None:
                self.row = msgspec.structs.replace(self.row, version=self.version)
        self.stamp = stamp_of(info)

    def unload(self) -> None:
        """Know nothing."""
        self.stamp, self.row, self.version, self.end = Stamp(0, 0, 0), None, 0, 0
        self.bases, self.offsets, self.bad, self.ids = [], [], {}, None

    def _drop_torn_end(self) -> None:
        """A last line with NULs in it was being written when the machine stopped: blocks of it
        never reached the disk. Whole lines that fail their checksum are damage."""
        if self.offsets and self.bad.get(self.offsets[-1]) == _TORN:
            self.end = self.offsets.pop()
            self.bases.pop()
            del self.bad[self.end]

    def _find_row(self, fd: int) -> bool:
        """Take row and version from the last intact line among the known ones, if there is one."""
        for index in range(len(self.offsets) - 1, -1, -1):
            if self.offsets[index] not in self.bad:
                line = self.line(fd, index)
                self.row = lines.decode_row(line, self.key, self.path)
                self.version = (
                    _version_after(line, self.bases[index]) if self.row is None else self.row.version
                )
                return True
        return False

    def line(self, fd: int, index: int) -> bytes:
        """A known line, without its newline."""
        start = self.offsets[index]
        stop = self.offsets[index + 1] if index + 1 < len(self.offsets) else self.end
        return read_at(fd, stop - start - 1, start)

    def _extend(self, fd: int, start: int, block: int) -> int:
        """Learn the lines that begin in the ``block`` bytes before ``start``, or more where
        that holds no whole line; gives where the known part begins now."""
        while True:
            begin = max(0, start - block)
            data = read_at(fd, start - begin, begin)
            skip = 0 if begin == 0 else data.find(b"\n") + 1
            if begin == 0 or 0 < skip < len(data):
                found = self._learn(data[skip:] if skip else data, begin + skip)
                if found is not None:
                    break
            block *= 4
        bases, offsets, bad = found
        # New lists: views that were given out keep theirs.
        self.bases, self.offsets, self.bad = bases + self.bases, offsets + self.offsets, bad | self.bad
        return begin + skip

    def _learn(self, data: bytes, offset: int) -> tuple[list[int], list[int], dict[int, str]] | None:
        """The lines in ``data``; None when only what stands before it can tell where they belong."""
        bases: list[int] = []
        offsets: list[int] = []
        bad: dict[int, str] = {}
        before: bytes | None = None
        for line in data.split(b"\n")[:-1]:
            if lines.is_intact(line):
                bases.append(lines.base_of(line))
                offsets.append(offset)
                before = line
            else:
                lines.refuse_newer(line, self.path)
                if before is not None:
                    bases.append(_version_after(before, bases[-1]))
                elif offset == 0:
                    bases.append(0)
                elif not bad:
                    return None
                if before is not None or offset == 0:
                    offsets.append(offset)
                    bad[offset] = _TORN if b"\0" in line else "its checksum does not agree with its bytes"
                before = None
            offset += len(line) + 1
        return bases, offsets, bad

    def catch_up(self, fd: int) -> None:
        """Learn what was added since; everything anew where it was not only added to."""
        info = os.fstat(fd)
        stamp = stamp_of(info)
        grown = stamp.inode == self.stamp.inode and stamp.size > self.stamp.size and not self.bad
        if not grown or self.row is None:
            self.load(fd)
            return
        data = read_at(fd, stamp.size - self.end, self.end)
        data = data[: data.rfind(b"\n") + 1]
        found = self._learn(data, self.end)
        if found is None or found[2] or (found[0] and found[0][0] != self.version):
            self.load(fd)
            return
        bases, offsets, _ = found
        if bases:
            last = data[offsets[-1] - self.end : -1]
            row = lines.decode_row(last, self.key, self.path)
            if row is None:
                self.load(fd)
                return
            if self.ids is not None:
                _collect_ids(self.ids, data.split(b"\n")[:-1])
            self.offsets += offsets
            self.bases += bases
            self.row, self.version = row, row.version
            self.end += len(data)
        self.stamp = stamp

    def added(
        self, stamp: Stamp, start: int, line: bytes, row: SessionRow, records: Sequence[Record]
    ) -> None:
        """This process appended a line. Another thread may have read it meanwhile, or a file that
        was replaced."""
        if not self.offsets and not start:
            self.stamp, self.head = stamp, line[: lines.HEAD_SIZE]
        if self.stamp.inode != stamp.inode:
            return
        if self.end == start:
            # In this order: views that share the lists never see a base without its offset.
            self.offsets.append(start)
            self.bases.append(self.version)
            self.end += len(line)
            self.row, self.version = row, row.version
            if self.ids is not None:
                self.ids.update((record.message_id, record.seq) for record in records if record.message_id)
        if self.end == start + len(line):
            self.stamp = stamp

    def lose(self, row: SessionRow, reason: str) -> None:
        """What was acknowledged up to ``row`` is not all there."""
        if self.end not in self.bad and not (self.offsets and self.offsets[-1] in self.bad):
            self.bases.append(self.version)
            self.offsets.append(self.end)
            self.bad = {**self.bad, self.end: reason}
        self.row, self.version = row, row.version

    @property
    def is_empty(self) -> bool:
        """Whether there is no line at all: then there is no session."""
        return not self.offsets

    def damaged_end(self) -> CorruptError | None:
        """The error, where the newest acknowledged commits cannot be read."""
        if self.offsets and self.offsets[-1] in self.bad:
            return self.damage(self.offsets[-1])
        if self.row is None and self.offsets:
            return CorruptError(
                f"The end of {self.path} is missing: what is left stems from before a message was erased.",
                place=f"{self.path}, byte {self.end}",
                hint="Restore the file from a copy.",
            )
        return None

    def damage(self, offset: int) -> CorruptError:
        """The error for a damaged stretch."""
        return self._view().damage(offset)

    # ---- reading

    def _known_from(self) -> int:
        return self.offsets[0] if self.offsets else self.end

    def know_all(self, fd: int) -> None:
        """Learn every line."""
        while start := self._known_from():
            self._extend(fd, start, _CHUNK)

    def view_from(self, fd: int, after: int) -> View:
        """A view that reaches back to the record behind ``after``."""
        if not self.bases or self.bases[0] > after:
            self.know_all(fd)
        return self._view()

    def view_back(self, fd: int, after: int, high: int, count: int) -> View:
        """A view with ``count`` lines up to the record ``high``, or all those behind ``after``."""
        block = _BLOCK
        while start := self._known_from():
            if self.bases and (self.bases[0] <= after or bisect_left(self.bases, high) >= count):
                break
            self._extend(fd, start, block)
            block *= 4
        return self._view()

    def _view(self) -> View:
        return View(self.path, self.bases, self.offsets, self.bad, self.end)

    def read_lines(self, fd: int, start: int) -> Iterator[bytes]:
        """The intact lines from offset ``start`` on; the whole file's when that is 0."""
        if start < self._known_from():
            self.know_all(fd)
        view = self._view()
        index = bisect_left(self.offsets, start)
        while index < len(self.offsets):
            if self.offsets[index] in self.bad:
                index += 1
                continue
            until = view.batch(index, len(self.offsets), 2**63)
            begin = self.offsets[index]
            yield from read_at(fd, view.offset(until) - begin - 1, begin).split(b"\n")
            index = until

    def message_ids(self, fd: int) -> dict[bytes, int]:
        """The seq of every message id that can be read."""
        if self.ids is None:
            ids: dict[bytes, int] = {}
            _collect_ids(ids, self.read_lines(fd, 0))
            self.ids = ids
        return self.ids


_TORN = "it was never written whole"


def _last_newline(fd: int, size: int) -> int:
    """Where the last terminated line ends."""
    stop, block = size, _BLOCK
    while stop > 0:
        begin = max(0, stop - block)
        at = read_at(fd, stop - begin, begin).rfind(b"\n")
        if at >= 0:
            return begin + at + 1
        stop, block = begin, block * 4
    return 0


def _version_after(line: bytes, base: int) -> int:
    records = lines.decode_full(line).records
    return records[-1].seq if records else base


def _collect_ids(ids: dict[bytes, int], found: Iterable[bytes]) -> None:
    for line in found:
        for record in lines.decode_full(line).records:
            if message_id := record.message_id:
                ids[message_id] = record.seq
