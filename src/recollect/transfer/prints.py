"""Digests of files: of all their bytes, or of samples that tell a file that grew from another one."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

_PIECE = 1 << 20
_SAMPLES = 14
_SAMPLE = 1024
_EDGE = 4096


def file_digest(path: Path, size: int) -> str:
    """A digest of the first ``size`` bytes; of fewer, if there are no more."""
    hashed = sha256()
    with open(path, "rb") as file:
        while size > 0 and (piece := file.read(min(size, _PIECE))):
            hashed.update(piece)
            size -= len(piece)
    return hashed.hexdigest()


def prints(path: Path, size: int) -> str:
    """A digest of samples of the first ``size`` bytes: both ends, and some places between."""
    hashed = sha256(b"%d" % size)
    with open(path, "rb") as file:
        hashed.update(file.read(min(_EDGE, size)))
        for number in range(1, _SAMPLES + 1):
            file.seek(size * number // (_SAMPLES + 1))
            hashed.update(file.read(min(_SAMPLE, size - file.tell())))
        file.seek(max(0, size - _EDGE))
        hashed.update(file.read(min(_EDGE, size)))
    return hashed.hexdigest()
