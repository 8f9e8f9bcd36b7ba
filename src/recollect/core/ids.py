"""Identifiers: making them, checking them, and their form in backends."""

from __future__ import annotations

import re
import time
from random import getrandbits

from ..errors import InvalidError

MAX_LENGTH = 255
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

_VERSION_AND_VARIANT = 0x7000_8000_0000_0000_0000
_last_tick = 0


def new_id() -> tuple[str, bytes]:
    """A new UUID version 7 (RFC 9562) as text and as 16 bytes.

    It sorts by creation and ever increases within a process: the 12 bits after the milliseconds
    hold their fraction (section 6.2, method 3). An id is unique, not a secret: 62 bits of Python's
    generator, which is seeded by the system and again after a fork, cost no system call.
    """
    global _last_tick
    tick = time.time_ns() * 4096 // 1_000_000
    if tick <= _last_tick:
        tick = _last_tick + 1
    _last_tick = tick
    raw = (tick >> 12 << 80 | (tick & 0xFFF) << 64 | _VERSION_AND_VARIANT | getrandbits(62)).to_bytes(16)
    return _dashed(raw.hex()), raw


def uuid7() -> str:
    """A new UUID version 7 as text."""
    return new_id()[0]


def check_name(kind: str, value: object) -> str:
    """``value`` as an id, namespace or tag: 1 to 255 code points, none of them a control character
    or a lone surrogate. Raises InvalidError."""
    if not isinstance(value, str):
        raise InvalidError(f"A {kind} must be text, not {type(value).__name__}.")
    if not 0 < len(value) <= MAX_LENGTH:
        raise InvalidError(
            f"A {kind} must have 1 to {MAX_LENGTH} characters; this one has {len(value)}.",
        )
    found = None if value.isascii() and value.isprintable() else _FORBIDDEN.search(value)
    if found is not None:
        raise InvalidError(
            f"A {kind} must not contain control characters or lone surrogates; "
            f"{value!r} has one at position {found.start()}.",
        )
    return value


def encode_message_id(message_id: str) -> bytes:
    """A message id as backends keep it: 17 bytes for a canonical UUID, else its UTF-8 with a mark."""
    if len(message_id) == 36 and message_id[8] == "-":
        try:
            raw = bytes.fromhex(message_id.replace("-", ""))
        except ValueError:
            return b"s" + message_id.encode()
        if len(raw) == 16 and _dashed(raw.hex()) == message_id:
            return b"u" + raw
    return b"s" + message_id.encode()


def _dashed(text: str) -> str:
    """32 hex digits as a canonical UUID."""
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def decode_message_id(raw: bytes) -> str:
    """The inverse of ``encode_message_id``."""
    if raw[:1] != b"u":
        return raw[1:].decode()
    return _dashed(raw[1:].hex())
