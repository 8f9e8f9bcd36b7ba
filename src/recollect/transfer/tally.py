"""Keeps count of what an import does."""

from __future__ import annotations

from .results import Damage, ImportResult


class Tally:
    """Sessions by what became of them, messages added, damage met."""

    def __init__(self) -> None:
        self.messages = 0
        self.seen: dict[str, str] = {}
        self.added: dict[str, int] = {}
        """Session → how many messages it got."""
        self.damaged: list[Damage] = []

    def damage(self, file: str, offset: int, reason: str) -> None:
        """Something could not be taken over."""
        self.damaged.append(Damage(file, offset, reason))

    def met(self, session_id: str) -> None:
        """The files speak of a session; what becomes of it is told later."""
        self.seen.setdefault(session_id, "unchanged")

    def created(self, session_id: str, messages: int) -> None:
        """A session is new, with so many messages."""
        self._add(session_id, messages)
        self.seen[session_id] = "created"

    def updated(self, session_id: str, messages: int) -> None:
        """A session has so many messages more; one that is new stays new."""
        self._add(session_id, messages)
        if self.seen.get(session_id) != "created":
            self.seen[session_id] = "updated"

    def unchanged(self, session_id: str) -> None:
        """A session had everything already."""
        self.seen.setdefault(session_id, "unchanged")

    def _add(self, session_id: str, messages: int) -> None:
        self.messages += messages
        self.added[session_id] = self.added.get(session_id, 0) + messages

    def result(self) -> ImportResult:
        """The figures at the end."""
        outcomes = list(self.seen.values())
        return ImportResult(
            created=outcomes.count("created"),
            updated=outcomes.count("updated"),
            unchanged=outcomes.count("unchanged"),
            messages=self.messages,
            sessions=list(self.seen),
            damaged=self.damaged,
        )
