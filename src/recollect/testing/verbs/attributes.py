"""update, tag, untag, touch, clear."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ...errors import InvalidError
from ...model import Message, Usage
from ..hazards import BAD_IDS
from .base import Store, VerbTests, said

__all__ = ["AttributeVerbs"]

_EVERYTHING: dict[str, Any] = {
    "name": "A name",
    "provider": "openai",
    "model": "gpt-x",
    "system_prompt": "Be brief.",
    "tags": ("one", "two"),
    "metadata": {"k": 1, "deep": {"list": [1, None, {"x": "é"}]}, "big": 2**100},
    "summary": "What was said.",
    "pinned": True,
    "expires_at": datetime(2999, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC),
}
_UNSET: dict[str, Any] = {
    "name": None,
    "provider": None,
    "model": None,
    "system_prompt": None,
    "tags": (),
    "metadata": {},
    "summary": None,
    "pinned": False,
    "expires_at": None,
}


def _attributes(info: Any) -> dict[str, Any]:
    return {name: getattr(info, name) for name in _EVERYTHING}


class AttributeVerbs(VerbTests):
    """What a session is called, and clear."""

    def test_every_attribute_can_be_given_at_birth(self, store: Store) -> None:
        assert _attributes(store.create("a", **_EVERYTHING).info) == _EVERYTHING
        assert _attributes(store.open("b", **_EVERYTHING).info) == _EVERYTHING
        assert _attributes(store.get("a").info) == _EVERYTHING
        assert _attributes(store.create("plain").info) == _UNSET

    @pytest.mark.parametrize("name", sorted(_EVERYTHING))
    def test_each_attribute_alone(self, store: Store, name: str) -> None:
        session = store.create("a")
        info = session.update(**{name: _EVERYTHING[name]})
        assert _attributes(info) == {**_UNSET, name: _EVERYTHING[name]}
        assert store.get("a").info == info == session.info
        assert info.version == 2
        assert _attributes(session.update(**{name: _UNSET[name]})) == _UNSET
        assert _attributes(store.get("a").info) == _UNSET

    def test_what_is_not_given_stays(self, store: Store) -> None:
        session = store.create("a", **_EVERYTHING)
        session.append(Message.user("x"))
        info = session.update(name="B", metadata={"new": True})
        assert _attributes(info) == {**_EVERYTHING, "name": "B", "metadata": {"new": True}}
        assert said(session) == ["x"]

    def test_no_difference_is_no_write(self, store: Store) -> None:
        session = store.create("a", **_EVERYTHING)
        before = session.info
        assert session.update(**_EVERYTHING) == before
        assert session.update() == before
        assert session.tag("one") == before
        assert session.untag("none") == before
        assert store.get("a").version == 1

    def test_tags(self, store: Store) -> None:
        session = store.create("a", tags=["x", "y", "x"])
        assert session.info.tags == ("x", "y")
        assert session.tag("z", "x").tags == ("x", "y", "z")
        assert session.untag("y", "none").tags == ("x", "z")
        assert [info.id for info in store.sessions(tags=["z"])] == ["a"]
        assert len(store.sessions(tags=["y"])) == 0
        for odd in ("X", "é", "e\u0301", "a b", "%", "'", "\u2028", "\U0001f600" * 255):
            session.tag(odd)
            assert [info.id for info in store.sessions(tags=[odd])] == ["a"]
        for bad in BAD_IDS:
            with pytest.raises(InvalidError):
                session.tag(bad)
            with pytest.raises(InvalidError):
                session.update(tags=[bad])

    def test_wrong_values_are_refused(self, store: Store) -> None:
        session = store.create("a")
        wrong: list[dict[str, Any]] = [
            *({"tags": "text"}, {"tags": [1]}, {"tags": None}, {"metadata": None}, {"metadata": [1]}),
            *({"pinned": 1}, {"pinned": None}, {"name": 5}, {"provider": b"x"}, {"nonsense": 1}),
            *({"expires_at": "2026-01-01"}, {"expires_at": datetime(2026, 1, 1)}),  # naive on purpose
            *({"metadata": {1: 2}}, {"metadata": {"k": (1, 2)}}),
        ]
        for values in wrong:
            with pytest.raises(InvalidError):
                session.update(**values)
            with pytest.raises(InvalidError):
                store.create("b", **values)
            with pytest.raises(InvalidError):
                store.open("b", **values)
        assert session.version == 1
        assert store.exists("b") is False

    def test_touch_makes_it_the_newest(self, store: Store) -> None:
        for name in "abc":
            store.create(name)
        before = store.get("a").info
        info = store.get("a").touch()
        assert info.updated_at > before.updated_at
        assert _attributes(info) == _attributes(before)
        assert [i.id for i in store.sessions()] == ["a", "c", "b"]

    def test_clear_keeps_the_session_and_its_past(self, store: Store) -> None:
        session = store.create("a", name="n", tags=["t"])
        session.append(Message.user("q"), Message.assistant("a", usage=Usage(1, 2)))
        version = session.version
        info = session.clear()
        assert session.messages() == []
        assert (info.message_count, info.turn_count, info.head, info.preview) == (0, 0, None, "")
        assert (info.name, info.tags, info.usage) == ("n", ("t",), Usage(1, 2))
        assert said(session, at=version) == ["q", "a"]
        (fresh,) = session.append(Message.user("anew"))
        assert fresh.parent_id is None
        assert said(store.get("a")) == ["anew"]
        assert (session.info.message_count, session.info.preview) == (1, "anew")

    def test_clearing_nothing_writes_nothing(self, store: Store) -> None:
        session = store.create("a")
        session.clear()
        assert session.version == 1
