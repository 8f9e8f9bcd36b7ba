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
    """Hits with their rows, each fetched once, and, where records hold them, bodies."""
    body = "r.body" if bodies else "x''"
    sql = (
        f"SELECT r.role, {body} FROM json_each(?) AS j CROSS JOIN records AS r ON r.rid = j.value"
        " ORDER BY j.key"
    )
    contents: Any = conn.execute(sql, (_json([found.rid for found in page]),)).fetchall()
    sql = f"SELECT {rows.COLUMNS}, s.sid FROM sessions AS s WHERE s.sid IN (SELECT value FROM json_each(?))"
    columns: Any = conn.execute(sql, (_json(list({found.rid >> 32 for found in page})),)).fetchall()
    sessions = {values[rows.WIDTH]: rows.from_columns(values[: rows.WIDTH]) for values in columns}
    return [
        RowHit(sessions[found.rid >> 32], found.seq, found.at, ROLES[role], content, found.score)
        for found, (role, content) in zip(page, contents, strict=True)
    ]


def _json(numbers: list[int]) -> str:
    return msgspec.json.encode(numbers).decode()
