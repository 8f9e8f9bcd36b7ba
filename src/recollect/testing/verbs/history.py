"""history, get(at=), restore, undo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ...errors import AccessError, ConflictError, InvalidError, NotFoundError
from ...model import Message, Usage
from ..clock import Clock
from .base import CheckedVerbTests, Session, Store, grown, picture, said

__all__ = ["HistoryVerbs", "UndoVerbs"]


def _every_kind_of_change(session: Session) -> list[tuple[str, Callable[[], Any]]]:
    """Changes of one session, each with the summary that history gives it."""
    first = session.messages()[0].id
    return [
        ("+2 messages", lambda: session.append(Message.user("a"), Message.assistant("b"))),
        ("+1 message", lambda: session.append(Message.user("c"))),
        ("renamed", lambda: session.update(name="other")),
        ("tags +x +y", lambda: session.tag("x", "y")),
        ("tags +z -x", lambda: session.update(tags=["y", "z"])),
        ("pinned", lambda: session.update(pinned=True)),
        ("unpinned", lambda: session.update(pinned=False)),
        ("set summary", lambda: session.update(summary="s")),
        ("set metadata", lambda: session.set_metadata("a.b", 1)),
        ("touched", lambda: session.touch()),
        ("branch idea", lambda: session.branch("idea")),
        ("checked out idea", lambda: session.checkout("idea")),
        ("label +good", lambda: session.label(first, "good")),
        ("label -good", lambda: session.label(first, "good", off=True)),
        (f"rewound to {first}", lambda: session.rewind(to=first)),
        ("removed the last message", lambda: session.pop()),
        ("undone to version", lambda: session.undo()),
        ("restored version 2", lambda: session.restore(2)),
        ("edited a message", lambda: session.edit(first, "new")),
        ("cleared", lambda: session.clear()),
        ("erased a message", lambda: session.erase(first)),
    ]


class HistoryVerbs(CheckedVerbTests):
    """What changed, and the session as it was."""

    def test_every_change_has_one_line(self, store: Store) -> None:
        session = store.create("a", name="n")
        grown(session, "first")
        for expected, change in _every_kind_of_change(session):
            before = session.refresh().version
            change()
            entry = session.history(limit=1)[0]
            assert expected in entry.summary
            assert "\n" not in entry.summary
            assert entry.version == session.refresh().version > before
            assert entry.at == session.info.updated_at
            assert entry.kind
        store.trash("a")
        summaries = [entry.summary for entry in store.restore("a").history(limit=100)]
        assert summaries[:2] == ["restored from the trash", "trashed"]
        assert summaries[-1] == "created"

    def test_history_says_what_was_merged(self, store: Store) -> None:
        session, other = store.create("a"), store.create("b")
        grown(session, "mine")
        grown(other, "one", "two", "three")
        session.merge(other)
        assert session.history(limit=1)[0].summary.startswith("merged 3 from")
        session.branch("idea")
        session.append(Message.user("x"), branch="idea")
        session.merge("idea")
        assert session.history(limit=1)[0].summary.startswith("merged 1 from idea")

    def test_history_is_newest_first_and_one_entry_a_change(self, store: Store) -> None:
        session = store.create("a")
        session.append(Message.user("a"), Message.assistant("b"), Message.user("c"))
        session.update(name="n")
        entries = session.history()
        assert [(e.version, e.records) for e in entries] == [(5, 1), (4, 3), (1, 1)]
        assert [e.kind for e in entries] == ["update", "append", "create"]
        assert entries[0].to_dict()["summary"] == "renamed"

    def test_history_is_paged(self, store: Store) -> None:
        session = store.create("a")
        for n in range(40):
            session.append(*(Message.user(f"{n}.{k}") for k in range(1 + n % 4)))
        whole = session.history(limit=1000)
        assert len(whole) == 41
        assert [e.version for e in whole] == sorted((e.version for e in whole), reverse=True)
        assert sum(e.records for e in whole) == session.version
        assert session.history(limit=7) == whole[:7]
        for limit in (1, 7, 40):
            pages, before = [], None
            while page := session.history(limit=limit, before=before):
                pages += page
                before = page[-1].version
            assert pages == whole

    def test_odd_pages_are_refused(self, store: Store) -> None:
        session = store.create("a")
        for limit in (0, -1):
            with pytest.raises(InvalidError):
                session.history(limit=limit)
        assert session.history(before=1) == []

    def test_the_session_as_it_was(self, store: Store, clock: Clock) -> None:
        session = store.create("a", name="n", tags=["t"], metadata={"k": 1})
        pictures = {1: (session.info, session.messages())}
        first = grown(session, "one")[0].id
        for change in (
            lambda: session.append(Message.assistant("two", usage=Usage(1, 2))),
            lambda: session.update(name="m", tags=["u"], metadata={}, pinned=True),
            lambda: session.branch("idea", at=first),
            lambda: session.checkout("idea"),
            lambda: session.append(Message.user("three")),
            lambda: session.edit(first, "uno"),
            lambda: session.clear(),
            lambda: session.append(Message.user("four")),
        ):
            change()
            clock.advance(10)
            pictures[session.version] = (session.info, session.messages())
        branches = session.branches()
        for version, (info, messages) in pictures.items():
            then = store.get("a", at=version)
            assert (then.info, then.messages()) == (info, messages)
            assert session.messages(at=version) == messages
        assert store.get("a", at=session.version).branches() == branches
        assert [b.name for b in store.get("a", at=1).branches()] == ["main"]

    def test_the_past_cannot_be_written_to(self, store: Store) -> None:
        session = store.create("a", name="n")
        grown(session, "one", "two")
        past = store.get("a", at=2)
        for write in (
            lambda: past.append(Message.user("x")),
            lambda: past.update(name="x"),
            lambda: past.undo(),
            lambda: past.clear(),
            lambda: past.branch("x"),
            lambda: past.rewind(turns=1),
        ):
            with pytest.raises(AccessError):
                write()
        session.append(Message.user("three"))
        assert said(past) == ["one"]
        assert [e.version for e in past.history()] == [2, 1]
        assert said(session) == ["one", "two", "three"]

    def test_versions_that_are_not_there(self, store: Store) -> None:
        session = store.create("a")
        for version in (2, 999):
            with pytest.raises(NotFoundError):
                store.get("a", at=version)
            with pytest.raises(NotFoundError):
                session.restore(version)
        wrong: tuple[Any, ...] = (0, -1, True, "1", 1.5)
        for version in wrong:
            with pytest.raises(InvalidError):
                store.get("a", at=version)
            with pytest.raises(InvalidError):
                session.restore(version)
        with pytest.raises(NotFoundError):
            store.get("none", at=1)


def _changes(session: Session) -> list[Callable[[], Any]]:
    """One change of every kind, on top of each other."""
    first, second = (m.id for m in session.messages()[:2])
    return [
        lambda: session.append(Message.user("a"), Message.assistant("b")),
        lambda: session.update(name="m", model="x", metadata={"k": {"l": 1}}, summary="s", pinned=True),
        lambda: session.tag("x", "y"),
        lambda: session.untag("x"),
        lambda: session.label(first, "good"),
        lambda: session.label(first, "best"),
        lambda: session.label(first, "good", off=True),
        lambda: session.branch("idea", at=second),
        lambda: session.append(Message.user("aside"), branch="idea"),
        lambda: session.checkout("idea"),
        lambda: session.append(Message.user("on idea")),
        lambda: session.edit(first, "new"),
        lambda: session.rewind(to=second),
        lambda: session.pop(),
        lambda: session.checkout("main"),
        lambda: session.merge("idea-1"),
        lambda: session.append(Message.user("late"), branch="idea-1"),
        lambda: session.merge("idea-1", strategy="rebase"),
        lambda: session.clear(),
        lambda: session.append(Message.user("c")),
        lambda: session.delete_metadata("k.l"),
    ]


class UndoVerbs(CheckedVerbTests):
    """restore and undo: the past becomes the present, and can become the past again."""

    def test_each_change_is_undone(self, store: Store) -> None:
        session = store.create("a", name="n", tags=["t"])
        grown(session, "one", "two", "three")
        for number, change in enumerate(_changes(session)):
            before = picture(session)
            change()
            after = picture(session)
            assert after != before, number
            version = session.version
            session.undo()
            assert picture(session) == before, number
            assert session.version > version
            session.restore(version)
            assert picture(session) == after, number

    def test_undo_again_goes_further_back(self, store: Store) -> None:
        session = store.create("a", name="n", tags=["t"])
        grown(session, "one", "two", "three")
        pictures = [picture(session)]
        for change in _changes(session):
            change()
            pictures.append(picture(session))
        for expected in reversed(pictures[:-1]):
            session.undo()
            assert picture(session) == expected
        for count in (2, 1, 0):
            session.undo()
            assert len(session.messages()) == count
        version = session.version
        with pytest.raises(NotFoundError):
            session.undo()
        assert session.refresh().version == version

    def test_every_version_can_be_restored(self, store: Store) -> None:
        session = store.create("a", name="n", tags=["t"])
        grown(session, "one", "two")
        pictures = {session.version: picture(session)}
        for change in _changes(session):
            change()
            pictures[session.version] = picture(session)
        for version in [*pictures, *reversed(pictures)]:
            before = picture(session)
            count = session.version
            session.restore(version)
            assert picture(session) == pictures[version], version
            if session.version > count:
                session.undo()
                assert picture(session) == before, version
                session.restore(version)

    def test_undo_after_an_undo_and_a_new_change(self, store: Store) -> None:
        session = store.create("a")
        grown(session, "one", "two")
        session.undo()
        session.append(Message.assistant("other"))
        assert said(session) == ["one", "other"]
        session.undo()
        assert said(session) == ["one"]
        session.undo()
        assert said(session) == []
        with pytest.raises(NotFoundError):
            session.undo()

    def test_restore_can_be_undone(self, store: Store) -> None:
        session = store.create("a")
        grown(session, "one", "two")
        session.restore(2)
        assert said(session) == ["one"]
        session.undo()
        assert said(session) == ["one", "two"]
        session.undo()
        assert said(session) == ["one"]
        session.undo()
        assert said(session) == []

    def test_restoring_the_present_writes_nothing(self, store: Store) -> None:
        session = store.create("a")
        grown(session, "one")
        session.restore(2)
        assert session.version == 2
        session.touch()
        assert session.restore(2).message_count == 1

    def test_what_was_undone_stays_in_the_log(self, store: Store) -> None:
        session = store.create("a")
        grown(session, "one", "two")
        version = session.version
        session.undo()
        assert said(session, at=version) == ["one", "two"]
        assert [node.message.text for node in session.tree()] == ["one", "two"]
        (again,) = session.append(Message.assistant("other"))
        assert [node.active for node in session.tree()] == [True, False, True]
        assert again.parent_id == session.messages()[0].id

    def test_what_was_spent_stays_spent(self, store: Store) -> None:
        session = store.create("a")
        session.append(Message.assistant("x", usage=Usage(1, 2)))
        info = session.undo()
        assert (info.usage, info.message_count, info.preview, info.head) == (Usage(1, 2), 0, "", None)

    def test_guarded_writes(self, store: Store) -> None:
        session = store.create("a")
        grown(session, "one", "two")
        with pytest.raises(ConflictError):
            session.undo(expect=2)
        with pytest.raises(ConflictError):
            session.restore(1, expect=2)
        assert said(session) == ["one", "two"]
        session.undo(expect=3)
        assert said(session) == ["one"]

    def test_the_trash_is_no_part_of_undo(self, store: Store) -> None:
        session = store.create("a")
        grown(session, "one")
        store.trash("a")
        session = store.restore("a")
        session.undo()
        assert store.exists("a")
        session.restore(3)  # it was in the trash then
        assert store.exists("a")
        assert said(session) == ["one"]

    def test_undo_of_another_handle_s_change(self, store: Store) -> None:
        session = store.create("a")
        grown(session, "one")
        store.get("a").append(Message.assistant("by another"))
        session.undo()
        assert said(store.get("a")) == ["one"]
