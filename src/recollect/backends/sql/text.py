"""The text index of a SQLite file: what is written, moved and removed. Searching is in textsearch.

Texts wait in ``text_pending``, in the order in which they came (what many sessions add goes to one
page at its end), until ``drain`` moves them into contentless FTS5 tables. FTS5 stores the distance
between a word's documents, and with ``sid << 32 | seq`` as document number each step from session to
session costs five bytes (the index measures 0.92 times the text); so documents have dense numbers of
their own. A session gets them in blocks of consecutive numbers that grow with it, and a block maps
its range of seqs onto its range of documents by one addition.

Every 65,536 numbers make a shard, an FTS5 table of its own: a prefix such as ``a*`` makes FTS5 read
all words that start so before the first hit is known, and shards, searched newest first, bound that.

All functions are steps of the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import apsw
import msgspec

from ...backend import RowHit, TextQuery
from . import textrank
from .textshards import first_of, local, shard_of, shards, table
from .texttail import indexed_form, read_state

__all__ = ["TextIndex"]

_BLOCK = 8  # documents in a session's first block, unless more come at once
_BLOCK_MAX = 1024
_GAP = 64  # records without texts that a block may span
_MERGE_PAGES = 64
_KEEPS_PACE = 32
_PACE_PAGES = 16
_COUNTED = 10_000
_SEQ = 2**32 - 1

_CLEAN, _DIRTY, _MERGING = 0, 1, 2
_NONE = ("", "", "")

_ADD = "INSERT INTO text_pending (rid, message_id, text, reasoning, tool) VALUES (?, ?, ?, ?, ?)"
_BLANK = "UPDATE text_pending SET text = '', reasoning = '', tool = ''"


class _Block(NamedTuple):
    base: int
    rid: int
    size: int


class TextIndex:
    """The index of one file or memory, reached through whichever connection is given."""

    SCHEMA = """
    CREATE TABLE text_pending (
        n INTEGER PRIMARY KEY, rid INTEGER NOT NULL, message_id BLOB,
        text TEXT NOT NULL, reasoning TEXT NOT NULL, tool TEXT NOT NULL
    ) STRICT;
    CREATE TABLE text_blocks (
        base INTEGER PRIMARY KEY, rid INTEGER NOT NULL UNIQUE, size INTEGER NOT NULL,
        low INTEGER NOT NULL, high INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX text_blocks_high ON text_blocks (high);
    CREATE TABLE text_shards (
        shard INTEGER PRIMARY KEY, docs INTEGER NOT NULL, scrub INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE text_state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    """

    @staticmethod
    def prepare(conn: apsw.Connection) -> None:
        """Make a new connection fit for searching."""
        # The texts that a search copies from text_pending must not reach a temporary file.
        conn.execute("PRAGMA temp_store = MEMORY")
        textrank.register(conn)

    @staticmethod
    def add(conn: apsw.Connection, rows: Iterable[tuple[int, tuple[str, ...]]]) -> None:
        """Take the texts of these records (``sid << 32 | seq``), which have none in the index; searches
        find them from now on."""
        TextIndex.add_all(conn, [(rid, None, texts) for rid, texts in rows if texts and any(texts)])

    @staticmethod
    def add_all(
        conn: apsw.Connection | apsw.Cursor, rows: Iterable[tuple[int, bytes | None, tuple[str, ...]]]
    ) -> None:
        """Take texts together with their messages' ids, which go to ``message_ids`` at the same time."""
        values = []
        for rid, message_id, texts in rows:
            text, reasoning, tool = texts or _NONE
            if not text.isascii():
                text = _encodable(text)
            if reasoning and not reasoning.isascii():
                reasoning = _encodable(reasoning)
            if tool and not tool.isascii():
                tool = _encodable(tool)
            values.append((rid, message_id, text, reasoning, tool))
        if values:
            conn.executemany(_ADD, values)

    @staticmethod
    def add_now(
        conn: apsw.Connection, rows: Sequence[tuple[int, int, bytes | None, tuple[str, ...]]]
    ) -> None:
        """Index texts (rid, at, message id, texts) at once, without waiting: cheaper where many come in
        one commit, as when conversations are imported."""
        _name(conn, [(rid, message_id) for rid, _, message_id, _ in rows])
        _index(conn, [(rid, at, *map(_encodable, texts or _NONE)) for rid, at, _, texts in rows])

    @staticmethod
    def remove(conn: apsw.Connection, rids: Iterable[int]) -> None:
        """Forget these records. ``scrub_step`` then takes their words out of the file."""
        rids = list(rids)
        conn.execute(
            f"{_BLANK} WHERE rid IN (SELECT value FROM json_each(?))", (msgspec.json.encode(rids).decode(),)
        )
        if conn.changes():
            _next_generation(conn)
        for rid in rids:
            block = _block_before(conn, rid)
            if block is not None and rid < block.rid + block.size:
                doc = block.base + rid - block.rid
                _remove_docs(conn, doc, doc)

    @staticmethod
    def remove_session(conn: apsw.Connection, sid: int) -> None:
        """Forget all records of a session."""
        span = (sid << 32, (sid + 1) << 32)
        conn.execute("DELETE FROM text_pending WHERE rid >= ? AND rid < ?", span)
        if conn.changes():
            _next_generation(conn)
        blocks: list[Any] = conn.execute(
            "SELECT base, size FROM text_blocks WHERE rid >= ? AND rid < ?", span
        ).fetchall()
        for base, size in blocks:
            _remove_docs(conn, base, base + size - 1)
        conn.execute("DELETE FROM text_blocks WHERE rid >= ? AND rid < ?", span)

    @staticmethod
    def drain(conn: apsw.Connection, limit: int) -> int:
        """Index at most ``limit`` waiting records; gives how many, 0 when nothing waits."""
        rows: list[Any] = conn.execute(
            "SELECT p.rid, coalesce(r.at, 0), p.n, p.message_id, p.text, p.reasoning, p.tool"
            " FROM text_pending AS p LEFT JOIN records AS r ON r.rid = p.rid ORDER BY p.n LIMIT ?",
            (limit,),
        ).fetchall()
        if not rows:
            return 0
        last, moved = rows[-1][2], len(rows)
        _name(conn, [(row[0], row[3]) for row in rows])
        _index(conn, [(row[0], row[1], *row[4:]) for row in rows])
        conn.execute("DELETE FROM text_pending WHERE n <= ?", (last,))
        if not conn.execute("SELECT EXISTS (SELECT 1 FROM text_pending)").get:
            _next_generation(conn)  # numbers start again
        if moved >= _KEEPS_PACE:
            # Merging full shards as the next one grows lets it use the pages that become free.
            _merge(conn, _PACE_PAGES)
        return moved

    @staticmethod
    def pending(conn: apsw.Connection) -> int:
        """How many records wait, counted up to 10,000."""
        count: int = conn.execute(
            "SELECT count(*) FROM (SELECT 1 FROM text_pending LIMIT ?)", (_COUNTED,)
        ).get
        return count

    @staticmethod
    def count(conn: apsw.Connection, sid: int) -> int:
        """How many records of a session are indexed or wait with a text."""
        span = (sid << 32, (sid + 1) << 32)
        total: int = conn.execute(
            "SELECT count(*) FROM text_pending WHERE rid >= ? AND rid < ?"
            " AND (text != '' OR reasoning != '' OR tool != '')",
            span,
        ).get
        blocks: list[Any] = conn.execute(
            "SELECT base, size FROM text_blocks WHERE rid >= ? AND rid < ?", span
        ).fetchall()
        there = {shard.number for shard in shards(conn)}
        for base, size in blocks:
            if shard_of(base) in there:
                docs = f"SELECT count(*) FROM {table(shard_of(base))}_docsize WHERE id BETWEEN ? AND ?"
                total += conn.execute(docs, (local(base), local(base + size - 1))).get
        return total

    @staticmethod
    def search(conn: apsw.Connection, query: TextQuery, *, bodies: bool = True) -> list[RowHit]:
        """A page of hits, indexed or waiting; see ``textsearch.search``."""
        from . import textsearch  # a program that only writes and reads does not load it

        return textsearch.search(conn, query, bodies)

    @staticmethod
    def clear(conn: apsw.Connection) -> None:
        """Forget everything, before all texts are handed over again. Searches warn until ``complete``."""
        for shard in shards(conn):
            conn.execute(f"DROP TABLE {table(shard.number)}")
        for name in ("text_blocks", "text_shards"):
            conn.execute(f"DELETE FROM {name}")
        conn.execute("DELETE FROM text_pending WHERE message_id IS NULL")
        conn.execute(_BLANK)
        conn.execute("INSERT OR REPLACE INTO text_state VALUES ('partial', 1)")
        _next_generation(conn)

    @staticmethod
    def complete(conn: apsw.Connection) -> None:
        """All texts have been handed over."""
        conn.execute("DELETE FROM text_state WHERE name = 'partial'")

    @staticmethod
    def is_partial(conn: apsw.Connection) -> bool:
        """Whether texts are being handed over again."""
        return read_state(conn).partial

    @staticmethod
    def scrub_needed(conn: apsw.Connection) -> bool:
        """Whether words of removed records may still be in the index."""
        found: int = conn.execute("SELECT EXISTS (SELECT 1 FROM text_shards WHERE scrub > 0)").get
        return found == 1

    @staticmethod
    def scrub_step(conn: apsw.Connection) -> bool:
        """Rewrite a slice of what holds words of removed records; True while there is more.

        Once it gives False, and the write-ahead log has been truncated, they are nowhere in the file,
        provided that the connection has ``secure_delete`` on.
        """
        return _merge(conn, _MERGE_PAGES)


def _name(conn: apsw.Connection, rows: Iterable[tuple[int, bytes | None]]) -> None:
    """Make messages known by their ids (rid, message id)."""
    ids = [(rid >> 32, message_id, rid & _SEQ) for rid, message_id in rows if message_id is not None]
    if ids:
        conn.executemany("INSERT OR IGNORE INTO message_ids VALUES (?, ?, ?)", sorted(ids))


def _index(conn: apsw.Connection, rows: Iterable[tuple[Any, ...]]) -> None:
    """Put texts (rid, at, text, reasoning, tool) into the index."""
    rows = sorted((row for row in rows if any(row[2:])), key=itemgetter(0))
    docs = _place(conn, [(row[0], row[1]) for row in rows])
    # FTS5 starts a new segment wherever documents do not come in ascending order.
    placed = sorted(zip(docs, rows, strict=True), key=itemgetter(0))
    for shard, batch in groupby(placed, key=lambda one: shard_of(one[0])):
        columns = [
            (local(doc), *(indexed_form(text) if text else None for text in row[2:])) for doc, row in batch
        ]
        _insert(conn, shard, columns)


def _merge(conn: apsw.Connection, pages: int) -> bool:
    """Write about so many pages of a shard that is to become one segment; True while there is more."""
    found: Any = conn.execute(
        "SELECT shard, scrub FROM text_shards WHERE scrub > 0 ORDER BY shard LIMIT 1"
    ).fetchone()
    if found is None:
        return False
    shard, state = found
    name, before = table(shard), conn.total_changes()
    # A negative count starts merging all segments into one, a positive one goes on with it. SQLite
    # counts a change for the command itself and more while there was something to merge.
    signed = -pages if state == _DIRTY else pages
    conn.execute(f"INSERT INTO {name}({name}, rank) VALUES ('merge', ?)", (signed,))
    state = _MERGING if conn.total_changes() - before > 1 or state == _DIRTY else _CLEAN
    conn.execute("UPDATE text_shards SET scrub = ? WHERE shard = ?", (state, shard))
    return TextIndex.scrub_needed(conn)


def _next_generation(conn: apsw.Connection) -> None:
    """Numbers of waiting texts may come again for others: searches start afresh."""
    conn.execute(
        "INSERT INTO text_state VALUES ('generation', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1"
    )


def _encodable(text: str) -> str:
    """Text without lone surrogates, which separate words and which SQLite cannot hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _block_before(conn: apsw.Connection, rid: int) -> _Block | None:
    """The last block that starts at or before the record, of whichever session."""
    found: Any = conn.execute(
        "SELECT base, rid, size FROM text_blocks WHERE rid <= ? ORDER BY rid DESC LIMIT 1", (rid,)
    ).fetchone()
    return None if found is None else _Block(*found)


def _place(conn: apsw.Connection, rows: Sequence[tuple[int, int]]) -> list[int]:
    """Document numbers for (rid, at) in ascending order of rid, in new blocks where needed."""
    docs: list[int] = []
    while len(docs) < len(rows):
        rest = rows[len(docs) :]
        rid = rest[0][0]
        block = _block_before(conn, rid)
        if block is None or rid >= block.rid + block.size:
            block = _new_block(conn, [rid for rid, _ in rest], block)
        inside = [(rid, at) for rid, at in rest if rid < block.rid + block.size]
        times = [at for _, at in inside]
        conn.execute(
            "UPDATE text_blocks SET low = min(low, ?1), high = max(high, ?2)"
            " WHERE base = ?3 AND (low > ?1 OR high < ?2)",
            (min(times), max(times), block.base),
        )
        docs += [block.base + rid - block.rid for rid, _ in inside]
    return docs


def _new_block(conn: apsw.Connection, rids: Sequence[int], before: _Block | None) -> _Block:
    """A block that starts with the first of these records and takes those that follow closely."""
    rid = last = rids[0]
    for following in rids[1:]:
        if following - last > _GAP or following >> 32 != rid >> 32:
            break
        last = following
    grown = before.size * 2 if before is not None and before.rid >> 32 == rid >> 32 else _BLOCK
    size = max(last - rid + 1, min(grown, _BLOCK_MAX))
    # Texts handed over again can come before those of later appends, whose blocks stay.
    behind: int | None = conn.execute("SELECT min(rid) FROM text_blocks WHERE rid > ?", (rid,)).get
    if behind is not None:
        size = min(size, behind - rid)
    base: int = conn.execute(
        "SELECT coalesce((SELECT base + size FROM text_blocks ORDER BY base DESC LIMIT 1), 1)"
    ).get
    size = min(size, first_of(shard_of(base) + 1) - base)
    conn.execute("INSERT INTO text_blocks VALUES (?, ?, ?, ?, ?)", (base, rid, size, 2**62, -(2**62)))
    return _Block(base, rid, size)


def _insert(conn: apsw.Connection, shard: int, batch: list[tuple[Any, ...]]) -> None:
    name = table(shard)
    if not any(known.number == shard for known in shards(conn)):
        conn.execute(
            f"CREATE VIRTUAL TABLE {name} USING fts5(text, reasoning, tool,"
            " content='', contentless_delete=1, tokenize='ascii')"
        )
        # The shards before are as good as full: merging each into one segment makes it smaller.
        conn.execute("UPDATE text_shards SET scrub = ? WHERE scrub = ?", (_DIRTY, _CLEAN))
        conn.execute("INSERT INTO text_shards VALUES (?, 0, ?)", (shard, _CLEAN))
    conn.executemany(
        f"INSERT OR REPLACE INTO {name}(rowid, text, reasoning, tool) VALUES (?, ?, ?, ?)", batch
    )
    conn.execute("UPDATE text_shards SET docs = docs + ? WHERE shard = ?", (len(batch), shard))


def _remove_docs(conn: apsw.Connection, first: int, last: int) -> None:
    """Remove documents of one shard."""
    shard = shard_of(first)
    name = table(shard)
    there: list[Any] = conn.execute(
        f"SELECT id FROM {name}_docsize WHERE id BETWEEN ? AND ?", (local(first), local(last))
    ).fetchall()
    if there:
        conn.executemany(f"DELETE FROM {name} WHERE rowid = ?", there)
        conn.execute(
            "UPDATE text_shards SET docs = docs - ?, scrub = ? WHERE shard = ?", (len(there), _DIRTY, shard)
        )
