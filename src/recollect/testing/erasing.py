"""Erasing: the body is replaced where it stands, the index forgets it."""

from __future__ import annotations

from msgspec import structs

from ..backend import ERASE
from . import making as m
from .base import BackendTests, Connect, reopen, stored
from .driving import Driven

__all__ = ["ErasingContract"]

_TOMBSTONE = b'{"erased":true}'


class ErasingContract(BackendTests):
    """``Commit.erased``."""

    def _erase(self, b: Driven, *seqs: int) -> None:
        before = stored(b, m.key())
        record = m.update(before.version + 1, b"erased")._replace(kind=ERASE)
        commit = m.append(before, [record])
        b.commit(structs.replace(commit, erased=[(seq, _TOMBSTONE) for seq in seqs]))

    def test_an_erased_body_is_replaced_by_its_tombstone(self, b: Driven, connect: Connect) -> None:
        b.commit(m.create(m.key(), [m.message(n, body=b"secret %d" % n) for n in (1, 2, 3)]))
        b.commit(m.create(m.key("other"), [m.message(n, body=b"other") for n in (1, 2, 3)]))
        before = b.read(m.key())
        self._erase(b, 2)
        expected = [before[0], (*before[1][:3], _TOMBSTONE), before[2], (4, ERASE, 0, b"erased")]
        assert b.read(m.key()) == expected
        assert [record[3] for record in b.read(m.key("other"))] == [b"other"] * 3
        assert b.seqs(m.key(), [b"s1", b"s2", b"s3"]) == {b"s1": 1, b"s2": 2, b"s3": 3}
        if b.capabilities.durable:
            assert reopen(b, connect).read(m.key()) == expected

    def test_several_at_once_and_one_twice(self, b: Driven) -> None:
        b.commit(m.create(m.key(), [m.message(n, body=b"secret %d" % n) for n in (1, 2, 3)]))
        self._erase(b, 1, 3)
        self._erase(b, 1)
        bodies = [record[3] for record in b.read(m.key())]
        assert bodies == [_TOMBSTONE, b"secret 2", _TOMBSTONE, b"erased", b"erased"]

    def test_an_erased_message_is_never_found(self, b: Driven, connect: Connect) -> None:
        if not b.capabilities.text_search:
            return
        b.commit(m.create(m.key(), ["secret one", "secret two", "secret three"]))
        assert len(b.search(m.words("secret"))) == 3
        self._erase(b, 2)
        assert [hit.seq for hit in b.search(m.words("secret", order="newest"))] == [3, 1]
        assert b.search(m.words("two")) == []
        b.commit(m.append(stored(b, m.key()), ["secret five"]))
        self._erase(b, 5)
        assert b.search(m.words("five")) == []
        if b.capabilities.durable:
            again = reopen(b, connect)
            assert {hit.seq for hit in again.search(m.words("secret"))} == {1, 3}
