"""What an import or a sync reports: while it runs, and at its end."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct


class Damage(Struct, frozen=True, gc=False):
    """Something in a file that could not be taken over: where it begins, and why."""

    file: str
    offset: int
    reason: str


class Progress(Struct, frozen=True, gc=False):
    """How far an import is. ``total`` is 0 when a stream does not say how long it is."""

    file: str
    done: int
    total: int
    messages: int


class ImportResult(Struct, frozen=True):
    """What an import did. ``messages`` counts those added; ``sessions`` holds every session that
    the files speak of, each once, in order."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    messages: int = 0
    sessions: list[str] = []
    damaged: list[Damage] = []

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values."""
        return {
            "created": self.created,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "messages": self.messages,
            "sessions": list(self.sessions),
            "damaged": [{"file": d.file, "offset": d.offset, "reason": d.reason} for d in self.damaged],
        }


class SyncedFile(Struct, frozen=True):
    """A file that was read, or in a dry run would be.

    ``tool`` is empty for a path that was named. ``messages`` counts those added to ``sessions``,
    the sessions that the file speaks of.
    """

    path: str
    tool: str
    change: Literal["new", "changed"]
    size: int
    messages: int = 0
    sessions: list[str] = []

    def to_dict(self) -> dict[str, Any]:
        """The file as JSON values."""
        return {
            "path": self.path,
            "tool": self.tool,
            "change": self.change,
            "size": self.size,
            "messages": self.messages,
            "sessions": list(self.sessions),
        }


class SyncedFolder(Struct, frozen=True):
    """A folder that was looked into, and how many of its files there are of each kind."""

    tool: str
    folder: str
    exists: bool
    files: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The folder as JSON values."""
        return {
            "tool": self.tool,
            "folder": self.folder,
            "exists": self.exists,
            "files": self.files,
            "new": self.new,
            "changed": self.changed,
            "unchanged": self.unchanged,
        }


class SyncResult(Struct, frozen=True):
    """What a sync found and did. ``folders`` are those looked for, ``read`` the files that were new
    or had changed, ``imported`` counts sessions and messages as an import does.

    ``looked_into`` are the folders that files were looked for in, those inside others too: what a
    program has to watch that waits for the next change.
    """

    folders: list[SyncedFolder]
    read: list[SyncedFile]
    imported: ImportResult
    dry_run: bool = False
    looked_into: list[str] = []

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values: the import's figures with the folders and files."""
        return {
            **self.imported.to_dict(),
            "dry_run": self.dry_run,
            "folders": [folder.to_dict() for folder in self.folders],
            "read": [file.to_dict() for file in self.read],
        }
