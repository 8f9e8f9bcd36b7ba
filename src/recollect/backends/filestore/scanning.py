"""Which session files a store has, and in what state: names, sizes and times, nothing read."""

from __future__ import annotations

import os
import time
from typing import NamedTuple

from .disk import mapped
from .names import LOG_SUFFIX

__all__ = ["RawStamp", "Scan", "Usage", "disk_usage"]

RawStamp = tuple[int, int, int]
"""inode, size, mtime in nanoseconds: what Stamp holds, as a bare tuple."""

_SUFFIX = len(LOG_SUFFIX)
_TICK = 20_000_000
"""Nanoseconds: two changes of a folder closer together than the clock of its file system ticks leave
one and the same time."""
_PAUSE, _SHARE = 1.0, 20


class Scan:
    """One look at all folders."""

    __slots__ = ("_due", "_folders", "files")

    def __init__(self, root: str) -> None:
        began = time.monotonic()
        self.files: dict[str, RawStamp] = {}
        """The stamp of every session file, by its path below the root without suffix."""
        self._folders: dict[str, int] = {}
        with mapped("list the folder", root):
            with os.scandir(root) as entries:
                folders = [e.path for e in entries if not e.name.startswith(".") and e.is_dir()]
            for folder in folders:
                self._note(folder)
                self._list(folder)
        now = time.monotonic()
        self._due = now + max(_PAUSE, _SHARE * (now - began))

    def _note(self, folder: str) -> None:
        changed = os.stat(folder).st_mtime_ns
        self._folders[folder] = changed if time.time_ns() - changed > _TICK else -1

    def _list(self, folder: str) -> None:
        prefix = os.path.basename(folder) + "/"
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if name.endswith(LOG_SUFFIX):
                    try:
                        info = entry.stat()
                    except FileNotFoundError:
                        continue  # deleted since the folder was listed
                    self.files[prefix + name[:-_SUFFIX]] = (info.st_ino, info.st_size, info.st_mtime_ns)

    def still_good(self) -> bool:
        """Whether it is recent, and no file came, went or was replaced since."""
        if time.monotonic() > self._due:
            return False
        try:
            return all(os.stat(path).st_mtime_ns == changed for path, changed in self._folders.items())
        except OSError:
            return False  # a folder is gone


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
