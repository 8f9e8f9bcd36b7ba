"""Contract 1: a commit is atomic, guarded by its base, and durable when it returns."""

from __future__ import annotations

import pytest
from msgspec import structs

from ..backend import Commit
from ..errors import ConflictError, InvalidError, UnsupportedError
from . import making as m
from .base import BackendTests, Connect, reopen, stored
from .driving import Driven

__all__ = ["CommitContract"]


class CommitContract(BackendTests):
    """Commits: bases, conflicts, atomicity over several sessions, durability."""

    def test_a_created_session_is_there(self, b: Driven) -> None:
        commit = m.create(m.key(), ["one", "two"])
        b.commit(commit)
        assert b.row(m.key()) == commit.row
        assert [(seq, body) for seq, _, _, body in b.read(m.key())] == [(1, b'{"n":1}'), (2, b'{"n":2}')]

    def test_an_append_moves_the_version(self, b: Driven) -> None:
        b.commit(m.create(m.key(), ["one"]))
        commit = m.append(stored(b, m.key()), ["two", "three"], updated_at=m.NOW + 1, message_count=3, cost=7)
        b.commit(commit)
        assert b.row(m.key()) == commit.row
        assert [record[0] for record in b.read(m.key())] == [1, 2, 3]

    @pytest.mark.parametrize("base", [0, 1, 3, 99])
    def test_a_wrong_base_is_refused_without_a_trace(self, b: Driven, base: int) -> None:
        first = m.create(m.key(), ["one", "two"])
        b.commit(first)
        late = Commit(
            key=m.key(),
            base=base,
            row=m.row(m.key(), base + 1, name="late", tags=("late",)),
            records=[m.message(base + 1, "late", message_id=b"slate")],
            blobs={m.digest(b"late"): b"late"},
            erased=[(1, b"gone")],
        )
        with pytest.raises(ConflictError) as caught:
            b.commit(late)
        assert caught.value.retryable
        assert m.key().session_id in str(caught.value)
        assert b.row(m.key()) == first.row
        assert [record[3] for record in b.read(m.key())] == [b'{"n":1}', b'{"n":2}']
        assert b.seqs(m.key(), [b"slate"]) == {}
        assert b.blob(m.key(), m.digest(b"late")) is None
        assert b.find(m.query(tags=("late",))) == []

    @pytest.mark.parametrize("base", [1, 7])
    def test_a_base_of_a_session_that_is_not_there_is_a_conflict(self, b: Driven, base: int) -> None:
        with pytest.raises(ConflictError):
            b.commit(Commit(key=m.key(), base=base, row=m.row(m.key(), 8), records=[m.message(8)]))
        with pytest.raises(ConflictError):
            b.commit(Commit(key=m.key(), base=base, delete=True))
        assert b.row(m.key()) is None
        assert b.namespaces() == []

    def test_bases_belong_to_one_session(self, b: Driven) -> None:
        b.commit(m.create(m.key("a"), ["x", "y", "z"]))
        b.commit(m.create(m.key("b"), ["x"]))
        b.commit(m.append(stored(b, m.key("b")), ["y"]))
        assert (stored(b, m.key("a")).version, stored(b, m.key("b")).version) == (3, 2)

    def test_several_sessions_change_together(self, b: Driven) -> None:
        commits = [m.create(m.key(name), ["x"], name=name) for name in "abc"]
        if not b.capabilities.transactions:
            with pytest.raises(UnsupportedError):
                b.commit(*commits)
            assert b.find(m.query()) == []
            return
        b.commit(*commits)
        assert {row.key.session_id for row in b.find(m.query())} == set("abc")

    @pytest.mark.parametrize("wrong", [0, 1, 2])
    def test_one_conflict_among_several_undoes_all(self, b: Driven, wrong: int) -> None:
        if not b.capabilities.transactions:
            pytest.skip("this engine declares transactions=False")
        names = ["a", "b", "c"]
        for name in names:
            b.commit(m.create(m.key(name), ["x"]))
        rows = [stored(b, m.key(name)) for name in names]
        commits = [m.append(row, [m.message(2, "new", message_id=b"snew")], cost=1) for row in rows]
        commits[wrong] = Commit(
            key=m.key(names[wrong]), base=5, row=m.row(m.key(names[wrong]), 6), records=[m.message(6)]
        )
        with pytest.raises(ConflictError):
            b.commit(*commits)
        for name, row in zip(names, rows, strict=True):
            assert b.row(m.key(name)) == row
            assert len(b.read(m.key(name))) == 1
            assert b.seqs(m.key(name), [b"snew"]) == {}

    def test_commits_of_one_call_see_each_other(self, b: Driven) -> None:
        if not b.capabilities.transactions:
            pytest.skip("this engine declares transactions=False")
        first = m.create(m.key(), ["one"])
        assert first.row is not None
        second = m.append(first.row, ["two"])
        b.commit(first, second)
        assert b.row(m.key()) == second.row
        assert len(b.read(m.key())) == 2

    def test_no_commit_is_no_change(self, b: Driven) -> None:
        if b.capabilities.transactions:
            b.commit()
        assert b.namespaces() == []

    def test_a_commit_survives_a_new_backend(self, b: Driven, connect: Connect) -> None:
        blob = b"x" * 100_000
        commit = m.create(m.key(), ["one", "two"], name="n", tags=("a", "b"), metadata=(("k", "1"),), cost=3)
        commit = structs.replace(commit, blobs={m.digest(blob): blob})
        b.commit(commit)
        before = b.read(m.key())
        again = reopen(b, connect)
        assert again.row(m.key()) == commit.row
        assert again.read(m.key()) == before
        assert again.seqs(m.key(), [b"s2"]) == {b"s2": 2}
        assert again.blob(m.key(), m.digest(blob)) == blob
        assert again.find(m.query(tags=("a",), metadata=(("k", "1"),))) == [commit.row]

    def test_a_second_backend_sees_a_commit_at_once(self, b: Driven, connect: Connect) -> None:
        if not b.capabilities.shared:
            pytest.skip("this engine declares shared=False")
        other = connect()
        for n in range(1, 6):
            writer, reader = (b, other) if n % 2 else (other, b)
            current = writer.row(m.key())
            writer.commit(m.append(current, [f"word{n}"]) if current else m.create(m.key(), ["word1"]))
            assert stored(reader, m.key()).version == n
            assert [record[0] for record in reader.read(m.key())] == list(range(1, n + 1))

    def test_a_body_that_is_too_large_is_refused_before_anything_is_written(self, b: Driven) -> None:
        b.commit(m.create(m.key(), ["one"]))
        before = stored(b, m.key())
        too_large = bytes(b.capabilities.max_body + 1)  # zero pages: not touched, so not in memory
        with pytest.raises(InvalidError):
            b.commit(m.append(before, [m.message(2), m.message(3, body=too_large)]))
        assert b.row(m.key()) == before
        assert len(b.read(m.key())) == 1
