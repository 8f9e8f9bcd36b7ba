"""What an import reports: while it runs, and at its end."""

from __future__ import annotations

from typing import Any

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
