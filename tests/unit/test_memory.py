"""What only the memory engine does: undoing in memory, copies after a fork, texts kept for its index."""

from __future__ import annotations

import os
import threading

import pytest

from recollect.backends.memory import MemoryBackend
from recollect.testing import making as m
from recollect.testing.driving import Driven, step


@pytest.fixture
def memory():
    backend = Driven(MemoryBackend())
    backend.open()
    return backend


def test_two_share_nothing(memory):
    memory.commit(m.create(m.key(), ["x"]))
    other = Driven(MemoryBackend())
    other.open()
    assert other.row(m.key()) is None
    assert other.namespaces() == []


def test_closing_keeps_the_data(memory):
    memory.commit(m.create(m.key(), ["needle"]))
    memory.close()
    memory.open()
    assert len(memory.search(m.words("needle"))) == 1


def test_texts_wait_for_the_next_search(memory):
    memory.commit(m.create(m.key(), ["one", "two", m.update(3)]))
    memory.commit(m.create(m.key("a", "other"), ["three"]))
    assert (memory.figures(m.NS).unindexed, memory.figures().unindexed) == (2, 3)
    memory.search(m.words("one"))
    assert memory.figures().unindexed == 0


def test_other_threads_wait_for_a_transaction(memory):
    entered, seen = threading.Event(), []

    def look():
        entered.wait()
        seen.append(memory.row(m.key()))

    async def write():
        async with memory.exclusive.exclusive():
            await memory.backend.commit(m.create(m.key(), ["x"]))
            entered.set()
            looker.join(timeout=0.05)
            assert looker.is_alive()

    looker = threading.Thread(target=look)
    looker.start()
    step(write())
    looker.join()
    assert seen[0] is not None


def test_a_closed_one_has_no_transactions(memory):
    async def enter():
        async with memory.exclusive.exclusive():
            raise AssertionError("entered")

    memory.close()
    with pytest.raises(Exception, match="not open"):
        step(enter())
    memory.open()
    memory.commit(m.create(m.key(), ["the lock is free"]))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_has_a_copy_and_free_locks(memory):
    memory.commit(m.create(m.key(), ["needle"]))
    memory.search(m.words("needle"))
    inside, done = threading.Event(), threading.Event()

    async def hold():
        async with memory.exclusive.exclusive():
            await memory.backend.commit(m.create(m.key("half"), ["x"]))
            inside.set()
            done.wait(0.2)

    holder = threading.Thread(target=lambda: step(hold()))
    holder.start()
    inside.wait()
    child = os.fork()
    if child == 0:
        whole = memory.row(m.key("half")) is not None and len(memory.search(m.words("needle"))) == 1
        memory.commit(m.create(m.key("child"), ["needle"]))
        os._exit(0 if whole and len(memory.search(m.words("needle"))) == 2 else 1)
    done.set()
    holder.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert memory.row(m.key("child")) is None
    assert len(memory.search(m.words("needle"))) == 1
