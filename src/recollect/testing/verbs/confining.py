"""Namespaces: nothing in one reaches another. And transfer, verify, stats on every engine."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from ...errors import InvalidError, NotFoundError, UnsupportedError
from ...model import BlobPart, Message, TextPart, Usage
from ..hazards import NAMESPACES, TEXTS
from .base import OpenStore, Store, VerbTests, contents, said

__all__ = ["ConfiningVerbs", "TransferVerbs"]


class ConfiningVerbs(VerbTests):
    """store.namespace."""

    def test_namespaces_share_nothing(self, store: Store) -> None:
        alice, bob = store.namespace("alice"), store.namespace("bob")
        for view, word in ((alice, "apple"), (bob, "banana"), (store, "cherry")):
            session = view.open("same", name=word, tags=["t"], metadata={"k": 1})
            session.append(Message.user(word, id="m1"), Message.user(BlobPart(word.encode() * 20_000)))
        for view, word in ((alice, "apple"), (bob, "banana"), (store, "cherry")):
            assert said(view.get("same"))[0] == word
            assert view.get("same").info.namespace in ("alice", "bob", "default")
            for options in ({}, {"tags": ["t"]}, {"metadata": {"k": 1}}, {"text": word}):
                assert [info.name for info in view.sessions(**options)] == [word]
            if view.capabilities.text_search:
                assert len(view.search(word)) == 1
                assert sum(len(view.search(w)) for w in ("apple", "banana", "cherry")) == 1
            assert (view.stats().sessions, view.stats().blobs) == (1, 1)
            assert view.verify().sessions == 1

    def test_what_one_does_another_does_not_see(self, store: Store) -> None:
        alice, bob = store.namespace("alice"), store.namespace("bob")
        alice.open("a").append(Message.user("x"))
        for call in (
            lambda: bob.get("a"),
            lambda: bob.delete("a"),
            lambda: bob.trash("a"),
            lambda: bob.restore("a"),
            lambda: bob.resolve("a"),
            lambda: bob.resolve("@last"),
        ):
            with pytest.raises(NotFoundError):
                call()
        assert bob.exists("a") is False
        alice.trash("a")
        assert len(bob.trashed()) == 0
        with pytest.raises(NotFoundError):
            bob.restore("a")
        bob.create("a")
        bob.delete("a")
        assert said(alice.restore("a")) == ["x"]

    def test_cursors_do_not_cross(self, store: Store) -> None:
        alice, bob = store.namespace("alice"), store.namespace("bob")
        for n in range(6):
            alice.create(f"alice{n}")
            bob.create(f"bob{n}")
        cursor = alice.sessions(limit=2).next
        try:
            found = [info.id for info in bob.sessions(limit=50, cursor=cursor)]
        except InvalidError:
            found = []
        assert all(id_.startswith("bob") for id_ in found)

    def test_namespaces_nest_and_never_lead_out(self, store: Store) -> None:
        work = store.namespace("alice").namespace("work")
        work.create("a")
        assert work.get("a").info.namespace == "alice/work"
        assert store.namespace("alice/work").exists("a")
        for name in ("default", "..", "/", "bob"):
            assert store.namespace("alice").namespace(name).exists("a") is False
            store.namespace("alice").namespace(name).create("inside")
        assert store.exists("inside") is False
        assert store.namespace("bob").exists("inside") is False
        assert all(name.startswith("alice") for name in store.namespace("alice").namespaces())
        assert "alice/work" in store.namespaces()

    def test_hazardous_names(self, store: Store) -> None:
        for n, name in enumerate(NAMESPACES):
            store.namespace(name).create("s", name=str(n))
        for n, name in enumerate(NAMESPACES):
            assert store.namespace(name).get("s").info.name == str(n)
        assert store.namespaces() == sorted(NAMESPACES)

    def test_a_store_may_be_opened_in_a_namespace(self, store: Store, open_store: OpenStore) -> None:
        store.namespace("alice").create("a")
        if store.capabilities.durable:
            store.close()
        alice = open_store(namespace="alice")
        assert alice.exists("a")
        assert alice.namespaces() == ["alice"]


def _fill(store: Store) -> None:
    session = store.open("a", name="n \u2028", tags=["t", "é"], metadata={"k": [1, None, 2**80]}, pinned=True)
    session.append(*(Message.user(text) for text in TEXTS))
    session.append(
        Message.assistant(
            [TextPart("see"), BlobPart(b"\x00\xff" * 50_000, mime_type="image/png")], model="m"
        ),
        Message.tool("c1", {"r": [1.5, -0.0, 10**30]}, usage=Usage(1, 2, 3, 4, "0.123456789")),  # type: ignore[arg-type]  # text is read as a decimal
    )
    session.update(name="renamed")
    session.clear()
    session.append(Message.user("after the clear", id="m1"))


class TransferVerbs(VerbTests):
    """export, import_, verify, stats."""

    @pytest.mark.parametrize("format_", ["json", "jsonl"])
    def test_a_round_trip_is_byte_identical(self, store: Store, tmp_path: Path, format_: str) -> None:
        _fill(store)
        first = tmp_path / f"first.{format_}"
        assert store.export("a", format=format_, to=first) is None
        before = (store.get("a").info, store.get("a").messages())
        store.delete("a")
        result = store.import_(first)
        assert len(result.sessions) == 1
        assert store.export("a", format=format_).encode() == first.read_bytes()  # type: ignore[union-attr]  # text without to=
        assert (store.get("a").info, store.get("a").messages()) == before
        assert store.get("a").messages(at=2 + len(TEXTS))[: len(TEXTS)] != []
        assert store.verify("a").clean

    def test_importing_again_adds_nothing(self, store: Store, tmp_path: Path) -> None:
        _fill(store)
        path = tmp_path / "a.jsonl"
        store.export("a", format="jsonl", to=path)
        copy = store.namespace("copy")
        first = copy.import_(path)
        assert (first.created, first.updated, first.unchanged) == (1, 0, 0)
        version = copy.get("a").version
        again = copy.import_(path)
        assert (again.created, again.updated, again.unchanged, again.messages) == (0, 0, 1, 0)
        assert copy.get("a").version == version
        assert contents(copy.get("a").messages()) == contents(store.get("a").messages())

    @pytest.mark.parametrize("format_", ["json", "jsonl", "markdown", "text", "openai-chat"])
    def test_every_format_says_what_was_said(self, store: Store, format_: str) -> None:
        store.open("a", name="n").append(Message.user("a question"), Message.assistant("an answer"))
        text = store.export("a", format=format_)
        assert text is not None
        assert "a question" in text
        assert "an answer" in text
        buffer = io.BytesIO()
        assert store.export("a", format=format_, to=buffer) is None
        assert buffer.getvalue() == text.encode()

    def test_odd_exports_are_refused(self, store: Store) -> None:
        store.open("a").append(Message.user("x"))
        with pytest.raises(NotFoundError):
            store.export("none")
        with pytest.raises(UnsupportedError):
            store.export("a", format="nonsense")

    def test_verify_and_stats(self, store: Store) -> None:
        _fill(store)
        store.open("b").append(Message.user("x"))
        store.create("c")
        store.trash("c")
        report = store.verify()
        assert report.clean, report.findings
        assert report.sessions == 3
        stats: Any = store.stats()
        assert (stats.sessions, stats.trashed, stats.blobs) == (2, 1, 1)
        assert stats.messages == report.messages == len(TEXTS) + 4
        assert stats.records == report.records
        assert stats.stored_bytes > 0
