"""fork, lineage."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ...errors import ExistsError, InvalidError, NotFoundError, TrashedError
from ...model import BlobPart, Message, Usage
from ..clock import Clock
from ..hazards import BAD_IDS
from .base import CheckedVerbTests, Store, grown, picture, said

__all__ = ["ForkingVerbs"]

_ATTRIBUTES: dict[str, Any] = {
    "name": "n",
    "provider": "openai",
    "model": "m",
    "system_prompt": "Be brief.",
    "tags": ("x", "y"),
    "metadata": {"k": {"deep": [1]}},
    "summary": "s",
    "pinned": True,
}


class ForkingVerbs(CheckedVerbTests):
    """New sessions from the past of others."""

    def test_a_fork_holds_the_past(self, store: Store) -> None:
        session = store.create("a", **_ATTRIBUTES)
        session.append(Message.user("one"), Message.assistant("two", usage=Usage(1, 2)))
        version = session.version
        fork = session.fork()
        assert fork.id != "a"
        assert fork.messages() == session.messages()
        info = fork.info
        assert {name: getattr(info, name) for name in _ATTRIBUTES} == _ATTRIBUTES
        assert info.forked_from is not None
        assert (info.forked_from.session_id, info.forked_from.version) == ("a", version)
        assert (info.message_count, info.turn_count, info.preview) == (2, 1, "one")
        assert info.created_at > session.refresh().created_at
        assert session.refresh().version == version
        assert store.get(fork.id).info == info

    def test_both_go_their_own_ways(self, store: Store) -> None:
        session = store.create("a")
        grown(session, "one", "two")
        fork = session.fork("f", name="other")
        fork.append(Message.user("in the fork"))
        session.append(Message.user("in the parent"))
        fork.tag("t")
        assert said(session) == ["one", "two", "in the parent"]
        assert said(fork) == ["one", "two", "in the fork"]
        assert (fork.info.name, session.refresh().name) == ("other", None)
        assert session.refresh().tags == ()

    def test_at_a_message(self, store: Store) -> None:
        session = store.create("a")
        session.append(Message.user("one"), Message.assistant("two"), Message.user("three"))
        for count, message in enumerate(session.messages(), 1):
            fork = session.fork(at=message.id)
            assert fork.messages() == session.messages()[:count]
            assert fork.info.head == message.id
            fork.append(Message.user("more"))
            assert len(fork.messages()) == count + 1
            assert store.search("three", session=fork.id).items == [] or count == 3

    def test_at_a_version(self, store: Store) -> None:
        session = store.create("a", name="old")
        grown(session, "one")
        session.update(name="new", tags=["t"])
        session.branch("idea")
        session.checkout("idea")
        grown(session, "two")
        for version in range(1, session.version + 1):
            then = store.get("a", at=version)
            fork = session.fork(f"f{version}", at=version)
            assert fork.messages() == then.messages()
            assert [b.to_dict() for b in fork.branches()] == [b.to_dict() for b in then.branches()]
            assert (fork.info.name, fork.info.tags) == (then.info.name, then.info.tags)
            assert fork.info.forked_from is not None
            assert fork.info.forked_from.version == version
            assert store.get("a", at=version).fork(f"p{version}").messages() == then.messages()

    def test_at_a_message_of_another_line(self, store: Store) -> None:
        session = store.create("a")
        first, second, _ = grown(session, "one", "two", "three")
        session.branch("idea", at=first.id)
        (aside,) = session.append(Message.user("aside"), branch="idea")
        session.append(Message.user("four"))
        fork = session.fork(at=aside.id)
        assert said(fork) == ["one", "aside"]
        assert fork.info.message_count == 2
        session.edit(second.id, "zwei")
        assert said(session.fork(at=second.id)) == ["one", "two"]

    def test_the_past_of_a_fork_is_there(self, store: Store) -> None:
        session = store.create("a", name="old")
        (first, _) = grown(session, "one", "two")
        session.update(name="new")
        session.label(first.id, "good")
        fork = session.fork("f")
        for version in range(1, session.version + 1):
            assert store.get("f", at=version).messages() == store.get("a", at=version).messages()
            assert store.get("f", at=version).info.name == store.get("a", at=version).info.name
        assert [n.labels for n in fork.tree()] == [("good",), ()]
        fork.restore(2)
        assert said(fork) == ["one"]
        assert fork.info.name == "old"
        assert fork.info.forked_from is not None

    def test_the_parent_can_go(self, store: Store) -> None:
        session = store.create("a")
        image = b"\x01" * 100_000
        session.append(Message.user("one"), Message.user(BlobPart(image)))
        fork = session.fork("f")
        before = picture(fork)
        store.delete("a")
        assert picture(store.get("f")) == before
        part = fork.messages()[1].parts[0]
        assert isinstance(part, BlobPart)
        assert part.content == image
        assert [i.id for i in store.sessions(forked_from="a")] == ["f"]
        assert [a.session_id for a in fork.lineage().ancestors] == ["a"]
        assert [h.session.id for h in store.search("one")] == ["f"]
        store.create("a")
        assert picture(fork) == before

    def test_lineage(self, store: Store) -> None:
        session = store.create("a")
        grown(session, "one")
        child = session.fork("child")
        other = session.fork("other")
        grandchild = child.fork("grandchild")
        assert [c.id for c in session.lineage().children] == ["child", "other"]
        assert session.lineage().ancestors == []
        assert [(a.session_id, a.version) for a in grandchild.lineage().ancestors] == [
            ("child", child.version),
            ("a", 2),
        ]
        assert [c.id for c in child.lineage().children] == ["grandchild"]
        assert other.lineage().children == []
        assert sorted(i.id for i in store.sessions(forked_from="a")) == ["child", "other"]
        assert set(child.lineage().to_dict()) == {"ancestors", "children"}

    def test_odd_forks_are_refused(self, store: Store) -> None:
        session = store.create("a")
        grown(session, "one")
        store.create("gone")
        store.trash("gone")
        with pytest.raises(ExistsError):
            session.fork("a")
        with pytest.raises(TrashedError):
            session.fork("gone")
        for at in ("none", 99):
            with pytest.raises(NotFoundError):
                session.fork("f", at=at)
        wrong: tuple[Any, ...] = (0, True, 1.5)
        for at in wrong:
            with pytest.raises(InvalidError):
                session.fork("f", at=at)
        for bad in BAD_IDS:
            with pytest.raises(InvalidError):
                session.fork(bad)
        store.delete("gone")
        assert [i.id for i in store.sessions()] == ["a"]

    def test_the_trash_is_not_inherited(self, store: Store) -> None:
        session = store.create("a")
        grown(session, "one")
        store.trash("a")
        session = store.restore("a")
        fork = session.fork("f", at=3)  # it was in the trash then
        assert said(fork) == ["one"]
        assert store.exists("f")

    def test_an_expiry_is_carried_over(self, store: Store, clock: Clock) -> None:
        session = store.create("a")
        grown(session, "one")
        session.expire(after=timedelta(days=1), sliding=True)
        clock.advance(3600)
        fork = session.fork("f")
        info = fork.info
        assert info.expires_at is not None
        clock.advance(3600)
        later = fork.touch()
        assert later.expires_at is not None
        assert later.expires_at - later.updated_at == timedelta(days=1)

    def test_a_fork_in_place_of_an_expired_session(self, store: Store, clock: Clock) -> None:
        session = store.create("a")
        grown(session, "one")
        store.create("f").expire(after=timedelta(seconds=1))
        clock.advance(2)
        assert said(session.fork("f")) == ["one"]

    def test_a_fork_can_be_undone_no_further_than_its_parent(self, store: Store) -> None:
        session = store.create("a")
        grown(session, "one", "two")
        fork = session.fork("f")
        fork.append(Message.user("three"))
        fork.undo()
        assert said(fork) == ["one", "two"]
        assert fork.info.forked_from is not None
