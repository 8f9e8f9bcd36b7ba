"""``exclusive()``: one write transaction in which commits nest as savepoints."""

from __future__ import annotations

import threading

import pytest

from ..backend import Commit
from ..errors import ConflictError
from . import making as m
from .base import BackendTests, Connect, reopen, stored
from .driving import Driven

__all__ = ["TransactionContract"]


class _Stop(Exception):
    """Raised by the tests inside a transaction."""


class TransactionContract(BackendTests):
    """Transactions: all or nothing, reads inside, savepoints, nesting, waiting."""

    @pytest.fixture
    def t(self, b: Driven) -> Driven:
        """The engine, with one session; skips where transactions are not declared."""
        if not b.capabilities.transactions:
            pytest.skip("this engine declares transactions=False")
        b.commit(m.create(m.key(), ["first"], tags=("t",)))
        return b

    def test_all_commits_inside_become_durable_together(self, t: Driven, connect: Connect) -> None:
        async def work() -> None:
            async with t.exclusive.exclusive():
                await t.backend.commit(m.create(m.key("a"), ["x"]))
                await t.backend.commit(m.create(m.key("b"), ["x"]), m.create(m.key("c"), ["x"]))

        t.run(work())
        assert {row.key.session_id for row in t.find(m.query())} == {"s1", "a", "b", "c"}
        if t.capabilities.durable:
            again = reopen(t, connect)
            assert len(again.find(m.query())) == 4

    def test_an_exception_undoes_everything(self, t: Driven, connect: Connect) -> None:
        before, log = stored(t, m.key()), t.read(m.key())
        row = m.row(m.key(), 2, tags=("new",), name="new")
        new = Commit(
            key=m.key(),
            base=1,
            row=row,
            records=[m.message(2, "undone")],
            erased=[(1, b"gone")],
            blobs={m.digest(b"x"): b"x"},
        )

        async def work() -> None:
            async with t.exclusive.exclusive():
                await t.backend.commit(new)
                await t.backend.commit(m.create(m.key("a"), ["undone"]))
                await t.backend.commit(m.remove(row))
                await t.backend.commit(m.create(m.key(), ["undone again", "and again"]))
                raise _Stop

        with pytest.raises(_Stop):
            t.run(work())
        for _ in range(2):
            assert t.row(m.key()) == before
            assert t.read(m.key()) == log
            assert t.row(m.key("a")) is None
            assert t.seqs(m.key(), [b"s1", b"s2"]) == {b"s1": 1}
            assert t.blob(m.key(), m.digest(b"x")) is None
            assert [r.key for r in t.find(m.query(tags=("t",)))] == [m.key()]
            assert t.find(m.query(tags=("new",))) == []
            if t.capabilities.text_search:
                assert t.search(m.words("undone")) == []
                assert len(t.search(m.words("first"))) == 1
            if t.capabilities.durable:
                t = reopen(t, connect)

    def test_reads_inside_see_the_writes(self, t: Driven) -> None:
        async def work() -> None:
            async with t.exclusive.exclusive():
                await t.backend.commit(m.append(stored_row, ["second word"]))
                row = await t.backend.row(m.key())
                assert row is not None
                assert row.version == 2
                assert len(await t.backend.read(m.key())) == 2
                assert await t.backend.seqs(m.key(), [b"s2"]) == {b"s2": 2}
                assert [r.version for r in await t.backend.find(m.query())] == [2]
                if t.capabilities.text_search:
                    assert len(await t.searcher.search(m.words("second"))) == 1

        stored_row = stored(t, m.key())
        t.run(work())
        assert stored(t, m.key()).version == 2

    def test_a_search_inside_an_undone_transaction_leaves_nothing(self, t: Driven) -> None:
        if not t.capabilities.text_search:
            pytest.skip("this engine declares text_search=False")

        async def work() -> None:
            async with t.exclusive.exclusive():
                await t.backend.commit(m.create(m.key("a"), ["ghost"]))
                assert len(await t.searcher.search(m.words("ghost"))) == 1
                raise _Stop

        with pytest.raises(_Stop):
            t.run(work())
        assert t.search(m.words("ghost")) == []
        assert len(t.search(m.words("first"))) == 1

    def test_a_failed_commit_inside_is_undone_alone(self, t: Driven) -> None:
        before = stored(t, m.key())

        async def work() -> None:
            async with t.exclusive.exclusive():
                await t.backend.commit(m.create(m.key("a"), ["x"]))
                with pytest.raises(ConflictError):
                    await t.backend.commit(
                        m.append(before, ["y"]), Commit(key=m.key("a"), base=9, delete=True)
                    )
                await t.backend.commit(m.create(m.key("b"), ["x"]))

        t.run(work())
        assert {row.key.session_id for row in t.find(m.query())} == {"s1", "a", "b"}
        assert t.row(m.key()) == before
        assert len(t.read(m.key())) == 1

    def test_entering_again_joins_the_outer_one(self, t: Driven) -> None:
        async def work() -> None:
            async with t.exclusive.exclusive():
                async with t.exclusive.exclusive():
                    await t.backend.commit(m.create(m.key("a"), ["x"]))
                assert await t.backend.row(m.key("a")) is not None
                raise _Stop

        with pytest.raises(_Stop):
            t.run(work())
        assert t.row(m.key("a")) is None

    def test_an_empty_transaction_and_one_that_only_reads(self, t: Driven) -> None:
        async def work() -> int:
            async with t.exclusive.exclusive():
                return len(await t.backend.read(m.key()))

        assert t.run(work()) == 1
        assert t.run(work()) == 1
        t.commit(m.append(stored(t, m.key()), ["works after it"]))

    def test_transactions_of_threads_do_not_mix(self, t: Driven) -> None:
        rounds, threads = 10, 4
        errors: list[BaseException] = []

        async def add_one() -> None:
            async with t.exclusive.exclusive():
                row = await t.backend.row(m.key())
                assert row is not None
                await t.backend.commit(m.append(row, ["x"], message_count=row.message_count + 1))

        def work() -> None:
            try:
                for _ in range(rounds):
                    t.run(add_one())
            except BaseException as error:  # noqa: BLE001  # judged below
                errors.append(error)

        workers = [threading.Thread(target=work) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert errors == []
        assert stored(t, m.key()).message_count == rounds * threads
        assert len(t.read(m.key())) == rounds * threads + 1
