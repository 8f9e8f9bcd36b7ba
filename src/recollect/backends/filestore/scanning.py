"""Which session files a store has, and in what state: names, sizes and times, nothing read."""

from __future__ import annotations

import os
from typing import NamedTuple

from .disk import mapped
from .names import LOG_SUFFIX

__all__ = ["RawStamp", "Usage", "disk_usage", "scan"]

RawStamp = tuple[int, int, int]
"""inode, size, mtime in nanoseconds: what Stamp holds, as a bare tuple."""

_SUFFIX = len(LOG_SUFFIX)


def scan(root: str) -> dict[str, RawStamp]:
    """The stamp of every session file, by its path below ``root`` without suffix."""
    found: dict[str, RawStamp] = {}
    with mapped("list the folder", root):
        for folder in _folders(root):
            prefix = os.path.basename(folder) + "/"
            with os.scandir(folder) as entries:
                for entry in entries:
                    name = entry.name
                    if name.endswith(LOG_SUFFIX):
                        try:
                            info = entry.stat()
                        except FileNotFoundError:
                            continue  # deleted since the folder was listed
                        found[prefix + name[:-_SUFFIX]] = (info.st_ino, info.st_size, info.st_mtime_ns)
    return found


def _folders(root: str) -> list[str]:
    with os.scandir(root) as entries:
        return [entry.path for entry in entries if not entry.name.startswith(".") and entry.is_dir()]


class Usage(NamedTuple):
    """What lies on the disk."""

    stored_bytes: int
    blobs: int
    blob_bytes: int


def disk_usage(root: str, namespace: str | None) -> Usage:
    """Bytes of the whole store, and the blobs of one namespace's folder or of all."""
    total = blobs = blob_bytes = 0
    with mapped("list the folder", root):
        for folder, _, names in os.walk(root):
            if os.path.basename(folder) == ".locks":
                continue
            parent = os.path.basename(os.path.dirname(folder))
            counts = folder.endswith(".blobs") and namespace in (None, parent)
            for name in names:
                try:
                    size = os.stat(os.path.join(folder, name)).st_size
                except FileNotFoundError:
                    continue  # deleted since the folder was listed
                total += size
                if counts and "." not in name:
                    blobs += 1
                    blob_bytes += size
    return Usage(total, blobs, blob_bytes)
