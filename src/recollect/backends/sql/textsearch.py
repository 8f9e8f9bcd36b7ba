"""Searching the text index: indexed and waiting messages, each once.

Hits come out of FTS5 lazily, the newest shard and in it the newest document first, so that a word
that is everywhere costs no more than the hits that are looked at.
"""

from __future__ import annotations

import warnings
from typing import Any

import apsw
import msgspec

from ...backend import ROLES, RowHit, TextQuery
from ...errors import StoreWarning
from . import rows
from .textbest import best
from .textnewest import newest
from .textplan import Found, Plan
from .texttail import fill_tail, read_state

__all__ = ["search"]


def search(conn: apsw.Connection, query: TextQuery, bodies: bool) -> list[RowHit]:
    """A page of hits, complete as of the read transaction that the caller has open."""
    state = read_state(conn)
    if state.partial:
        message = "The search index is being rebuilt: hits are missing until it is done."
        warnings.warn(message, StoreWarning, stacklevel=3)
    if not query.match.all_of or not query.kinds or query.limit < 1:
        return []
    plan = Plan(conn, query, fill_tail(conn, state))
    return _filled(conn, newest(plan) if query.order == "newest" else best(plan), bodies)


def _filled(conn: apsw.Connection, page: list[Found], bodies: bool) -> list[RowHit]:
    """Hits with their rows and, where records hold them, bodies."""
    body = "r.body" if bodies else "x''"
    sql = (
        f"SELECT {rows.COLUMNS}, r.role, {body} FROM json_each(?) AS j"
        " CROSS JOIN records AS r ON r.rid = j.value"
        " CROSS JOIN sessions AS s ON s.sid = r.rid >> 32 ORDER BY j.key"
    )
    rids = msgspec.json.encode([found.rid for found in page]).decode()
    result: Any = conn.execute(sql, (rids,)).fetchall()
    hits = []
    for found, columns in zip(page, result, strict=True):
        role, content = columns[rows.WIDTH :]
        row = rows.from_columns(columns[: rows.WIDTH])
        hits.append(RowHit(row, found.seq, found.at, ROLES[role], content, found.score))
    return hits
