"""Times, money and sizes as people and programs read them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

_STEPS = ((60, "s", 1), (3600, "min", 60), (86400, "h", 3600), (14 * 86400, "d", 86400))


def exact(moment: datetime) -> str:
    """A moment in RFC 3339, UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def local(moment: datetime) -> str:
    """A moment in the reader's time zone, to the minute."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")


def ago(moment: datetime, now: datetime | None = None) -> str:
    """How long ago, roughly; older than two weeks: the day."""
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    if 0 <= seconds < 10:
        return "just now"
    if seconds >= 0:
        for bound, unit, size in _STEPS:
            if seconds < bound:
                return f"{int(seconds // size)} {unit} ago"
    return moment.astimezone().strftime("%Y-%m-%d")


def dollars(cost: Decimal) -> str:
    """An amount with as many digits as matter: cents, or two significant ones below."""
    digits = 2 if cost == 0 else max(2, 1 - cost.adjusted())
    return f"${cost.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP):,f}"


def size(count: int) -> str:
    """Bytes in the largest unit that keeps the number at 1 or more."""
    amount, units = float(count), iter(("bytes", "kB", "MB", "GB", "TB"))
    unit = next(units)
    while amount >= 1000 and (larger := next(units, None)) is not None:
        amount, unit = amount / 1000, larger
    return f"{count:,} bytes" if unit == "bytes" else f"{amount:.1f} {unit}"


def counted(number: int, noun: str) -> str:
    """``1 session``, ``2 sessions``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
