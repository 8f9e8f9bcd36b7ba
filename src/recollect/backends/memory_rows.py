"""Which rows a ``RowQuery`` means, and in what order, said in plain Python."""

from __future__ import annotations

from collections.abc import Iterable

from ..backend import RowQuery, SessionRow

__all__ = ["matches", "page"]


def page(rows: Iterable[SessionRow], query: RowQuery) -> list[SessionRow]:
    """The rows that pass, ordered, behind ``query.after``, at most ``query.limit``."""
    newest = query.order == "newest"
    found = sorted((row for row in rows if matches(row, query)), key=_place, reverse=newest)
    if query.after is not None:
        start = query.after
        found = [row for row in found if (_place(row) < start if newest else _place(row) > start)]
    return found[: max(query.limit, 0)]


def matches(row: SessionRow, query: RowQuery) -> bool:
    """Whether the row passes every filter of the query."""
    return (
        row.key.namespace == query.namespace
        and _is_there(row, query)
        and _is_labelled(row, query)
        and _is_timed(row, query)
        and _is_sized(row, query)
    )


def _place(row: SessionRow) -> tuple[int, str]:
    return (row.updated_at, row.key.session_id)


def _is_there(row: SessionRow, query: RowQuery) -> bool:
    trashed = row.deleted_at is not None
    expired = row.expires_at is not None and row.expires_at <= query.now
    return trashed == query.trashed and expired == query.expired


def _is_labelled(row: SessionRow, query: RowQuery) -> bool:
    if query.prefix is not None and not row.key.session_id.startswith(query.prefix):
        return False
    if query.text is not None and (row.name is None or query.text not in row.name):
        return False
    if query.any_tags and not set(query.any_tags) & set(row.tags):
        return False
    return (
        set(query.tags) <= set(row.tags)
        and set(query.metadata) <= set(row.metadata)
        and query.provider in (None, row.provider)
        and query.model in (None, row.model)
        and query.pinned in (None, row.pinned)
        and query.forked_from in (None, row.forked_from)
    )


def _is_timed(row: SessionRow, query: RowQuery) -> bool:
    return (
        (query.created_since is None or row.created_at >= query.created_since)
        and (query.created_until is None or row.created_at < query.created_until)
        and (query.since is None or row.updated_at >= query.since)
        and (query.until is None or row.updated_at < query.until)
    )


def _is_sized(row: SessionRow, query: RowQuery) -> bool:
    if query.min_cost is not None and (row.cost is None or row.cost < query.min_cost):
        return False
    if query.max_cost is not None and (row.cost is None or row.cost > query.max_cost):
        return False
    return (query.min_messages is None or row.message_count >= query.min_messages) and (
        query.max_messages is None or row.message_count <= query.max_messages
    )
