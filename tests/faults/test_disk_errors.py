"""A disk that fails, fills up or loses power under SQLite, at every step."""

from __future__ import annotations

import itertools
import random

import apsw
import pytest

from recollect import FullError, Message, Store, StoreError, UnknownOutcomeError
from recollect.backends.sql import connections, maintenance
from recollect.backends.sql.sqlite import SqliteBackend

from .conftest import rounds
from .disks import Disk, Failing, PowerCut, Quota
from .talk import told, turn, word

# What a failing disk raises inside SQLite's callbacks is shown once more by apsw's own hook.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def checkpoints(monkeypatch):
    """A checkpoint behind nearly every commit."""
    monkeypatch.setattr(connections, "_LOG_PAGES", 8)
    monkeypatch.setattr(maintenance, "_LOG_PAGES", 8)


def on(disk, path):
    """A store on such a disk."""
    return Store(SqliteBackend(path, vfs=disk.name))


def what_is_there(path):
    """The turns of each writer, read by a new process's means; everything is checked."""
    conn = apsw.Connection(str(path))
    assert conn.pragma("integrity_check") == "ok"
    conn.close()
    with Store(f"sqlite:///{path}") as store:
        report = store.verify()
        assert report.clean, report.findings
        turns = told(store.get("s").messages())
        for writer, count in turns.items():
            for number in range(count):
                assert len(store.search(word(writer, number))) == 1
        return turns


def refusal_of(session, number):
    """Append a turn: the typed error, or None. Any other error fails the test."""
    try:
        session.append(*turn("w", number))
    except StoreError as error:
        return error
    return None


def refusal_when_full(session, first):
    """Append turns until one is refused; the refusal, and the number of the turn."""
    for number in range(first, first + 10_000):
        refusal = refusal_of(session, number)
        if refusal is not None:
            return refusal, number
    raise AssertionError("the disk never got full")


STEPS = ("open", "read", "write", "sync", "truncate", "delete", "lock", "size")


@pytest.mark.parametrize("times", [1, 1_000_000])
@pytest.mark.parametrize("error", [apsw.IOError, apsw.FullError])
@pytest.mark.parametrize("kind", STEPS)
def test_an_append_fails_at_any_step(tmp_path, kind, error, times):
    failing = Failing((kind,))
    disk = Disk(failing)
    refusals = []
    for at in itertools.count(1):
        path = tmp_path / f"{at}.db"
        with on(disk, path) as store:
            session = store.open("s")
            session.append(*turn("w", 0))
            failing.arm(at, error, times)
            refusal = refusal_of(session, 1)
            reached = failing.failed
            failing.disarm()
            done = told(session.messages())["w"]
            if refusal is None:
                assert done == 2
            elif not isinstance(refusal, UnknownOutcomeError):
                assert done == 1
            refusals.append(type(refusal))
            session.append(*turn("after", 0))
        assert what_is_there(path) == {"w": done, "after": 1}
        if not reached:
            break
    if kind in ("write", "sync"):
        assert len(refusals) > 1
        # A lone failure of the disk may be got over, for the commit is tried again.
        assert (times == 1 and error is apsw.IOError) or set(refusals) > {type(None)}


@pytest.mark.parametrize("error", [apsw.IOError, apsw.FullError])
@pytest.mark.parametrize("kind", ["write", "sync", "read"])
def test_opening_fails_at_any_step(tmp_path, kind, error):
    failing = Failing((kind,))
    disk = Disk(failing)
    path = tmp_path / "a.db"
    with on(disk, path) as store:
        store.open("s").append(*turn("w", 0))
    done = 1
    for at in range(1, rounds(25, 200)):
        failing.arm(at, error)
        try:
            with on(disk, path) as store:
                store.open("s").append(*turn("w", done))
                done += 1
                failing.disarm()  # what is raised while a handle is closed, apsw hands on as it is
        except StoreError:
            failing.disarm()
            with Store(f"sqlite:///{path}") as store:
                found = told(store.get("s").messages())["w"]
            assert found in (done, done + 1)
            done = found
    failing.disarm()
    assert what_is_there(path) == {"w": done}


@pytest.mark.parametrize("kind", ["write", "sync"])
def test_work_behind_the_commits_fails_at_any_step(tmp_path, checkpoints, kind):
    failing = Failing((kind,), own=False)
    disk = Disk(failing)
    path = tmp_path / "a.db"
    with on(disk, path) as store:
        session = store.open("s")
        for number in range(rounds(12, 100)):
            failing.arm(number + 1, apsw.IOError)
            session.append(*turn("w", number))
            assert len(store.search(word("w", number))) == 1
        failing.disarm()
    assert what_is_there(path) == {"w": rounds(12, 100)}


def test_a_full_disk(tmp_path):
    quota = Quota()
    disk = Disk(quota)
    path = tmp_path / "a.db"
    done = 0
    with on(disk, path) as store:
        session = store.open("s")
        for room in (100_000, 300_000, 1_000_000):
            quota.limit = quota.used + room
            refusal, done = refusal_when_full(session, done)
            assert isinstance(refusal, FullError)
            assert "nothing was written" in str(refusal)
            for _ in range(3):
                with pytest.raises(FullError):
                    store.open(f"n{room}").append(Message.user("x" * 1_300_000))
            assert told(session.messages()) == {"w": done}
            assert store.get("s").info.message_count == 2 * done
            assert len(store.search(word("w", done - 1))) == 1
            with Store(f"sqlite:///{path}", readonly=True) as other:
                assert told(other.get("s").messages()) == {"w": done}
            quota.limit = 2**62
            session.append(*turn("w", done))
            done += 1
    assert what_is_there(path) == {"w": done}


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_power_cut_loses_nothing_acknowledged(tmp_path, checkpoints, share):
    power = PowerCut()
    disk = Disk(power)
    chance = random.Random(share)
    with on(disk, tmp_path / "a.db") as store:
        session = store.open("s")
        for number in range(rounds(25, 200)):
            session.append(*turn("w", number))
            left = tmp_path / str(number)
            left.mkdir(mode=0o700)
            power.leave(left, lambda: chance.random() < share)
            assert what_is_there(left / "a.db") == {"w": number + 1}
