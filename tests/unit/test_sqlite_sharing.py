"""One SQLite file among threads, processes and forked children."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import apsw
import pytest

from recollect.backend import MESSAGE, Commit, Key, Record, SessionRow
from recollect.backends.sql.sqlite import SqliteBackend
from recollect.errors import BusyError, ConflictError, UnavailableError
from recollect.stepping import step

KEY = Key("", "s")
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


def opened(path, **options):
    backend = SqliteBackend(path, **options)
    step(backend.open())
    return backend


def append(backend, base, key=KEY):
    record = Record(base + 1, MESSAGE, base, b"", 0, "user", b"%d" % os.getpid(), (f"word{base}", "", ""))
    row = SessionRow(key, base + 1, 0, base, b"{}")
    step(backend.commit(Commit(key=key, base=base, row=row, records=[record], attributes=base == 0)))


def append_on(backend, times):
    """Append to KEY as often as this, against whoever else does."""
    done = 0
    while done < times:
        row = step(backend.row(KEY))
        try:
            append(backend, row.version if row else 0)
            done += 1
        except ConflictError:
            pass


WRITER = """
import sys
sys.path.insert(0, sys.argv[1])
from test_sqlite_sharing import append_on, opened, step
backend = opened(sys.argv[2])
append_on(backend, int(sys.argv[3]))
step(backend.close())
"""


def test_processes_that_append_to_one_session(tmp_path):
    arguments = [os.path.dirname(__file__), str(tmp_path / "a.db"), "25"]
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, *arguments]) for _ in range(4)]
    assert [writer.wait(60) for writer in writers] == [0] * 4
    backend = opened(tmp_path / "a.db")
    records = step(backend.read(KEY))
    assert [(seq, parent) for seq, _, parent, _ in records] == [(n, n - 1) for n in range(1, 101)]
    step(backend.close())


def test_threads_that_append_to_one_session(tmp_path):
    backend = opened(tmp_path / "a.db")
    threads = [threading.Thread(target=append_on, args=(backend, 25)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [record[0] for record in step(backend.read(KEY))] == list(range(1, 101))
    step(backend.close())


def test_readers_of_ended_threads_are_closed(tmp_path):
    backend = opened(tmp_path / "a.db")
    append(backend, 0)
    for _ in range(20):
        thread = threading.Thread(target=lambda: step(backend.read(KEY)))
        thread.start()
        thread.join()
    assert len(backend._connections._all) < 5
    step(backend.close())


def test_a_held_lock_is_busy_after_the_timeout(tmp_path):
    first, second = opened(tmp_path / "a.db"), opened(tmp_path / "a.db", timeout=0.05)
    manager = first.exclusive()
    step(manager.__aenter__())
    append(first, 0)
    with pytest.raises(BusyError, match=r"a\.db\.lock"):
        append(second, 0)
    assert step(second.read(KEY)) == []
    step(manager.__aexit__(None, None, None))
    with pytest.raises(ConflictError):
        append(second, 0)
    step(first.close())
    step(second.close())


def test_a_foreign_tool_in_a_transaction_is_waited_for(tmp_path):
    backend = opened(tmp_path / "a.db", timeout=0.05)
    append(backend, 0)
    foreign = apsw.Connection(str(tmp_path / "a.db"))
    foreign.execute("BEGIN IMMEDIATE")
    with pytest.raises(BusyError, match="Another program"):
        append(backend, 1)
    foreign.execute("COMMIT")
    append(backend, 1)
    foreign.close()
    step(backend.close())


def test_opening_does_not_wait_for_a_writer(tmp_path):
    first = opened(tmp_path / "a.db")
    manager = first.exclusive()
    step(manager.__aenter__())
    append(first, 0)
    second = opened(tmp_path / "a.db", timeout=0.0)
    assert step(second.read(KEY)) == []
    step(manager.__aexit__(None, None, None))
    assert len(step(second.read(KEY))) == 1
    step(first.close())
    step(second.close())


def test_closing_does_not_wait_for_ever(tmp_path):
    first, second = opened(tmp_path / "a.db"), opened(tmp_path / "a.db", timeout=0.05)
    append(first, 0)
    append(second, 1)
    manager = first.exclusive()
    step(manager.__aenter__())
    append(first, 2)
    step(second.close())
    step(manager.__aexit__(None, None, None))
    assert len(step(first.read(KEY))) == 3
    step(first.close())


def in_child(work):
    """Run ``work`` in a forked process; what it returned, as text."""
    answers, answer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(answer, str(work()).encode())
        except BaseException as error:  # noqa: BLE001  # the parent shows it
            os.write(answer, repr(error).encode())
        finally:
            os._exit(0)
    os.close(answer)
    with open(answers, "rb") as file:
        text = file.read().decode()
    os.waitpid(child, 0)
    return text


@forks
def test_a_forked_child_opens_anew(tmp_path):
    backend = opened(tmp_path / "a.db")
    append(backend, 0)
    assert len(step(backend.read(KEY))) == 1
    handles = list(backend._connections._all)

    def work():
        append(backend, 1)
        fresh = all(conn is not old for _, conn in backend._connections._all for _, old in handles)
        read = len(step(backend.read(KEY)))
        step(backend.close())
        return fresh, read

    assert in_child(work) == "(True, 2)"
    assert (tmp_path / "a.db-wal").exists()  # the child's close was not the last
    append(backend, 2)
    assert len(step(backend.read(KEY))) == 3
    step(backend.close())


@forks
def test_a_fork_inside_a_transaction_leaves_it_to_the_parent(tmp_path):
    backend = opened(tmp_path / "a.db", timeout=0.05)
    append(backend, 0)
    manager = backend.exclusive()
    step(manager.__aenter__())
    append(backend, 1)

    def work():
        seen = len(step(backend.read(KEY)))
        with pytest.raises(BusyError):
            append(backend, 1)
        with pytest.raises(UnavailableError, match="forked"):
            step(manager.__aexit__(None, None, None))
        return seen

    assert in_child(work) == "1"
    step(manager.__aexit__(None, None, None))
    assert len(step(backend.read(KEY))) == 2
    step(backend.close())


@forks
def test_a_forked_child_of_a_store_in_memory_has_a_copy(tmp_path):
    backend = opened(":memory:")
    append(backend, 0)

    def work():
        append(backend, 1)
        return len(step(backend.read(KEY)))

    assert in_child(work) == "2"
    assert len(step(backend.read(KEY))) == 1
    step(backend.close())


def test_a_session_that_another_handle_created_anew(tmp_path):
    backend, other = opened(tmp_path / "a.db"), opened(tmp_path / "a.db")
    append(backend, 0)
    append(backend, 1)
    step(other.commit(Commit(key=KEY, base=2, row=None, delete=True)))
    append(other, 0, Key("", "between"))
    append(other, 0)
    with pytest.raises(ConflictError):
        append(backend, 2)
    append(backend, 1)
    assert [seq for seq, *_ in step(backend.read(KEY))] == [1, 2]
    assert len(step(backend.read(Key("", "between")))) == 1
    step(backend.close())
    step(other.close())
