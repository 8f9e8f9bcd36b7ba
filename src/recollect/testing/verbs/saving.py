"""save: a whole history in, the difference written."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import pytest

from ...errors import InvalidError, StoreError
from ...model import BlobPart, Message, Usage
from .base import Store, VerbTests, said

__all__ = ["SavingVerbs"]


class SavingVerbs(VerbTests):
    """Store.save."""

    def test_a_new_history_is_created(self, store: Store) -> None:
        session = store.save("a", [Message.user("one"), Message.assistant("two")])
        assert said(session) == said(store.get("a")) == ["one", "two"]
        assert store.save("empty", []).messages() == []

    def test_an_equal_history_writes_nothing(self, store: Store) -> None:
        history = [
            Message.user("one"),
            Message.assistant("two", usage=Usage(1)),
            Message.tool("c", {"r": [1]}),
        ]
        first = store.save("a", history)
        version, stored = first.version, first.messages()
        again = store.save("a", history)
        assert (again.version, again.messages()) == (version, stored)
        assert store.save("a", stored).version == version
        assert store.stats().messages == 3

    def test_a_longer_history_writes_only_what_is_new(self, store: Store) -> None:
        history = [Message.user(f"t{n}") for n in range(20)]
        store.save("a", history[:10])
        version, messages = store.get("a").version, store.stats().messages
        kept = store.get("a").messages()
        session = store.save("a", history)
        assert (store.stats().messages, session.version) == (messages + 10, version + 10)
        assert session.messages()[:10] == kept
        assert said(session) == [f"t{n}" for n in range(20)]

    def test_a_shorter_or_different_history_keeps_the_past(self, store: Store) -> None:
        session = store.save("a", [Message.user("one"), Message.assistant("two"), Message.user("three")])
        version = session.version
        one = session.messages()[0]
        assert said(store.save("a", [Message.user("one")])) == ["one"]
        assert said(store.save("a", [Message.user("one"), Message.assistant("other")])) == ["one", "other"]
        changed = store.save("a", [Message.user("ONE"), Message.assistant("other")])
        assert said(changed) == ["ONE", "other"]
        assert said(changed, at=version) == ["one", "two", "three"]
        assert store.get("a").messages(at=version)[0] == one
        assert store.save("a", []).messages() == []
        assert (changed.refresh().message_count, changed.refresh().preview) == (0, "")

    def test_a_round_trip_through_messages_is_equal(self, store: Store) -> None:
        moment = datetime(2026, 1, 2, tzinfo=UTC)
        image = BlobPart(b"x" * 100_000, mime_type="image/png")
        store.open("a").append(Message.user("one", id="m1", created_at=moment), Message.user(image))
        version = store.get("a").version
        saved = store.save("a", store.get("a").messages())
        assert saved.version == version
        copy = store.save("b", store.get("a").messages())
        assert copy.messages() == store.get("a").messages()

    def test_a_changed_message_is_stored_under_its_id(self, store: Store) -> None:
        history = [Message.user("one", id="m1"), Message.assistant("two", id="m2")]
        store.save("a", history)
        edited = [history[0], Message.assistant("two, edited", id="m2")]
        session = store.save("a", edited)
        assert [(m.id, m.text) for m in session.messages()] == [("m1", "one"), ("m2", "two, edited")]
        assert store.save("a", edited).version == session.version
        assert session.messages(before="m2") == session.messages()[:1]

    def test_attributes_stay(self, store: Store) -> None:
        store.open("a", name="n", tags=["t"])
        info = store.save("a", [Message.user("x")]).refresh()
        assert (info.name, info.tags, info.message_count) == ("n", ("t",), 1)

    def test_a_bad_history_is_refused_whole(self, store: Store) -> None:
        store.save("a", [Message.user("one")])
        version = store.get("a").version
        for bad in (
            [Message.user("one"), Message.user("x", metadata={"k": float("nan")})],
            [Message.user("one", id="m"), Message.user("two", id="m")],
        ):
            with pytest.raises(InvalidError):
                store.save("a", bad)
        assert (store.get("a").version, said(store.get("a"))) == (version, ["one"])

    def test_no_id_comes_twice_on_a_line(self, store: Store) -> None:
        store.save("a", [Message.user("one", id="m1")])
        with suppress(StoreError):  # it may be refused
            store.save("a", [Message.user("one"), Message.assistant("other", id="m1")])
        line = store.get("a").messages()
        assert len({message.id for message in line}) == len(line)
        assert store.save("a", line).messages() == line
