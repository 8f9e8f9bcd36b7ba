"""SQLite files of others: opened without a trace, read whatever is in them."""

import os
import shutil

import apsw
import pytest

from recollect.formats.base import Damage
from recollect.formats.sqlitefile import Database, Unreadable, defines, is_database, opened, tables_in

from .format_sources import Source
from .sqlite_files import built, head_of

SCHEMA = "CREATE TABLE notes(id INTEGER PRIMARY KEY, owner TEXT, text TEXT)"


def texts(db, **options):
    return [row["text"] for row in db.rows("notes", ("text",), **options)]


@pytest.fixture
def notes(tmp_path):
    return built(tmp_path / "n.db", SCHEMA, [("notes", (1, "a", "one")), ("notes", (2, "b", "two"))])


def test_it_is_read_from_disk_and_from_a_stream(notes):
    for source in (Source.at(notes), Source(notes.read_bytes(), "n.db")):
        db = Database(source)
        assert db.tables == {"notes": frozenset(("id", "owner", "text"))}
        assert texts(db) == ["one", "two"]
        assert texts(db, key=("owner", "b")) == ["two"]
        assert db.one("notes", ("text", "missing"), ("id", 1)) == {"text": "one", "missing": None}
        assert list(db.rows("nothing", ("x",))) == []
        assert list(db.groups("notes", "owner")) == ["a", "b"]


def test_nothing_is_written_beside_it(tmp_path):
    path = tmp_path / "wal.db"
    writer = apsw.Connection(str(path))
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute(SCHEMA)
    writer.close()  # the log is gone now, the file still says that there is one
    before = {child.name: child.read_bytes() for child in tmp_path.iterdir()}
    assert before.keys() == {"wal.db"}
    assert texts(Database(Source.at(path))) == []
    assert {child.name: child.read_bytes() for child in tmp_path.iterdir()} == before


def test_the_newest_rows_are_found_in_the_log_of_a_running_program(tmp_path):
    path = tmp_path / "live.db"
    writer = apsw.Connection(str(path))
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute(SCHEMA)
    writer.execute("INSERT INTO notes VALUES (1, 'a', 'in the log')")
    assert texts(Database(Source.at(path))) == ["in the log"]
    left = tmp_path / "left"
    left.mkdir()
    for name in ("live.db", "live.db-wal"):  # as a crash leaves them, or a copy without the index
        shutil.copy(tmp_path / name, left / name)
    before = {child.name: child.read_bytes() for child in left.iterdir()}
    assert texts(Database(Source.at(left / "live.db"))) == ["in the log"]
    assert {child.name: child.read_bytes() for child in left.iterdir()} == before
    writer.close()


def test_a_journal_left_by_a_crash_is_rolled_back_in_a_copy(tmp_path):
    path = built(tmp_path / "j.db", SCHEMA, [("notes", (1, "a", "kept"))])
    writer = apsw.Connection(str(path))
    writer.execute("PRAGMA cache_size = 1")
    writer.execute("BEGIN")
    for i in range(2, 400):
        writer.execute("INSERT INTO notes VALUES (?, 'b', ?)", (i, "lost " * 20))
    torn = tmp_path / "torn"
    torn.mkdir()
    for name in ("j.db", "j.db-journal"):
        shutil.copy(tmp_path / name, torn / name)
    writer.execute("ROLLBACK")
    writer.close()
    before = {child.name: child.read_bytes() for child in torn.iterdir()}
    assert texts(Database(Source.at(torn / "j.db"))) == ["kept"]
    assert {child.name: child.read_bytes() for child in torn.iterdir()} == before


def test_text_of_any_bytes_survives(tmp_path):
    path = built(tmp_path / "t.db", SCHEMA)
    connection = apsw.Connection(str(path))
    for i, raw in enumerate([b"a\0b", b"\xff\xfe", b"\xed\xa0\x80", "\U0001f600".encode()], 1):
        connection.execute("INSERT INTO notes VALUES (?, 'a', CAST(? AS TEXT))", (i, raw))
    connection.close()
    assert texts(Database(Source.at(path))) == ["a\0b", "\udcff\udcfe", "\ud800", "\U0001f600"]


def test_a_utf16_database_is_text_too(tmp_path):
    path = tmp_path / "u.db"
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA encoding = 'UTF-16le'")
    connection.execute(SCHEMA)
    connection.execute("INSERT INTO notes VALUES (1, 'ä', 'grüße')")
    connection.close()
    db = Database(Source.at(path))
    assert texts(db, key=("owner", "ä")) == ["grüße"]


def test_views_and_virtual_tables_are_not_tables(tmp_path):
    schema = SCHEMA + "; CREATE VIEW messages AS SELECT * FROM notes; CREATE VIRTUAL TABLE f USING fts5(x)"
    assert set(Database(Source.at(built(tmp_path / "v.db", schema))).tables) == {"notes"}


def test_many_groups_do_not_read_the_table_each(tmp_path):
    rows = [("notes", (i, f"o{i % 500}", str(i))) for i in range(1, 5001)]
    db = Database(Source.at(built(tmp_path / "g.db", SCHEMA, rows)))
    owners = list(db.groups("notes", "owner"))
    assert len(owners) == 500
    assert sum(len(texts(db, key=("owner", owner))) for owner in owners) == 5000
    assert texts(db, key=("owner", "o7"))[:3] == ["7", "507", "1007"]


@pytest.mark.parametrize("cut", [0, 10, 50, 100, 1000, 4096, 5000, 8192, 12000])
def test_truncated_files_are_damage_not_crashes(tmp_path, cut):
    rows = [("notes", (i, "a", "x" * 300)) for i in range(1, 100)]
    data = built(tmp_path / "c.db", SCHEMA, rows).read_bytes()[:cut]
    found = opened(Source(data, "c.db"), "notes", "notes")
    if isinstance(found, Damage):
        assert found.reason
        return
    with pytest.raises(Unreadable, match="notes"):
        texts(found)


def test_what_is_no_database_says_so(tmp_path):
    assert "no SQLite database" in opened(Source(b"SQLite format 3\0" + b"x" * 5000), "x", "notes").reason
    path = built(tmp_path / "o.db", "CREATE TABLE other(x)")
    assert opened(Source.at(path), "Synapse", "sessions").reason == "the database holds no tables of Synapse"


def test_tables_are_seen_in_the_head(notes):
    tables = tables_in(head_of(notes))
    assert defines(tables["notes"], "owner", "text")
    assert not defines(tables["notes"], "own")
    assert tables_in(b"CREATE TABLE notes(x)") == {}
    assert not defines(None, "x")


def test_looking_at_the_first_bytes_loses_none(notes):
    is_sqlite, whole = is_database(Source(notes.read_bytes()))
    assert is_sqlite
    assert texts(Database(whole)) == ["one", "two"]
    is_sqlite, whole = is_database(Source(b"{}"))
    assert not is_sqlite
    assert whole.read(10) == b"{}"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_damage(notes):
    notes.chmod(0)
    assert isinstance(opened(Source(b"", path=notes), "x"), Damage)


def left(column, rows):
    """What is given out of rows before the damage is told, as it has to be."""
    found, told = [], ""
    try:
        for row in rows:
            found.append(row[column])
    except Unreadable as error:
        told = str(error)
    assert "damaged" in told
    return found


def test_rows_around_damaged_pages_are_found(tmp_path):
    rows = [("notes", (i * 3, f"o{i % 4}", f"{i} " + "x" * 200)) for i in range(1, 1001)]
    data = bytearray(built(tmp_path / "d.db", SCHEMA, rows).read_bytes())
    whole = texts(Database(Source(bytes(data))))
    for place in (20, 21, 40):
        data[place * 4096 : place * 4096 + 100] = b"\xff" * 100
    db = Database(Source(bytes(data)))
    for options in ({}, {"order": ("id",)}, {"order": ("text",)}):
        found = left("text", db.rows("notes", ("text",), **options))
        assert 900 < len(found) < 1000
        assert set(found) < set(whole)
        assert len(set(found)) == len(found)
    owned = left("owner", db.rows("notes", ("owner", "text"), key=("owner", "o1")))
    assert len(owned) > 200
    assert set(owned) == {"o1"}


def test_a_file_that_is_cut_short_gives_the_rows_before_the_cut(tmp_path):
    rows = [("notes", (i, "a", f"{i} " + "x" * 200)) for i in range(1, 1001)]
    data = built(tmp_path / "d.db", SCHEMA, rows).read_bytes()
    found = left("id", Database(Source(data[: len(data) // 2])).rows("notes", ("id",)))
    assert len(found) > 300
    assert found == sorted(found)
