"""Completing: the body is replaced where it stands, the index follows."""

from __future__ import annotations

import pytest
from msgspec import structs

from ..backend import ERASE
from ..errors import ConflictError
from . import making as m
from .base import BackendTests, Connect, reopen, stored
from .driving import Driven

__all__ = ["AmendingContract"]


class AmendingContract(BackendTests):
    """``Commit.amended``."""

    def _amend(self, b: Driven, *changes: tuple[int, str]) -> None:
        before = stored(b, m.key())
        commit = m.append(before, [m.update(before.version + 1, b"amended")._replace(kind=ERASE)])
        amended = [(seq, text.encode(), (text, "", "")) for seq, text in changes]
        b.commit(structs.replace(commit, amended=amended))

    def test_a_body_is_replaced_where_it_stands(self, b: Driven, connect: Connect) -> None:
        b.commit(m.create(m.key(), [m.message(n, body=b"begun %d" % n) for n in (1, 2, 3)]))
        b.commit(m.create(m.key("other"), [m.message(n, body=b"other") for n in (1, 2, 3)]))
        before = b.read(m.key())
        self._amend(b, (1, "whole 1"), (3, "whole 3"))
        self._amend(b, (3, "whole again"))
        after = [(*before[0][:3], b"whole 1"), before[1], (*before[2][:3], b"whole again")]
        assert b.read(m.key())[:3] == after
        assert [record[3] for record in b.read(m.key("other"))] == [b"other"] * 3
        assert b.seqs(m.key(), [b"s1", b"s2", b"s3"]) == {b"s1": 1, b"s2": 2, b"s3": 3}
        if b.capabilities.durable:
            assert reopen(b, connect).read(m.key())[:3] == after

    def test_what_was_added_is_found_and_once(self, b: Driven, connect: Connect) -> None:
        if not b.capabilities.text_search:
            return
        b.commit(m.create(m.key(), ["red one", "red two", "red three"]))
        assert len(b.search(m.words("red"))) == 3  # and whatever waited is in the index now
        self._amend(b, (2, "red two blue"))
        assert [hit.seq for hit in b.search(m.words("blue"))] == [2]
        assert [hit.seq for hit in b.search(m.words("red", order="newest"))] == [3, 2, 1]
        b.commit(m.append(stored(b, m.key()), ["red five"]))
        self._amend(b, (5, "red five green"), (2, "green"))
        assert [hit.seq for hit in b.search(m.words("red", order="newest"))] == [5, 3, 1]
        assert {hit.seq for hit in b.search(m.words("green"))} == {2, 5}
        assert b.search(m.words("blue")) == []
        if b.capabilities.durable:
            again = reopen(b, connect)
            assert [hit.seq for hit in again.search(m.words("red", order="newest"))] == [5, 3, 1]
            assert {hit.seq for hit in again.search(m.words("green"))} == {2, 5}

    def test_a_late_one_changes_nothing(self, b: Driven) -> None:
        b.commit(m.create(m.key(), ["one"]))
        first = stored(b, m.key())
        b.commit(m.append(first, ["two"]))
        late = m.append(first, [m.update(first.version + 1, b"amended")._replace(kind=ERASE)])
        with pytest.raises(ConflictError):
            b.commit(structs.replace(late, amended=[(1, b"late", ("late", "", ""))]))
        assert b.read(m.key())[0][3] != b"late"
