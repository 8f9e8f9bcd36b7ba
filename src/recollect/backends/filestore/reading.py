"""Records out of the known lines of a log.

A view is read without any lock: lines never change once they are known, and an erasure puts another file
in the place of the one whose descriptor the reader holds.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import NamedTuple

import msgspec

from ...backend import StoredRecord
from ...errors import CorruptError
from . import lines
from .disk import read_at

__all__ = ["View"]

_BATCH_BYTES = 8 * 1024 * 1024
_DECODING = (msgspec.DecodeError, ValueError, RecursionError)


class View(NamedTuple):
    """The lines of a file from some line on: line n holds the records behind ``bases[n]`` and stands
    at ``offsets[n]``. An offset that is a key of ``bad`` is that of a damaged stretch."""

    path: str
    bases: list[int]
    offsets: list[int]
    bad: dict[int, str]
    end: int

    def read(
        self, fd: int, after: int, high: int, limit: int, kinds: frozenset[str] | None
    ) -> list[StoredRecord]:
        """The first ``limit`` records with ``after < seq <= high``."""
        index = max(0, bisect_right(self.bases, after) - 1)
        stop = bisect_left(self.bases, high)
        count = max(limit, 1)
        found: list[StoredRecord] = []
        while index < stop and len(found) < limit:
            if self.offsets[index] in self.bad:
                raise self.damage(self.offsets[index])
            until = self.batch(index, stop, count)
            piece = self._decode(fd, index, until, after, high, kinds)
            found = found + piece if found else piece
            index, count = until, count * 2
        return found[:limit] if len(found) > limit else found

    def read_last(
        self, fd: int, after: int, high: int, last: int, kinds: frozenset[str] | None
    ) -> list[StoredRecord] | None:
        """The last ``last`` records with ``after < seq <= high``; None where the view does not reach back
        far enough to tell."""
        count = max(last, 1)
        pieces: list[list[StoredRecord]] = []
        got, stop = 0, bisect_left(self.bases, high)
        while got < last:
            if stop < len(self.bases) and self.bases[stop] <= after:
                break
            if stop == 0:
                if self._reaches(after):
                    break
                return None
            if self.offsets[stop - 1] in self.bad:
                raise self.damage(self.offsets[stop - 1])
            index = self._batch_back(stop, count)
            piece = self._decode(fd, index, stop, after, high, kinds)
            pieces.append(piece)
            got += len(piece)
            stop, count = index, count * 2
        pieces.reverse()
        found = pieces[0] if len(pieces) == 1 else [record for piece in pieces for record in piece]
        return found[len(found) - last :] if len(found) > last else found

    def _reaches(self, after: int) -> bool:
        return not self.end or (bool(self.bases) and (self.offsets[0] == 0 or self.bases[0] <= after))

    def offset(self, index: int) -> int:
        """Where a line begins, or where the last one ends."""
        return self.offsets[index] if index < len(self.offsets) else self.end

    def batch(self, index: int, stop: int, count: int) -> int:
        """Up to where lines from ``index`` on are taken at once: intact, and not too much."""
        until = min(stop, index + count)
        begin = self.offsets[index]
        if self.offset(until) - begin > _BATCH_BYTES:
            until = max(index + 1, bisect_right(self.offsets, begin + _BATCH_BYTES, index, until) - 1)
        if self.bad:
            until = next((n for n in range(index, until) if self.offsets[n] in self.bad), until)
        return until

    def _batch_back(self, stop: int, count: int) -> int:
        index = max(0, stop - count)
        finish = self.offset(stop)
        if finish - self.offsets[index] > _BATCH_BYTES:
            index = min(stop - 1, bisect_left(self.offsets, finish - _BATCH_BYTES, index, stop))
        if self.bad:
            index = next(
                (n + 1 for n in range(stop - 1, index - 1, -1) if self.offsets[n] in self.bad), index
            )
        return index

    def _decode(
        self, fd: int, index: int, until: int, after: int, high: int, kinds: frozenset[str] | None
    ) -> list[StoredRecord]:
        start = self.offsets[index]
        data = read_at(fd, self.offset(until) - start, start)
        try:
            decoded = lines.decode_reads(data)
        except _DECODING as error:
            raise CorruptError(
                f"{self.path} changed while it was read, near byte {start}.",
                place=f"{self.path}, byte {start}",
            ) from error
        return lines.stored_records(decoded, after, high, kinds)

    def damage(self, offset: int) -> CorruptError:
        """The error for a damaged stretch."""
        return CorruptError(
            f"{self.path} is damaged at byte {offset}: {self.bad[offset]}.",
            place=f"{self.path}, byte {offset}",
            hint="Other records stay readable; restore the file from a copy, or run 'recollect verify'.",
        )
