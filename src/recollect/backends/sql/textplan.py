"""One query over the text index as SQL: where hits come from, and which pass the filters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import apsw
import msgspec

from ...backend import ROLES, TextQuery
from . import rows as session_rows
from .find import choose_driver, conditions
from .textrank import expression
from .textshards import first_of, local, shard_of, shards, table
from .texttail import TAIL, fill_tail

__all__ = ["Found", "Hit", "Plan"]

_FEW = 2000

_encode = msgspec.json.Encoder().encode

Hit = tuple[int, float]
"""A document and its score."""


class Found(NamedTuple):
    """A hit in the order of a page: larger sorts first."""

    score: float
    at: int
    session_id: str
    seq: int
    rid: int


class Plan:
    """One query, as the pieces of SQL that its steps share."""

    def __init__(self, conn: apsw.Connection, query: TextQuery) -> None:
        self.conn = conn
        self.query = query
        self.match = expression(query.match, query.kinds)
        self.tail = TAIL if fill_tail(conn) else None
        self.where, self.params = conditions(query.rows)
        if query.session_id is not None:
            self.where += " AND s.session_id = ?"
            self.params.append(session_rows.safe(query.session_id))
        self.record_where, self.record_params = self.where, list(self.params)
        if query.roles:
            self.record_where += f" AND r.role IN ({', '.join('?' * len(query.roles))})"
            self.record_params += [ROLES.index(role) for role in query.roles]
        for bound, operator in ((query.since, ">="), (query.until, "<")):
            if bound is not None:
                self.record_where += f" AND r.at {operator} ?"
                self.record_params.append(bound)

    def hits(self, weights: Sequence[float] = ()) -> Iterator[Hit]:
        """All hits in the index, the newest documents first, without filters."""
        for shard in shards(self.conn):
            yield from self._shard_hits(shard, "", (), weights)

    def hits_within(self, base: int, size: int, weights: Sequence[float] = ()) -> list[Hit]:
        """The hits of one block."""
        bounds = (local(base), local(base + size - 1))
        return list(self._shard_hits(shard_of(base), "AND rowid BETWEEN ? AND ?", bounds, weights))

    def _shard_hits(
        self, shard: int, test: str, bounds: tuple[int, ...], weights: Sequence[float]
    ) -> Iterator[Hit]:
        name = table(shard)
        sql = (
            f"SELECT ? + rowid, {_score('text_' + str(shard), weights)} FROM {name}"
            f" WHERE {name} MATCH ? {test} ORDER BY rowid DESC"
        )
        found: Any = self.conn.execute(sql, (first_of(shard), *weights, self.match, *bounds))
        yield from found

    def waiting(self, weights: Sequence[float] = ()) -> list[Found]:
        """Hits among the messages that wait to be indexed, filtered."""
        if self.tail is None:
            return []
        sql = (
            "SELECT f.points, r.at, s.session_id, r.rid & 4294967295, r.rid"
            f" FROM (SELECT rowid AS rid, {_score(TAIL, weights)} AS points FROM temp.{TAIL}"
            f" WHERE {TAIL} MATCH ? LIMIT -1) AS f"
            " CROSS JOIN text_pending AS p ON p.rid = f.rid CROSS JOIN records AS r ON r.rid = f.rid"
            f" CROSS JOIN sessions AS s ON s.sid = f.rid >> 32 WHERE {self.record_where}"
        )
        params = (*weights, self.match, *self.record_params)
        found: list[Any] = self.conn.execute(sql, params).fetchall()
        return [Found(*row) for row in found]

    def passing(self, hits: Sequence[Hit]) -> list[Found]:
        """Those documents whose record and session pass the filters."""
        scores = dict(hits)
        sql = (
            "SELECT j.value, r.at, s.session_id, r.rid & 4294967295, r.rid FROM json_each(?) AS j"
            " CROSS JOIN text_blocks AS b"
            " ON b.base = (SELECT max(base) FROM text_blocks WHERE base <= j.value)"
            " CROSS JOIN records AS r ON r.rid = b.rid + (j.value - b.base)"
            f" CROSS JOIN sessions AS s ON s.sid = r.rid >> 32 WHERE {self.record_where}"
        )
        params = (_encode(list(scores)).decode(), *self.record_params)
        found: list[Any] = self.conn.execute(sql, params).fetchall()
        return [Found(scores[row[0]], *row[1:]) for row in found]

    def few_sessions(self) -> tuple[str, list[Any]] | None:
        """A query for a small superset of the sids that pass, if one filter is that selective."""
        space = self.query.rows.namespace
        if self.query.session_id is not None:
            sql = "SELECT sid FROM sessions WHERE namespace = ? AND session_id = ?"
            return sql, [space, session_rows.safe(self.query.session_id)]
        driver = choose_driver(self.conn, self.query.rows)
        if driver is not None:
            return driver
        sql = "SELECT sid FROM sessions WHERE namespace = ?"
        count: int = self.conn.execute(f"SELECT count(*) FROM ({sql} LIMIT {_FEW + 1})", (space,)).get
        return (sql, [space]) if count <= _FEW else None

    def blocks(self, order: str, few: tuple[str, list[Any]] | None) -> Iterator[tuple[int, int, int]]:
        """(base, size, newest time) of the blocks of sessions that pass, descending by ``order``."""
        if few is None:
            source, chosen = "text_blocks AS b CROSS JOIN sessions AS s ON s.sid = b.rid >> 32", "1"
        else:
            span = "b.rid >= s.sid << 32 AND b.rid < s.sid + 1 << 32"
            source = f"sessions AS s CROSS JOIN text_blocks AS b ON {span}"
            chosen = f"s.sid IN ({few[0]})"
        params = [*(few[1] if few is not None else ()), *self.params]
        where = f"{chosen} AND {self.where}"
        for bound, test in ((self.query.since, "b.high >= ?"), (self.query.until, "b.low < ?")):
            if bound is not None:
                where += f" AND {test}"
                params.append(bound)
        sql = f"SELECT b.base, b.size, b.high FROM {source} WHERE {where} ORDER BY b.{order} DESC"
        rows: Any = self.conn.execute(sql, params)
        yield from rows


def _score(name: str, weights: Sequence[float]) -> str:
    return f"text_score({name}{', ?' * len(weights)})" if weights else "0.0"
