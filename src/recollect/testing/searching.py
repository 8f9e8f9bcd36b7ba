"""Search: complete at every moment, each hit once, only what the filters let through.

Words here are plain lower-case ASCII, so that every way of splitting texts agrees on them; how a
user's query and other scripts are split is the index's own business.
"""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from ..backend import RowHit, Term, TextMatch, TextQuery
from ..errors import StoreWarning
from . import making as m
from .base import BackendTests, Connect, reopen, stored
from .driving import Driven

__all__ = ["SearchContract"]


def _places(hits: list[RowHit]) -> list[tuple[str, int]]:
    return [(hit.row.key.session_id, hit.seq) for hit in hits]


def _match(*all_of: Term | tuple[Term, ...], without: tuple[Term, ...] = ()) -> TextQuery:
    groups = tuple((group,) if isinstance(group, Term) else group for group in all_of)
    return structs.replace(m.words(), match=TextMatch(groups, without))


class SearchContract(BackendTests):
    """``SearchesText``, for engines that declare it."""

    @pytest.fixture
    def s(self, b: Driven) -> Driven:
        """The engine; skips where text search is not declared."""
        if not b.capabilities.text_search:
            pytest.skip("this engine declares text_search=False")
        return b

    def test_a_hit_is_found_at_once_and_once(self, s: Driven) -> None:
        s.commit(m.create(m.key(), ["common word1"]))
        for n in range(2, 150):
            s.commit(m.append(stored(s, m.key()), [f"common word{n}"]))
            assert _places(s.search(m.words(f"word{n}"))) == [("s1", n)]
        found = _places(s.search(m.words("common", order="newest")))
        assert sorted(found) == [("s1", n) for n in range(1, 150)]

    def test_a_hit_carries_its_row_and_record(self, s: Driven) -> None:
        record = m.message(1, "needle", at=m.NOW - 5, role="assistant", body=b"\xff body")
        s.commit(m.create(m.key(), [record, m.message(2, "hay")], name="n", tags=("t",), cost=4))
        (hit,) = s.search(m.words("needle"))
        assert hit.row == s.row(m.key())
        assert (hit.seq, hit.at, hit.role, hit.body) == (1, m.NOW - 5, "assistant", b"\xff body")
        assert hit.score > 0
        (hit,) = s.search(m.words("needle", order="newest"))
        assert hit.score == 0
        s.commit(m.append(stored(s, m.key()), ["more"], cost=9, updated_at=m.NOW + 1))
        assert s.search(m.words("needle"))[0].row == s.row(m.key())

    def test_hits_survive_a_new_backend(self, s: Driven, connect: Connect) -> None:
        s.commit(m.create(m.key(), [f"needle {n}" for n in range(200)]))
        again = reopen(s, connect)
        assert len(again.search(m.words("needle"))) == 200
        again.commit(m.append(stored(again, m.key()), ["needle last"]))
        assert len(again.search(m.words("needle"))) == 201

    def test_another_backend_finds_it_at_once(self, s: Driven, connect: Connect) -> None:
        if not s.capabilities.shared:
            pytest.skip("this engine declares shared=False")
        other = connect()
        s.commit(m.create(m.key(), ["needle1"]))
        assert len(other.search(m.words("needle1"))) == 1
        other.commit(m.append(stored(other, m.key()), ["needle2"]))
        assert len(s.search(m.words("needle2"))) == 1

    def test_words_phrases_prefixes_groups_and_exclusions(self, s: Driven) -> None:
        texts = ["red green blue", "green red", "redder", "blue", "red blue green", ""]
        s.commit(m.create(m.key(), texts))
        red, green, blue = (Term((word,)) for word in ("red", "green", "blue"))
        cases: list[tuple[TextQuery, set[int]]] = [
            (_match(red), {1, 2, 5}),
            (_match(red, green), {1, 2, 5}),
            (_match(red, blue), {1, 5}),
            (_match(Term(("red", "green"))), {1}),
            (_match(Term(("green", "red"))), {2}),
            (_match(Term(("re",), prefix=True)), {1, 2, 3, 5}),
            (_match(Term(("green", "bl"), prefix=True)), {1}),
            (_match((red, Term(("redder",)))), {1, 2, 3, 5}),
            (_match((green, blue), red), {1, 2, 5}),
            (_match(red, without=(blue,)), {2}),
            (_match(red, without=(Term(("green", "blue")), Term(("green", "red")))), {5}),
            (_match(Term(("re",))), set()),
            (_match(red, Term(("nowhere",))), set()),
        ]
        for query, expected in cases:
            for order in ("relevance", "newest"):
                hits = s.search(structs.replace(query, order=order))
                assert sorted(hit.seq for hit in hits) == sorted(expected), query.match

    def test_kinds_of_text(self, s: Driven) -> None:
        texts = [("said", "thought", "called"), ("", "said", ""), ("", "", "said"), ("x", "", "said said")]
        s.commit(m.create(m.key(), [m.message(n, text) for n, text in enumerate(texts, 1)]))
        cases: dict[tuple[str, ...], set[int]] = {
            ("text",): {1},
            ("reasoning",): {2},
            ("tool",): {3, 4},
            ("text", "tool"): {1, 3, 4},
            ("text", "reasoning", "tool"): {1, 2, 3, 4},
        }
        for kinds, expected in cases.items():
            assert {hit.seq for hit in s.search(m.words("said", kinds=kinds))} == expected, kinds
        assert s.search(m.words("thought", kinds=("text", "tool"))) == []

    def test_roles_times_and_sessions(self, s: Driven) -> None:
        roles = ["user", "assistant", "tool", "system", "developer"]
        for session_id in ("a", "b"):
            records = [m.message(n, "needle", role=role, at=m.NOW + n) for n, role in enumerate(roles, 1)]
            s.commit(m.create(m.key(session_id), records))
        cases: list[tuple[dict[str, Any], set[int]]] = [
            ({"roles": ("user",)}, {1}),
            ({"roles": ("user", "tool", "developer")}, {1, 3, 5}),
            ({"since": m.NOW + 3}, {3, 4, 5}),
            ({"until": m.NOW + 3}, {1, 2}),
            ({"since": m.NOW + 2, "until": m.NOW + 4, "roles": ("tool", "user")}, {3}),
            ({}, {1, 2, 3, 4, 5}),
        ]
        for filters, expected in cases:
            found = _places(s.search(m.words("needle", **filters)))
            assert sorted(found) == sorted((id_, n) for id_ in "ab" for n in expected), filters
            found = _places(s.search(m.words("needle", session_id="b", **filters)))
            assert sorted(found) == sorted(("b", n) for n in expected), filters
        assert s.search(m.words("needle", session_id="c")) == []

    def test_filters_of_sessions_apply(self, s: Driven) -> None:
        rows: dict[str, dict[str, Any]] = {
            "plain": {},
            "tagged": {"tags": ("t", "u"), "metadata": (("k", "1"),)},
            "costly": {"cost": 10, "provider": "p", "model": "m", "pinned": True},
            "named": {
                "name": "rust",
                "created_at": 5,
                "updated_at": 6,
                "message_count": 7,
                "forked_from": "f",
            },
        }
        for session_id, fields in rows.items():
            s.commit(m.create(m.key(session_id), ["needle"], **fields))
        cases: dict[str, list[dict[str, Any]]] = {
            "tagged": [{"tags": ("t", "u")}, {"any_tags": ("x", "u")}, {"metadata": (("k", "1"),)}],
            "costly": [
                {"min_cost": 10},
                {"max_cost": 10},
                {"provider": "p"},
                {"model": "m"},
                {"pinned": True},
            ],
            "named": [
                *({"text": "us"}, {"prefix": "na"}, {"created_until": 6}, {"until": 7}),
                {"min_messages": 7},
            ],
        }
        for session_id, filters in cases.items():
            for filter_ in filters:
                for order in ("relevance", "newest"):
                    query = m.words("needle", rows=m.query(**filter_), order=order)
                    assert _places(s.search(query)) == [(session_id, 1)], filter_
        assert s.search(m.words("needle", rows=m.query(tags=("none",)))) == []

    def test_what_is_gone_or_hidden_is_not_found(self, s: Driven) -> None:
        for session_id in ("kept", "trashed", "expired", "deleted"):
            s.commit(m.create(m.key(session_id), ["needle"]))
        assert len(s.search(m.words("needle"))) == 4
        s.commit(m.replace_row(stored(s, m.key("trashed")), deleted_at=m.NOW))
        s.commit(m.replace_row(stored(s, m.key("expired")), expires_at=m.NOW))
        s.commit(m.remove(stored(s, m.key("deleted"))))
        assert _places(s.search(m.words("needle"))) == [("kept", 1)]
        s.commit(m.replace_row(stored(s, m.key("trashed")), deleted_at=None))
        s.commit(m.replace_row(stored(s, m.key("expired")), expires_at=None))
        s.commit(m.create(m.key("deleted"), ["another"]))
        assert {hit.row.key.session_id for hit in s.search(m.words("needle"))} == {
            "kept",
            "trashed",
            "expired",
        }
        assert _places(s.search(m.words("another"))) == [("deleted", 1)]

    def test_other_namespaces_are_never_found(self, s: Driven) -> None:
        for namespace in ("alice", "Alice", "alice/x", "bob"):
            s.commit(m.create(m.key("same", namespace), ["needle " + namespace.replace("/", "")]))
        for namespace in ("alice", "Alice", "alice/x", "bob"):
            for order in ("relevance", "newest"):
                (hit,) = s.search(m.words("needle", rows=m.query(namespace), order=order))
                assert hit.row.key == m.key("same", namespace)
        assert s.search(m.words("bob", rows=m.query("alice"))) == []
        assert s.search(m.words("needle", rows=m.query("nobody"))) == []

    @pytest.mark.parametrize("order", ["relevance", "newest"])
    def test_order_and_pages(self, s: Driven, order: str) -> None:
        for shift, session_id in enumerate("abcde"):
            texts = ["needle " * (1 + n % 3) + "filler " * (n % 5) for n in range(12)]
            records = [m.message(n, text, at=m.NOW + (n * 7 + shift) % 10) for n, text in enumerate(texts, 1)]
            s.commit(m.create(m.key(session_id), records))
        whole = s.search(m.words("needle", order=order))
        assert len(set(_places(whole))) == len(whole) == 60
        keys = [hit.score if order == "relevance" else hit.at for hit in whole]
        assert keys == sorted(keys, reverse=True)
        assert [hit.score for hit in whole if order == "newest"] == [0.0] * (60 if order == "newest" else 0)
        for size in (1, 7, 59, 60, 61):
            query = m.words("needle", order=order, limit=size)
            paged: list[RowHit] = []
            while page := s.search(query):
                assert len(page) <= size
                paged += page
                query = structs.replace(query, after=page[-1].position)
            assert _places(paged) == _places(whole), size

    def test_better_matches_score_higher(self, s: Driven) -> None:
        s.commit(m.create(m.key(), ["needle", "needle " + "hay " * 50, "hay " * 50, "needle needle needle"]))
        hits = s.search(m.words("needle"))
        assert {hit.seq for hit in hits} == {1, 2, 4}
        assert hits[-1].seq == 2

    def test_odd_texts_are_taken_and_words_beside_them_found(self, s: Driven) -> None:
        odd = ["\x00", "\ud800", "\udfff x", "\u2028", "\U0001f600", "", "'\"%_*", "e\u0301", "\ufeff"]
        s.commit(m.create(m.key(), [f"before {text} after" for text in odd]))
        assert len(s.search(m.words("before"))) == len(odd)
        assert len(s.search(m.words("after"))) == len(odd)

    def test_records_without_texts_are_not_indexed(self, s: Driven) -> None:
        s.commit(m.create(m.key(), [m.message(1), m.update(2, b"needle"), m.message(3, ("", "", ""))]))
        assert s.search(m.words("needle")) == []

    def test_reindexing_forgets_warns_and_finds_again(self, s: Driven) -> None:
        s.commit(m.create(m.key("a"), ["needle old", "hay"]))
        s.commit(m.create(m.key("b"), ["needle old"]))
        s.reindex()
        with pytest.warns(StoreWarning):
            s.search(m.words("needle"))
        s.commit(m.append(stored(s, m.key("a")), ["needle while reindexing"]))
        s.index(m.key("a"), [(1, ("needle new", "", "")), (2, ("hay", "", ""))])
        s.index(m.key("b"), iter([(1, ("needle new", "", ""))]))
        s.indexed()
        assert sorted(_places(s.search(m.words("needle")))) == [("a", 1), ("a", 3), ("b", 1)]
        assert s.search(m.words("old")) == []
        assert len(s.search(m.words("new"))) == 2
        assert s.figures().unindexed >= 0
