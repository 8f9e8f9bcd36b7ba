"""open, create, get, exists, delete, trash, trashed, restore; ids."""

from __future__ import annotations

import uuid

import pytest

from ...errors import ClosedError, ExistsError, InvalidError, NotFoundError, TrashedError
from ...model import Message
from ..clock import Clock
from ..hazards import BAD_IDS, SESSION_IDS
from .base import OpenStore, Store, VerbTests, said

__all__ = ["SessionVerbs"]


class SessionVerbs(VerbTests):
    """Sessions as wholes."""

    def test_open_creates_then_loads(self, store: Store) -> None:
        first = store.open("user-123", name="Rust", tags=["learning"])
        first.append(Message.user("What is Rust?"), Message.assistant("A language."))
        again = store.open("user-123", name="ignored", tags=["ignored"])
        assert again.id == "user-123"
        assert (again.info.name, again.info.tags) == ("Rust", ("learning",))
        assert said(again) == ["What is Rust?", "A language."]

    def test_create_refuses_what_is_there(self, store: Store) -> None:
        session = store.create("a", name="first")
        with pytest.raises(ExistsError) as caught:
            store.create("a")
        assert not isinstance(caught.value, TrashedError)
        assert session.info.name == "first"

    def test_ids_are_made_where_none_is_given(self, store: Store) -> None:
        ids = [store.open().id, store.create().id, store.open(None, name="x").id]
        assert len(set(ids)) == 3
        assert [uuid.UUID(id_).version for id_ in ids] == [7, 7, 7]
        assert ids == sorted(ids)

    def test_a_missing_session_is_not_found(self, store: Store) -> None:
        for call in (
            lambda: store.get("none"),
            lambda: store.open("none", create=False),
            lambda: store.delete("none"),
            lambda: store.trash("none"),
            lambda: store.restore("none"),
        ):
            with pytest.raises(NotFoundError):
                call()
        assert store.exists("none") is False
        assert len(store.sessions()) == 0

    def test_get_and_exists_find_it(self, store: Store) -> None:
        store.create("a", model="m")
        assert store.exists("a") is True
        assert store.get("a").info.model == "m"
        assert store.open("a", create=False).id == "a"

    def test_a_deleted_session_is_gone_and_its_id_is_free(self, store: Store) -> None:
        session = store.open("a", tags=["t"])
        session.append(Message.user("old", id="m1"))
        store.delete("a")
        assert store.exists("a") is False
        for call in (session.messages, session.refresh, lambda: session.append(Message.user("x"))):
            with pytest.raises(NotFoundError):
                call()
        assert len(store.sessions(tags=["t"])) == 0
        with pytest.raises(NotFoundError):
            store.delete("a")
        fresh = store.create("a")
        assert fresh.messages() == []
        assert fresh.version == 1
        fresh.append(Message.user("new", id="m1"))
        assert said(fresh) == ["new"]

    def test_the_trash_hides_everywhere(self, store: Store) -> None:
        session = store.open("a", name="n", tags=["t"])
        session.append(Message.user("needle"))
        store.open("b", tags=["t"])
        info = store.trash("a")
        assert info.deleted_at is not None
        assert store.exists("a") is False
        assert [i.id for i in store.sessions(tags=["t"])] == ["b"]
        assert [i.id for i in store.trashed()] == ["a"]
        for call in (lambda: store.get("a"), lambda: store.trash("a"), session.refresh, session.messages):
            with pytest.raises(NotFoundError):
                call()
        for call in (lambda: store.open("a"), lambda: store.create("a"), lambda: store.open("a", name="x")):
            with pytest.raises(TrashedError) as caught:
                call()
            assert "trash" in str(caught.value)
        with pytest.raises(NotFoundError) as missing:
            store.open("a", create=False)
        assert "trash" in str(missing.value)

    def test_restore_brings_everything_back(self, store: Store) -> None:
        session = store.open("a", name="n", metadata={"k": 1})
        session.append(Message.user("one"), Message.assistant("two"))
        store.trash("a")
        back = store.restore("a")
        assert said(back) == said(session) == ["one", "two"]
        assert (back.info.name, back.info.metadata, back.info.deleted_at) == ("n", {"k": 1}, None)
        assert len(store.trashed()) == 0
        assert [i.id for i in store.sessions()] == ["a"]
        with pytest.raises(NotFoundError):
            store.restore("a")

    def test_delete_purges_the_trash(self, store: Store) -> None:
        store.create("a")
        store.trash("a")
        store.delete("a")
        assert len(store.trashed()) == 0
        assert store.create("a").version == 1

    def test_the_trash_is_paged(self, store: Store) -> None:
        for n in range(7):
            store.create(f"s{n}")
            store.trash(f"s{n}")
        first = store.trashed(limit=3)
        seen = [i.id for i in first]
        cursor = first.next
        while cursor is not None:
            page = store.trashed(limit=3, cursor=cursor)
            seen += [i.id for i in page]
            cursor = page.next
        assert sorted(seen) == [f"s{n}" for n in range(7)]

    def test_an_expired_session_is_gone(self, store: Store, clock: Clock) -> None:
        from ...records import to_datetime

        session = store.open("a", expires_at=to_datetime(clock.time + 60_000_000))
        session.append(Message.user("soon gone"))
        clock.advance(61)
        assert store.exists("a") is False
        assert len(store.sessions()) == 0
        for call in (lambda: store.get("a"), session.messages, lambda: session.append(Message.user("late"))):
            with pytest.raises(NotFoundError):
                call()
        again = store.open("a")
        assert again.messages() == []
        assert again.info.expires_at is None

    @pytest.mark.parametrize("bad", BAD_IDS, ids=ascii)
    def test_impossible_ids_are_refused_by_every_verb(self, store: Store, bad: str) -> None:
        for verb in (
            store.open,
            store.create,
            store.get,
            store.exists,
            store.delete,
            store.trash,
            store.restore,
        ):
            with pytest.raises(InvalidError):
                verb(bad)
        with pytest.raises(InvalidError):
            store.save(bad, [])
        with pytest.raises(ValueError):  # the point: InvalidError is a ValueError
            store.namespace(bad)
        assert store.namespaces() == []

    def test_every_legal_id_is_a_session_of_its_own(self, store: Store) -> None:
        for n, session_id in enumerate(SESSION_IDS):
            store.create(session_id, name=str(n))
        listed = [info.id for info in store.sessions(limit=1000)]
        assert listed == list(reversed(SESSION_IDS))
        assert [store.get(session_id).info.name for session_id in SESSION_IDS] == [
            str(n) for n in range(len(SESSION_IDS))
        ]
        plain = [session_id for session_id in SESSION_IDS if session_id != "@last"]  # means the newest
        assert [store.resolve(session_id) for session_id in plain] == plain

    def test_a_closed_store_says_so(self, open_store: OpenStore) -> None:
        store = open_store()
        session = store.open("a")
        store.close()
        store.close()
        for call in (lambda: store.get("a"), lambda: store.sessions(), session.messages):
            with pytest.raises(ClosedError):
                call()

    def test_resolve(self, store: Store) -> None:
        from ...errors import AmbiguousError

        store.create("alpha-1", name="First")
        store.create("alpha-2", name="Second")
        store.create("beta", name="First")
        assert store.resolve("alpha-1") == "alpha-1"
        assert store.resolve("beta") == "beta"
        assert store.resolve("Second") == "alpha-2"
        assert store.resolve("@last") == "beta"
        for ambiguous in ("alph", "First"):
            with pytest.raises(AmbiguousError):
                store.resolve(ambiguous)
        for missing in ("bet", "Secon", "nothing at all", "\x00"):
            with pytest.raises(NotFoundError):
                store.resolve(missing)
