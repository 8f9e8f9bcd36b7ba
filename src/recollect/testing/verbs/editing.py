"""edit, rewind, pop."""

from __future__ import annotations

from typing import Any

import pytest

from ...errors import ConflictError, ExistsError, InvalidError, NotFoundError
from ...model import Message, TextPart
from .base import CheckedVerbTests, Store, grown, said

__all__ = ["EditingVerbs"]


class EditingVerbs(CheckedVerbTests):
    """Saying something else instead, and going back."""

    def test_edit_makes_a_sibling_and_keeps_the_old_text(self, store: Store) -> None:
        session = store.create("a")
        _, second, _ = grown(session, "one", "two", "three")
        new = session.edit(second.id, "zwei")
        assert said(session) == ["one", "zwei"]
        assert (new.role, new.parent_id, new.text) == (second.role, second.parent_id, "zwei")
        assert new.id != second.id
        assert new == session.messages()[-1]
        active, kept = session.branches()
        assert (active.name, active.head, active.message_count) == ("main", new.id, 2)
        assert (kept.name, kept.message_count, kept.active) == ("main-1", 3, False)
        session.checkout(kept.name)
        assert said(session) == ["one", "two", "three"]

    def test_every_edit_keeps_one_more_branch(self, store: Store) -> None:
        session = store.create("a")
        (only,) = grown(session, "v1")
        for text in ("v2", "v3", "v4"):
            only = session.edit(only.id, text)
        assert said(session) == ["v4"]
        lines = {}
        for branch in session.branches():
            session.checkout(branch.name)
            lines[branch.name] = said(session)
        assert lines == {"main": ["v4"], "main-1": ["v1"], "main-2": ["v2"], "main-3": ["v3"]}
        assert session.info.message_count == 1

    def test_edit_with_a_whole_message(self, store: Store) -> None:
        session = store.create("a")
        first, _ = grown(session, "one", "two")
        new = session.edit(
            first.id, Message.system([TextPart("x"), TextPart("y")], id="mine", metadata={"k": 1})
        )
        assert (new.id, new.role, new.text) == ("mine", "system", "x\ny")
        assert (new.metadata or {})["k"] == 1
        assert session.messages() == [new]
        assert session.info.preview == ""

    def test_an_edited_first_message_changes_the_preview(self, store: Store) -> None:
        session = store.create("a")
        first, _ = grown(session, "one", "two")
        session.edit(first.id, "uno")
        assert (session.info.preview, session.info.turn_count) == ("uno", 1)
        session.checkout("main-1")
        assert session.info.preview == "one"

    def test_what_was_left_behind_can_be_edited(self, store: Store) -> None:
        session = store.create("a")
        _, second, _ = grown(session, "one", "two", "three")
        session.clear()
        session.append(Message.user("anew"))
        session.edit(second.id, "zwei")
        assert said(session) == ["one", "zwei"]
        lines = []
        for branch in session.branches():
            session.checkout(branch.name)
            lines.append(said(session))
        assert ["anew"] in lines
        assert any("two" in line for line in lines)  # the old text stays on a branch of its own

    def test_odd_edits_are_refused(self, store: Store) -> None:
        session = store.create("a")
        first, second = grown(session, "one", "two")
        version = session.version
        with pytest.raises(NotFoundError):
            session.edit("none", "x")
        with pytest.raises(ConflictError):
            session.edit(second.id, "x", expect=version - 1)
        with pytest.raises(ExistsError):
            session.edit(second.id, Message.user("x", id=first.id))
        wrong: tuple[Any, ...] = (None, 5, Message(role="robot"))  # type: ignore[arg-type]  # on purpose
        for new in wrong:
            with pytest.raises(InvalidError):
                session.edit(second.id, new)
        assert session.refresh().version == version
        session.erase(second.id)
        with pytest.raises(InvalidError):
            session.edit(second.id, "x")

    def test_rewind_to_a_message(self, store: Store) -> None:
        session = store.create("a")
        first, second, third = grown(session, "one", "two", "three")
        info = session.rewind(to=second.id)
        assert (info.head, info.message_count, info.turn_count) == (second.id, 2, 1)
        assert said(session) == ["one", "two"]
        assert [b.name for b in session.branches()] == ["main"]
        version = session.version
        session.rewind(to=second.id)
        assert session.version == version
        session.rewind(to=third.id)  # forward again: it is still in the log
        assert said(session) == ["one", "two", "three"]
        session.rewind(to=first.id)
        (more,) = session.append(Message.assistant("other"))
        assert more.parent_id == first.id
        assert said(session) == ["one", "other"]

    def test_rewind_by_turns(self, store: Store) -> None:
        session = store.create("a")
        session.append(Message.system("be brief"))
        for n in range(60):
            session.append(Message.user(f"q{n}"))
            session.append(*(Message.assistant(f"a{n}.{k}") for k in range(n % 3)))
        whole = said(session)
        for turns, last in ((1, 59), (2, 57), (40, 17), (17, 0)):
            info = session.rewind(turns=turns)
            assert info.turn_count == last
            assert said(session) == whole[: whole.index(f"q{last}")]
        assert said(session) == ["be brief"]
        with pytest.raises(InvalidError):
            session.rewind(turns=1)

    def test_odd_rewinds_are_refused(self, store: Store) -> None:
        session = store.create("a")
        first, _ = grown(session, "one", "two")
        wrong: list[dict[str, Any]] = [
            *({}, {"to": first.id, "turns": 1}, {"turns": 0}, {"turns": -1}, {"turns": 2}),
            *({"turns": True}, {"turns": "1"}, {"turns": 0.5}),
        ]
        for options in wrong:
            with pytest.raises(InvalidError):
                session.rewind(**options)
        with pytest.raises(NotFoundError):
            session.rewind(to="none")
        with pytest.raises(ConflictError):
            session.rewind(turns=1, expect=1)
        assert said(session) == ["one", "two"]

    def test_pop_returns_what_it_removes(self, store: Store) -> None:
        session = store.create("a")
        stored = grown(session, "one", "two", "three")
        for message in reversed(stored):
            assert session.pop() == message
        assert (session.messages(), session.info.message_count, session.info.head) == ([], 0, None)
        with pytest.raises(NotFoundError):
            session.pop()
        assert said(session, at=4) == ["one", "two", "three"]

    def test_popping_is_guarded(self, store: Store) -> None:
        session = store.create("a")
        grown(session, "one", "two")
        with pytest.raises(ConflictError):
            session.pop(expect=1)
        assert session.pop(expect=3).text == "two"
