"""``figures``: what a store says it holds is what it holds."""

from __future__ import annotations

from msgspec import structs

from . import making as m
from .base import BackendTests, Connect, reopen, stored
from .driving import Driven

__all__ = ["FiguresContract"]


class FiguresContract(BackendTests):
    """Counts and sizes, of one namespace and of all."""

    def test_an_empty_store(self, b: Driven) -> None:
        figures = b.figures()
        counted = (figures.sessions, figures.trashed, figures.records, figures.messages, figures.blobs)
        assert counted == (0, 0, 0, 0, 0)
        assert figures.body_bytes == 0
        assert b.figures("nowhere").records == 0

    def test_counts_follow_commits(self, b: Driven, connect: Connect) -> None:
        bodies = [m.message(n, body=b"x" * n) for n in (1, 2, 3)]
        first = m.create(m.key("a"), [*bodies, m.update(4, b"u" * 10)])
        b.commit(structs.replace(first, blobs={m.digest(b"blob"): b"blob"}))
        b.commit(m.create(m.key("b"), [m.message(1, body=b"y" * 100)], deleted_at=m.NOW))
        b.commit(m.create(m.key("a", "other"), [m.message(1, body=b"z" * 1000)]))
        for _ in range(2):
            here, all_ = b.figures(m.NS), b.figures()
            assert (here.sessions, here.trashed) == (1, 1)
            assert (here.records, here.messages, here.blobs) == (5, 4, 1)
            assert here.body_bytes == 1 + 2 + 3 + 10 + 100 + 4
            assert (all_.sessions, all_.trashed, all_.records, all_.messages) == (2, 1, 6, 5)
            assert all_.body_bytes == here.body_bytes + 1000
            assert all_.stored_bytes >= all_.body_bytes
            assert here.stored_bytes == all_.stored_bytes, "stored_bytes is of the whole store"
            if b.capabilities.durable:
                b = reopen(b, connect)

    def test_deleting_gives_back(self, b: Driven) -> None:
        b.commit(m.create(m.key(), ["x", "y"]))
        b.commit(m.remove(stored(b, m.key())))
        figures = b.figures()
        assert (figures.sessions, figures.records, figures.body_bytes, figures.unindexed) == (0, 0, 0, 0)
