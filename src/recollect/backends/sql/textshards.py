"""How document numbers fall into FTS5 tables."""

from __future__ import annotations

import apsw

__all__ = ["SHARD_BITS", "local", "shard_of", "shards", "table"]

SHARD_BITS = 16


def shard_of(doc: int) -> int:
    """The shard that holds a document."""
    return doc >> SHARD_BITS


def local(doc: int) -> int:
    """A document's rowid in its shard: small numbers make a smaller index."""
    return doc & ((1 << SHARD_BITS) - 1)


def table(shard: int) -> str:
    """The name of a shard's FTS5 table."""
    return f"text_{shard:d}"


def shards(conn: apsw.Connection) -> list[int]:
    """All shards, newest first."""
    found: list[tuple[int]] = conn.execute("SELECT shard FROM text_shards ORDER BY shard DESC").fetchall()
    return [shard for (shard,) in found]
