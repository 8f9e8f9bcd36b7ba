"""branch, checkout, branches, tree, diff, label; appends to other branches."""

from __future__ import annotations

from typing import Any

import pytest

from ...errors import ConflictError, ExistsError, InvalidError, NotFoundError
from ...model import BlobPart, Message, Usage
from ..hazards import BAD_IDS, NAMESPACES
from .base import CheckedVerbTests, Store, grown, said

__all__ = ["BranchingVerbs", "ConflictVerbs"]


class BranchingVerbs(CheckedVerbTests):
    """Named lines in one session."""

    def test_the_first_branch_is_main(self, store: Store) -> None:
        session = store.create("a")
        (only,) = session.branches()
        assert (only.name, only.head, only.message_count, only.active) == ("main", None, 0, True)
        (message,) = grown(session, "one")
        assert session.branches()[0].head == message.id
        assert session.info.branch == "main"

    def test_a_branch_starts_at_the_head_and_stays_inactive(self, store: Store) -> None:
        session = store.create("a")
        first, second = grown(session, "one", "two")
        made = session.branch("idea")
        assert made.to_dict() == {
            "name": "idea",
            "head": second.id,
            "message_count": 2,
            "active": False,
        }
        session.append(Message.user("on main"))
        assert session.info.branch == "main"
        session.checkout("idea")
        session.append(Message.user("on idea"))
        assert said(session) == ["one", "two", "on idea"]
        session.checkout("main")
        assert said(session) == ["one", "two", "on main"]
        assert [b.name for b in session.branches()] == ["main", "idea"]
        assert session.branch("early", at=first.id).message_count == 1
        assert session.branch("then", at=3).head == second.id
        assert session.branch("nothing", at=1).head is None
        assert [b.name for b in session.branches()] == ["main", "early", "idea", "nothing", "then"]

    def test_checkout_brings_the_figures(self, store: Store) -> None:
        session = store.create("a")
        session.branch("empty")
        grown(session, "one", "two", "three")
        info = session.checkout("empty")
        assert (info.branch, info.head, info.message_count, info.turn_count) == ("empty", None, 0, 0)
        assert info.preview == ""
        assert session.messages() == []
        grown(session, "other")
        info = session.checkout("main")
        assert (info.message_count, info.turn_count, info.preview) == (3, 2, "one")
        assert [i.message_count for i in store.sessions()] == [3]
        version = session.version
        session.checkout("main")
        assert session.version == version

    def test_branch_names_are_names(self, store: Store) -> None:
        session = store.create("a")
        grown(session, "one")
        for name in NAMESPACES:
            session.branch(name)
        for name in NAMESPACES:
            assert session.checkout(name).branch == name
        for bad in BAD_IDS:
            with pytest.raises(InvalidError):
                session.branch(bad)
        for taken in ("main", NAMESPACES[0]):
            with pytest.raises(ExistsError):
                session.branch(taken)

    def test_odd_branches_are_refused(self, store: Store) -> None:
        session = store.create("a")
        grown(session, "one")
        version = session.version
        with pytest.raises(NotFoundError):
            session.checkout("none")
        for at in ("none", 99):
            with pytest.raises(NotFoundError):
                session.branch("x", at=at)
        wrong: tuple[Any, ...] = (0, -1, True, 1.5)
        for at in wrong:
            with pytest.raises(InvalidError):
                session.branch("x", at=at)
        with pytest.raises(ConflictError):
            session.branch("x", expect=1)
        with pytest.raises(ConflictError):
            session.checkout("main", expect=1)
        assert session.refresh().version == version

    def test_append_to_a_branch_without_switching(self, store: Store) -> None:
        session = store.create("a")
        first, _ = grown(session, "one", "two")
        session.branch("idea", at=first.id)
        stored = session.append(
            Message.user("a", usage=Usage(1, 2)), Message.assistant("b", id="mine"), branch="idea"
        )
        assert stored[0].parent_id == first.id
        assert stored[1].id == "mine"
        assert said(session) == ["one", "two"]
        assert (session.info.branch, session.info.message_count, session.info.usage) == (
            "main",
            2,
            Usage(1, 2),
        )
        assert session.branches()[1].message_count == 3
        version = session.version
        session.append(Message.assistant("b", id="mine"), branch="idea")
        assert session.version == version
        session.checkout("idea")
        assert session.messages()[1:] == stored
        session.append(Message.user("active"), branch="idea")
        assert said(session) == ["one", "a", "b", "active"]
        with pytest.raises(NotFoundError):
            session.append(Message.user("x"), branch="none")
        with pytest.raises(NotFoundError):
            session.append(Message.assistant("b", id="mine"), branch="none")

    def test_the_tree_shows_everything(self, store: Store) -> None:
        session = store.create("a")
        assert session.tree() == []
        first, second, third = grown(session, "one", "two", "three")
        session.branch("idea", at=second.id)
        new = session.edit(second.id, "zwei")
        session.append(Message.user("aside"), branch="idea")
        session.label(first.id, "start")
        aside = session.tree()[-1].message
        shown = [
            (n.message.text, n.message.parent_id, n.position, n.active, n.branches, n.labels)
            for n in session.tree()
        ]
        assert shown == [
            ("one", None, 1, True, (), ("start",)),
            ("two", first.id, 2, False, (), ()),
            ("three", second.id, 3, False, ("main-1",), ()),
            ("zwei", first.id, 2, True, ("main",), ()),
            ("aside", second.id, 3, False, ("idea",), ()),
        ]
        assert [n.message for n in session.tree()] == [first, second, third, new, aside]

    def test_labels(self, store: Store) -> None:
        session = store.create("a")
        first, second = grown(session, "one", "two")
        assert session.label(first.id, "good") == ("good",)
        assert set(session.label(first.id, "é b")) == {"good", "é b"}
        version = session.version
        session.label(first.id, "good")
        session.label(first.id, "none", off=True)
        assert session.refresh().version == version
        assert session.label(first.id, "good", off=True) == ("é b",)
        assert session.label(second.id, "good") == ("good",)
        assert [n.labels for n in store.get("a").tree()] == [("é b",), ("good",)]
        with pytest.raises(NotFoundError):
            session.label("none", "x")
        for bad in BAD_IDS:
            with pytest.raises(InvalidError):
                session.label(first.id, bad)

    def test_diff_of_branches(self, store: Store) -> None:
        session = store.create("a")
        _, second, third = grown(session, "one", "two", "three")
        session.branch("idea", at=second.id)
        mine = session.append(Message.user("x"), Message.user("y"), branch="idea")
        diff = session.diff("main", "idea")
        assert (diff.ancestor, diff.ours, diff.theirs) == (second.id, [third], mine)
        assert session.diff("idea") == diff
        other = session.diff("idea", "main")
        assert (other.ancestor, other.ours, other.theirs) == (second.id, mine, [third])
        assert session.diff("main", "main").ours == session.diff("main").theirs == []
        session.branch("nothing", at=1)
        apart = session.diff("nothing")
        assert (apart.ancestor, len(apart.ours), apart.theirs) == (None, 3, [])
        with pytest.raises(NotFoundError):
            session.diff("none")
        assert set(diff.to_dict()) == {"ancestor", "ours", "theirs"}

    def test_diff_of_sessions(self, store: Store) -> None:
        session = store.create("a")
        first, second = grown(session, "one", "two")
        fork = session.fork("f", at=first.id)
        (added,) = grown(fork, "other")
        diff = session.diff(fork)
        assert (diff.ancestor, diff.ours, diff.theirs) == (first.id, [second], [added])
        stranger = store.create("s")
        grown(stranger, "x")
        assert session.diff(stranger).ancestor is None

    def test_large_contents_are_in_trees_and_diffs(self, store: Store) -> None:
        session = store.create("a")
        session.branch("idea")
        stored = session.append(Message.user(BlobPart(b"\x01" * 100_000)), branch="idea")
        assert [n.message for n in session.tree()] == stored
        assert session.diff("idea").theirs == stored
        session.checkout("idea")
        assert session.messages() == stored

    def test_branches_can_be_read_by_windows(self, store: Store) -> None:
        session = store.create("a")
        session.branch("idea")
        for n in range(40):
            session.append(Message.user(f"m{n}"))
            session.append(Message.user(f"i{n}"), branch="idea")
        for name, letter in (("main", "m"), ("idea", "i")):
            session.checkout(name)
            whole = [f"{letter}{n}" for n in range(40)]
            assert said(session) == whole
            for last in (0, 1, 7, 40):
                assert said(session, last=last) == whole[40 - last :]
            middle = session.messages()[20].id
            assert said(session, before=middle, limit=3) == whole[17:20]


class ConflictVerbs(CheckedVerbTests):
    """Two writers, and what becomes of the second one's messages."""

    def test_expect_raises(self, store: Store) -> None:
        session, other = store.create("a"), store.get("a")
        version = session.version
        other.append(Message.user("theirs"))
        for on_conflict in ("rebase", "branch"):
            with pytest.raises(ConflictError):
                session.append(
                    Message.user("mine"),
                    expect=version,
                    on_conflict=on_conflict,
                )
        assert said(session) == ["theirs"]

    def test_without_it_the_second_writer_comes_behind(self, store: Store) -> None:
        session, other = store.create("a"), store.get("a")
        other.append(Message.user("theirs"))
        session.append(Message.user("mine"))
        assert said(session) == said(other) == ["theirs", "mine"]

    def test_a_branch_keeps_both(self, store: Store) -> None:
        session = store.create("a")
        (first,) = grown(session, "one")
        other = store.get("a")
        other.append(Message.assistant("theirs"))
        (mine,) = session.append(Message.assistant("mine"), on_conflict="branch")
        assert mine.parent_id == first.id
        assert said(store.get("a")) == ["one", "theirs"]
        main, aside = store.get("a").branches()
        assert (main.name, aside.name, aside.head) == ("main", "main-1", mine.id)
        fresh = store.get("a")
        fresh.checkout("main-1")
        assert said(fresh) == ["one", "mine"]

    def test_no_branch_without_a_conflict(self, store: Store) -> None:
        session = store.create("a")
        store.get("a").update(name="n")
        session.append(Message.user("mine"), on_conflict="branch")
        assert said(session) == ["mine"]
        assert len(session.branches()) == 1
        with pytest.raises(InvalidError):
            session.append(Message.user("x"), on_conflict="nonsense")  # type: ignore[arg-type]  # on purpose

    def test_every_write_can_be_guarded(self, store: Store) -> None:
        session = store.create("a")
        (first,) = grown(session, "one")
        session.branch("idea")
        for call in (
            lambda: session.append(Message.user("x"), expect=1),
            lambda: session.append(Message.user("x"), branch="idea", expect=1),
            lambda: session.update(name="x", expect=1),
            lambda: session.tag("x", expect=1),
            lambda: session.untag("x", expect=1),
            lambda: session.touch(expect=1),
            lambda: session.clear(expect=1),
            lambda: session.label(first.id, "x", expect=1),
            lambda: session.edit(first.id, "x", expect=1),
            lambda: session.checkout("idea", expect=1),
            lambda: session.merge("idea", expect=1),
            lambda: session.set_metadata("k", 1, expect=1),
            lambda: session.expire(expect=1),
        ):
            with pytest.raises(ConflictError):
                call()
        assert session.refresh().version == 3
