"""merge: continuation, rebase, cherry_pick, interleave."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ...backend import Backend
from ...errors import ConflictError, InvalidError, NotFoundError
from ...model import BlobPart, Message, ToolCallPart, Usage
from .base import CheckedVerbTests, OpenStore, Session, Store, grown, said

__all__ = ["MergingVerbs", "TogetherVerbs"]

_NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def _call(*call_ids: str) -> Message:
    return Message.assistant([ToolCallPart("f", {}, call_id) for call_id in call_ids])


def _two_branches(store: Store) -> tuple[Session, list[Message], list[Message], list[Message]]:
    """base on both; o1 o2 on main; t1 t2 on idea."""
    session = store.create("a")
    base = grown(session, "base")
    session.branch("idea")
    ours = session.append(Message.assistant("o1"), Message.user("o2"))
    theirs = session.append(Message.assistant("t1"), Message.user("t2"), branch="idea")
    return session, base, ours, theirs


class MergingVerbs(CheckedVerbTests):
    """What another line said, on this one."""

    def test_continuation_of_a_branch(self, store: Store) -> None:
        session, base, ours, theirs = _two_branches(store)
        result = session.merge("idea")
        assert said(session) == ["base", "o1", "o2", "t1", "t2"]
        assert session.messages()[:3] == base + ours
        assert result.taken == session.messages()[3:]
        assert (result.skipped, result.conflicts) == ([], [])
        _are_copies(result.taken, theirs, "a")
        assert session.info.branch == "main"
        assert session.diff("idea").theirs == theirs

    def test_again_there_is_nothing_to_take(self, store: Store) -> None:
        session, _, _, theirs = _two_branches(store)
        session.merge("idea")
        version = session.version
        again = session.merge("idea")
        assert (again.taken, again.skipped) == ([], [m.id for m in theirs])
        assert session.refresh().version == version
        session.append(Message.user("t3"), branch="idea")
        assert [m.text for m in session.merge("idea").taken] == ["t3"]
        assert said(session) == ["base", "o1", "o2", "t1", "t2", "t3"]

    def test_and_back_only_what_is_new_comes(self, store: Store) -> None:
        session, _, _, _ = _two_branches(store)
        session.merge("idea")
        session.checkout("idea")
        result = session.merge("main")
        assert [m.text for m in result.taken] == ["o1", "o2"]
        assert said(session) == ["base", "t1", "t2", "o1", "o2"]
        assert len(result.skipped) == 2

    def test_continuation_of_a_stranger(self, store: Store) -> None:
        session, other = store.create("a"), store.create("b")
        grown(session, "mine")
        theirs = grown(other, "one", "two")
        result = session.merge(other)
        assert said(session) == ["mine", "one", "two"]
        _are_copies(result.taken, theirs, "b")
        assert said(other) == ["one", "two"]
        assert [m.text for m in store.create("empty").merge(other).taken] == ["one", "two"]

    def test_continuation_of_a_fork(self, store: Store) -> None:
        session = store.create("a")
        grown(session, "one")
        fork = session.fork("f")
        grown(fork, "in the fork")
        grown(session, "in the parent")
        result = session.merge(fork)
        assert said(session) == ["one", "in the parent", "in the fork"]
        assert len(result.taken) == 1
        fork.merge(session)
        assert said(fork) == ["one", "in the fork", "in the parent"]
        assert (session.merge(fork).taken, fork.merge(session).taken) == ([], [])

    def test_rebase_on_a_branch(self, store: Store) -> None:
        session, _, ours, theirs = _two_branches(store)
        result = session.merge("idea", strategy="rebase")
        assert said(session) == ["base", "t1", "t2", "o1", "o2"]
        assert result.taken == theirs == session.messages()[1:3]
        _are_copies(session.messages()[3:], ours, "a")
        assert session.info.message_count == 5
        version = session.version
        assert session.merge("idea", strategy="rebase").taken == []
        assert session.refresh().version == version

    def test_rebase_on_a_stranger(self, store: Store) -> None:
        session, other = store.create("a"), store.create("b")
        ours = grown(session, "mine")
        theirs = grown(other, "one", "two")
        result = session.merge(other, strategy="rebase")
        assert said(session) == ["one", "two", "mine"]
        _are_copies(result.taken, theirs, "b")
        _are_copies(session.messages()[2:], ours, "a")
        assert session.info.preview == "one"

    def test_nothing_is_there_twice_after_a_rebase(self, store: Store) -> None:
        session, _, _, _ = _two_branches(store)
        session.checkout("idea")
        session.merge("main")
        session.append(Message.user("t3"))
        session.checkout("main")
        session.merge("idea", strategy="rebase")
        assert sorted(said(session)) == ["base", "o1", "o2", "t1", "t2", "t3"]

    def test_cherry_pick(self, store: Store) -> None:
        session, _, _, theirs = _two_branches(store)
        result = session.merge("idea", strategy="cherry_pick", message_ids=[theirs[1].id])
        assert said(session) == ["base", "o1", "o2", "t2"]
        _are_copies(result.taken, theirs[1:], "a")
        again = session.merge("idea", strategy="cherry_pick", message_ids=[theirs[1].id, theirs[0].id])
        assert [m.text for m in again.taken] == ["t1"]
        assert again.skipped == [theirs[1].id]
        with pytest.raises(NotFoundError):
            session.merge("idea", strategy="cherry_pick", message_ids=["none"])

    def test_interleave_goes_by_time(self, store: Store) -> None:
        session = store.create("a")
        session.append(*(Message.user(f"o{n}", created_at=_NOON + timedelta(hours=n)) for n in (1, 3, 5)))
        other = store.create("b")
        other.append(*(Message.user(f"t{n}", created_at=_NOON + timedelta(hours=n)) for n in (0, 2, 4)))
        theirs = other.messages()
        result = session.merge(other, strategy="interleave")
        assert said(session) == ["t0", "o1", "t2", "o3", "t4", "o5"]
        _are_copies(result.taken, theirs, "b")
        assert session.info.preview == "t0"
        assert session.merge(other, strategy="interleave").taken == []
        session.undo()
        assert said(session) == ["o1", "o3", "o5"]

    def test_interleave_leaves_the_common_past_alone(self, store: Store) -> None:
        session, base, _, _ = _two_branches(store)
        session.merge("idea", strategy="interleave")
        assert session.messages()[0] == base[0]
        assert said(session) == ["base", "o1", "o2", "t1", "t2"]

    def test_a_message_edited_on_both_sides_is_a_conflict(self, store: Store) -> None:
        session = store.create("a")
        _, second = grown(session, "one", "two")
        fork = session.fork("f")
        mine = session.edit(second.id, "mine")
        theirs = fork.edit(second.id, "theirs")
        for strategy in ("continuation", "interleave", "rebase"):
            trial = session.fork()
            result = trial.merge(fork, strategy=strategy)
            (conflict,) = result.conflicts
            assert (conflict.message_id, conflict.ours, conflict.theirs) == (second.id, mine.id, theirs.id)
            assert {"mine", "theirs"} <= set(said(trial))
            assert result.to_dict()["conflicts"] == [conflict.to_dict()]

    def test_one_id_with_two_contents_is_a_conflict(self, store: Store) -> None:
        session, other = store.create("a"), store.create("b")
        session.append(Message.user("x", id="m1"))
        other.append(Message.user("start"), Message.user("y", id="m1"))
        (conflict,) = session.merge(other).conflicts
        assert (conflict.message_id, conflict.ours, conflict.theirs) == ("m1", "m1", "m1")

    def test_a_message_edited_on_one_side_is_none(self, store: Store) -> None:
        session = store.create("a")
        _, second = grown(session, "one", "two")
        session.edit(second.id, "zwei")
        trial = session.fork()
        assert trial.merge("main-1").conflicts == []
        session.checkout("main-1")
        assert session.merge("main").conflicts == []

    def test_a_copy_of_an_edit_is_no_conflict_with_it(self, store: Store) -> None:
        session, other = store.create("a"), store.create("b")
        (first,) = grown(other, "one")
        other.edit(first.id, "uno")
        assert session.merge(other).conflicts == []
        assert session.merge(other).conflicts == []
        assert other.merge(session).conflicts == []

    def test_two_edits_that_say_the_same_are_no_conflict(self, store: Store) -> None:
        session = store.create("a")
        (first,) = grown(session, "one")
        fork = session.fork("f")
        session.edit(first.id, "uno")
        fork.edit(first.id, "uno")
        assert session.fork("trial").merge(fork).conflicts == []
        copy = store.create("copy")
        copy.merge(fork)  # the same edit, held as a copy
        assert session.merge(copy).conflicts == []

    def test_what_was_spent_counts_once(self, store: Store) -> None:
        session = store.create("a")
        session.branch("idea")
        session.append(Message.assistant("t", usage=Usage(1, 2)), branch="idea")
        session.append(Message.assistant("o", usage=Usage(10, 20)))
        for strategy in ("continuation", "rebase", "interleave"):
            trial = session.fork()
            trial.merge("idea", strategy=strategy)
            assert trial.info.usage == Usage(11, 22)

    def test_large_contents_come_along(self, store: Store) -> None:
        session, other = store.create("a"), store.create("b")
        part = BlobPart(b"\x01" * 100_000, mime_type="image/png")
        other.append(Message.user(part))
        for strategy in ("continuation", "rebase", "interleave"):
            session.append(Message.user("x"))
            session.merge(other, strategy=strategy)
        store.delete("b")
        found = [p for m in session.messages() for p in m.parts if isinstance(p, BlobPart)]
        assert [p.content for p in found] == [part.content]

    def test_odd_merges_are_refused(self, store: Store) -> None:
        session, other = store.create("a"), store.create("b")
        grown(session, "one")
        (message,) = grown(other, "x")
        session.branch("idea")
        version = session.version
        for source in (session, store.get("a"), "main"):
            with pytest.raises(InvalidError):
                session.merge(source)
        with pytest.raises(NotFoundError):
            session.merge("none")
        wrong: list[dict[str, Any]] = [
            {"strategy": "nonsense"},
            {"strategy": "cherry_pick"},
            {"message_ids": [message.id]},
            {"strategy": "rebase", "message_ids": [message.id]},
        ]
        for options in wrong:
            with pytest.raises(InvalidError):
                session.merge(other, **options)
        with pytest.raises(ConflictError):
            session.merge(other, expect=1)
        store.delete("b")
        with pytest.raises(NotFoundError):
            session.merge(other)
        assert session.refresh().version == version

    def test_another_store_s_session_is_refused(
        self, store: Store, open_store: OpenStore, elsewhere: Backend
    ) -> None:
        session = store.create("a")
        grown(session, "mine")
        other = open_store(elsewhere).create("a")
        grown(other, "theirs")
        third = open_store(elsewhere).create("c")
        for source in (other, third):
            with pytest.raises(InvalidError):
                session.merge(source)
            with pytest.raises(InvalidError):
                session.diff(source)

    @pytest.fixture
    def elsewhere(self) -> Backend:
        """An engine that is not the one under test."""
        from ...backends.memory import MemoryBackend

        return MemoryBackend()

    def test_a_copy_of_a_copy_knows_where_it_was_said_first(self, store: Store) -> None:
        first, second, third = store.create("a"), store.create("b"), store.create("c")
        (said_first,) = grown(first, "x")
        second.merge(first)
        third.merge(second)
        (copy,) = third.messages()
        assert (copy.metadata or {})["merged_from"] == {"session_id": "a", "message_id": said_first.id}
        assert third.merge(first).skipped == [said_first.id]


def _are_copies(copies: list[Message], originals: list[Message], session_id: str) -> None:
    """New ids, the same contents and times, and where they came from."""
    assert [(m.role, m.parts, m.created_at) for m in copies] == [
        (m.role, m.parts, m.created_at) for m in originals
    ]
    assert not {m.id for m in copies} & {m.id for m in originals}
    assert [(m.metadata or {}).get("merged_from") for m in copies] == [
        {"session_id": session_id, "message_id": m.id} for m in originals
    ]


class TogetherVerbs(CheckedVerbTests):
    """Tool calls and their answers move together or not at all."""

    def test_picking_one_half_picks_the_other(self, store: Store) -> None:
        other = store.create("b")
        messages = other.append(
            Message.user("q"),
            _call("c1", "c2"),
            Message.tool("c1", 1),
            Message.user("between"),
            Message.tool("c2", 2),
            Message.assistant("done"),
        )
        for picked in (1, 2, 4):
            session = store.create()
            result = session.merge(other, strategy="cherry_pick", message_ids=[messages[picked].id])
            assert [m.parts for m in result.taken] == [messages[n].parts for n in (1, 2, 4)]
            assert session.messages() == result.taken

    def test_interleaving_does_not_part_them(self, store: Store) -> None:
        session, other = store.create("a"), store.create("b")

        def timed(message: Message, hour: int) -> Message:
            from msgspec.structs import replace

            return replace(message, created_at=_NOON + timedelta(hours=hour))

        session.append(timed(_call("c1"), 1), timed(Message.tool("c1", "r"), 5), timed(Message.user("o"), 6))
        other.append(timed(Message.user("t"), 3), timed(_call("c2"), 4), timed(Message.tool("c2", "r"), 9))
        session.merge(other, strategy="interleave")
        line = session.messages()
        assert len(line) == 6
        for place, message in enumerate(line):
            calls = [p.id for p in message.parts if isinstance(p, ToolCallPart)]
            if calls:
                assert getattr(line[place + 1].parts[0], "id", None) == calls[0]

    def test_a_merged_line_is_one_that_providers_accept(self, store: Store) -> None:
        session = store.create("a")
        grown(session, "base")
        session.branch("idea")
        session.append(_call("c1"), Message.tool("c1", "mine"), Message.assistant("o"))
        session.append(_call("c1"), Message.tool("c1", "theirs"), Message.assistant("t"), branch="idea")
        for strategy in ("continuation", "rebase", "interleave"):
            trial = session.fork()
            trial.merge("idea", strategy=strategy)
            line = trial.messages()
            assert len(line) == 7
            for place, message in enumerate(line):
                if any(isinstance(p, ToolCallPart) for p in message.parts):
                    assert line[place + 1].role == "tool"
