"""Which index serves which question, by EXPLAIN QUERY PLAN."""

from __future__ import annotations

import pytest

from recollect.backend import MESSAGE, UPDATE, Commit, Key, Record, RowQuery, SessionRow
from recollect.backends.sql import find, reads
from recollect.backends.sql.find import Dialect, choose_driver, conditions, page_sql
from recollect.backends.sql.sqlite import SqliteBackend
from recollect.stepping import step


@pytest.fixture(scope="module")
def conn(tmp_path_factory):
    backend = SqliteBackend(tmp_path_factory.mktemp("plans") / "a.db")
    step(backend.open())
    for n in range(60):
        key = Key("n", f"id{n:02}")
        row = SessionRow(
            key, 2, n, n, b"{}", tags=("all", f"t{n}"), metadata=(("k", str(n)),), cost=n,
            pinned=n == 3, forked_from="id00" if n == 5 else None, expires_at=10**6 + n,
        )  # fmt: skip
        records = [
            Record(1, UPDATE, 0, b"", 0, "", b"{}"),
            Record(2, MESSAGE, 0, b"s%d" % n, 0, "user", b"{}"),
        ]
        step(backend.commit(Commit(key=key, base=0, row=row, records=records)))
    yield backend._connections.reader()
    step(backend.close())


def plan(conn, sql, params):
    rows = conn.execute("EXPLAIN QUERY PLAN " + sql, params).fetchall()
    return "\n".join(row[3] for row in rows)


def query(**filters):
    return RowQuery(namespace="n", now=0, **filters)


SELECTIVE = {
    "PRIMARY KEY (namespace=? AND tag=?)": query(tags=("t7",)),
    "PRIMARY KEY (namespace=? AND tag=?) ": query(any_tags=("t7", "t8")),
    "PRIMARY KEY (namespace=? AND path=? AND value=?)": query(metadata=(("k", "7"),)),
    "sqlite_autoindex_sessions_1 (namespace=? AND session_id>? AND session_id<?)": query(prefix="id0"),
    "sessions_cost (namespace=? AND cost>?)": query(min_cost=50),
    "sessions_cost (namespace=? AND cost>? AND cost<?)": query(min_cost=50, max_cost=55),
    "sessions_created (namespace=? AND created_at>?)": query(created_since=50),
    "sessions_forks (namespace=? AND forked_from=?)": query(forked_from="id00"),
    "sessions_pinned (namespace=?)": query(pinned=True),
    "sessions_expiry (namespace=? AND expires_at<?)": query(expired=True),
}


@pytest.mark.parametrize(("index", "asked"), SELECTIVE.items())
def test_a_selective_filter_leads(conn, index, asked):
    driver = choose_driver(conn, asked)
    assert driver is not None
    text = plan(conn, *page_sql(asked, driver))
    assert index.strip() in text
    assert "SEARCH s USING INTEGER PRIMARY KEY (rowid=?)" in text
    assert "SCAN" not in text.replace("SCAN CONSTANT ROW", "")


@pytest.mark.parametrize("asked", [query(tags=("all",)), query(min_cost=0), query(created_since=0)])
def test_a_filter_that_lets_many_through_does_not(conn, monkeypatch, asked):
    monkeypatch.setattr(find, "_FEW", 50)
    assert choose_driver(conn, asked) is None


@pytest.mark.parametrize(
    ("asked", "entry"),
    [
        (query(), "sessions_newest (namespace=?)"),
        (query(order="oldest"), "sessions_newest (namespace=?)"),
        (query(tags=("all",), provider="p"), "sessions_newest (namespace=?)"),
        (query(since=5, until=9), "sessions_newest (namespace=? AND updated_at>? AND updated_at<?)"),
        (query(after=(5, "id05")), "sessions_newest (namespace=? AND (updated_at,session_id)<(?,?))"),
        (
            query(after=(5, "id05"), until=50),
            "sessions_newest (namespace=? AND (updated_at,session_id)<(?,?))",
        ),
        (query(after=(50, "id05"), until=5), "sessions_newest (namespace=? AND updated_at<?)"),
        (
            query(after=(5, "x"), since=1, order="oldest"),
            "sessions_newest (namespace=? AND (updated_at,session_id)>(?,?))",
        ),
        (query(trashed=True), "sessions_trash (namespace=?)"),
    ],
)
def test_the_newest_come_in_order_without_sorting(conn, asked, entry):
    text = plan(conn, *page_sql(asked))
    assert f"SEARCH s USING INDEX {entry}" in text
    assert "TEMP B-TREE" not in text


def test_a_probe_reads_the_tag_index_only(conn):
    text = plan(conn, *page_sql(query(tags=("all",))))
    assert "COVERING INDEX tags_sid (sid=? AND namespace=? AND tag=?)" in text


@pytest.fixture
def statements(conn):
    """What one call into ``reads`` executes, with its plan."""
    seen = []

    def trace(cursor, sql, params):
        if not sql.startswith("EXPLAIN"):
            seen.append((sql, params))
        return True

    conn.exec_trace = trace
    yield seen
    conn.exec_trace = None


KEY = Key("n", "id07")


@pytest.mark.parametrize("window", [{}, {"last": 5}, {"after": 1, "limit": 5}, {"kinds": (MESSAGE,)}])
def test_a_read_is_one_range_scan(conn, statements, window):
    asked = {"after": 0, "before": None, "limit": None, "last": None, "kinds": None} | window
    assert len(reads.read(conn, KEY, **asked)) >= 1
    ((sql, params),) = statements
    text = plan(conn, sql, params)
    assert "SEARCH records USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)" in text
    assert "TEMP B-TREE" not in text


def test_rare_kinds_come_by_their_index(conn, statements):
    assert len(reads.read(conn, KEY, 0, None, None, None, (UPDATE,))) == 1
    ((sql, params),) = statements
    assert "records_marks (kind=? AND rowid>? AND rowid<?)" in plan(conn, sql, params)


def test_message_ids_come_by_their_index(conn, statements):
    assert reads.seqs(conn, KEY, [b"s7", b"s8"]) == {b"s7": 2}
    sql, params = statements[-1]
    assert "SEARCH message_ids USING PRIMARY KEY (sid=? AND id=?)" in plan(conn, sql, params)


def test_another_dialect_changes_marks_and_functions_only():
    class Other(Dialect):
        mark = "%s"

        def contains(self, column):
            return f"position(%s in {column}) > 0"

        def using(self, index):
            return ""

    asked = query(tags=("a", "b"), text="x", since=1, after=(5, "id"), prefix="p")
    sql, params = page_sql(asked, None, Other())
    assert "?" not in sql
    assert sql.count("%s") == len(params)
    assert "position(%s in s.name) > 0" in sql
    assert conditions(asked)[1] == conditions(asked, Other())[1]
