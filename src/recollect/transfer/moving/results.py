"""What moving sessions reports: while it runs, and at its end."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from ...core.verifying import Finding

OnConflict = Literal["skip", "rename", "branch"]
ON_CONFLICT = ("skip", "rename", "branch")


class MoveProgress(Struct, frozen=True, gc=False):
    """How far a move is: the session it is at, and records done of all there are to look at.

    ``phase`` is ``copy``, ``catch up`` (sessions written to meanwhile) or ``verify``.
    """

    phase: str
    session: str
    done: int
    total: int
    sessions: int


class MoveConflict(Struct, frozen=True):
    """A session whose id stands for another history in the destination, from ``record`` on.

    ``outcome`` says what was done (in a dry run: would be done); ``to`` is the new id of a renamed
    session, or the names of the branches that were added, with commas between.
    """

    namespace: str
    session: str
    record: int
    outcome: Literal["skipped", "renamed", "branched"]
    to: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The conflict as JSON values."""
        return {
            "namespace": self.namespace,
            "session": self.session,
            "record": self.record,
            "outcome": self.outcome,
            "to": self.to,
        }


class LogComparison(Struct, frozen=True):
    """What a comparison of whole logs looked at, and which logs differ."""

    sessions: int = 0
    records: int = 0
    blobs: int = 0
    bytes: int = 0
    different: list[Finding] = []

    def to_dict(self) -> dict[str, Any]:
        """The comparison as JSON values."""
        return {
            "sessions": self.sessions,
            "records": self.records,
            "blobs": self.blobs,
            "bytes": self.bytes,
            "different": [{"place": f.place, "problem": f.problem} for f in self.different],
        }


class MigrateResult(Struct, frozen=True):
    """What a move did, or with ``dry_run`` would do.

    Of ``sessions``, ``created`` are new in the destination, ``updated`` were continued there,
    ``unchanged`` were there already and ``ahead`` have grown there since they were moved. ``records``,
    ``messages``, ``blobs`` and ``bytes`` count what was written, ``imports`` the files that the
    destination knows as imported now. ``damaged`` names what could not be read and was left out.
    ``verified`` is there where the logs of both sides were compared.
    """

    sessions: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    ahead: int = 0
    records: int = 0
    messages: int = 0
    blobs: int = 0
    bytes: int = 0
    imports: int = 0
    passes: int = 1
    conflicts: list[MoveConflict] = []
    damaged: list[Finding] = []
    verified: LogComparison | None = None
    dry_run: bool = False

    @property
    def complete(self) -> bool:
        """Whether the destination holds everything: no conflict was left, nothing was damaged, and
        where logs were compared they are equal."""
        left = any(conflict.outcome == "skipped" for conflict in self.conflicts)
        return not left and not self.damaged and not (self.verified and self.verified.different)

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values."""
        numbers = {
            name: getattr(self, name)
            for name in self.__struct_fields__
            if name not in ("conflicts", "damaged", "verified")
        }
        return {
            **numbers,
            "complete": self.complete,
            "conflicts": [conflict.to_dict() for conflict in self.conflicts],
            "damaged": [{"place": f.place, "problem": f.problem} for f in self.damaged],
            "verified": None if self.verified is None else self.verified.to_dict(),
        }


class BackupResult(Struct, frozen=True):
    """What a backup holds. ``bytes`` is the size of the archive, ``imports`` how many imported files
    it knows of; ``damaged`` names sessions that could not be read and are not in it."""

    sessions: int
    records: int
    blobs: int
    imports: int
    bytes: int
    damaged: list[Finding] = []

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values."""
        return {
            "sessions": self.sessions,
            "records": self.records,
            "blobs": self.blobs,
            "imports": self.imports,
            "bytes": self.bytes,
            "damaged": [{"place": f.place, "problem": f.problem} for f in self.damaged],
        }
