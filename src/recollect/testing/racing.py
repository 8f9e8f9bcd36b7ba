"""Contract 1 under contention: of N writers at one base exactly one wins, whoever they are."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from typing import Any

import pytest

from ..backend import Commit, Key, SessionRow
from ..errors import ConflictError, StoreError
from . import making as m
from .base import BackendTests, Connect, MakeBackend, stored
from .driving import Driven

__all__ = ["RaceContract"]

_WRITERS = 8
_ROUNDS = 10
_PROCESSES = 4
_APPENDS = 12


def _together(count: int, work: Callable[[int], Any]) -> list[Any]:
    """What ``work(0)`` … ``work(count - 1)`` returned or raised, all started at one moment."""
    start = threading.Barrier(count)
    results: list[Any] = [None] * count

    def run(number: int) -> None:
        start.wait()
        try:
            results[number] = work(number)
        except Exception as error:  # noqa: BLE001  # handed to the test, which judges it
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def _contender(before: SessionRow, writer: int) -> Commit:
    name = b"r%d w%d" % (before.version, writer)
    new = m.message(before.version + 1, f"racer{writer}x", message_id=b"s" + name, body=name)
    commit = m.append(before, [new], body=name)
    return Commit(
        key=before.key, base=commit.base, row=commit.row, records=commit.records, blobs={m.digest(name): name}
    )


def _append_until_done(b: Driven, key: Key, writer: int, count: int) -> int:
    """Add ``count`` messages, starting over at every conflict; the number of conflicts met."""
    conflicts, done = 0, 0
    while done < count:
        before = stored(b, key)
        name = b"w%d n%d" % (writer, done)
        new = m.message(before.version + 1, message_id=b"s" + name, body=name)
        try:
            b.commit(m.append(before, [new], message_count=before.message_count + 1))
        except ConflictError:
            conflicts += 1
        else:
            done += 1
    return conflicts


def _check_appends(b: Driven, key: Key, writers: int, count: int) -> None:
    """Every append is there once, each writer's in its order, without gaps."""
    total = writers * count
    log = b.read(key, after=1)
    assert [record[0] for record in log] == list(range(2, total + 2))
    assert (stored(b, key).version, stored(b, key).message_count) == (total + 1, total)
    for writer in range(writers):
        mine = [body for _, _, _, body in log if body.startswith(b"w%d " % writer)]
        assert mine == [b"w%d n%d" % (writer, n) for n in range(count)]


class RaceContract(BackendTests):
    """Writers that race: threads of one backend, backends on the same data, processes."""

    def test_of_racing_threads_exactly_one_wins(self, b: Driven) -> None:
        self._race(b, [b] * _WRITERS)

    def test_of_racing_backends_exactly_one_wins(self, b: Driven, connect: Connect) -> None:
        if not b.capabilities.shared:
            pytest.skip("this engine declares shared=False")
        self._race(b, [connect() for _ in range(_WRITERS)])

    def _race(self, b: Driven, writers: list[Driven]) -> None:
        b.commit(m.create(m.key(), ["first"]))
        for _ in range(_ROUNDS):
            before = stored(b, m.key())
            offers = [_contender(before, n) for n in range(len(writers))]
            outcomes = _together(len(writers), lambda n, o=offers: writers[n].commit(o[n]))  # type: ignore[misc]  # bound now
            winners = [n for n, outcome in enumerate(outcomes) if outcome is None]
            losers = [outcome for outcome in outcomes if outcome is not None]
            assert len(winners) == 1, outcomes
            assert all(type(outcome) is ConflictError for outcome in losers), losers
            assert b.row(m.key()) == offers[winners[0]].row
            assert b.read(m.key(), after=before.version)[0][3] == offers[winners[0]].records[0].body
            assert len(b.read(m.key())) == before.version + 1
            for number, offer in enumerate(offers):
                won = number == winners[0]
                record = offer.records[0]
                assert (b.seqs(m.key(), [record.message_id]) != {}) is won
                assert (b.blob(m.key(), m.digest(record.body)) is not None) is won
        if b.capabilities.text_search:
            hits = [len(b.search(m.words(f"racer{n}x"))) for n in range(len(writers))]
            assert sum(hits) == _ROUNDS

    def test_of_racing_creators_exactly_one_wins(self, b: Driven) -> None:
        for n in range(_ROUNDS):
            key = m.key(f"new{n}")
            offers = [m.create(key, [m.message(1, body=b"%d" % writer)]) for writer in range(_WRITERS)]
            outcomes = _together(_WRITERS, lambda w, o=offers: b.commit(o[w]))  # type: ignore[misc]  # bound now
            winners = [writer for writer, outcome in enumerate(outcomes) if outcome is None]
            assert len(winners) == 1, outcomes
            assert all(type(outcome) is ConflictError for outcome in outcomes if outcome is not None)
            assert [record[3] for record in b.read(key)] == [b"%d" % winners[0]]

    def test_a_delete_races_like_any_commit(self, b: Driven) -> None:
        for n in range(_ROUNDS):
            key = m.key(f"s{n}")
            b.commit(m.create(key, ["x"]))
            before = stored(b, key)
            offers = [m.remove(before), m.append(before, ["y"])]
            outcomes = _together(2, lambda w, o=offers: b.commit(o[w]))  # type: ignore[misc]  # bound now
            assert [outcome is None for outcome in outcomes].count(True) == 1, outcomes
            deleted = outcomes[0] is None
            assert (b.row(key) is None) is deleted
            assert len(b.read(key)) == (0 if deleted else 2)

    def test_threads_lose_no_append(self, b: Driven) -> None:
        b.commit(m.create(m.key(), ["first"]))
        outcomes = _together(_PROCESSES, lambda n: _append_until_done(b, m.key(), n, _APPENDS))
        assert all(isinstance(outcome, int) for outcome in outcomes), outcomes
        _check_appends(b, m.key(), _PROCESSES, _APPENDS)

    def test_threads_on_sessions_of_their_own_never_conflict(self, b: Driven) -> None:
        keys = [m.key(f"s{n}") for n in range(_WRITERS)]
        for key in keys:
            b.commit(m.create(key, ["first"]))
        assert _together(_WRITERS, lambda n: _append_until_done(b, keys[n], n, _APPENDS)) == [0] * _WRITERS
        for writer, key in enumerate(keys):
            assert [r[3] for r in b.read(key, after=1)] == [b"w%d n%d" % (writer, n) for n in range(_APPENDS)]

    def test_readers_never_see_half_a_commit(self, b: Driven) -> None:
        b.commit(m.create(m.key(), ["first"]))
        done = threading.Event()

        def look() -> int:
            looks = 0
            while not done.is_set():
                row = stored(b, m.key())
                log = b.read(m.key())
                assert len(log) >= row.version, "the row was visible before its records"
                assert [record[0] for record in log] == list(range(1, len(log) + 1))
                assert len(log) % 3 == 1, "part of a commit was visible"
                looks += 1
            return looks

        def write() -> None:
            try:
                for _ in range(60):
                    b.commit(m.append(stored(b, m.key()), ["a", "b", "c"]))
            finally:
                done.set()

        outcomes = _together(3, lambda n: write() if n == 0 else look())
        assert outcomes[0] is None, outcomes
        assert all(isinstance(outcome, int) for outcome in outcomes[1:]), outcomes

    @pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
    def test_processes_lose_no_append(self, make_backend: MakeBackend) -> None:
        first = Driven(make_backend())
        first.open()
        shared = first.capabilities.shared
        first.commit(m.create(m.key(), ["first"]))
        first.close()
        if not shared:
            pytest.skip("this engine declares shared=False")
        context = multiprocessing.get_context("fork")
        start, failures = context.Barrier(_PROCESSES), context.SimpleQueue()

        def work(writer: int) -> None:
            mine = Driven(make_backend())
            try:
                mine.open()
                start.wait(timeout=60)
                _append_until_done(mine, m.key(), writer, _APPENDS)
                mine.close()
            except (StoreError, AssertionError, threading.BrokenBarrierError) as error:
                failures.put(repr(error))

        children = [context.Process(target=work, args=(number,)) for number in range(_PROCESSES)]
        for child in children:
            child.start()
        for child in children:
            child.join()
        assert failures.empty(), failures.get()
        assert [child.exitcode for child in children] == [0] * _PROCESSES
        first.open()
        _check_appends(first, m.key(), _PROCESSES, _APPENDS)
        first.close()
