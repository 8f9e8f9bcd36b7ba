"""A second reading of what ``RowQuery`` documents, to hold engines against: one line a filter."""

from __future__ import annotations

from collections.abc import Iterable

from ..backend import RowQuery, SessionRow

__all__ = ["expected_rows"]


def expected_rows(rows: Iterable[SessionRow], query: RowQuery) -> list[SessionRow]:
    """The rows that ``find`` has to return, in order."""
    q, found = query, list(rows)

    def keep(condition: bool, passing: list[SessionRow]) -> None:
        nonlocal found
        if condition:
            chosen = set(map(id, passing))
            found = [row for row in found if id(row) in chosen]

    keep(True, [r for r in found if r.key.namespace == q.namespace])
    keep(q.trashed, [r for r in found if r.deleted_at is not None])
    keep(not q.trashed, [r for r in found if r.deleted_at is None])
    keep(q.expired, [r for r in found if r.expires_at is not None and r.expires_at <= q.now])
    keep(not q.expired, [r for r in found if r.expires_at is None or r.expires_at > q.now])
    keep(q.prefix is not None, [r for r in found if r.key.session_id[: len(q.prefix or "")] == q.prefix])
    keep(q.text is not None, [r for r in found if r.name is not None and r.name.find(q.text or "") >= 0])
    keep(True, [r for r in found if all(tag in r.tags for tag in q.tags)])
    keep(bool(q.any_tags), [r for r in found if any(tag in r.tags for tag in q.any_tags)])
    keep(q.provider is not None, [r for r in found if r.provider == q.provider])
    keep(q.model is not None, [r for r in found if r.model == q.model])
    keep(q.created_since is not None, [r for r in found if r.created_at >= (q.created_since or 0)])
    keep(q.created_until is not None, [r for r in found if r.created_at < (q.created_until or 0)])
    keep(q.since is not None, [r for r in found if r.updated_at >= (q.since or 0)])
    keep(q.until is not None, [r for r in found if r.updated_at < (q.until or 0)])
    keep(q.min_cost is not None, [r for r in found if r.cost is not None and r.cost >= (q.min_cost or 0)])
    keep(q.max_cost is not None, [r for r in found if r.cost is not None and r.cost <= (q.max_cost or 0)])
    keep(q.min_messages is not None, [r for r in found if r.message_count >= (q.min_messages or 0)])
    keep(q.max_messages is not None, [r for r in found if r.message_count <= (q.max_messages or 0)])
    keep(True, [r for r in found if all(leaf in r.metadata for leaf in q.metadata)])
    keep(q.pinned is not None, [r for r in found if r.pinned is q.pinned])
    keep(q.forked_from is not None, [r for r in found if r.forked_from == q.forked_from])
    found.sort(key=lambda r: (r.updated_at, r.key.session_id), reverse=q.order == "newest")
    if q.after is not None:
        behind = [(r.updated_at, r.key.session_id) for r in found]
        before_start = [p >= q.after if q.order == "newest" else p <= q.after for p in behind]
        found = [r for r, skip in zip(found, before_start, strict=True) if not skip]
    return found[: q.limit]
