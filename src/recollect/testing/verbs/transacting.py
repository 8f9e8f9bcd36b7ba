"""transaction: several sessions together, or not at all."""

from __future__ import annotations

import pytest

from ...errors import ConflictError, ExistsError, NotFoundError, StoreError, UnsupportedError
from ...model import Message
from .base import CheckedVerbTests, OpenStore, Session, Store, grown, picture, said

__all__ = ["TransactionVerbs"]


class _OnPurposeError(Exception):
    """What makes a transaction fail in these tests."""


class TransactionVerbs(CheckedVerbTests):
    """All that happens in one becomes visible together, or nothing of it does."""

    @pytest.fixture
    def able(self, store: Store) -> Store:
        """The store, if its engine has transactions; else it must say so."""
        if not store.capabilities.transactions:
            with pytest.raises(UnsupportedError), store.transaction():
                raise AssertionError("the engine pretends")
            pytest.skip("this engine declares transactions=False")
        return store

    def test_all_of_it_is_there_afterwards(self, able: Store) -> None:
        grown(able.create("old"), "one")
        able.create("gone")
        with able.transaction() as tx:
            new = tx.create("new", name="n")
            new.append(Message.user("first"), Message.assistant("second"))
            tx.get("old").append(Message.user("two"))
            tx.get("old").update(tags=["t"])
            tx.delete("gone")
        assert said(able.get("new")) == ["first", "second"]
        assert said(able.get("old")) == ["one", "two"]
        assert sorted(i.id for i in able.sessions()) == ["new", "old"]
        assert [i.id for i in able.sessions(tags=["t"])] == ["old"]
        assert [h.session.id for h in able.search("second")] == ["new"]

    def test_an_exception_takes_all_of_it_back(self, able: Store) -> None:
        old = able.create("old", tags=["t"])
        (first, _) = grown(old, "one", "quokka")
        able.create("gone")
        before = picture(old)
        version = old.version

        def failing() -> None:
            with able.transaction() as tx:
                tx.create("new").append(Message.user("wombat"))
                inside = tx.get("old")
                inside.append(Message.user("wombat"))
                inside.branch("idea")
                inside.edit(first.id, "uno")
                inside.undo()
                inside.erase(inside.messages()[1].id)
                inside.update(name="n", tags=[])
                inside.fork("fork")
                tx.trash("old")
                tx.delete("gone")
                raise _OnPurposeError

        with pytest.raises(_OnPurposeError):
            failing()
        assert picture(able.get("old")) == picture(old) == before
        assert able.get("old").version == version
        assert [e.version for e in old.history()] == [3, 2, 1]
        assert sorted(i.id for i in able.sessions()) == ["gone", "old"]
        assert len(able.search("wombat")) == 0
        assert [h.session.id for h in able.search("quokka")] == ["old"]
        old.append(Message.user("three"))
        assert said(able.get("old")) == ["one", "quokka", "three"]

    def test_inside_its_own_writes_are_seen(self, able: Store) -> None:
        able.create("old")
        with able.transaction() as tx:
            tx.get("old").append(Message.user("one"))
            again = tx.get("old")
            assert said(again) == ["one"]
            again.append(Message.assistant("two"))
            assert said(tx.get("old"), last=1) == ["two"]
            assert (again.version, again.info.message_count) == (3, 2)
            assert said(again, at=2) == ["one"]
            assert said(again, at=3) == ["one", "two"]
            assert [e.version for e in again.history()] == [3, 2, 1]
            assert tx.get("old").refresh().message_count == 2
            tx.create("new")
            assert tx.exists("new")
            with pytest.raises(ExistsError):
                tx.create("new")
            tx.delete("new")
            with pytest.raises(NotFoundError):
                tx.get("new")
        assert said(able.get("old")) == ["one", "two"]
        assert not able.exists("new")

    def test_lists_and_searches_are_refused_inside(self, able: Store) -> None:
        able.create("a")
        with able.transaction() as tx:
            with pytest.raises(UnsupportedError):
                tx.sessions()
            with pytest.raises(UnsupportedError):
                tx.search("x")
            tx.get("a").append(Message.user("x"))
        assert len(able.search("x")) == 1

    def test_a_refused_verb_inside_spoils_nothing_else(self, able: Store) -> None:
        able.create("a")
        with able.transaction() as tx:
            session = tx.get("a")
            session.append(Message.user("x", id="m1"))
            with pytest.raises(ConflictError):
                session.append(Message.user("y"), expect=1)
            with pytest.raises(ExistsError):
                session.append(Message.user("before"), Message.user("y", id="m1"))
            with pytest.raises(NotFoundError):
                session.checkout("none")
            session.append(Message.user("z"), expect=2)
        assert said(able.get("a")) == ["x", "z"]

    def test_others_see_nothing_before_the_end(self, able: Store, open_store: OpenStore) -> None:
        if not able.capabilities.durable:
            pytest.skip("this engine has no second view of its data")
        able.create("a")
        other = open_store()
        with able.transaction() as tx:
            tx.get("a").append(Message.user("x"))
            tx.create("b")
            assert said(other.get("a")) == []
            assert not other.exists("b")
        assert said(other.get("a")) == ["x"]
        assert other.exists("b")

    def test_sessions_from_inside_may_be_used_on(self, able: Store) -> None:
        with able.transaction() as tx:
            session = tx.create("a")
            session.append(Message.user("inside"))
        session.append(Message.user("after"))
        assert said(session) == said(able.get("a")) == ["inside", "after"]

    def test_sessions_that_never_were(self, able: Store) -> None:
        made: list[Session] = []

        def failing() -> None:
            with able.transaction() as tx:
                made.append(tx.create("a"))
                made[0].append(Message.user("inside"))
                raise _OnPurposeError

        with pytest.raises(_OnPurposeError):
            failing()
        with pytest.raises(StoreError):
            made[0].append(Message.user("after"))
        assert not able.exists("a")
        assert able.create("a").version == 1

    def test_many_sessions_at_once(self, able: Store) -> None:
        for fails in (True, False):
            try:
                with able.transaction() as tx:
                    for n in range(50):
                        session = tx.open(f"s{n}")
                        session.append(Message.user("x"), Message.assistant("y"))
                    if fails:
                        raise _OnPurposeError
            except _OnPurposeError:
                assert len(able.sessions()) == 0
        assert len(able.sessions(limit=100)) == 50
        assert able.stats().messages == 100

    def test_an_empty_one_is_nothing(self, able: Store) -> None:
        with able.transaction():
            pass
        assert len(able.sessions()) == 0
