"""The index beside the files: derived, replaceable, never behind, and it forgets what is erased."""

from __future__ import annotations

import os
import shutil
import threading
import time
import warnings

import apsw
import pytest
from msgspec import structs

from recollect.backend import Key
from recollect.backends.files import FilesBackend
from recollect.backends.filestore import database, news, scanning, sidecar
from recollect.errors import CorruptError, StoreWarning
from recollect.testing import making as m
from recollect.testing.driving import Driven

KEY = m.key()


def texts_in(kind, body):
    """The texts of a record, told from its body: what core supplies for real messages."""
    return (body.decode(), "", "") if kind == 1 else ()


def said(seq, text):
    return m.message(seq, text, body=text.encode())


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "store"


@pytest.fixture(params=[None, texts_in], ids=["texts-stored", "texts-derived"])
def connect(folder, request):
    opened = []

    def connect(**options):
        driven = Driven(FilesBackend(folder, **({"texts": request.param} | options)))
        driven.open()
        opened.append(driven)
        return driven

    yield connect
    for driven in opened:
        driven.close()


def fill(b, sessions=5):
    for n in range(sessions):
        key = m.key(f"s{n}")
        b.commit(m.create(key, [said(1, f"needle first{n}"), m.update(2)], tags=("t", f"n{n}")))
        b.commit(m.append(b.row(key), [said(3, f"needle second{n}")]))


def check(b, sessions=5):
    assert len(b.find(m.query(tags=("t",)))) == sessions
    for n in range(sessions):
        assert [row.version for row in b.find(m.query(tags=(f"n{n}",)))] == [3]
        for seq, word in ((1, "first"), (3, "second")):
            found = [(hit.row.key.session_id, hit.seq) for hit in b.search(m.words(f"{word}{n}"))]
            assert found == [(f"s{n}", seq)]
    assert len(b.search(m.words("needle"))) == 2 * sessions
    figures = b.figures()
    assert (figures.sessions, figures.records, figures.messages) == (sessions, 3 * sessions, 2 * sessions)


def index_files(folder):
    return sorted(folder.glob(".index.db*"))


def test_texts_stand_in_the_files_only_where_they_cannot_be_told_from_bodies(connect, folder):
    b = connect()
    b.commit(m.create(KEY, [said(1, "needle")]))
    line = (folder / "default" / "s1.jsonl").read_bytes()
    assert (b'"texts"' in line) is (b.backend._texts is None)


def test_it_can_be_deleted_while_nobody_looks(connect, folder):
    b = connect()
    fill(b)
    check(b)
    b.close()
    for path in index_files(folder):
        path.unlink()
    check(connect())


@pytest.mark.parametrize("suffixes", [("",), ("", "-wal"), ("-wal",), ("-shm", ""), ("", "-wal", "-shm")])
def test_it_can_be_deleted_while_it_is_open(connect, folder, suffixes):
    b, other = connect(), connect()
    fill(b, 3)
    check(b, 3)
    check(other, 3)
    for suffix in suffixes:
        path = folder / f".index.db{suffix}"
        if suffix != "-wal" or "" in suffixes:
            path.unlink(missing_ok=True)
    b.commit(m.create(m.key("new"), [said(1, "hay")]))
    for engine in (other, b, connect()):
        assert len(engine.find(m.query())) == 4
        assert len(engine.search(m.words("needle"))) == 6
        assert len(engine.search(m.words("hay"))) == 1
    assert len({path.stat().st_ino for path in index_files(folder)}) == len(index_files(folder))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b"not a database at all, but long enough to look like one" * 100),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:5000]),
        lambda path: path.write_bytes(path.read_bytes()[:4096] + os.urandom(path.stat().st_size - 4096)),
        lambda path: _sql(path, "PRAGMA user_version = 999999"),
        lambda path: _sql(path, "PRAGMA user_version = 1"),
        lambda path: _sql(path, "DROP TABLE tags"),
    ],
    ids=["foreign", "empty", "cut", "garbage", "newer", "older", "a table gone"],
)
def test_a_spoilt_index_is_made_anew(connect, folder, spoil):
    b = connect()
    fill(b)
    check(b)
    b.close()
    spoil(folder / ".index.db")
    again = connect()
    again.commit(m.append(again.row(m.key("s0")), [m.update(4)]))
    again.commit(m.remove(again.row(m.key("s0"))))
    again.commit(m.create(m.key("s0"), [said(1, "needle first0"), m.update(2)], tags=("t", "n0")))
    again.commit(m.append(again.row(m.key("s0")), [said(3, "needle second0")]))
    check(again)


def _sql(path, statement):
    conn = apsw.Connection(str(path))
    conn.execute(statement)
    conn.close()


def test_what_changed_while_the_store_was_closed_is_noticed(connect, folder, tmp_path):
    b = connect()
    fill(b)
    check(b)
    b.close()
    shutil.copytree(folder, tmp_path / "copy")
    other = Driven(FilesBackend(tmp_path / "copy", texts=b.backend._texts))
    other.open()
    other.commit(m.append(other.row(m.key("s0")), [said(4, "needle third0")]))
    other.commit(m.create(m.key("s9"), [said(1, "needle first9")], tags=("t",)))
    other.close()
    for name in ("s0", "s9"):
        shutil.copy2(tmp_path / "copy" / "default" / f"{name}.jsonl", folder / "default")
    (folder / "default" / "s1.jsonl").unlink()
    again = connect()
    assert {row.key.session_id for row in again.find(m.query())} == {"s0", "s2", "s3", "s4", "s9"}
    assert again.search(m.words("first1")) == []
    assert [hit.seq for hit in again.search(m.words("third0"))] == [4]
    assert len(again.search(m.words("first9"))) == 1
    assert len(again.search(m.words("first0"))) == 1


def test_two_open_stores_keep_each_other_in_step(connect):
    first, second = connect(), connect()
    for n in range(1, 30):
        writer, reader = (first, second) if n % 2 else (second, first)
        row = writer.row(KEY)
        new = [said(n, f"needle word{n}")]
        writer.commit(m.append(row, new, cost=n) if row else m.create(KEY, new, cost=n))
        if n % 3 == 0:
            assert [hit.seq for hit in reader.search(m.words(f"word{n}"))] == [n]
        if n % 5 == 0:
            assert [row.version for row in reader.find(m.query(min_cost=n))] == [n]
    for engine in (first, second):
        assert len(engine.search(m.words("needle"))) == 29


def test_while_nothing_happens_no_file_is_looked_at(connect, monkeypatch, folder):
    b, other = connect(), connect()
    fill(b)
    for engine in (b, other):
        wait_for_a_quiet_folder(folder)
        check(engine)
    looks = []
    monkeypatch.setattr(sidecar, "Scan", lambda root: looks.append(root) or scanning.Scan(root))
    other_row = other.row(m.key("s1"))
    for engine in (b, other):
        check(engine)
    b.commit(m.append(b.row(m.key("s0")), [said(4, "needle mine")]))
    assert len(b.search(m.words("mine"))) == 1
    assert looks == [], "its own commits it knows"
    other.commit(m.append(other_row, [said(4, "needle theirs")]))
    assert len(b.search(m.words("theirs"))) == 1
    assert looks != [], "others' it has to look for"


def wait_for_a_quiet_folder(folder):
    while time.time_ns() - (folder / "default").stat().st_mtime_ns < 50_000_000:
        time.sleep(0.01)


def test_changes_by_other_programs_are_noticed(connect, folder, monkeypatch):
    monkeypatch.setattr(scanning, "_PAUSE", 0.2)
    monkeypatch.setattr(scanning, "_SHARE", 0)
    b = connect()
    fill(b)
    wait_for_a_quiet_folder(folder)
    check(b)
    (folder / "default" / "s0.jsonl").unlink()
    assert len(b.find(m.query())) == 4, "a file that went is noticed at once"
    path = folder / "default" / "s1.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    with open(path, "r+b") as file:
        file.truncate(len(lines[0]))
    time.sleep(0.25)
    assert len(b.find(m.query())) == 4
    with pytest.raises(CorruptError):
        b.read(m.key("s1"))


@pytest.mark.parametrize("name", ["changes", "."])
def test_without_counters_every_look_is_a_full_one(connect, folder, name):
    b, other = connect(), connect()
    fill(b, 2)
    check(b, 2)
    check(other, 2)
    if name == ".":
        shutil.rmtree(folder / ".locks")
        (folder / ".locks").mkdir()
    else:
        (folder / ".locks" / name).unlink()
    late = connect()
    late.commit(m.create(m.key("s2"), [said(1, "needle first2"), m.update(2)], tags=("t", "n2")))
    late.commit(m.append(late.row(m.key("s2")), [said(3, "needle second2")]))
    for engine in (b, other, late):
        check(engine, 3)


def test_memory_for_what_is_not_indexed_yet_is_bounded(connect, monkeypatch):
    monkeypatch.setattr(news, "_KEPT_BYTES", 200)
    monkeypatch.setattr(news, "_KEPT_SESSIONS", 3)
    b = connect()
    fill(b, 8)
    held = b.backend._news._changes
    assert len(held) <= 3
    assert sum(len(change.records or ()) for changes in held.values() for change in changes) < 20
    check(b, 8)
    fill_more = [m.append(b.row(m.key(f"s{n}")), [said(4, f"needle third{n}")], cost=n) for n in range(8)]
    for commit in fill_more:
        b.commit(commit)
    assert len(b.search(m.words("needle"))) == 24
    assert len(b.find(m.query(min_cost=4))) == 4


def test_work_is_done_in_bounded_transactions(connect, monkeypatch, folder):
    b = connect()
    fill(b, 12)
    b.close()
    for path in index_files(folder):
        path.unlink()
    monkeypatch.setattr(sidecar, "_FILES_AT_ONCE", 2)
    monkeypatch.setattr(sidecar, "_RECORDS_AT_ONCE", 4)
    monkeypatch.setattr(sidecar, "_WAITING", 1)
    check(connect(), 12)


def _bytes_of_index(folder):
    return b"".join(path.read_bytes() for path in index_files(folder))


def test_erased_and_deleted_texts_leave_the_files(connect, folder):
    b = connect()
    secret = "kryptonium"
    b.commit(
        m.create(KEY, [said(1, f"a {secret} b"), said(2, "other words")], body=b'{"preview":"kryptonium"}')
    )
    b.commit(m.append(b.row(KEY), [said(3, f"more {secret}")], body=b'{"preview":"kryptonium"}'))
    b.commit(m.create(m.key("gone"), [said(1, f"{secret} too")], name=secret, tags=(secret,)))
    b.commit(m.create(m.key("stays"), [said(1, "stays here")]))
    assert len(b.search(m.words(secret))) == 3
    row = b.row(KEY)
    tombstone = b'{"erased":true}'
    after = m.append(row, [m.update(4)], body=b'{"preview":""}')
    b.commit(structs.replace(after, erased=[(1, tombstone), (3, tombstone)]))
    b.commit(m.remove(b.row(m.key("gone"))))
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for word in (secret, secret[2:], secret.upper()):
                assert word.encode() not in content, (path, word)
    assert b.search(m.words(secret)) == []
    assert len(b.search(m.words("stays"))) == 1
    assert len(b.search(m.words("other"))) == 1
    b.close()
    assert secret[3:].encode() not in _bytes_of_index(folder)
    again = connect()
    assert [r[3] for r in again.read(KEY)] == [tombstone, b"other words", tombstone, b"{}"]
    assert again.row(KEY).body == b'{"preview":""}'


def test_an_erasure_without_an_index_makes_none(connect, folder):
    b = connect()
    b.commit(m.create(KEY, [said(1, "secret")]))
    row = b.row(KEY)
    b.commit(structs.replace(m.append(row, [m.update(2)]), erased=[(1, b"gone")]))
    assert index_files(folder) == []
    assert b.search(m.words("secret")) == []


def test_a_full_disk_leaves_lists_and_searches_working(connect, monkeypatch):
    b = connect()
    fill(b, 2)
    check(b, 2)
    fill_third = m.create(m.key("s2"), [said(1, "needle first2"), m.update(2)], tags=("t", "n2"))
    b.commit(fill_third)
    b.commit(m.append(b.row(m.key("s2")), [said(3, "needle second2")]))

    def full(conn, work):
        if conn.db_filename("main"):
            raise apsw.FullError("database or disk is full")
        return transaction(conn, work)

    transaction = database.Database._transaction
    monkeypatch.setattr(database.Database, "_transaction", staticmethod(full))
    check(b, 3)


def test_hits_in_damaged_places_are_left_out_with_a_warning(connect, folder):
    b = connect()
    fill(b, 2)
    assert len(b.search(m.words("needle"))) == 4
    path = folder / "default" / "s0.jsonl"
    content = bytearray(path.read_bytes())
    content[content.index(b'"seq":1,') + 6] ^= 1
    path.write_bytes(content)
    with pytest.warns(StoreWarning, match="left out"):
        hits = b.search(m.words("needle"))
    assert sorted((hit.row.key.session_id, hit.seq) for hit in hits) == [("s0", 3), ("s1", 1), ("s1", 3)]


def test_threads_find_and_search_while_others_write(connect):
    b = connect()
    fill(b, 3)
    failures, stop = [], threading.Event()

    def look():
        try:
            while not stop.is_set():
                assert len(b.find(m.query(tags=("t",)))) >= 3
                assert len(b.search(m.words("needle"))) >= 6
        except BaseException as error:  # noqa: BLE001  # judged below, in the test's thread
            failures.append(error)

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for n in range(60):
        key = m.key(f"x{n % 7}")
        row = b.row(key)
        if row is not None and n % 3 == 0:
            b.commit(m.remove(row))
        elif row is not None:
            b.commit(m.append(row, [said(row.version + 1, f"needle {n}")]))
        else:
            b.commit(m.create(key, [said(1, f"needle {n}")]))
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []


def test_foreign_files_in_the_folder_are_let_be(connect, folder):
    b = connect()
    fill(b, 2)
    (folder / "README").write_text("x")
    (folder / "default" / "notes.txt").write_text("x")
    (folder / "default" / "Foreign Name.jsonl").write_text("{}\n")
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "s.jsonl").write_text("{}\n")
    with pytest.warns(StoreWarning, match="Foreign"):
        check(b, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check(b, 2)


def test_a_hashed_name_is_known_from_the_file_alone(connect, folder):
    key = Key("n" * 200, "é" * 255)
    b = connect()
    b.commit(m.create(key, [said(1, "needle")]))
    b.commit(m.append(b.row(key), [said(2, "needle")]))
    b.close()
    for path in index_files(folder):
        path.unlink()
    again = connect()
    assert again.namespaces() == [key.namespace]
    assert [row.key for row in again.find(m.query(key.namespace))] == [key]
    assert {hit.row.key for hit in again.search(m.words("needle", rows=m.query(key.namespace)))} == {key}
    assert again.figures(key.namespace).records == 2
