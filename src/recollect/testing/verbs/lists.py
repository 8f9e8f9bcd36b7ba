"""sessions: every filter, order, pages, cursors."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ...errors import InvalidError
from ...model import Message, SessionInfo, SessionQuery, Usage
from ...records import to_microseconds
from ..clock import Clock
from .base import Store, VerbTests

__all__ = ["ListVerbs", "all_pages"]


def ids(found: Any) -> list[str]:
    """The ids of a page of sessions."""
    return [info.id for info in found]


def all_pages(store: Store, **options: Any) -> list[SessionInfo]:
    """Every session of every page."""
    page = store.sessions(**options)
    found = list(page)
    while page.next is not None:
        page = store.sessions(cursor=page.next, **options)
        found += page
    return found


def _day(number: int, hour: int = 12) -> datetime:
    return datetime(2026, 1, number, hour, tzinfo=UTC)


class ListVerbs(VerbTests):
    """Lists of sessions."""

    @pytest.fixture
    def filled(self, store: Store, clock: Clock) -> Store:
        """Six sessions, one a day from 2026-01-01, that differ in everything."""
        values: list[dict[str, Any]] = [
            {"name": "Rust Ownership", "tags": ["learning", "rust"], "provider": "openai", "model": "gpt"},
            {"name": "Käse & Wein", "tags": ["food"], "provider": "anthropic", "metadata": {"k": 1}},
            {"tags": ["learning"], "metadata": {"k": "1", "deep": {"x": [1, 2], "y": None}}, "model": "gpt"},
            {"name": "ÜBER 100%", "pinned": True, "metadata": {"k": True}},
            {"name": "", "tags": ["Learning", "food", "rust"], "provider": "OpenAI"},
            {"name": "İstanbul", "metadata": {"a.b": 2, "a": {"b": 3}, "empty": {}, "f": 1.5}},
        ]
        costs = [None, "0.10", "0.2", "0.300000001", None, "5"]
        for n, (attributes, cost) in enumerate(zip(values, costs, strict=True)):
            clock.time = to_microseconds(_day(n + 1))
            session = store.create(f"s{n}", **attributes)
            usage = Usage(1, 1, cost_usd=None if cost is None else Decimal(cost))
            session.append(*(Message.assistant("x", usage=usage if not m else None) for m in range(n)))
        clock.time = to_microseconds(_day(20))
        return store

    def test_newest_first(self, filled: Store) -> None:
        assert ids(filled.sessions()) == ["s5", "s4", "s3", "s2", "s1", "s0"]
        filled.get("s2").touch()
        filled.get("s0").append(Message.user("x"))
        assert ids(filled.sessions()) == ["s0", "s2", "s5", "s4", "s3", "s1"]

    @pytest.mark.parametrize(
        ("filters", "expected"),
        [
            ({"text": "rust"}, "0"),
            ({"text": "OWNER"}, "0"),
            ({"text": "kase"}, "1"),
            ({"text": "Kä"}, "1"),
            ({"text": "über"}, "3"),
            ({"text": "100%"}, "3"),
            ({"text": "istanbul"}, "5"),
            ({"text": "%"}, "3"),
            ({"text": "nothing"}, ""),
            ({"tags": ["learning"]}, "20"),
            ({"tags": ["learning", "rust"]}, "0"),
            ({"tags": ["Learning"]}, "4"),
            ({"any_tags": ["food", "learning"]}, "4210"),
            ({"tags": ["food"], "any_tags": ["rust", "x"]}, "4"),
            ({"provider": "openai"}, "0"),
            ({"model": "gpt"}, "20"),
            ({"created_since": "2026-01-05"}, "54"),
            ({"created_until": "2026-01-02"}, "10"),
            ({"since": _day(5), "until": _day(6)}, "4"),
            ({"until": "2026-01-03"}, "210"),
            ({"until": date(2026, 1, 1)}, "0"),
            ({"since": "2026-01-06T00:00:00Z"}, "5"),
            ({"since": datetime(2026, 1, 6)}, "5"),  # naive means UTC
            ({"since": "2026-01-06T02:00:00+02:00"}, "5"),
            ({"min_cost": "0.3"}, "53"),
            ({"min_cost": 0.1, "max_cost": Decimal("0.2")}, "21"),
            ({"max_cost": 0.3}, "21"),
            ({"min_messages": 4}, "54"),
            ({"max_messages": 0}, "0"),
            ({"min_messages": 2, "max_messages": 3}, "32"),
            ({"metadata": {"k": 1}}, "1"),
            ({"metadata": {"k": "1"}}, "2"),
            ({"metadata": {"k": True}}, "3"),
            ({"metadata": {"deep": {"y": None}}}, "2"),
            ({"metadata": {"deep": {"x": [1, 2]}}}, "2"),
            ({"metadata": {"deep.y": None}}, "2"),
            ({"metadata": {"empty": {}}}, "5"),
            ({"metadata": {"f": 1.5}}, "5"),
            ({"metadata": {"k": 2}}, ""),
            ({"pinned": True}, "3"),
            ({"pinned": False}, "54210"),
            ({"forked_from": "s0"}, ""),
            ({"text": "rust", "tags": ["learning"], "provider": "openai", "max_messages": 0}, "0"),
            ({}, "543210"),
        ],
        ids=repr,
    )
    def test_filters(self, filled: Store, filters: dict[str, Any], expected: str) -> None:
        wanted = [f"s{n}" for n in expected]
        assert ids(filled.sessions(**filters)) == wanted
        keywords: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in filters.items()}
        assert ids(filled.sessions(SessionQuery(**keywords))) == wanted
        assert ids(all_pages(filled, limit=2, **filters)) == wanted

    def test_odd_filters_are_refused(self, filled: Store) -> None:
        odd: list[dict[str, Any]] = [
            *({"nonsense": 1}, {"tags": "text"}, {"tags": [1]}, {"since": "yesterday"}, {"until": 5}),
            *({"min_cost": "much"}, {"min_cost": float("nan")}, {"min_messages": "2"}, {"pinned": "yes"}),
            *({"limit": 0}, {"limit": -1}, {"limit": "5"}, {"limit": True}, {"cursor": "x"}, {"cursor": 5}),
            *(
                {"metadata": [1]},
                {"text": 5},
                {"provider": 5},
                {"cursor": f"A{filled.sessions(limit=1).next}"},
            ),
        ]
        for options in odd:
            with pytest.raises(InvalidError):
                filled.sessions(**options)
        with pytest.raises(InvalidError):
            filled.sessions(SessionQuery(), tags=["x"])

    def test_pages_are_complete(self, store: Store) -> None:
        for n in range(25):
            store.create(f"s{n:02}", tags=["even"] if n % 2 == 0 else [])
        for size in (1, 7, 24, 25, 26):
            assert ids(all_pages(store, limit=size)) == [f"s{n:02}" for n in reversed(range(25))]
        assert ids(all_pages(store, limit=4, tags=["even"])) == [f"s{n:02}" for n in range(24, -1, -2)]
        page = store.sessions(limit=25)
        assert (len(page), page.next) == (25, None)

    def test_pages_miss_nothing_while_others_write(self, store: Store) -> None:
        names = [f"s{n:02}" for n in range(30)]
        for name in names:
            store.create(name)
        seen: list[str] = []
        cursor: str | None = None
        for turn in range(100):
            page = store.sessions(limit=4, cursor=cursor)
            seen += ids(page)
            cursor = page.next
            if cursor is None:
                break
            store.get(names[turn % 30]).append(Message.user("x"))
            store.get(names[(turn * 7) % 30]).touch()
            store.create(f"new{turn}")
        assert cursor is None
        assert set(names) <= set(seen)

    def test_sessions_of_one_moment_are_paged(self, store: Store, clock: Clock) -> None:
        clock.step = 0
        for n in range(10):
            store.create(f"s{n}")
        assert ids(all_pages(store, limit=3)) == [f"s{n}" for n in reversed(range(10))]

    def test_a_clock_that_runs_backwards(self, store: Store, clock: Clock) -> None:
        for n in range(6):
            clock.advance(-3600)
            store.create(f"s{n}").append(Message.user(f"t{n}"))
        assert ids(store.sessions()) == [f"s{n}" for n in range(6)]
        assert ids(all_pages(store, limit=2)) == [f"s{n}" for n in range(6)]
        session = store.get("s0")
        session.append(Message.user("later and earlier"))
        assert [m.text for m in session.messages()] == ["t0", "later and earlier"]

    def test_an_info_says_what_it_is(self, store: Store) -> None:
        created = store.create("a", name="n").info
        assert (created.id, created.namespace, created.version, created.branch) == ("a", "default", 1, "main")
        assert created.created_at == created.updated_at
        later = store.get("a")
        later.append(Message.user("x"))
        assert later.info.created_at == created.created_at
        assert later.info.updated_at > created.updated_at
        assert later.info.updated_at - created.updated_at < timedelta(seconds=1)
        assert list(store.sessions()) == [later.info]
