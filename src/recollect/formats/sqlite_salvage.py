"""Rows of damaged SQLite tables: those before, between and behind the pages that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

_LAST = (1 << 63) - 1
_MAX_GAPS = 2000
"""More damaged places than this are not stepped over: such a file is not worth the time."""


class Salvage:
    """Looks for what is left of one table; ``errors`` are those of the driver."""

    def __init__(self, connection: Any, errors: tuple[type[Exception], ...], table: str) -> None:
        self._connection = connection
        self._errors = errors
        self._from = f"FROM main.{table} NOT INDEXED"

    def scan(self, column: str | None = None, after: int = -_LAST) -> Iterator[tuple[int, Any]]:
        """Row ids from behind ``after`` on, in order, each with the value of a column."""
        last = after
        for _ in range(_MAX_GAPS):
            query = f"SELECT rowid, {column or 'NULL'} {self._from} WHERE rowid > ? ORDER BY rowid"
            with suppress(*self._errors):  # the caller has met the damage already and tells it
                for row_id, value in self._connection.execute(query, (last,)):
                    if row_id <= last:
                        break  # the pages are in a tangle: what was given before comes again
                    last = row_id
                    yield row_id, value
                else:
                    return
            behind = self._behind(last, column)
            if behind is None:
                return
            last = behind

    def _behind(self, last: int, column: str | None) -> int | None:
        """The nearest place from which a row can be read again."""
        bad, step = last, 1
        while not self._readable(last + step, column):
            bad, step = last + step, step * 2
            if last + step >= _LAST:
                return None
        good = last + step
        while good - bad > 1:
            middle = (good + bad) // 2
            if self._readable(middle, column):
                good = middle
            else:
                bad = middle
        return good

    def _readable(self, after: int, column: str | None) -> bool:
        query = f"SELECT rowid, {column or 'NULL'} {self._from} WHERE rowid > ? ORDER BY rowid LIMIT 1"
        try:
            found = self._connection.execute(query, (after,)).fetchone()
            return found is not None and found[0] > after
        except self._errors:
            return False
