"""Single values as people read them in a log line, and back: times, message ids, texts."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

__all__ = ["from_id", "from_moment", "safe", "to_id", "to_moment"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIRST, _LAST = -62_135_596_800_000_000, 253_402_300_799_999_999  # the years 1 to 9999
_SURROGATES = re.compile("[\ud800-\udfff]")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch


@lru_cache(maxsize=1024)
def to_moment(microseconds: int) -> datetime | int:
    """A date where there is one, else the number itself."""
    if _FIRST <= microseconds <= _LAST:
        return _EPOCH + timedelta(0, 0, microseconds)
    return microseconds


def from_moment(moment: datetime | int) -> int:
    """The microseconds behind ``to_moment``."""
    return moment if isinstance(moment, int) else (moment - _EPOCH) // _MICROSECOND


def to_id(raw: bytes) -> str | None:
    """A message id as text, None where only its bytes will do: UUIDs (``u`` and 16 bytes) in their
    usual form, others (``s`` and UTF-8) as they are, unless they could be taken for the former."""
    if len(raw) == 17 and raw[0] == 0x75:
        digits = raw.hex()
        return f"{digits[2:10]}-{digits[10:14]}-{digits[14:18]}-{digits[18:22]}-{digits[22:]}"
    if raw[:1] == b"s":
        try:
            text = raw[1:].decode()
        except UnicodeDecodeError:
            return None
        return None if _UUID(text) else text
    return None


def from_id(text: str) -> bytes:
    """The bytes behind ``to_id``."""
    if len(text) == 36 and _UUID(text):
        return b"u" + bytes.fromhex(text.replace("-", ""))
    return b"s" + text.encode()


def safe(text: str) -> str:
    """``text`` as UTF-8 can hold it: lone surrogates, which only bodies keep, become U+FFFD."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)
