"""Blobs: content beside the log, named by digest, belonging to one session."""

from __future__ import annotations

from msgspec import structs

from ..backend import Commit
from . import making as m
from .base import BackendTests, Connect, reopen, stored
from .driving import Driven

__all__ = ["BlobContract"]

_CONTENTS = (b"", b"\x00", bytes(range(256)) * 300, b"\xff" * 100_000, "é\u2028".encode())


def _with_blobs(commit: Commit, *contents: bytes) -> Commit:
    return structs.replace(commit, blobs={m.digest(content): content for content in contents})


class BlobContract(BackendTests):
    """blobs, drop_blobs, blob()."""

    def test_blobs_come_back_byte_for_byte(self, b: Driven, connect: Connect) -> None:
        b.commit(_with_blobs(m.create(m.key(), ["x"]), *_CONTENTS))
        assert [b.blob(m.key(), m.digest(content)) for content in _CONTENTS] == list(_CONTENTS)
        assert b.blob(m.key(), m.digest(b"never stored")) is None
        if b.capabilities.durable:
            again = reopen(b, connect)
            assert [again.blob(m.key(), m.digest(content)) for content in _CONTENTS] == list(_CONTENTS)

    def test_storing_a_blob_again_changes_nothing(self, b: Driven) -> None:
        b.commit(_with_blobs(m.create(m.key(), ["x"]), b"one"))
        b.commit(_with_blobs(m.append(stored(b, m.key()), ["y"]), b"one", b"two"))
        assert b.blob(m.key(), m.digest(b"one")) == b"one"
        assert b.figures().blobs == 2

    def test_a_blob_belongs_to_its_session(self, b: Driven) -> None:
        b.commit(_with_blobs(m.create(m.key("a"), ["x"]), b"shared"))
        b.commit(m.create(m.key("b"), ["x"]))
        b.commit(_with_blobs(m.create(m.key("a", "other"), ["x"]), b"shared"))
        assert b.blob(m.key("b"), m.digest(b"shared")) is None
        b.commit(m.remove(stored(b, m.key("a"))))
        assert b.blob(m.key("a"), m.digest(b"shared")) is None
        assert b.blob(m.key("a", "other"), m.digest(b"shared")) == b"shared"

    def test_a_dropped_blob_is_gone_and_can_come_back(self, b: Driven) -> None:
        b.commit(_with_blobs(m.create(m.key(), ["x"]), b"one", b"two"))
        drop = m.append(stored(b, m.key()), [m.update(2)])
        b.commit(structs.replace(drop, drop_blobs=[m.digest(b"one"), m.digest(b"never stored")]))
        assert b.blob(m.key(), m.digest(b"one")) is None
        assert b.blob(m.key(), m.digest(b"two")) == b"two"
        b.commit(_with_blobs(m.append(stored(b, m.key()), ["y"]), b"one"))
        assert b.blob(m.key(), m.digest(b"one")) == b"one"

    def test_a_large_blob(self, b: Driven) -> None:
        content = bytes(range(256)) * 4096 * 8
        b.commit(_with_blobs(m.create(m.key(), ["x"]), content))
        assert b.blob(m.key(), m.digest(content)) == content
