"""Work behind the commits: waiting texts reach the index, erased text leaves the files."""

from __future__ import annotations

import os
import threading
import time

import apsw
import pytest

from recollect.backend import (
    ERASE,
    MESSAGE,
    Commit,
    Key,
    Record,
    RowQuery,
    SessionRow,
    Term,
    TextMatch,
    TextQuery,
)
from recollect.backends.sql import maintenance
from recollect.backends.sql.sqlite import SqliteBackend
from recollect.backends.sql.text import TextIndex
from recollect.stepping import step

KEY = Key("", "s")
SECRET = "xylophonemarmalade"


def opened(path, **options):
    backend = SqliteBackend(path, **options)
    step(backend.open())
    return backend


def append(backend, base, text, key=KEY, count=1, bulk=False):
    records = [
        Record(
            base + n, MESSAGE, base + n - 1, b"sm%d" % (base + n), n, "user", text.encode(), (text, "", "")
        )
        for n in range(1, count + 1)
    ]
    row = SessionRow(key, base + count, 0, base, b"{}")
    commit = Commit(key=key, base=base, row=row, records=records, attributes=base == 0, bulk=bulk)
    step(backend.commit(commit))


def search(backend, word, limit=10):
    match = TextMatch(((Term((word,)),),))
    hits = step(backend.search(TextQuery(rows=RowQuery(namespace="", now=0), match=match, limit=limit)))
    return [hit.seq for hit in hits]


def waiting(backend):
    return step(backend.figures()).unindexed


def until(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def bytes_on_disk(path):
    return b"".join(p.read_bytes() for p in path.parent.iterdir() if p.name.startswith(path.name))


_others: set[threading.Thread] = set()


@pytest.fixture(autouse=True)
def _stores_that_others_left_open():
    _others.clear()
    _others.update(_indexing())


def _indexing():
    return [thread for thread in threading.enumerate() if thread.name == "recollect-sqlite"]


def indexers():
    return [thread for thread in _indexing() if thread not in _others]


def test_no_thread_before_the_first_message_and_none_after_close(tmp_path):
    backend = opened(tmp_path / "a.db")
    step(backend.commit(Commit(key=KEY, base=0, row=SessionRow(KEY, 1, 0, 1, b"{}"))))
    assert search(backend, "nothing") == []
    assert indexers() == []
    append(backend, 1, "some words")
    assert len(indexers()) == 1
    assert indexers()[0].daemon
    step(backend.close())
    assert indexers() == []


def test_a_stop_is_never_missed(tmp_path, monkeypatch):
    monkeypatch.setattr(maintenance, "_QUIET", 0.0)
    for n in range(100):
        backend = opened(tmp_path / "a.db")
        append(backend, 0, "some words", Key("", str(n)))
        closing = threading.Thread(target=lambda b=backend: step(b.close()), daemon=True)
        closing.start()
        closing.join(20)
        assert not closing.is_alive()


@pytest.fixture(autouse=True)
def _all_wait(monkeypatch):
    """Texts wait, however many come at once."""
    monkeypatch.setattr("recollect.backends.sql.writes.BULK", 10**9)


def test_many_texts_of_a_bulk_do_not_wait(tmp_path, monkeypatch):
    monkeypatch.setattr("recollect.backends.sql.writes.BULK", 64)
    monkeypatch.setattr(maintenance, "_QUIET", 1000.0)
    backend = opened(tmp_path / "a.db")
    append(backend, 0, "some words", count=63, bulk=True)
    append(backend, 63, "some words", count=64)
    assert waiting(backend) == 127
    append(backend, 127, "some words", count=64, bulk=True)
    assert waiting(backend) == 127
    assert len(search(backend, "words", 1000)) == 191
    step(backend.close())


def test_a_quiet_writers_texts_are_indexed(tmp_path):
    backend = opened(tmp_path / "a.db")
    append(backend, 0, "some words", count=300)
    assert waiting(backend) > 0
    until(lambda: waiting(backend) == 0)
    assert len(search(backend, "words", 1000)) == 300
    step(backend.close())


def test_a_busy_writers_texts_wait_up_to_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(maintenance, "BACKLOG", 100)
    monkeypatch.setattr(maintenance, "_QUIET", 1000.0)
    backend = opened(tmp_path / "a.db")
    append(backend, 0, "some words", count=150)
    until(lambda: waiting(backend) <= 100)
    time.sleep(0.1)
    assert 0 < waiting(backend) <= 100
    step(backend.close())


def test_closing_indexes_what_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(maintenance, "_QUIET", 1000.0)
    backend = opened(tmp_path / "a.db")
    append(backend, 0, "some words", count=300)
    step(backend.close())
    backend = opened(tmp_path / "a.db")
    assert waiting(backend) == 0
    assert len(search(backend, "words", 1000)) == 300
    step(backend.close())


def test_what_a_killed_process_left_is_indexed_after_open(tmp_path):
    child = os.fork()
    if child == 0:
        backend = opened(tmp_path / "a.db")
        append(backend, 0, "some words", count=50)
        os._exit(0)
    os.waitpid(child, 0)
    reader = opened(tmp_path / "a.db", readonly=True)
    assert len(search(reader, "words", 100)) == 50
    assert waiting(reader) == 50
    step(reader.close())
    backend = opened(tmp_path / "a.db")
    until(lambda: waiting(backend) == 0)
    step(backend.close())


@pytest.mark.parametrize("grouped", [True, False])
def test_a_bulk_writer_indexes_as_it_goes(tmp_path, monkeypatch, grouped):
    monkeypatch.setattr("recollect.backends.sql.writer._BULK_BACKLOG", 500)
    monkeypatch.setattr(maintenance, "BACKLOG", 10**9)
    monkeypatch.setattr(maintenance, "_QUIET", 1000.0)
    backend = opened(tmp_path / "a.db")
    for n in range(10):
        manager = backend.exclusive()
        if grouped:
            step(manager.__aenter__())
        append(backend, n * 300, "some words", count=300)
        if grouped:
            step(manager.__aexit__(None, None, None))
    assert 300 <= waiting(backend) <= 900
    step(backend.close())


def test_a_talking_writer_never_indexes(tmp_path, monkeypatch):
    monkeypatch.setattr("recollect.backends.sql.writer._BULK_BACKLOG", 10)
    monkeypatch.setattr(maintenance, "BACKLOG", 10**9)
    monkeypatch.setattr(maintenance, "_QUIET", 1000.0)
    backend = opened(tmp_path / "a.db")
    for n in range(50):
        append(backend, n * 2, "some words", count=2)
    assert waiting(backend) == 100
    step(backend.close())


def test_a_writer_that_asks_for_ids_indexes_when_much_waits(tmp_path, monkeypatch):
    monkeypatch.setattr("recollect.backends.sql.writer._BULK_BACKLOG", 10)
    monkeypatch.setattr("recollect.backends.sql.writer._ASKED_BATCH", 20)
    monkeypatch.setattr(maintenance, "BACKLOG", 10**9)
    monkeypatch.setattr(maintenance, "_QUIET", 1000.0)
    backend = opened(tmp_path / "a.db")
    for n in range(50):
        assert step(backend.seqs(KEY, [b"sm%d" % (n * 2 + 1)])) == {}
        append(backend, n * 2, "some words", count=2)
    assert waiting(backend) <= 32
    assert len(step(backend.seqs(KEY, [b"sm%d" % n for n in range(1, 101)]))) == 100
    step(backend.close())


def erase(backend, version, seq):
    tombstone = Record(version + 1, ERASE, seq, b"", 0, "", b"{}")
    row = SessionRow(KEY, version + 1, 0, 0, b"{}")
    step(
        backend.commit(
            Commit(
                key=KEY,
                base=version,
                row=row,
                records=[tombstone],
                erased=[(seq, b"{gone}")],
                attributes=False,
            )
        )
    )


def delete(backend, version, seq):
    step(backend.commit(Commit(key=KEY, base=version, delete=True)))


@pytest.mark.parametrize("indexed", [True, False])
@pytest.mark.parametrize("remove", [erase, delete])
def test_removed_text_is_nowhere_in_the_files(tmp_path, remove, indexed):
    path = tmp_path / "a.db"
    backend = opened(path)
    append(backend, 0, "other words", count=200)
    append(backend, 200, f"before {SECRET} after")
    for n in range(50):
        append(backend, 0, f"noise{n} xylo", Key("", f"k{n}"))
    if indexed:
        until(lambda: waiting(backend) == 0)
        assert search(backend, SECRET) == [201]
    assert SECRET.encode() in bytes_on_disk(path)
    remove(backend, 201, 201)
    assert search(backend, SECRET) == []
    until(lambda: SECRET.encode() not in bytes_on_disk(path))
    # The index keeps words as prefix and suffix: no long suffix may stay either.
    until(lambda: SECRET[6:].encode() not in bytes_on_disk(path))
    assert len(search(backend, "noise7")) == 1
    step(backend.close())
    assert SECRET[6:].encode() not in bytes_on_disk(path)


def test_a_scrub_waits_for_readers_and_resumes_at_open(tmp_path, monkeypatch):
    monkeypatch.setattr(maintenance, "_CLOSING_SCRUB", 0.01)
    path = tmp_path / "a.db"
    backend = opened(path)
    append(backend, 0, f"before {SECRET} after")
    until(lambda: waiting(backend) == 0)
    reader = apsw.Connection(str(path))
    reader.execute("BEGIN; SELECT * FROM sessions").fetchall()
    erase(backend, 1, 1)
    time.sleep(0.2)
    assert SECRET.encode() in bytes_on_disk(path)
    append(backend, 2, "writing goes on meanwhile")
    step(backend.close())
    reader.execute("COMMIT")
    backend = opened(path)
    until(lambda: SECRET[6:].encode() not in bytes_on_disk(path))
    reader.close()
    step(backend.close())


def test_an_error_behind_the_commits_is_logged_and_tried_again(tmp_path, monkeypatch, caplog):
    drain, failures = TextIndex.drain, []

    def failing(conn, limit):
        if not failures:
            failures.append(1)
            raise apsw.FullError("no room")
        return drain(conn, limit)

    monkeypatch.setattr(TextIndex, "drain", staticmethod(failing))
    monkeypatch.setattr(maintenance, "_AFTER_ERROR", 0.01)
    backend = opened(tmp_path / "a.db")
    append(backend, 0, "some words")
    until(lambda: failures and waiting(backend) == 0)
    assert "work behind the commits" in caplog.text
    step(backend.close())


def test_a_search_works_though_nothing_can_be_indexed(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(maintenance, "_QUIET", 1000.0)
    backend = opened(tmp_path / "a.db")
    append(backend, 0, "some words")
    with monkeypatch.context() as patch:
        patch.setattr(TextIndex, "drain", staticmethod(lambda conn, limit: conn.execute("SELECT no_such()")))
        assert search(backend, "words") == [1]
    assert "work behind the commits" in caplog.text
    step(backend.close())


def test_an_error_at_close_is_logged_and_the_text_kept(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(maintenance, "_QUIET", 1000.0)
    backend = opened(tmp_path / "a.db")
    append(backend, 0, "some words")
    with monkeypatch.context() as patch:
        patch.setattr(TextIndex, "drain", staticmethod(lambda conn, limit: conn.execute("SELECT no_such()")))
        step(backend.close())
    assert "work behind the commits" in caplog.text
    backend = opened(tmp_path / "a.db")
    assert search(backend, "words") == [1]
    step(backend.close())


def test_a_store_in_memory_indexes_and_scrubs_inline():
    backend = opened(":memory:")
    append(backend, 0, f"some {SECRET} words", count=100)
    assert len(search(backend, SECRET, 1000)) == 100
    assert waiting(backend) == 0
    erase(backend, 100, 7)
    assert len(search(backend, SECRET, 1000)) == 99
    assert indexers() == []
    step(backend.close())


def test_a_grown_log_is_moved_into_the_file_in_a_quiet_moment(tmp_path):
    backend = opened(tmp_path / "a.db")
    conn = apsw.Connection(str(tmp_path / "a.db"))
    conn.pragma("user_version")  # a handle learns of the log when it first reads
    for n in range(40):
        append(backend, n * 20, "w" * 20_000, count=20)
    assert conn.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)[0] > 1000
    until(lambda: len(set(conn.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP))) == 1)
    conn.close()
    step(backend.close())
