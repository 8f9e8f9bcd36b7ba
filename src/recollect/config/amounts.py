"""Spans of time and sizes as people write them: ``90d``, ``12h``, ``1GB``."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

from ..errors import InvalidError

_AMOUNT = re.compile(r"(\d{1,18}(?:\.\d{1,9})?)\s*([A-Za-z]*)", re.ASCII)
_SECONDS = {"": 86_400, "s": 1, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_BYTES = {
    "": 1,
    "b": 1,
    **{f"{unit}b": 1000**power for power, unit in enumerate("kmgt", 1)},
    **{f"{unit}ib": 1024**power for power, unit in enumerate("kmgt", 1)},
}


def parse_duration(text: str) -> timedelta:
    """``30d``, ``12h``, ``45min``, ``2w``; a number alone means days. Raises InvalidError."""
    amount = _amount(text, _SECONDS)
    try:
        if amount is not None:
            return timedelta(microseconds=int(amount * 1_000_000))
    except OverflowError:
        pass  # more days than a timedelta holds: said like any other text that is none
    raise InvalidError(
        f"{text!r} is not a span of time.",
        hint="Write 30d, 2w, 12h, 45min or 10s; a number alone means days.",
    )


def parse_size(text: str) -> int:
    """``1GB``, ``512MiB``, ``100kB``; a number alone means bytes. Raises InvalidError."""
    amount = _amount(text, _BYTES)
    if amount is None:
        raise InvalidError(
            f"{text!r} is not a size.",
            hint="Write 1GB, 512MiB or 100kB; a number alone means bytes.",
        )
    return int(amount)


def _amount(text: str, units: dict[str, int]) -> Decimal | None:
    match = _AMOUNT.fullmatch(text.strip())
    if match is None or match[2].lower() not in units:
        return None
    return Decimal(match[1]) * units[match[2].lower()]
