"""erase: the text is gone wherever a store can show it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ...errors import ConflictError, NotFoundError
from ...model import BlobPart, Message, TextPart, ToolCallPart, Usage
from .base import CheckedVerbTests, Session, Store, grown, said

__all__ = ["ErasingVerbs"]

_SECRET = "quokkasecret"


def _nowhere(store: Store, *sessions: Session) -> None:
    """The secret shows up in nothing that these sessions and the search can show."""
    for session in sessions:
        assert not any(_SECRET in text for text in said(session))
        assert not any(_SECRET in node.message.text for node in session.tree())
        for version in range(1, session.refresh().version + 1):
            assert not any(_SECRET in text for text in said(session, at=version))
            assert _SECRET not in str(store.get(session.id, at=version).info)
        assert _SECRET not in str(session.history(limit=1000))
        for format_ in ("json", "jsonl", "markdown", "text"):
            assert _SECRET not in (store.export(session.id, format=format_) or "")
    assert _SECRET not in str([info.to_dict() for info in store.sessions()])
    for words in (_SECRET, "quokka*"):
        assert len(store.search(words, kinds=["text", "reasoning", "tool"])) == 0


class ErasingVerbs(CheckedVerbTests):
    """Removing what was said, for good."""

    def test_the_text_is_gone_and_the_place_stays(self, store: Store) -> None:
        session = store.create("a")
        session.append(
            Message.user(f"my {_SECRET}"),
            Message.assistant([TextPart("ok"), ToolCallPart(_SECRET, [_SECRET], "c")], usage=Usage(1, 2)),
            Message.user("next"),
        )
        first, second, third = session.messages()
        assert len(store.search(_SECRET, kinds=["text", "tool"])) == 2
        result = session.erase(first.id)
        assert (result.message_id, result.blobs, result.forks) == (first.id, 0, [])
        session.erase(second.id)
        _nowhere(store, session)
        left = session.messages()
        assert [(m.id, m.role, m.parent_id) for m in left] == [
            (m.id, m.role, m.parent_id) for m in (first, second, third)
        ]
        assert [m.parts for m in left] == [(), (), third.parts]
        assert left[1].usage == session.info.usage == Usage(1, 2)
        assert (session.info.message_count, session.info.turn_count, session.info.preview) == (3, 2, "")
        assert [m.metadata for m in left[:2]] == [{"erased": True}] * 2

    def test_erasing_again_writes_nothing(self, store: Store) -> None:
        session = store.create("a")
        (first,) = grown(session, _SECRET)
        session.erase(first.id)
        version = session.version
        session.erase(first.id)
        assert session.refresh().version == version
        with pytest.raises(NotFoundError):
            session.erase("none")
        with pytest.raises(ConflictError):
            session.erase(first.id, expect=1)

    def test_nothing_brings_it_back(self, store: Store) -> None:
        session = store.create("a")
        first, second = grown(session, "one", _SECRET)
        session.label(second.id, "good")
        session.erase(second.id)
        for back in (
            lambda: session.undo(),
            lambda: session.undo(),
            lambda: session.undo(),
            lambda: session.restore(3),
            lambda: session.rewind(to=first.id),
            lambda: session.rewind(to=second.id),
            lambda: session.branch("x", at=3),
            lambda: session.checkout("x"),
        ):
            back()
            _nowhere(store, session)

    def test_an_append_of_it_does_not_bring_it_back(self, store: Store) -> None:
        session = store.create("a")
        history = [Message.user("one", id="m1"), Message.user(_SECRET, id="m2"), Message.user("x", id="m3")]
        session.append(*history)
        session.erase("m2")
        session.append(*history)
        _nowhere(store, session)
        assert session.info.message_count == 3

    @pytest.mark.parametrize("ids", [True, False], ids=["ids", "no ids"])
    def test_a_save_does_not_bring_it_back(self, store: Store, ids: bool) -> None:
        history = [
            Message.user(text, id=f"m{n}" if ids else "")
            for n, text in enumerate(["one", _SECRET, "three"], 1)
        ]
        session = store.save("a", history)
        session.erase(session.messages()[1].id)
        store.save("a", history)
        _nowhere(store, session)
        assert [m.text for m in session.messages()] == ["one", "", "three"]
        store.save("a", [*history, Message.user("four")])
        _nowhere(store, session)
        assert said(session)[-1] == "four"

    def test_a_save_on_another_line_does_not_bring_it_back(self, store: Store) -> None:
        history = [Message.user("one", id="m1"), Message.user(_SECRET, id="m2")]
        session = store.save("a", history)
        session.erase("m2")
        session.rewind(to="m1")
        store.save("a", history)
        _nowhere(store, session)

    def test_a_save_that_uses_its_id_anew_does_not_bring_it_back(self, store: Store) -> None:
        session = store.save("a", [Message.user(_SECRET, id="m1"), Message.assistant("two")])
        session.erase("m1")
        store.save("a", [Message.user(_SECRET), Message.user("new", id="m1")])
        _nowhere(store, session)

    @pytest.mark.parametrize("format_", ["json", "jsonl"])
    def test_an_import_does_not_bring_it_back(self, store: Store, tmp_path: Path, format_: str) -> None:
        session = store.create("a")
        _, second, _ = grown(session, "one", _SECRET, "three")
        path = tmp_path / f"before.{format_}"
        store.export("a", format=format_, to=path)
        session.erase(second.id)
        store.import_(path)
        _nowhere(store, session)

    def test_an_import_of_a_transcript_does_not_bring_it_back(self, store: Store, tmp_path: Path) -> None:
        path = tmp_path / "chat.json"
        path.write_text(
            '{"messages": [{"role": "user", "content": "one"}, {"role": "assistant", "content": "'
            + _SECRET
            + '"}]}'
        )
        (session_id,) = store.import_(path).sessions
        session = store.get(session_id)
        session.erase(session.messages()[1].id)
        store.import_(path)
        _nowhere(store, session)
        assert len(store.sessions()) == 1

    def test_it_goes_from_every_line_it_is_on(self, store: Store) -> None:
        session = store.create("a")
        first, second = grown(session, "one", _SECRET)
        session.branch("idea")
        session.append(Message.user("x"))
        session.edit(first.id, "uno")
        session.erase(second.id)
        for branch in session.branches():
            session.checkout(branch.name)
            _nowhere(store, session)

    def test_copies_that_a_merge_made_in_the_session_go_too(self, store: Store) -> None:
        session, other = store.create("a"), store.create("b")
        grown(session, "one", _SECRET)
        grown(other, "two")
        for strategy in ("interleave", "rebase"):
            session.append(Message.user("more"))
            other.append(Message.user(f"other {strategy}"))
            session.merge(other, strategy=strategy)
        shown = next(m for m in session.messages() if m.text == _SECRET)
        session.erase(shown.id)
        _nowhere(store, session)

    def test_a_merge_does_not_bring_it_back(self, store: Store) -> None:
        session, other = store.create("a"), store.create("b")
        grown(other, "one", _SECRET)
        (_, copy) = session.merge(other).taken
        session.erase(copy.id)
        again = session.merge(other)
        assert (again.taken, len(again.skipped)) == ([], 2)
        assert said(session) == ["one", ""]
        other.erase(other.messages()[1].id)
        _nowhere(store, session, other)

    def test_blobs_go_with_it_unless_used_elsewhere(self, store: Store) -> None:
        image, shared = b"\x01" * 100_000, b"\x02" * 100_000
        session = store.create("a")
        session.append(
            Message.user([BlobPart(image), BlobPart(shared), TextPart(_SECRET)], id="m1"),
            Message.user(BlobPart(shared), id="m2"),
        )
        assert store.stats().blobs == 2
        assert session.erase("m1").blobs == 1
        assert store.stats().blobs == 1
        left = session.messages()[1].parts[0]
        assert isinstance(left, BlobPart)
        assert left.content == shared
        assert session.erase("m2").blobs == 1
        assert store.stats().blobs == 0
        _nowhere(store, session)

    def test_forks_with_a_copy_are_named(self, store: Store) -> None:
        session = store.create("a")
        first, second = grown(session, "one", _SECRET)
        before = session.fork("before", at=first.id)
        copy = session.fork("copy")
        grandchild = copy.fork("grandchild")
        store.create("stranger").append(Message.user("x"))
        store.trash("grandchild")
        assert session.erase(second.id).forks == ["copy", "grandchild"]
        assert said(copy) == ["one", _SECRET]
        assert copy.erase(second.id).forks == ["grandchild"]
        store.restore("grandchild")
        assert session.erase(second.id).forks == ["grandchild"]
        grandchild = store.get("grandchild")
        assert grandchild.erase(second.id).forks == []
        _nowhere(store, session, before, copy, grandchild)

    def test_forks_of_deleted_forks_are_named(self, store: Store) -> None:
        session = store.create("a")
        (only,) = grown(session, _SECRET)
        session.fork("child").fork("grandchild")
        store.delete("child")
        assert session.erase(only.id).forks == ["grandchild"]

    def test_an_erasure_survives_export_and_import(self, store: Store, tmp_path: Path) -> None:
        session = store.create("a")
        _, second, _ = grown(session, "one", _SECRET, "three")
        session.erase(second.id)
        path = tmp_path / "a.json"
        store.export("a", to=path)
        copy = store.namespace("copy")
        copy.import_(path)
        assert copy.get("a").messages() == session.messages()
        assert copy.export("a") == store.export("a")
        _nowhere(copy, copy.get("a"))
