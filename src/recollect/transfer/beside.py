"""The files around a source, for formats that keep one conversation in several files.

Names come from what files say, so they are not trusted: they lead up only at their beginning, three
folders at most, never through links, and only to regular files of a bounded size.
"""

from __future__ import annotations

import os
import posixpath
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

MAX_UP = 3
MAX_SIZE = 256 << 20


class Around:
    """What both kinds share: safe names, and what was read so far."""

    def __init__(self) -> None:
        self.taken: dict[str, bytes] = {}
        """What was read, by name: part of the source."""

    def read(self, name: str) -> bytes | None:
        """A file's bytes; None when there is none, or it is too large."""
        place = checked(name)
        if place is None:
            return None
        content = self._load(place)
        if content is not None:
            self.taken[place] = content
        return content

    def names(self, folder: str) -> list[str]:
        """The names of the files right below a folder."""
        place = checked(folder)
        return [] if place is None else sorted(self._list(place))

    def _load(self, place: str) -> bytes | None:
        raise NotImplementedError

    def _list(self, place: str) -> list[str]:
        raise NotImplementedError


class FolderBeside(Around):
    """The files around one on disk."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def _load(self, place: str) -> bytes | None:
        path = self._folder / place
        try:
            about = os.lstat(path)
            if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_SIZE:
                return None
            return path.read_bytes()
        except OSError:
            return None  # as good as not there: the format says what it misses

    def _list(self, place: str) -> list[str]:
        try:
            with os.scandir(self._folder / place) as found:
                return [entry.name for entry in found if entry.is_file(follow_symlinks=False)]
        except OSError:
            return []  # no such folder


class ZipBeside(Around):
    """The files around one in a zip archive."""

    def __init__(
        self, archive: zipfile.ZipFile, folder: str, load: Callable[[zipfile.ZipInfo], bytes | None]
    ) -> None:
        super().__init__()
        self._archive = archive
        self._folder = folder
        self._load_member = load

    def _path(self, place: str) -> str:
        return posixpath.normpath(posixpath.join(self._folder, place))

    def _load(self, place: str) -> bytes | None:
        try:
            member = self._archive.getinfo(self._path(place))
        except KeyError:
            return None
        return None if member.file_size > MAX_SIZE else self._load_member(member)

    def _list(self, place: str) -> list[str]:
        folder = self._path(place)
        prefix = "" if folder == "." else folder + "/"
        inside = (name[len(prefix) :] for name in self._archive.namelist() if name.startswith(prefix))
        return [name for name in inside if name and "/" not in name]


def checked(name: str) -> str | None:
    """A relative name with forward slashes that leads nowhere unexpected; None for any other."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    ups = 0
    while ups < len(parts) and parts[ups] == "..":
        ups += 1
    rest = parts[ups:]
    if name.startswith("/") or ups > MAX_UP or ".." in rest or "\0" in name or "\\" in name:
        return None
    if any(":" in part for part in rest) and os.name == "nt":
        return None
    return "/".join(parts) or "."
