"""tags, rename_tag; set_metadata, get_metadata, delete_metadata and filters on them."""

from __future__ import annotations

from typing import Any

import pytest

from ...errors import ConflictError, InvalidError, NotFoundError
from ..hazards import BAD_IDS, TEXTS
from .base import CheckedVerbTests, Store, joined

__all__ = ["TaggingVerbs"]


class TaggingVerbs(CheckedVerbTests):
    """Tags across a store, and metadata by dotted keys."""

    def test_tags_are_counted(self, store: Store) -> None:
        assert store.tags() == {}
        store.create("a", tags=["x", "y"])
        store.create("b", tags=["y", "X"])
        store.create("c", tags=["y"])
        store.create("gone", tags=["y", "z"])
        store.trash("gone")
        store.namespace("other").create("d", tags=["y"])
        assert store.tags() == {"y": 3, "X": 1, "x": 1}
        assert list(store.tags()) == ["y", "X", "x"]

    def test_renaming_a_tag(self, store: Store) -> None:
        store.create("a", tags=["x", "y"])
        store.create("b", tags=["x"])
        store.create("c", tags=["X"])
        store.create("gone", tags=["x"])
        store.trash("gone")
        assert store.rename_tag("x", "neu é") == 3
        assert store.tags() == {"neu é": 2, "X": 1, "y": 1}
        assert store.get("a").info.tags == ("neu é", "y")
        assert store.restore("gone").info.tags == ("neu é",)
        assert [i.id for i in store.sessions(tags=["x"])] == []
        assert store.rename_tag("none", "other") == 0
        assert store.rename_tag("y", "y") == 0
        for bad in BAD_IDS:
            with pytest.raises(InvalidError):
                store.rename_tag("x", bad)

    def test_merging_two_tags(self, store: Store) -> None:
        store.create("a", tags=["x", "z", "y"])
        store.create("b", tags=["y"])
        store.create("c", tags=["x"])
        assert store.rename_tag("y", "x") == 2
        assert store.tags() == {"x": 3, "z": 1}
        assert store.get("a").info.tags == ("x", "z")
        store.get("a").undo()
        assert store.get("a").info.tags == ("x", "z", "y")

    def test_many_sessions_have_a_tag(self, store: Store) -> None:
        for n in range(30):
            store.create(f"s{n}", tags=["x", f"t{n % 3}"])
        assert store.tags() == {"x": 30, "t0": 10, "t1": 10, "t2": 10}
        assert store.rename_tag("t0", "t1") == 10
        assert store.tags() == {"x": 30, "t1": 20, "t2": 10}

    def test_metadata_by_dotted_keys(self, store: Store) -> None:
        session = store.create("a")
        values: list[Any] = ["x", 1, 1.5, 2**80, True, None, [1, {"k": "v"}], {"k": {"l": 1}}, *TEXTS[:5]]
        for value in values:
            info = session.set_metadata("project.deep.name", value)
            assert info.metadata == {"project": {"deep": {"name": joined(value)}}}
            assert session.get_metadata("project.deep.name") == joined(value)
            assert type(session.get_metadata("project.deep.name")) is type(value)
        session.set_metadata("project.other", 1)
        session.set_metadata("top", 2)
        assert session.get_metadata("project")["other"] == 1
        assert store.get("a").info.metadata["top"] == 2
        version = session.version
        session.set_metadata("top", 2)
        assert session.version == version
        info = session.delete_metadata("project.deep")
        assert info.metadata == {"project": {"other": 1}, "top": 2}
        session.undo()
        assert "deep" in session.get_metadata("project")

    def test_a_key_may_hold_dots_itself(self, store: Store) -> None:
        session = store.create("a", metadata={"a.b": 1, "a": {"b": 2}})
        assert session.get_metadata("a.b") == 1
        session.set_metadata("a.b", 3)
        assert session.info.metadata == {"a.b": 3, "a": {"b": 2}}
        session.delete_metadata("a.b")
        assert session.get_metadata("a.b") == 2

    def test_odd_metadata_is_refused(self, store: Store) -> None:
        session = store.create("a", metadata={"k": 1, "list": [1]})
        for path in ("none", "k.none", "list.0", "none.none", "k."):
            with pytest.raises(NotFoundError):
                session.get_metadata(path)
            with pytest.raises(NotFoundError):
                session.delete_metadata(path)
        for path in ("", "k.inner", "list.0"):
            with pytest.raises(InvalidError):
                session.set_metadata(path, 1)
        wrong: tuple[Any, ...] = (float("nan"), (1, 2), {1: 2}, b"x", object())
        for value in wrong:
            with pytest.raises(InvalidError):
                session.set_metadata("new", value)
        with pytest.raises(ConflictError):
            session.set_metadata("new", 1, expect=99)
        assert session.refresh().version == 1

    def test_what_is_handed_out_is_a_copy(self, store: Store) -> None:
        mine: dict[str, Any] = {"k": [1]}
        session = store.create("a")
        session.set_metadata("x", mine)
        mine["k"].append(2)
        assert session.refresh().metadata == {"x": {"k": [1]}}

    def test_filters_on_nested_metadata_are_literal(self, store: Store) -> None:
        values = ["x", "X", "x' OR '1'='1", 'x"', "%", "_", "x.y", "$", "\\", "é", 1, "1", True, None]
        for n, value in enumerate(values):
            store.create(f"s{n}").set_metadata("project.name", value)
        for n, value in enumerate(values):
            found = store.sessions(metadata={"project.name": value})
            assert [i.id for i in found] == [f"s{n}"]
        assert len(store.sessions(metadata={"project": "x"})) == 0
        for key in ("project.nam_", "project.%", "project.name' --", "x"):
            assert len(store.sessions(metadata={key: "x"})) == 0
