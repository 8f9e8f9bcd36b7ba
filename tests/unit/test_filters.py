"""From what users write to what engines are asked: moments, costs, cursors."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from recollect import InvalidError, SessionQuery
from recollect.backends.memory import MemoryBackend
from recollect.core.base import Core
from recollect.core.filters import Cursor, decode_cursor, encode_cursor, moment, query_of, row_query

DAY = 86_400_000_000
NEW_YEAR = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-01",
        "2026-01-01T00:00:00Z",
        "2026-01-01T02:00:00+02:00",
        "2026-01-01T00:00:00",
        date(2026, 1, 1),
        datetime(2026, 1, 1),
        datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))),
        datetime(2026, 1, 1, tzinfo=UTC),
    ],
)
def test_one_moment_can_be_written_in_many_ways(value: Any) -> None:
    assert moment(value, "since") == NEW_YEAR


def test_a_date_as_the_end_includes_its_day() -> None:
    assert moment("2026-01-01", "until", end=True) == NEW_YEAR + DAY
    assert moment(date(2026, 1, 1), "until", end=True) == NEW_YEAR + DAY
    assert moment("2026-01-01T00:00:00Z", "until", end=True) == NEW_YEAR


@pytest.mark.parametrize("value", ["", "yesterday", "2026-13-01", 7, None, "2026-01-01T25:00"])
def test_what_is_no_moment_is_refused(value: Any) -> None:
    with pytest.raises(InvalidError, match="since"):
        moment(value, "since")


@pytest.mark.parametrize(
    "filters",
    [
        {"tag": "x"},
        {"tags": "x"},
        {"tags": [1]},
        {"min_cost": "much"},
        {"max_cost": float("nan")},
        {"min_messages": "3"},
        {"pinned": 1},
        {"metadata": [("a", 1)]},
        {"provider": 7},
        {"since": "soon"},
    ],
)
def test_wrong_filters_are_refused_before_an_engine_is_asked(filters: dict[str, Any]) -> None:
    core = Core(MemoryBackend())
    with pytest.raises(InvalidError):
        row_query(core, query_of(filters))


def test_costs_are_exact_billionths_and_metadata_becomes_leaves() -> None:
    query = SessionQuery(min_cost=0.1, max_cost=2, metadata={"a.b": 1, "c": {"d": "x", "e": [1]}})
    asked = row_query(Core(MemoryBackend()), query)
    assert (asked.min_cost, asked.max_cost) == (100_000_000, 2_000_000_000)
    assert asked.metadata == (("a.b", "1"), ("c.d", '"x"'), ("c.e", "[1]"))


@pytest.mark.parametrize("text", ["", "x", "é", "bGlzdA", 7, encode_cursor(Cursor("trash", [1, 2]))])
def test_only_cursors_of_the_same_list_are_taken(text: Any) -> None:
    with pytest.raises(InvalidError, match="cursor"):
        decode_cursor(text, "list", tuple[int, int])
    assert decode_cursor(encode_cursor(Cursor("list", [1, 2])), "list", tuple[int, int]) == [1, 2]
