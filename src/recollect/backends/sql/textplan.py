"""One query over the text index as SQL: where hits come from, and which pass the filters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, groupby
from typing import Any, NamedTuple

import apsw
import msgspec

from ...backend import ROLES, TextQuery
from . import rows as session_rows
from .find import choose_driver, conditions
from .textrank import expression, firm_part, score_sql, shortest_prefix
from .textshards import Shard, first_of, local, shard_of, shards, table
from .texttail import TAIL

__all__ = ["Block", "Found", "Hit", "Plan"]

_FEW = 2000
_FEW_DOCS = 8192

_encode = msgspec.json.Encoder().encode

Hit = tuple[int, float]
"""A document and its score."""

Block = tuple[int, int, int]
"""A block's first document, its size, and the time of its newest record."""


class Found(NamedTuple):
    """A hit in the order of a page: larger sorts first."""

    score: float
    at: int
    session_id: str
    seq: int
    rid: int


class Plan:
    """One query, as the pieces of SQL that its steps share."""

    def __init__(self, conn: apsw.Connection, query: TextQuery, tail: bool) -> None:
        self.conn = conn
        self.query = query
        self.prefix = shortest_prefix(query.match)
        self.tail = TAIL if tail else None
        self.shards: list[Shard] = shards(conn)
        self._match = expression(query.match, query.kinds)
        self._firm = firm_part(query.match, query.kinds) if self.prefix is not None else None
        self._where, self._params = conditions(query.rows)
        self._few: tuple[str, list[Any]] | None = None
        if query.session_id is not None:
            self._where += " AND s.session_id = ?"
            self._params.append(session_rows.safe(query.session_id))
        self._record_where, self._record_params = self._where, list(self._params)
        if query.roles:
            self._record_where += f" AND r.role IN ({', '.join('?' * len(query.roles))})"
            self._record_params += [ROLES.index(role) for role in query.roles]
        self._until = query.until
        if query.order == "newest" and query.after is not None:
            behind = query.after[1] + 1
            self._until = behind if query.until is None else min(query.until, behind)
        for bound, operator in ((query.since, ">="), (self._until, "<")):
            if bound is not None:
                self._record_where += f" AND r.at {operator} ?"
                self._record_params.append(bound)

    def page(self, found: list[Found]) -> list[Found]:
        """The asked-for page of these hits."""
        after = self.query.after
        if after is not None:
            start = (after[0], after[1], after[3], after[2])
            found = [hit for hit in found if hit[:4] < start]
        found.sort(reverse=True)
        return found[: self.query.limit]

    # Hits of the words, before filters.

    def hits(self, weights: Sequence[float] = ()) -> Iterator[Hit]:
        """All hits in the index, the newest documents first."""
        for shard, _ in self.shards:
            yield from self.hits_in(shard, weights)

    def hits_in(
        self, shard: int, weights: Sequence[float] = (), docs: Sequence[int] | None = None
    ) -> Iterator[Hit]:
        """The hits of one shard, or those among these documents of it, the newest first."""
        name = table(shard)
        test, among = "", tuple[str, ...]()
        if docs is not None:
            # The plus keeps FTS5 from starting the query again for each of them.
            test = "AND +rowid IN (SELECT value FROM json_each(?))"
            among = (_encode([local(doc) for doc in docs]).decode(),)
        # Whether the rest is there at all is known long before all words with a prefix are read.
        if (
            self._firm is None
            or self.conn.execute(
                f"SELECT EXISTS (SELECT 1 FROM {name} WHERE {name} MATCH ? {test})", (self._firm, *among)
            ).get
        ):
            yield from self._shard_hits(shard, test, among, weights)

    def hits_within(self, base: int, size: int, weights: Sequence[float] = ()) -> list[Hit]:
        """The hits of one block."""
        bounds = (local(base), local(base + size - 1))
        return list(self._shard_hits(shard_of(base), "AND rowid BETWEEN ? AND ?", bounds, weights))

    def _shard_hits(
        self, shard: int, test: str, bounds: tuple[int | str, ...], weights: Sequence[float]
    ) -> Iterator[Hit]:
        name = table(shard)
        sql = (
            f"SELECT ? + rowid, {score_sql(name, weights)} FROM {name}"
            f" WHERE {name} MATCH ? {test} ORDER BY rowid DESC"
        )
        found: Any = self.conn.execute(sql, (first_of(shard), *weights, self._match, *bounds))
        yield from found

    # Hits that pass the filters.

    def waiting(self, weights: Sequence[float] = ()) -> list[Found]:
        """Those among the messages that wait to be indexed."""
        if self.tail is None:
            return []
        sql = (
            "SELECT f.points, r.at, s.session_id, r.rid & 4294967295, r.rid"
            f" FROM (SELECT rowid AS n, {score_sql(TAIL, weights)} AS points FROM temp.{TAIL}"
            f" WHERE {TAIL} MATCH ? LIMIT -1) AS f"
            " CROSS JOIN text_pending AS p ON p.n = f.n CROSS JOIN records AS r ON r.rid = p.rid"
            f" CROSS JOIN sessions AS s ON s.sid = p.rid >> 32 WHERE {self._record_where}"
        )
        params = (*weights, self._match, *self._record_params)
        found: list[Any] = self.conn.execute(sql, params).fetchall()
        return [Found(*row) for row in found]

    def passing(self, hits: Sequence[Hit]) -> list[Found]:
        """Those among these documents."""
        if not hits:
            return []
        scores = dict(hits)
        sql = (
            "SELECT j.value, r.at, s.session_id, r.rid & 4294967295, r.rid FROM json_each(?) AS j"
            " CROSS JOIN text_blocks AS b"
            " ON b.base = (SELECT max(base) FROM text_blocks WHERE base <= j.value)"
            " CROSS JOIN sessions AS s ON s.sid = b.rid >> 32"  # before records, which take longer to fetch
            f" CROSS JOIN records AS r ON r.rid = b.rid + (j.value - b.base) WHERE {self._record_where}"
        )
        params = (_encode(list(scores)).decode(), *self._record_params)
        found: list[Any] = self.conn.execute(sql, params).fetchall()
        return [Found(scores[row[0]], *row[1:]) for row in found]

    # Where hits can be at all.

    def narrow(self) -> bool:
        """Whether filters name few sessions, or times, so that ``blocks`` leaves most out."""
        space = self.query.rows.namespace
        if self.query.session_id is not None:
            sql = "SELECT sid FROM sessions WHERE namespace = ? AND session_id = ?"
            self._few = sql, [space, session_rows.safe(self.query.session_id)]
        else:
            self._few = choose_driver(self.conn, self.query.rows) or self._few_of(space)
        return self._few is not None or self.query.since is not None or self._until is not None

    def _few_of(self, namespace: str) -> tuple[str, list[Any]] | None:
        sql = "SELECT sid FROM sessions WHERE namespace = ?"
        count: int = self.conn.execute(f"SELECT count(*) FROM ({sql} LIMIT {_FEW + 1})", (namespace,)).get
        return (sql, [namespace]) if count <= _FEW else None

    def blocks(self, order: str) -> Iterator[Block]:
        """The blocks of sessions that pass, descending by ``order``: base or high."""
        if self._few is None:
            source, chosen = "text_blocks AS b CROSS JOIN sessions AS s ON s.sid = b.rid >> 32", "1"
        else:
            span = "b.rid >= s.sid << 32 AND b.rid < s.sid + 1 << 32"
            source = f"sessions AS s CROSS JOIN text_blocks AS b ON {span}"
            chosen = f"s.sid IN ({self._few[0]})"
        params = [*(self._few[1] if self._few is not None else ()), *self._params]
        where = f"{chosen} AND {self._where}"
        for bound, test in ((self.query.since, "b.high >= ?"), (self._until, "b.low < ?")):
            if bound is not None:
                where += f" AND {test}"
                params.append(bound)
        sql = f"SELECT b.base, b.size, b.high FROM {source} WHERE {where} ORDER BY b.{order} DESC"
        found: Any = self.conn.execute(sql, params)
        yield from found

    def hits_by_shard(
        self, narrow: bool, weights: Sequence[float] = ()
    ) -> Iterator[tuple[int, Iterator[Hit]]]:
        """(shard, its hits in the blocks that pass), newest first."""
        if not narrow:
            for shard, _ in self.shards:
                yield shard, self.hits_in(shard, weights)
            return
        for shard, blocks in groupby(self.blocks("base"), key=lambda block: shard_of(block[0])):
            spans = [range(base, base + size) for base, size, _ in blocks]
            few = sum(map(len, spans)) <= _FEW_DOCS
            yield shard, self.hits_in(shard, weights, list(chain(*spans)) if few else None)
