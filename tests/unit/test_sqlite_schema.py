"""The tables of a SQLite store: created, migrated, refused."""

from __future__ import annotations

import json
import sqlite3

import apsw
import pytest

from recollect.backend import MESSAGE, Commit, Key, Record, SessionRow
from recollect.backends.sql import schema
from recollect.backends.sql.sqlite import SqliteBackend
from recollect.errors import CorruptError, InvalidError, UnsupportedError
from recollect.stepping import step


def tables(path):
    conn = apsw.Connection(str(path))
    # Shards of the text index come and go with its contents.
    return conn.execute(
        "SELECT type, name, sql FROM sqlite_schema WHERE name NOT GLOB 'text_[0-9]*' ORDER BY 1, 2"
    ).fetchall()


def created(path):
    backend = SqliteBackend(path)
    step(backend.open())
    step(backend.close())
    return path


def test_a_new_file_is_marked_and_versioned(tmp_path):
    conn = apsw.Connection(str(created(tmp_path / "a.db")))
    assert conn.pragma("application_id") == schema.APPLICATION_ID
    assert conn.pragma("user_version") == schema.VERSION
    assert conn.pragma("journal_mode") == "wal"


def test_the_migrations_sum_to_the_schema():
    assert sorted(schema.MIGRATIONS) == list(range(1, schema.VERSION))


def test_a_step_runs_once_and_moves_the_version(tmp_path, monkeypatch):
    path = created(tmp_path / "a.db")
    monkeypatch.setattr(schema, "MIGRATIONS", {1: "CREATE TABLE added (x)"})
    monkeypatch.setattr(schema, "VERSION", 2)
    created(path)
    created(path)
    assert ("table", "added", "CREATE TABLE added (x)") in tables(path)
    assert apsw.Connection(str(path)).pragma("user_version") == 2


def test_a_failing_step_leaves_the_old_version_whole(tmp_path, monkeypatch):
    path = created(tmp_path / "a.db")
    before = tables(path)
    monkeypatch.setattr(schema, "MIGRATIONS", {1: "CREATE TABLE added (x); INSERT INTO nowhere VALUES (1)"})
    monkeypatch.setattr(schema, "VERSION", 2)
    with pytest.raises(CorruptError):
        created(path)
    assert tables(path) == before
    assert apsw.Connection(str(path)).pragma("user_version") == 1


@pytest.mark.parametrize("readonly", [False, True])
def test_a_newer_schema_is_refused_and_not_touched(tmp_path, readonly):
    path = created(tmp_path / "a.db")
    conn = apsw.Connection(str(path))
    conn.pragma("user_version", schema.VERSION + 1)
    conn.close()
    before = path.read_bytes()
    with pytest.raises(UnsupportedError, match="newer recollect"):
        step(SqliteBackend(path, readonly=readonly).open())
    assert path.read_bytes() == before


def test_an_older_schema_is_not_migrated_read_only(tmp_path, monkeypatch):
    path = created(tmp_path / "a.db")
    monkeypatch.setattr(schema, "VERSION", 2)
    with pytest.raises(UnsupportedError, match="for writing"):
        step(SqliteBackend(path, readonly=True).open())


def test_another_programs_database_is_refused_and_not_touched(tmp_path):
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as conn:
        conn.execute("CREATE TABLE theirs (x)")
    conn.close()
    path.chmod(0o600)
    before = path.read_bytes()
    with pytest.raises(UnsupportedError, match="another program"):
        step(SqliteBackend(path).open())
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("dear diary, " * 100)
    path.chmod(0o600)
    with pytest.raises(CorruptError, match=r"notes\.txt is not a readable SQLite database"):
        step(SqliteBackend(path).open())
    assert path.read_text() == "dear diary, " * 100


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(InvalidError, match="is a folder"):
        step(SqliteBackend(tmp_path).open())


def test_an_old_linked_sqlite_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.51.2")
    with pytest.raises(UnsupportedError, match=r"3\.51\.2"):
        step(SqliteBackend(tmp_path / "a.db").open())
    assert not (tmp_path / "a.db").exists()


def test_the_views_read_in_plain_sqlite(tmp_path):
    path, key = tmp_path / "a.db", Key("", "s")
    backend = SqliteBackend(path)
    step(backend.open())
    info = {"name": "Räume", "metadata": {"a": 1}, "preview": "Hi"}
    body = {
        "_": 1,
        "id": "m1",
        "parts": [{"type": "text", "content": "one"}, {"type": "text", "content": "two"}],
    }
    records = [
        Record(1, MESSAGE, 0, b"sm1", -1, "user", json.dumps(body).encode()),
        Record(2, MESSAGE, 1, b"sm2", 1_700_000_000_000_001, "assistant", b"\x28sealed"),
    ]
    row = SessionRow(
        key, 2, 0, 1_500_000, json.dumps({"info": info}).encode(), tags=("b", "a"), cost=1_500_000_000
    )
    step(backend.commit(Commit(key=key, base=0, row=row, records=records)))
    conn = sqlite3.connect(path)
    messages = conn.execute(
        "SELECT session_id, seq, role, created_at, message_id, text FROM messages_v ORDER BY seq"
    ).fetchall()
    assert messages == [
        ("s", 1, "user", "1969-12-31T23:59:59.999999Z", "m1", "one\ntwo"),
        ("s", 2, "assistant", "2023-11-14T22:13:20.000001Z", None, None),
    ]
    (session,) = conn.execute(
        "SELECT name, tags, metadata, preview, cost_usd, updated_at, expires_at FROM sessions_v"
    ).fetchall()
    assert session == ("Räume", '["a","b"]', '{"a":1}', "Hi", 1.5, "1970-01-01T00:00:01.500000Z", None)
    conn.close()
    step(backend.close())
