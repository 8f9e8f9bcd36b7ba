"""The lock between threads and processes."""

from __future__ import annotations

import os
import threading
import time

import pytest

from recollect.backends.filelock import FileLock
from recollect.errors import AccessError, BusyError

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "a.lock")


@pytest.mark.parametrize("same", [True, False])
def test_a_second_holder_waits_until_its_deadline(path, same):
    first = FileLock(path)
    second = first if same else FileLock(path)
    first.acquire(1)
    assert not second.try_acquire()
    began = time.monotonic()
    with pytest.raises(BusyError, match=r"a\.lock for more than 0\.05 s"):
        second.acquire(0.05)
    assert 0.05 <= time.monotonic() - began < 1
    first.release()
    second.acquire(5)  # the wait that was given up may come and go first
    second.release()


def test_a_lock_without_a_file_is_between_threads():
    lock = FileLock(None)
    lock.acquire(1)
    assert not lock.try_acquire()
    lock.release()
    assert lock.try_acquire()
    lock.release()


def test_waiting_threads_are_counted(path):
    lock = FileLock(path)
    lock.acquire(1)
    thread = threading.Thread(target=lambda: (lock.acquire(5), lock.release()))
    thread.start()
    deadline = time.monotonic() + 5
    while not lock.waiting and time.monotonic() < deadline:
        time.sleep(0.001)
    assert lock.waiting == 1
    lock.release()
    thread.join()
    assert lock.waiting == 0


def test_the_file_is_private_and_comes_back(path):
    lock = FileLock(path)
    lock.acquire(1)
    assert os.stat(path).st_mode & 0o777 == 0o600
    lock.close()
    lock.release()
    os.unlink(path)
    lock.acquire(1)
    lock.release()
    assert os.path.exists(path)


def test_a_missing_folder_is_one_sentence(tmp_path):
    lock = FileLock(str(tmp_path / "no" / "a.lock"))
    for _ in range(2):  # a failed attempt must not leave the lock taken
        with pytest.raises(AccessError, match="cannot be opened"):
            lock.acquire(1)


def test_a_wait_that_was_given_up_leaves_nothing_behind(path):
    others = set(threading.enumerate())  # of stores that other tests left open
    first, second = FileLock(path), FileLock(path)
    first.acquire(1)
    for _ in range(3):
        with pytest.raises(BusyError):
            second.acquire(0.01)
    first.release()
    second.acquire(5)  # behind the three waits that were given up, which come and go
    second.release()
    third = FileLock(path)
    third.acquire(5)
    third.close()
    third.release()
    deadline = time.monotonic() + 5
    while any(t.name == "recollect-lock" for t in threading.enumerate() if t not in others):
        assert time.monotonic() < deadline
        second.close()
        time.sleep(0.01)


def test_one_waiter_serves_again_and_again(path):
    first, second = FileLock(path), FileLock(path)
    for _ in range(5):
        first.acquire(1)
        timer = threading.Timer(0.01, first.release)
        timer.start()
        second.acquire(5)
        assert not first.try_acquire()
        second.release()
        timer.join()
    waiters = [thread for thread in threading.enumerate() if thread.name == "recollect-lock"]
    assert len(waiters) == 1
    second.close()
    waiters[0].join(5)
    assert not waiters[0].is_alive()


@forks
def test_a_forked_child_neither_holds_nor_keeps_the_lock(path):
    lock = FileLock(path)
    lock.acquire(1)
    goes_on, stop = os.pipe()
    (answers, answer) = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(answer, b"free" if lock.try_acquire() else b"held")
            os.close(stop)
            os.read(goes_on, 1)
        finally:
            os._exit(0)
    assert os.read(answers, 4) == b"held"
    lock.release()
    other = FileLock(path)
    assert other.try_acquire()  # though the child, still alive, had a copy of the open file
    other.release()
    for fd in (stop, goes_on, answers, answer):
        os.close(fd)
    os.waitpid(child, 0)
