"""The newest hits of a query, exactly in the order of the records' times.

Documents are stored about in that order, so the hits among the last of them nearly make the page,
and the few older blocks that hold something as new complete it. Where records came in far out of
order, the blocks are read in the order of their newest record instead.

Only with a prefix, for which entering many blocks takes too long, and far out of order, the page is
made of the last ``LOOKED_AT`` hits alone, if they fill it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice

from . import textbounds as bounds
from .textplan import Block, Found, Hit, Plan
from .textshards import first_of

__all__ = ["newest"]


def newest(plan: Plan) -> list[Found]:
    """The page of the newest."""
    if plan.query.session_id is not None:
        plan.narrow()
        return _within(plan)
    limit, found, looked, step = plan.query.limit, plan.waiting(), 0, plan.query.limit + 2
    hits, tried = plan.hits(), False
    while True:
        chunk, hits, start = _whole_blocks(plan, hits, step)
        found = plan.page(found + plan.passing(chunk))
        if len(chunk) < step:
            return found
        looked, step = looked + len(chunk), min(step * 2, bounds.CHUNK)
        if len(found) == limit:
            older = _as_new_before(plan, start, found[-1].at)
            if len(older) <= bounds.PROBED // 4 and (plan.prefix is None or not older):
                return _completed(plan, found, older)
            if looked >= bounds.LOOKED_AT and plan.prefix is not None:
                return found
        elif looked >= bounds.CHUNK and not tried:
            tried = True
            if plan.narrow():
                return _within(plan)
        if looked >= bounds.LOOKED_AT and plan.prefix is None:
            plan.narrow()
            return _within(plan)


def _whole_blocks(plan: Plan, hits: Iterator[Hit], count: int) -> tuple[list[Hit], Iterator[Hit], int]:
    """The next ``count`` hits and those of the block it ends in, the rest, and where that starts."""
    chunk = list(islice(hits, count))
    if not chunk:
        return chunk, iter(()), 0
    start: int = plan.conn.execute("SELECT max(base) FROM text_blocks WHERE base <= ?", (chunk[-1][0],)).get
    for hit in hits:
        if hit[0] < start:
            return chunk, chain((hit,), hits), start
        chunk.append(hit)
    return chunk, iter(()), start


def _as_new_before(plan: Plan, doc: int, at: int) -> list[Block]:
    """Blocks before this document that may hold something as new, the newest first; not too many."""
    found: list[Block] = plan.conn.execute(  # type: ignore[assignment]  # three integers by the schema
        "SELECT base, size, high FROM text_blocks WHERE high >= ? AND base < ? ORDER BY high DESC LIMIT ?",
        (at, doc, bounds.PROBED // 4 + 1),
    ).fetchall()
    return found


def _completed(plan: Plan, found: list[Found], older: Iterator[Block] | list[Block]) -> list[Found]:
    """The page with the hits of these blocks, which come in the order of their newest record."""
    hits: list[Hit] = []
    limit = plan.query.limit
    for base, size, high in older:
        if len(found) == limit and high < found[-1].at:
            break
        hits += plan.hits_within(base, size)
        if len(hits) >= limit:
            found, hits = plan.page(found + plan.passing(hits)), []
    return plan.page(found + plan.passing(hits))


def _within(plan: Plan) -> list[Found]:
    """The page from the blocks where hits can be."""
    found = plan.page(plan.waiting())
    if plan.prefix is None:
        return _completed(plan, found, plan.blocks("high"))
    looked = 0
    for shard, hits in plan.hits_by_shard(True):
        while chunk := list(islice(hits, bounds.CHUNK)):
            looked += len(chunk)
            found = plan.page(found + plan.passing(chunk))
        if len(found) == plan.query.limit and (
            looked >= bounds.LOOKED_AT or not _as_new_before(plan, first_of(shard), found[-1].at)
        ):
            break
    return found
