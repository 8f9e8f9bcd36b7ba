"""Zstandard: bytes made small, and whole again."""

from __future__ import annotations

import sys
from typing import Any

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LEVEL = 3


def pack(content: bytes) -> bytes:
    """``content`` compressed, with its length and a checksum."""
    return zstd.compress(content, options=_OPTIONS)


def unpack(packed: bytes) -> bytes:
    """What ``pack`` was given. Raises ValueError for anything else."""
    try:
        return zstd.decompress(packed)
    except zstd.ZstdError as error:
        raise ValueError(f"it is no whole zstd frame: {error}") from error


def opened(stream: Any) -> zstd.ZstdFile:
    """A zstd stream of others, decompressed as it is read."""
    return zstd.ZstdFile(stream)


def packing(stream: Any) -> zstd.ZstdFile:
    """What is written to it goes to ``stream``, compressed; complete once it is closed."""
    return zstd.ZstdFile(stream, "w", options=_OPTIONS)


BROKEN = (zstd.ZstdError, EOFError)
"""What reading a damaged stream raises."""

_OPTIONS = {
    int(zstd.CompressionParameter.compression_level): LEVEL,
    int(zstd.CompressionParameter.checksum_flag): 1,
}
