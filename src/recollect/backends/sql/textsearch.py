"""Searching the text index: indexed and waiting messages, each once.

Hits come out of FTS5 lazily, the newest shard and in it the newest document first, so that a word
that is everywhere costs no more than the hits that are looked at.
"""

from __future__ import annotations

import warnings
from typing import Any

import apsw

from ...backend import ROLES, RowHit, TextQuery
from ...errors import StoreWarning
from . import rows
from .textbest import best
from .textnewest import newest
from .textplan import Found, Plan

__all__ = ["is_partial", "search"]


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
    return _filled(conn, newest(plan) if query.order == "newest" else best(plan), bodies)


def _filled(conn: apsw.Connection, page: list[Found], bodies: bool) -> list[RowHit]:
    """Hits with their rows and, where records hold them, bodies."""
    body = "r.body" if bodies else "x''"
    sql = (
        f"SELECT {rows.COLUMNS}, r.role, {body}"
        " FROM records AS r CROSS JOIN sessions AS s ON s.sid = r.rid >> 32 WHERE r.rid = ?"
    )
    hits = []
    for found in page:
        columns: Any = conn.execute(sql, (found.rid,)).fetchone()
        role, content = columns[rows.WIDTH :]
        row = rows.from_columns(columns[: rows.WIDTH])
        hits.append(RowHit(row, found.seq, found.at, ROLES[role], content, found.score))
    return hits
