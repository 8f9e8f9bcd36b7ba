"""Searching the text index: which records match, ranked or newest first, indexed or waiting.

Hits come out of FTS5 lazily, the newest shard and in it the newest document first, so that a word
that is everywhere costs no more than the hits that are looked at.

Relevance: a query with at most ``RANKED`` hits is ranked in full. Of one with more, the newest
``RANKED`` hits that pass the filters are ranked, or those among the newest ``LOOKED_AT`` hits of the
words (``PROBED`` blocks of the sessions that a selective filter names), or else ``LEAST`` of them.
Hits beyond are not in the pages of this order; ``order="newest"`` has them all.

Newest: by the records' times, exactly, whatever order they were stored in. Only where they were
stored far out of order and the query has a prefix, the newest of ``LOOKED_AT`` hits come first.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

import apsw

from ...backend import ROLES, RowHit, TextQuery
from ...errors import StoreWarning
from . import rows
from .textplan import Found, Hit, Plan
from .textrank import has_prefix, weights

__all__ = ["LEAST", "LOOKED_AT", "PROBED", "RANKED", "is_partial", "search"]

RANKED = 2000
LEAST = 200
LOOKED_AT = 12_000
PROBED = 2000
_CHUNK = 1000


def is_partial(conn: apsw.Connection) -> bool:
    """Whether texts are being handed over again, so that searches miss hits."""
    found: int = conn.execute("SELECT EXISTS (SELECT 1 FROM text_state WHERE name = 'partial')").get
    return found == 1


def search(conn: apsw.Connection, query: TextQuery, bodies: bool) -> list[RowHit]:
    """A page of hits, complete as of the read transaction that the caller has open."""
    if is_partial(conn):
        message = "The search index is being rebuilt: hits are missing until it is done."
        warnings.warn(message, StoreWarning, stacklevel=3)
    if not query.match.all_of or not query.kinds or query.limit < 1:
        return []
    plan = Plan(conn, query)
    page = _newest(plan) if query.order == "newest" else _relevant(plan)
    return _filled(conn, page, bodies)


def _page(plan: Plan, found: list[Found]) -> list[Found]:
    """The asked-for page of these hits."""
    after = plan.query.after
    if after is not None:
        start = (after[0], after[1], after[3], after[2])
        found = [hit for hit in found if hit[:4] < start]
    found.sort(reverse=True)
    return found[: plan.query.limit]


def _relevant(plan: Plan) -> list[Found]:
    weighted = weights(plan.conn, plan.query.match, plan.tail)
    found = plan.waiting(weighted)
    hits = plan.hits(weighted)
    first = list(islice(hits, RANKED + 1))
    if len(first) <= RANKED:
        return _best(plan, first, found)
    found += plan.passing(first)
    few = plan.few_sessions() if len(found) < LEAST and not has_prefix(plan.query.match) else None
    if few is not None:
        return _page(plan, plan.waiting(weighted) + _probed(plan, few, weighted))
    looked = len(first)
    while len(found) < RANKED and (looked < LOOKED_AT or len(found) < LEAST):
        chunk = list(islice(hits, _CHUNK))
        if not chunk:
            break
        looked += len(chunk)
        found += plan.passing(chunk)
    return _page(plan, found)


def _probed(plan: Plan, few: tuple[str, list[Any]], weighted: list[float]) -> list[Found]:
    """The newest hits of few sessions, block by block."""
    found: list[Found] = []
    waiting: list[Hit] = []
    for probes, (base, size, _) in enumerate(plan.blocks("base", few)):
        if len(found) >= RANKED or (probes >= PROBED and len(found) >= LEAST):
            break
        waiting += plan.hits_within(base, size, weighted)
        if len(waiting) >= LEAST:
            found += plan.passing(waiting)
            waiting = []
    return found + plan.passing(waiting)


def _best(plan: Plan, hits: list[Hit], found: list[Found]) -> list[Found]:
    """The page of all hits there are, testing filters only as far down as the page reaches."""
    limit, after = plan.query.limit, plan.query.after
    if after is not None:
        hits = [hit for hit in hits if hit[1] <= after[0]]
    hits.sort(key=lambda hit: hit[1], reverse=True)
    start, step = 0, limit + 10
    while start < len(hits):
        end = min(start + step, len(hits))
        # Equal scores are ordered by time, so they are taken together.
        while end < len(hits) and hits[end][1] == hits[end - 1][1]:
            end += 1
        found = _page(plan, found + plan.passing(hits[start:end]))
        if len(found) == limit and (end == len(hits) or found[-1].score > hits[end][1]):
            break
        start, step = end, step * 4
    return _page(plan, found)


def _newest(plan: Plan) -> list[Found]:
    """Documents are stored about in the order of time: mostly, few hits from the end suffice."""
    limit, found, looked, step = plan.query.limit, plan.waiting(), 0, plan.query.limit + 10
    hits = plan.hits()
    while True:
        chunk, hits, start = _whole_blocks(plan, hits, step)
        if not chunk:
            return _page(plan, found)
        found = _page(plan, found + plan.passing(chunk))
        looked, step = looked + len(chunk), min(step * 2, _CHUNK)
        full = len(found) == limit
        if full and not _newer_before(plan, start, found[-1].at):
            return found
        if looked >= LOOKED_AT // 2 and not has_prefix(plan.query.match):
            return _newest_by_block(plan, found)
        if looked >= LOOKED_AT and full:
            return found


def _whole_blocks(plan: Plan, hits: Iterator[Hit], count: int) -> tuple[list[Hit], Iterator[Hit], int]:
    """The next ``count`` hits and those of the block it ends in, the rest, and where that starts."""
    chunk = list(islice(hits, count))
    if not chunk:
        return chunk, hits, 0
    start: int = plan.conn.execute("SELECT max(base) FROM text_blocks WHERE base <= ?", (chunk[-1][0],)).get
    for hit in hits:
        if hit[0] < start:
            return chunk, chain((hit,), hits), start
        chunk.append(hit)
    return chunk, iter(()), start


def _newer_before(plan: Plan, doc: int, at: int) -> bool:
    """Whether a block before this document has anything as new."""
    found: int = plan.conn.execute(
        "SELECT EXISTS (SELECT 1 FROM text_blocks WHERE high >= ? AND base < ?)", (at, doc)
    ).get
    return found == 1


def _newest_by_block(plan: Plan, found: list[Found]) -> list[Found]:
    """The same page from the blocks in the order of their newest record."""
    found, limit = plan.waiting(), plan.query.limit
    waiting: list[Hit] = []
    for base, size, high in plan.blocks("high", plan.few_sessions()):
        if len(found) == limit and high < found[-1].at:
            break
        waiting += plan.hits_within(base, size)
        if len(waiting) >= limit:
            found, waiting = _page(plan, found + plan.passing(waiting)), []
    return _page(plan, found + plan.passing(waiting))


def _filled(conn: apsw.Connection, page: list[Found], bodies: bool) -> list[RowHit]:
    """Hits with their rows and, where records hold them, bodies."""
    column = "r.body" if bodies else "x''"
    sql = (
        f"SELECT {rows.COLUMNS}, r.role, {column}"
        " FROM records AS r CROSS JOIN sessions AS s ON s.sid = r.rid >> 32 WHERE r.rid = ?"
    )
    hits = []
    for found in page:
        columns: Any = conn.execute(sql, (found.rid,)).fetchone()
        role, body = columns[rows.WIDTH :]
        row = rows.from_columns(columns[: rows.WIDTH])
        hits.append(RowHit(row, found.seq, found.at, ROLES[role], body, found.score))
    return hits
