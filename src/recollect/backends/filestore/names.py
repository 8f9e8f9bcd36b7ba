"""Namespaces and session ids as names of folders and files.

Simple lower-case names stay as they are. Every other character is written as ``%`` and two
lower-case hex digits for each byte of its UTF-8, so that no name holds a separator, a dot, an upper-case
letter or anything a file system folds, trims or normalises. What gets too long is cut short and told
apart by a digest; the full name then stands in the file itself.
"""

from __future__ import annotations

import hashlib
import re

from ...errors import InvalidError

__all__ = ["LOG_SUFFIX", "decode_name", "encode_name", "is_hashed"]

LOG_SUFFIX = ".jsonl"
LONGEST = 120
"""Leaves room for suffixes below the 143 bytes that the narrowest usual file systems allow."""

_KEPT = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789_-")
_SIMPLE = re.compile(r"[a-z0-9_][a-z0-9_-]*").fullmatch
_RESERVED = re.compile(r"con|prn|aux|nul|com[0-9]|lpt[0-9]").fullmatch
_ESCAPE = re.compile("%([0-9a-f]{2})")
_HASHED = re.compile(r"[a-z0-9_%-]*~[0-9a-f]{64}").fullmatch


def encode_name(name: str) -> str:
    """The file name, without suffix, of a namespace or session id. Injective.

    Raises InvalidError for a text that is no Unicode (lone surrogates) or empty.
    """
    if _SIMPLE(name) and len(name) <= LONGEST and not _RESERVED(name):
        return name
    try:
        raw = name.encode()
    except UnicodeEncodeError as error:
        raise InvalidError("A name with a lone surrogate cannot be stored.") from error
    if not raw:
        raise InvalidError("A name must not be empty.")
    first = f"%{raw[0]:02x}" if raw[:1] == b"-" or _RESERVED(name) else _escaped(raw[:1])
    encoded = first + _escaped(raw[1:])
    if len(encoded) <= LONGEST:
        return encoded
    return encoded[:40] + "~" + hashlib.sha256(raw).hexdigest()


def _escaped(raw: bytes) -> str:
    return "".join(chr(byte) if byte in _KEPT else f"%{byte:02x}" for byte in raw)


def is_hashed(encoded: str) -> bool:
    """Whether only the file itself can say which name this stands for."""
    return _HASHED(encoded) is not None


def decode_name(encoded: str) -> str | None:
    """The name behind a file name, or None where it is hashed or not ours."""
    if _SIMPLE(encoded) and len(encoded) <= LONGEST and not _RESERVED(encoded):
        return encoded
    parts = _ESCAPE.split(encoded)
    raw = b"".join(
        bytes.fromhex(part) if number % 2 else part.encode("utf-8", "replace")
        for number, part in enumerate(parts)
    )
    try:
        name = raw.decode()
        return name if encode_name(name) == encoded else None
    except (UnicodeDecodeError, InvalidError):
        return None
