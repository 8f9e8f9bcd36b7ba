"""Times of transcripts: what is read, and what becomes None."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from recollect.formats.times import from_iso, from_unix, from_unix_ms

MOMENT = datetime(2026, 4, 10, 9, 49, 15, 250_000, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-04-10T09:49:15.250Z",
        "2026-04-10T09:49:15.250000Z",
        "2026-04-10T09:49:15.250000000Z",
        "2026-04-10T11:49:15.25+02:00",
        "2026-04-10 09:49:15.250",
        "20260410T094915.250Z",
    ],
)
def test_iso_in_any_writing_is_one_moment_in_utc(text: str) -> None:
    found = from_iso(text)
    assert found == MOMENT
    assert found is not None
    assert found.tzinfo is UTC


def test_unix_times() -> None:
    assert from_unix(MOMENT.timestamp()) == MOMENT
    assert from_unix(1_775_814_555) == MOMENT.replace(microsecond=0)
    assert from_unix_ms(1_775_814_555_250) == MOMENT
    assert from_unix_ms(1_775_814_555_250.0) == MOMENT


@pytest.mark.parametrize(
    "value",
    [
        *("", "yesterday", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
        *("2026-04-10T09:49:15\udc00Z", "1970-01-01T00:00:00Z", None, 5, True, b"2026-04-10", [], {}),
    ],
)
def test_what_is_no_iso_time_is_none(value: Any) -> None:
    assert from_iso(value) is None


@pytest.mark.parametrize(
    "value",
    [0, -1, 1e300, 10**30, 10**400, float("nan"), float("inf"), True, None, "1775814555", [], 1e18],
)
def test_what_is_no_unix_time_is_none(value: Any) -> None:
    assert from_unix(value) is None
    assert from_unix_ms(value) is None
