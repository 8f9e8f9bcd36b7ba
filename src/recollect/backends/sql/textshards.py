"""How document numbers fall into FTS5 tables."""

from __future__ import annotations

from typing import Any, NamedTuple

import apsw

__all__ = ["Shard", "first_of", "full_shards", "local", "shard_of", "shards", "table"]

SHARD_BITS = 16


class Shard(NamedTuple):
    """A shard and the number of its documents."""

    number: int
    docs: int


def shard_of(doc: int) -> int:
    """The shard that holds a document."""
    return doc >> SHARD_BITS


def first_of(shard: int) -> int:
    """The number that a shard's rowids count from."""
    return shard << SHARD_BITS


def local(doc: int) -> int:
    """A document's rowid in its shard: small numbers make a smaller index."""
    return doc & ((1 << SHARD_BITS) - 1)


def full_shards(docs: int) -> float:
    """How many full shards so many documents come to."""
    return docs / (1 << SHARD_BITS)


def table(shard: int) -> str:
    """The name of a shard's FTS5 table."""
    return f"text_{shard:d}"


def shards(conn: apsw.Connection) -> list[Shard]:
    """All shards and how many documents each holds, newest first."""
    found: Any = conn.execute("SELECT shard, docs FROM text_shards ORDER BY shard DESC").fetchall()
    return [Shard(*row) for row in found]
