"""``find``: every filter alone and combined against a naive evaluation, order, paging, literalness."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from ..backend import Key, RowQuery, SessionRow
from . import making as m
from . import strategies
from .base import BackendTests, Connect, examples, reopen, stored
from .driving import Driven
from .naive import expected_rows

__all__ = ["FindingContract"]

_WILD = ["a%c", "abc", "a_c", "a*c", "a?c", "A%C", "a\\%c", "a[b]c", "a", "ab", "", "%", "_", "*"]


def _fill(b: Driven, rows: list[SessionRow]) -> None:
    for row in rows:
        b.commit(m.create(row.key, ["x"], **{name: getattr(row, name) for name in row.__struct_fields__[2:]}))


def _sample(count: int, seed: int) -> list[SessionRow]:
    """Rows whose columns take few values, so that every filter splits them and times tie."""
    chance = random.Random(seed)

    def one(n: int) -> SessionRow:
        return m.row(
            m.key(f"{chance.choice(['a', 'b', 'a%', 'a_', 'é'])}{n}"),
            created_at=m.NOW - chance.randrange(4) * m.DAY,
            updated_at=m.NOW + chance.randrange(4),
            name=chance.choice([None, "", "rust", "rust and go", "a%b"]),
            provider=chance.choice([None, "openai", "OpenAI"]),
            model=chance.choice([None, "m1", "m2"]),
            tags=tuple(sorted(chance.sample(["x", "y", "z", "X", "%"], chance.randrange(4)))),
            metadata=tuple(sorted({"k": chance.choice(["1", '"1"', "true"]), "a.b": "null"}.items())),
            cost=chance.choice([None, 0, 1, 10**12]),
            message_count=chance.randrange(4),
            pinned=chance.random() < 0.5,
            forked_from=chance.choice([None, "a1", "A1"]),
            expires_at=chance.choice([None, None, m.NOW - 1, m.NOW, m.NOW + 1]),
            deleted_at=chance.choice([None, None, None, m.NOW]),
        )

    return [one(n) for n in range(count)]


SINGLE_FILTERS: list[dict[str, Any]] = [
    {},
    *({"prefix": value} for value in ["", "a", "a%", "a_", "A", "é", "e", "zz"]),
    *({"text": value} for value in ["rust", "RUST", "a%b", "%", "go", "nothing"]),
    *(
        {"tags": value}
        for value in [("x",), ("x", "y"), ("X",), ("%",), ("none",), ("x", "none"), ("x", "x")]
    ),
    *({"any_tags": value} for value in [("x",), ("x", "X"), ("none",), ("none", "z")]),
    *({"tags": ("x",), "any_tags": value} for value in [("y", "z"), ("none",)]),
    *({"provider": value} for value in ["openai", "OpenAI", "OPENAI", "openai "]),
    *({"model": value} for value in ["m1", "m", "none"]),
    *({"created_since": m.NOW - n * m.DAY} for n in (0, 2)),
    *({"created_until": m.NOW - n * m.DAY} for n in (0, 2)),
    *({"since": m.NOW + n} for n in (0, 2, 9)),
    *({"until": m.NOW + n} for n in (0, 2, 9)),
    {"since": m.NOW + 1, "until": m.NOW + 3},
    *({"min_cost": value} for value in [0, 1, 10**12, 10**13]),
    *({"max_cost": value} for value in [-1, 0, 1, 10**12]),
    {"min_cost": 1, "max_cost": 1},
    *({"min_messages": value} for value in [0, 2, 9]),
    *({"max_messages": value} for value in [0, 2, 9]),
    *(
        {"metadata": (leaf,)}
        for leaf in [("k", "1"), ("k", '"1"'), ("a.b", "null"), ("a", "null"), ("K", "1")]
    ),
    {"metadata": (("k", "true"), ("a.b", "null"))},
    *({"pinned": value} for value in [True, False]),
    *({"forked_from": value} for value in ["a1", "A1", "a"]),
    *({"trashed": trashed, "expired": expired} for trashed in (True, False) for expired in (True, False)),
    {"now": m.NOW + 1},
    {"now": 0},
    *({"order": order, "limit": limit} for order in ("newest", "oldest") for limit in (0, 1, 7)),
    {"namespace": "other"},
]


class FindingContract(BackendTests):
    """Lists of sessions: filters, order, pages."""

    def test_each_filter_alone(self, b: Driven) -> None:
        rows = _sample(120, seed=1)
        _fill(b, rows)
        for filters in SINGLE_FILTERS:
            query = m.query(**filters)
            assert b.find(query) == expected_rows(rows, query), filters

    def test_filters_in_every_pair(self, b: Driven) -> None:
        rows = _sample(60, seed=2)
        _fill(b, rows)
        chance = random.Random(3)
        for first in SINGLE_FILTERS:
            for second in chance.sample(SINGLE_FILTERS, 8):
                query = m.query(**{**first, **second})
                assert b.find(query) == expected_rows(rows, query), (first, second)

    @examples(25)
    @given(data=st.data())
    def test_generated_rows_and_queries(self, b: Driven, data: st.DataObject) -> None:
        number = len(b.namespaces())
        rows = data.draw(strategies.rows(namespace=f"example{number}"))
        _fill(b, rows)
        for query in data.draw(
            st.lists(strategies.queries(f"example{number}", rows), min_size=5, max_size=15)
        ):
            found, wanted = b.find(query), expected_rows(rows, query)
            assert [row.key for row in found] == [row.key for row in wanted], query
            assert [row.body for row in found] == [row.body for row in wanted]

    def test_newest_first_ties_by_id_descending(self, b: Driven) -> None:
        ids = ["a", "B", "é", "e\u0301", "z", "\uffff", "\U0001f600", "Z", "1", "10", "2"]
        for session_id in ids:
            b.commit(m.create(m.key(session_id), ["x"], updated_at=7))
        assert [row.key.session_id for row in b.find(m.query())] == sorted(ids, reverse=True)
        assert [row.key.session_id for row in b.find(m.query(order="oldest"))] == sorted(ids)

    def test_pages_are_complete_and_disjoint(self, b: Driven) -> None:
        rows = _sample(90, seed=4)
        _fill(b, rows)
        for filters in ({}, {"pinned": True}, {"tags": ("x",)}, {"order": "oldest"}, {"min_cost": 0}):
            for size in (1, 7, 100):
                assert _pages(b, m.query(limit=size, **filters)) == b.find(m.query(**filters)), (
                    filters,
                    size,
                )

    def test_pages_stay_complete_while_others_write(self, b: Driven) -> None:
        for n in range(40):
            b.commit(m.create(m.key(f"s{n:02}"), ["x"], updated_at=m.NOW + n))
        seen: list[str] = []
        query = m.query(limit=6)
        while page := b.find(query):
            seen += [row.key.session_id for row in page]
            query = structs.replace(query, after=(page[-1].updated_at, page[-1].key.session_id))
            b.commit(m.create(m.key(f"new{len(seen)}"), ["x"], updated_at=m.NOW + 100))
            b.commit(m.append(stored(b, m.key(seen[0])), ["y"], updated_at=m.NOW + 200 + len(seen)))
            b.commit(m.remove(stored(b, m.key(seen[-1]))))
        assert seen == [f"s{n:02}" for n in reversed(range(40))]

    def test_prefixes_tags_and_texts_are_literal(self, b: Driven) -> None:
        ids = [value for value in _WILD if value]
        for session_id in ids:
            b.commit(m.create(m.key(session_id), ["x"], name=session_id, tags=(session_id,)))
        for value in _WILD:
            found = {row.key.session_id for row in b.find(m.query(prefix=value))}
            assert found == {id_ for id_ in ids if id_.startswith(value)}, value
        for value in ids:
            assert [row.key.session_id for row in b.find(m.query(tags=(value,)))] == [value]
            found = {row.key.session_id for row in b.find(m.query(text=value))}
            assert found == {id_ for id_ in ids if value in id_}, value

    def test_a_change_of_attributes_moves_the_session_between_filters(
        self, b: Driven, connect: Connect
    ) -> None:
        old = {
            "tags": ("old", "both"),
            "metadata": (("k", "1"),),
            "name": "old",
            "provider": "p1",
            "model": "m1",
        }
        new = {
            "tags": ("new", "both"),
            "metadata": (("k", "2"),),
            "name": "new",
            "provider": None,
            "model": "m2",
        }
        b.commit(m.create(m.key(), ["x"], **old))
        b.commit(m.replace_row(stored(b, m.key()), pinned=True, cost=5, **new))
        backends = [b]
        for engine in backends:
            for gone in (
                {"tags": ("old",)},
                {"metadata": (("k", "1"),)},
                {"text": "old"},
                {"provider": "p1"},
            ):
                assert engine.find(m.query(**gone)) == [], gone
            for there in (
                {"tags": ("new", "both")},
                {"metadata": (("k", "2"),)},
                {"text": "new"},
                {"model": "m2"},
            ):
                assert len(engine.find(m.query(**there, pinned=True, min_cost=5))) == 1, there
            if engine is b and b.capabilities.durable:
                backends.append(reopen(b, connect))

    def test_an_append_keeps_attributes_and_moves_figures(self, b: Driven) -> None:
        fields = {"tags": ("t",), "metadata": (("k", "1"),), "name": "n", "provider": "p", "forked_from": "f"}
        b.commit(m.create(m.key(), ["x"], cost=1, message_count=1, **fields))
        commit = m.append(stored(b, m.key()), ["y"], cost=50, message_count=2, updated_at=m.NOW + 9)
        assert not commit.attributes
        b.commit(commit)
        filters = m.query(tags=("t",), metadata=(("k", "1"),), text="n", provider="p", forked_from="f")
        assert b.find(filters) == [commit.row]
        assert b.find(m.query(min_cost=50, min_messages=2, since=m.NOW + 9)) == [commit.row]
        assert b.find(m.query(max_cost=49)) == []
        assert b.find(m.query(max_messages=1)) == []
        assert b.find(m.query(until=m.NOW + 9)) == []

    def test_trash_and_expiry_hide_and_return(self, b: Driven) -> None:
        b.commit(m.create(m.key(), ["x"]))
        b.commit(m.replace_row(stored(b, m.key()), deleted_at=m.NOW))
        assert b.find(m.query()) == []
        assert len(b.find(m.query(trashed=True))) == 1
        assert stored(b, m.key()).deleted_at == m.NOW
        b.commit(m.replace_row(stored(b, m.key()), deleted_at=None, expires_at=m.NOW + 5))
        assert len(b.find(m.query(now=m.NOW + 4))) == 1
        assert b.find(m.query(now=m.NOW + 5)) == []
        assert [row.key for row in b.find(m.query(now=m.NOW + 5, expired=True))] == [m.key()]
        assert stored(b, m.key()).expires_at == m.NOW + 5

    def test_numbers_of_any_size(self, b: Driven) -> None:
        costs = [-(10**15), -1, 0, 1, 2**31, 2**53 + 1, 2**62]
        for n, cost in enumerate(costs):
            b.commit(m.create(m.key(f"s{n}"), ["x"], cost=cost, updated_at=cost, message_count=max(0, cost)))
        for n, cost in enumerate(costs):
            assert stored(b, Key(m.NS, f"s{n}")).cost == cost
            assert len(b.find(m.query(min_cost=cost, max_cost=cost))) == 1
            assert len(b.find(m.query(since=cost))) == len(costs) - n


def _pages(b: Driven, query: RowQuery) -> list[SessionRow]:
    rows: list[SessionRow] = []
    while page := b.find(query):
        rows += page
        query = structs.replace(query, after=(page[-1].updated_at, page[-1].key.session_id))
    return rows
