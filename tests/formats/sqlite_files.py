"""SQLite files that tests of formats build for themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import apsw


def built(path: Path, schema: str, rows: Iterable[tuple[str, Sequence[Any]]] = ()) -> Path:
    """A database with this schema; each row is a table's name and the values of its columns."""
    connection = apsw.Connection(str(path))
    connection.execute(schema)
    with connection:
        for table, values in rows:
            marks = ", ".join("?" * len(values))
            connection.execute(f"INSERT INTO {table} VALUES ({marks})", tuple(values))
    connection.close()
    return path


def head_of(path: Path) -> bytes:
    """What detection sees of a file."""
    return path.read_bytes()[: 1 << 16]
