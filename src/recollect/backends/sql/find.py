"""Filters over session rows as SQL.

Two ways lead to a page of rows: down the index of the newest, testing each row, or from the few
sessions that one selective filter names (a tag, a metadata value, a range of costs …), sorted
afterwards. Which is better depends on how many that filter names, and SQLite cannot know; so it is
counted first, up to ``_FEW``. Either way the cost is bounded by about the root of the store's size.

What differs between engines is in ``Dialect``.
"""

from __future__ import annotations

from typing import Any

import apsw
import msgspec

from ...backend import RowQuery, SessionRow
from .rows import COLUMNS, from_columns, lookup_value, safe

__all__ = ["Dialect", "choose_driver", "conditions", "find_rows", "has_filters", "page_sql"]

_FEW = 1000
_BIG = 2**63 - 1

Sql = tuple[str, list[Any]]


class Dialect:
    """SQLite's ways; other engines override what differs."""

    mark = "?"
    """A parameter's place."""

    def contains(self, column: str) -> str:
        """A literal substring test, by code point, that NUL does not end."""
        return f"instr({column}, {self.mark}) > 0"

    def using(self, index: str) -> str:
        """What follows a table to make the engine read it by this index."""
        return f" INDEXED BY {index}"

    def marks(self, count: int) -> str:
        """A list of parameter places."""
        return ", ".join([self.mark] * count)


SQLITE = Dialect()


def _int(value: int) -> int:
    """A bound inside the range of stored integers; beyond it the comparison is decided anyway."""
    return max(-_BIG - 1, min(value, _BIG))


def _past(prefix: str) -> str | None:
    """The first text, by code point, after all that start with ``prefix``; None if there is none."""
    points = [ord(char) for char in prefix]
    while points:
        last = points.pop()
        if last < 0x10FFFF:
            points.append(0xE000 if last == 0xD7FF else last + 1)
            return "".join(map(chr, points))
    return None


def _comparisons(query: RowQuery) -> list[tuple[str, str, Any]]:
    """(column, operator, value) of every filter that compares one column with one value."""
    found: list[tuple[str, str, Any]] = [
        ("provider", "=", query.provider),
        ("model", "=", query.model),
        ("forked_from", "=", query.forked_from),
        ("created_at", ">=", query.created_since),
        ("created_at", "<", query.created_until),
        ("updated_at", ">=", query.since),
        ("updated_at", "<", query.until),
        ("cost", ">=", query.min_cost),
        ("cost", "<=", query.max_cost),
        ("message_count", ">=", query.min_messages),
        ("message_count", "<=", query.max_messages),
        ("pinned", "=", query.pinned),
    ]
    return [
        (column, operator, safe(value) if isinstance(value, str) else _int(value))
        for column, operator, value in found
        if value is not None
    ]


def _prefix(query: RowQuery, dialect: Dialect) -> Sql:
    prefix = safe(query.prefix or "")
    past = _past(prefix)
    low = f"s.session_id >= {dialect.mark}"
    if past is None:
        return low, [prefix]
    return f"{low} AND s.session_id < {dialect.mark}", [prefix, past]


def conditions(query: RowQuery, dialect: Dialect = SQLITE) -> Sql:
    """All filters of ``query`` over ``sessions AS s``, joined by AND, without order and page."""
    mark = dialect.mark
    parts = [f"s.namespace = {mark}", f"s.deleted_at IS {'NOT ' if query.trashed else ''}NULL"]
    params: list[Any] = [query.namespace]
    # What an index answers comes first: SQLite then fetches the row only for what passed.
    probe = f"EXISTS (SELECT 1 FROM tags AS t WHERE t.namespace = {mark} AND t.sid = s.sid AND t.tag "
    for tag in query.tags:
        parts.append(f"{probe}= {mark})")
        params += [query.namespace, safe(tag)]
    if query.any_tags:
        parts.append(f"{probe}IN ({dialect.marks(len(query.any_tags))}))")
        params += [query.namespace, *map(safe, query.any_tags)]
    for path, value in query.metadata:
        parts.append(
            f"EXISTS (SELECT 1 FROM metadata AS m WHERE m.namespace = {mark} AND m.path = {mark}"
            f" AND m.value = {mark} AND m.sid = s.sid)"
        )
        params += [query.namespace, safe(path), lookup_value(value)]
    if query.prefix:
        sql, values = _prefix(query, dialect)
        parts.append(sql)
        params += values
    for column, operator, value in _comparisons(query):
        parts.append(f"s.{column} {operator} {mark}")
        params.append(value)
    if query.text is not None:
        parts.append(dialect.contains("s.name"))
        params.append(safe(query.text))
    if query.expired:
        parts.append(f"s.expires_at <= {mark}")
    else:
        parts.append(f"(s.expires_at IS NULL OR s.expires_at > {mark})")
    params.append(_int(query.now))
    return " AND ".join(parts), params


def has_filters(query: RowQuery) -> bool:
    """Whether anything but namespace, trash and expiry narrows the sessions."""
    named = query.tags or query.any_tags or query.metadata or query.prefix or query.text is not None
    return bool(named or _comparisons(query))


def _drivers(query: RowQuery, dialect: Dialect) -> list[Sql]:
    """Queries for the sids that one filter alone lets through, most selective kinds first."""
    mark, namespace = dialect.mark, query.namespace
    found: list[Sql] = []
    if query.expired:
        found.append(_by("sessions_expiry", f"s.expires_at <= {mark}", [namespace, _int(query.now)], dialect))
    for path, value in query.metadata:
        test = f"m.namespace = {mark} AND m.path = {mark} AND m.value = {mark}"
        sql = f"SELECT m.sid FROM metadata AS m WHERE {test}"
        found.append((sql, [namespace, safe(path), lookup_value(value)]))
    for tag in query.tags:
        sql = f"SELECT t.sid FROM tags AS t WHERE t.namespace = {mark} AND t.tag = {mark}"
        found.append((sql, [namespace, safe(tag)]))
    if query.any_tags:
        marks = dialect.marks(len(query.any_tags))
        sql = f"SELECT t.sid FROM tags AS t WHERE t.namespace = {mark} AND t.tag IN ({marks})"
        found.append((sql, [namespace, *map(safe, query.any_tags)]))
    if query.prefix:
        sql, values = _prefix(query, dialect)
        found.append(
            (f"SELECT s.sid FROM sessions AS s WHERE s.namespace = {mark} AND {sql}", [namespace, *values])
        )
    if query.forked_from is not None:
        params = [namespace, safe(query.forked_from)]
        found.append(_by("sessions_forks", f"s.forked_from = {mark}", params, dialect))
    if query.pinned:
        found.append(_by("sessions_pinned", "s.pinned = 1", [namespace], dialect))
    for column, index in (("cost", "sessions_cost"), ("created_at", "sessions_created")):
        bounds = [item for item in _comparisons(query) if item[0] == column]
        if bounds:
            test = " AND ".join(f"s.{column} {operator} {mark}" for _, operator, _ in bounds)
            found.append(_by(index, test, [namespace, *(value for *_, value in bounds)], dialect))
    return found


def _by(index: str, test: str, params: list[Any], dialect: Dialect) -> Sql:
    table = f"sessions AS s{dialect.using(index)}"
    return f"SELECT s.sid FROM {table} WHERE s.namespace = {dialect.mark} AND {test}", params


def _start(query: RowQuery) -> tuple[RowQuery, str]:
    """The page's start and the bound on ``updated_at`` in that direction, merged into the one that
    matters: an index is entered by one of them, and with the wrong one each page would walk from the
    top again."""
    if query.after is None:
        return query, ""
    newest, moment = query.order == "newest", query.after[0]
    bound = query.until if newest else query.since
    if bound is not None and (moment >= bound if newest else moment < bound):
        return query, ""
    loose = msgspec.structs.replace(query, **{"until" if newest else "since": None})
    return loose, "<" if newest else ">"


def page_sql(query: RowQuery, driver: Sql | None = None, dialect: Dialect = SQLITE) -> Sql:
    """The statement for a page of ``COLUMNS``: through ``driver`` when given, else by the newest."""
    query, side = _start(query)
    where, params = conditions(query, dialect)
    if driver is not None:
        # The plus keeps SQLite from entering by another index than the one that was chosen.
        where = where.replace("s.namespace =", "+s.namespace =", 1)
        table, where, params = "sessions AS s", f"s.sid IN ({driver[0]}) AND {where}", driver[1] + params
    else:
        table = "sessions AS s" + dialect.using("sessions_trash" if query.trashed else "sessions_newest")
    if side and query.after is not None:
        where += f" AND (s.updated_at, s.session_id) {side} ({dialect.marks(2)})"
        params += [_int(query.after[0]), safe(query.after[1])]
    way = "DESC" if query.order == "newest" else "ASC"
    params.append(_int(query.limit))
    return (
        f"SELECT {COLUMNS} FROM {table} WHERE {where}"
        f" ORDER BY s.updated_at {way}, s.session_id {way} LIMIT {dialect.mark}",
        params,
    )


def choose_driver(conn: apsw.Connection, query: RowQuery) -> Sql | None:
    """The first filter that names at most ``_FEW`` sessions, if there is one."""
    for sql, params in _drivers(query, SQLITE):
        count = conn.execute(f"SELECT count(*) FROM ({sql} LIMIT {_FEW + 1})", params).get
        if count <= _FEW:
            return sql, params
    return None


def find_rows(conn: apsw.Connection, query: RowQuery) -> list[SessionRow]:
    """At most ``query.limit`` rows in the query's order."""
    sql, params = page_sql(query, choose_driver(conn, query))
    return [from_columns(columns) for columns in conn.execute(sql, params).fetchall()]
