"""The best hits of a query.

A query with at most ``RANKED`` hits is ranked in full. Of one with more, the newest ``RANKED`` are
ranked if nearly all of them pass the filters. Else it is the newest ``RANKED`` that pass, or fewer,
but never under ``LEAST``, once ``LOOKED_AT`` hits have been tested or ``PROBED`` blocks entered. With
a prefix of at most three letters it is the newest shards of ``shards_for``, for one letter a fifth
of a shard, that are always read, and older ones until ``SHORT_LEAST`` have been found.

The hits beyond are not in the pages of this order; ``order="newest"`` has them all.
"""

from __future__ import annotations

from itertools import islice

from . import textbounds as bounds
from .textplan import Found, Hit, Plan
from .textrank import terms, weights
from .textshards import full_shards

__all__ = ["best"]


def best(plan: Plan) -> list[Found]:
    """The page of the best."""
    weighted = weights(plan.conn, plan.query.match, plan.shards, plan.tail)
    waiting = plan.waiting(weighted)
    if plan.prefix is not None:
        return plan.page(waiting + _by_shard(plan, weighted))
    if plan.query.session_id is None:
        hits = plan.hits(weighted)
        first = list(islice(hits, bounds.RANKED + 1))
        if len(first) <= bounds.RANKED:
            return _of_all(plan, first, waiting)
        if _nearly_all_pass(plan, first):
            return _of_all(plan, first[: bounds.RANKED], waiting)
        found, looked = plan.passing(first), len(first)
        if len(found) >= bounds.LEAST or not plan.narrow():
            while len(found) < bounds.RANKED and (looked < bounds.LOOKED_AT or len(found) < bounds.LEAST):
                chunk = list(islice(hits, bounds.CHUNK))
                if not chunk:
                    break
                looked += len(chunk)
                found += plan.passing(chunk)
            return plan.page(waiting + found)
    else:
        plan.narrow()
    return plan.page(waiting + _by_block(plan, weighted))


def _nearly_all_pass(plan: Plan, hits: list[Hit]) -> bool:
    """Whether filters hardly matter, by a sample that is the same for every page."""
    sample = hits[:: max(len(hits) // bounds.SAMPLE, 1)]
    return len(plan.passing(sample)) >= bounds.NEARLY_ALL * len(sample)


def _of_all(plan: Plan, hits: list[Hit], found: list[Found]) -> list[Found]:
    """The page of these hits, testing filters only as far down as the page reaches."""
    limit, after = plan.query.limit, plan.query.after
    if after is not None:
        hits = [hit for hit in hits if hit[1] <= after[0]]
    hits.sort(key=lambda hit: hit[1], reverse=True)
    start, step = 0, limit + 2
    while start < len(hits):
        end = min(start + step, len(hits))
        # Equal scores are ordered by time, so they are taken together.
        while end < len(hits) and hits[end][1] == hits[end - 1][1]:
            end += 1
        found = plan.page(found + plan.passing(hits[start:end]))
        if len(found) == limit and (end == len(hits) or found[-1].score > hits[end][1]):
            break
        start, step = end, step * 4
    return plan.page(found)


def _by_block(plan: Plan, weighted: list[float]) -> list[Found]:
    """The newest hits where few blocks can hold any."""
    found: list[Found] = []
    hits: list[Hit] = []
    most = bounds.PROBED // len(terms(plan.query.match))
    for probed, (base, size, _) in enumerate(plan.blocks("base")):
        if len(found) >= bounds.RANKED or (probed >= most and len(found) >= bounds.LEAST):
            break
        hits += plan.hits_within(base, size, weighted)
        if len(hits) >= bounds.LEAST:
            found += plan.passing(hits)
            hits = []
    return found + plan.passing(hits)


def _by_shard(plan: Plan, weighted: list[float]) -> list[Found]:
    """The newest hits where each shard has to be asked as a whole."""
    found: list[Found] = []
    looked = read = 0
    sizes = dict(plan.shards)
    enough = bounds.shards_for(plan.prefix or 0)
    least = bounds.LEAST if enough is None else bounds.SHORT_LEAST
    for shard, hits in plan.hits_by_shard(plan.narrow(), weighted):
        done = looked >= bounds.LOOKED_AT or (enough is not None and full_shards(read) >= enough)
        if done and len(found) >= least:
            break
        read += sizes[shard]
        while len(found) < bounds.RANKED and (looked < bounds.LOOKED_AT or len(found) < least):
            chunk = list(islice(hits, bounds.CHUNK))
            if not chunk:
                break
            looked += len(chunk)
            found += plan.passing(chunk)
        if len(found) >= bounds.RANKED:
            break
    return found
