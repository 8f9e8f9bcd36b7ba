"""Times as transcripts write them, as aware datetimes in UTC.

What is no time, or an absurd one, is None: a conversation with a broken clock is still a conversation.
"""

from __future__ import annotations

from datetime import UTC, datetime

_EARLIEST = datetime(1971, 1, 1, tzinfo=UTC)
"""What lies before comes from clocks that were never set, such as 0 seconds."""
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def from_iso(text: object) -> datetime | None:
    """ISO 8601 or RFC 3339 text as a time; without a zone it is taken as UTC."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        elif moment.tzinfo is not UTC:
            moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return _sane(moment)


def from_unix(seconds: object) -> datetime | None:
    """Seconds since 1970, whole or not, as a time."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    try:
        return _sane(datetime.fromtimestamp(seconds, UTC))
    except (ValueError, OverflowError, OSError):
        return None


def from_unix_ms(milliseconds: object) -> datetime | None:
    """Milliseconds since 1970, whole or not, as a time."""
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float):
        return None
    try:
        return from_unix(milliseconds / 1000)
    except OverflowError:
        return None


def _sane(moment: datetime) -> datetime | None:
    return moment if _EARLIEST <= moment < _LATEST else None
