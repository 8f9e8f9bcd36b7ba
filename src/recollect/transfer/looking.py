"""Finds files by patterns, as fast as folders can be listed: one look at each folder, one at each file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from fnmatch import translate
from functools import cache
from typing import NamedTuple

from .sources import Report, reason_of

ANY = "**"
_Tail = tuple[str, ...]
"""What is left of a pattern below a folder, name by name."""


class Found(NamedTuple):
    """A file: how large it is, and when it, or what SQLite wrote beside it, was last changed."""

    path: str
    size: int
    modified: int
    """Nanoseconds since 1970."""


class Look:
    """A look through trees for files. Links are followed, each folder is looked into once.

    What cannot be looked into is reported.
    """

    def __init__(self, report: Report) -> None:
        self.folders: list[str] = []
        """Those that were looked into: what happens in others does not matter."""
        self._report = report
        self._seen: set[tuple[int, int]] = set()

    def below(self, top: str, patterns: Sequence[str]) -> Iterator[Found]:
        """The regular files below a folder that match a pattern, in order, those right in a folder
        before those further down."""
        waiting = [(top, tuple(tuple(pattern.split("/")) for pattern in patterns))]
        while waiting:
            folder, tails = waiting.pop()
            entries = self._entries(folder)
            inner = []
            for name in sorted(entries):
                entry = entries[name]
                if entry.is_dir():
                    if left := _inside(name, tails):
                        inner.append((entry.path, left))
                elif _matches(name, tails) and entry.is_file():
                    found = self._found(entry, entries.get(f"{name}-wal"))
                    if found is not None:
                        yield found
            waiting += reversed(inner)

    def _entries(self, folder: str) -> dict[str, os.DirEntry[str]]:
        """What is in a folder, by name; nothing where a look has been taken already."""
        try:
            about = os.stat(folder)
            if (about.st_dev, about.st_ino) in self._seen:
                return {}
            self._seen.add((about.st_dev, about.st_ino))
            with os.scandir(folder) as listing:
                entries = {entry.name: entry for entry in listing}
        except OSError as error:
            self._report(folder, 0, reason_of(error))
            return {}
        self.folders.append(folder)
        return entries

    def _found(self, entry: os.DirEntry[str], log: os.DirEntry[str] | None) -> Found | None:
        try:
            about = entry.stat()
        except OSError as error:
            self._report(entry.path, 0, reason_of(error))
            return None
        modified = about.st_mtime_ns
        if log is not None:
            modified = max(modified, log_time(entry.path))
        return Found(entry.path, about.st_size, modified)


def changed_at(path: str | os.PathLike[str], about: os.stat_result) -> int:
    """When a file was last changed, in nanoseconds; for a database its write-ahead log counts too."""
    return max(about.st_mtime_ns, log_time(path))


def log_time(path: str | os.PathLike[str]) -> int:
    """When a database's write-ahead log was last written to; 0 without one that holds anything."""
    try:
        about = os.stat(f"{os.fspath(path)}-wal")
    except OSError:
        return 0  # there is none, or it has just been taken over into its database
    return about.st_mtime_ns if about.st_size else 0


def _inside(name: str, tails: tuple[_Tail, ...]) -> tuple[_Tail, ...]:
    """What patterns ask for below the folder of that name; nothing when it need not be opened."""
    left: dict[_Tail, None] = {}
    for tail in tails:
        if tail[0] == ANY:
            left[tail] = None
            tail = tail[1:]
        if len(tail) > 1 and _regex(tail[0]).match(name):
            left[tail[1:]] = None
    return tuple(left)


def _matches(name: str, tails: tuple[_Tail, ...]) -> bool:
    """Whether a file of that name is asked for right here."""
    for tail in tails:
        last = tail[1:] if tail[0] == ANY else tail
        if len(last) == 1 and _regex(last[0]).match(name):
            return True
    return False


@cache
def _regex(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern))
