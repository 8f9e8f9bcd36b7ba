"""Commits to SQLite: savepoints, roll-backs, syncs, odd values."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

import apsw
import pytest
from msgspec.structs import replace

from recollect.backend import MESSAGE, UPDATE, Commit, Key, Record, RowQuery, SessionRow
from recollect.backends.sql.maintenance import Maintenance
from recollect.backends.sql.sqlite import SqliteBackend
from recollect.errors import ConflictError, FullError, InvalidError, UnavailableError
from recollect.stepping import step

KEY = Key("", "s")
IDS = [b"sm1", b"sm2", b"sm3", b"sm4"]


@pytest.fixture(params=["file", "memory"])
def backend(request, tmp_path):
    backend = SqliteBackend(tmp_path / "a.db" if request.param == "file" else ":memory:")
    step(backend.open())
    yield backend
    step(backend.close())


def turn(version, key=KEY, body=b"body", texts=(), **row):
    """A commit that leads ``key`` from ``version`` to ``version + 1``."""
    seq = version + 1
    record = Record(seq, MESSAGE, version, b"sm%d" % seq, seq, "user", body, texts)
    return Commit(
        key=key, base=version, row=SessionRow(key, seq, 0, seq, b"{}", **row), records=[record],
        attributes=version == 0,
    )  # fmt: skip


def count(backend, key=KEY):
    return len(step(backend.read(key)))


@contextmanager
def exclusive(backend):
    manager = backend.exclusive()
    step(manager.__aenter__())
    try:
        yield
    except BaseException as error:
        step(manager.__aexit__(type(error), error, error.__traceback__))
        raise
    else:
        step(manager.__aexit__(None, None, None))


def test_leaving_by_an_exception_takes_everything_back(backend):
    step(backend.commit(turn(0)))

    def fail():
        with exclusive(backend):
            step(backend.commit(turn(1)))
            assert count(backend) == 2
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert count(backend) == 1
    step(backend.commit(turn(1)))
    assert count(backend) == 2


def test_a_number_that_was_taken_back_goes_to_another_session(backend):
    def fail():
        with exclusive(backend):
            step(backend.commit(turn(0)))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    other = Key("", "other")
    step(backend.commit(turn(0, other)))
    with pytest.raises(ConflictError):
        step(backend.commit(turn(1)))
    step(backend.commit(turn(0)))
    step(backend.commit(turn(1), turn(1, other)))
    assert (count(backend), count(backend, other)) == (2, 2)


def test_a_conflict_inside_takes_back_only_its_own_commit(backend):
    with exclusive(backend):
        step(backend.commit(turn(0)))
        with pytest.raises(ConflictError):
            step(backend.commit(turn(1), turn(5)))
        step(backend.commit(turn(1)))
    assert count(backend) == 2


@pytest.mark.parametrize("base", [0, 1], ids=["create", "append"])
def test_a_lone_conflict_inside_leaves_nothing_behind(backend, base):
    with exclusive(backend):
        for version in range(base + 1):
            step(backend.commit(turn(version)))
        with pytest.raises(ConflictError):
            step(backend.commit(turn(base)))
        step(backend.commit(turn(base + 1)))
    assert count(backend) == base + 2


def test_any_other_failure_inside_takes_all_back(backend):
    def fail():
        with exclusive(backend):
            step(backend.commit(turn(1)))
            twice = turn(2)
            with pytest.raises(InvalidError):
                step(backend.commit(replace(twice, records=[*twice.records, *twice.records])))
            with pytest.raises(UnavailableError):
                step(backend.commit(turn(2)))

    step(backend.commit(turn(0)))
    with pytest.raises(UnavailableError, match="rolled back"):
        fail()
    assert count(backend) == 1
    step(backend.commit(turn(1)))
    assert count(backend) == 2


def test_entering_again_joins(backend):
    with exclusive(backend):
        with exclusive(backend):
            step(backend.commit(turn(0)))
        assert count(backend) == 1
        step(backend.commit(turn(1)))
    assert count(backend) == 2


def test_others_neither_see_nor_wait_for_an_open_transaction(tmp_path):
    backend = SqliteBackend(tmp_path / "a.db")
    step(backend.open())
    step(backend.commit(turn(0)))
    seen = []
    with exclusive(backend):
        step(backend.commit(turn(1)))
        thread = threading.Thread(target=lambda: seen.append(count(backend)))
        thread.start()
        thread.join(5)
        assert seen == [1]
    step(backend.close())


def test_a_transaction_that_sqlite_rolled_back_is_over(tmp_path):
    backend = SqliteBackend(tmp_path / "a.db")
    step(backend.open())
    step(backend.commit(turn(0)))
    pages = backend._connections.writer.pragma("page_count")

    def fill():
        with exclusive(backend):
            step(backend.commit(turn(1)))
            backend._connections.writer.pragma("max_page_count", pages + 2)
            with pytest.raises(FullError):
                step(backend.commit(turn(2, body=b"x" * 100_000)))
            with pytest.raises(UnavailableError):
                count(backend)
            with pytest.raises(UnavailableError):
                step(backend.commit(turn(2)))

    with pytest.raises(UnavailableError, match="rolled back"):
        fill()
    backend._connections.writer.pragma("max_page_count", 1_000_000)
    assert count(backend) == 1
    step(backend.commit(turn(1)))
    assert count(backend) == 2
    step(backend.close())


def test_closing_inside_a_transaction_takes_it_back(tmp_path):
    backend = SqliteBackend(tmp_path / "a.db")
    step(backend.open())

    def close_inside():
        with exclusive(backend):
            step(backend.commit(turn(0)))
            step(backend.close())

    with pytest.raises(UnavailableError, match="is gone"):
        close_inside()
    step(backend.open())
    assert count(backend) == 0
    step(backend.close())


def test_lookup_columns_survive_what_sql_text_cannot_hold(backend):
    names = {"a\0b": "nul", "a\0c": "other nul", "a\ud800b": "surrogate", "": "empty"}
    for name, session_id in names.items():
        row = {
            "name": name,
            "provider": name,
            "model": name,
            "tags": (name,),
            "metadata": ((name, f'"{name}"'),),
        }
        step(backend.commit(turn(0, Key("", session_id), **row)))
    for name, session_id in names.items():
        for query in (
            {"text": name} if name else {"prefix": "empty"},
            {"provider": name},
            {"model": name},
            {"tags": (name,)},
            {"any_tags": (name, "no")},
            {"metadata": ((name, f'"{name}"'),)},
        ):
            found = step(backend.find(RowQuery(namespace="", now=0, **query)))
            assert [row.key.session_id for row in found] == [session_id], (name, query)
    row = step(backend.row(Key("", "nul")))
    assert (row.name, row.tags, row.metadata) == ("a\0b", ("a\0b",), (("a\0b", '"a\0b"'),))


def test_long_metadata_values_are_found_whole(backend):
    long = '"' + "x" * 5000
    for session_id, end in (("a", 'a"'), ("b", 'b"')):
        step(backend.commit(turn(0, Key("", session_id), metadata=(("k", long + end),))))
    (found,) = step(backend.find(RowQuery(namespace="", now=0, metadata=(("k", long + 'b"'),))))
    assert found.key.session_id == "b"
    assert found.metadata == (("k", long + 'b"'),)


def test_a_cost_can_come_and_go_without_attributes(backend):
    costs = [None, 5, 7, None, None]
    for version, cost in enumerate(costs):
        step(backend.commit(turn(version, cost=cost)))
        assert step(backend.row(KEY)).cost == cost
        found = step(backend.find(RowQuery(namespace="", now=0, min_cost=0)))
        assert len(found) == (cost is not None)


@pytest.mark.parametrize(
    "bad",
    [
        Commit(key=KEY, base=0),
        Commit(key=KEY, base=0, row=SessionRow(Key("", "other"), 1, 0, 0, b"")),
        Commit(key=KEY, base=0, row=SessionRow(KEY, 1, 0, 2**63, b"")),
        Commit(key=Key("", "\ud800"), base=0, row=SessionRow(Key("", "\ud800"), 1, 0, 0, b"")),
        Commit(
            key=KEY, base=0, row=SessionRow(KEY, 1, 0, 0, b""),
            records=[Record(1, UPDATE, 0, b"", 0, "narrator", b"")],
        ),
        Commit(
            key=KEY, base=0, row=SessionRow(KEY, 1, 0, 0, b""),
            records=[Record(2**32, UPDATE, 0, b"", 0, "", b"")],
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_stored_is_refused_without_a_trace(backend, bad):
    with pytest.raises(InvalidError):
        step(backend.commit(turn(0, Key("", "fine")), bad))
    assert step(backend.row(Key("", "fine"))) is None


class CountingVfs(apsw.VFS):
    """Counts syncs."""

    def __init__(self, name):
        self.name, self.syncs = name, 0
        super().__init__(name, "")

    def xOpen(self, name, flags):  # noqa: N802  # apsw's name
        return CountingFile(self, name, flags)


class CountingFile(apsw.VFSFile):
    def __init__(self, vfs, name, flags):
        self.vfs = vfs
        super().__init__("", name, flags)

    def xSync(self, flags):  # noqa: N802  # apsw's name
        self.vfs.syncs += 1
        super().xSync(flags)


@pytest.mark.parametrize(("durability", "most"), [("full", 1.05), ("relaxed", 0.05)])
def test_syncs_of_a_lone_append(tmp_path, durability, most):
    vfs = CountingVfs(f"counting-{durability}")
    backend = SqliteBackend(tmp_path / "a.db", vfs=vfs.name, durability=durability)
    step(backend.open())
    step(backend.commit(turn(0)))
    vfs.syncs, appends = 0, 1000
    for version in range(1, appends + 1):
        step(backend.commit(turn(version, body=b"x" * 460, texts=("some words " * 40, "", ""))))
    syncs = vfs.syncs
    step(backend.close())
    assert syncs <= appends * most
    if durability == "full":
        assert syncs >= appends


def ids_of(path):
    conn = apsw.Connection(str(path))
    counts = [conn.execute(f"SELECT count(*) FROM {name}").get for name in ("message_ids", "text_pending")]
    conn.close()
    return counts


@pytest.mark.parametrize("texts", [("some words", "", ""), ()], ids=["texts", "silent"])
def test_message_ids_are_known_waiting_and_indexed(tmp_path, texts):
    path = tmp_path / "a.db"
    backend = SqliteBackend(path)
    step(backend.open())
    for base in range(3):
        step(backend.commit(turn(base, texts=texts)))
    found = step(backend.seqs(KEY, IDS))
    assert len(found) == 3
    deadline = time.monotonic() + 10
    while ids_of(path) != [3, 0] and time.monotonic() < deadline:
        time.sleep(0.005)
    assert ids_of(path) == [3, 0]
    assert step(backend.seqs(KEY, IDS)) == found
    step(backend.close())


def test_message_ids_outlive_erasing_and_reindexing(tmp_path, monkeypatch):
    monkeypatch.setattr(Maintenance, "wake", lambda self: None)
    path = tmp_path / "a.db"
    backend = SqliteBackend(path)
    step(backend.open())
    for base in range(3):
        step(backend.commit(turn(base, texts=("some words", "", ""))))
    found = step(backend.seqs(KEY, IDS))
    assert (len(found), ids_of(path)) == (3, [0, 3])
    step(backend.commit(replace(turn(3), records=(), erased=[(2, b"{}")])))
    assert step(backend.seqs(KEY, IDS)) == found
    step(backend.reindex())
    assert step(backend.seqs(KEY, IDS)) == found
    step(backend.index(KEY, [(1, ("some words", "", ""))]))
    step(backend.indexed())
    readonly = SqliteBackend(path, readonly=True)
    step(readonly.open())
    assert step(readonly.seqs(KEY, IDS)) == found
    step(readonly.close())
    step(backend.close())
    assert ids_of(path) == [3, 0]
    step(backend.open())
    assert step(backend.seqs(KEY, IDS)) == found
    step(backend.commit(Commit(key=KEY, base=4, delete=True)))
    assert ids_of(path) == [0, 0]
    step(backend.close())
