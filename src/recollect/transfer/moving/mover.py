"""Moves every log of an origin into a store: once, and again what was written to meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from ...backend import MESSAGE, Key, SessionRow
from ...core.base import Core
from ...core.ids import MAX_LENGTH
from ...core.verifying import Finding
from ...errors import CorruptError, InvalidError, StoreError, UnsupportedError
from .branching import bring
from .copying import Copy, Written
from .imports import move_imports
from .meeting import Met, meet
from .origins import Log, Origin, StoredLog, outside
from .results import ON_CONFLICT, LogComparison, MigrateResult, MoveConflict, MoveProgress, OnConflict
from .sending import Sender
from .verifying import compare_all

MAX_PASSES = 5
"""So often at most is looked for what was written to meanwhile."""

Kind = Literal["created", "updated", "unchanged", "ahead", "conflict", "damaged"]
Name = tuple[str, str]
"""A session's namespace, as the origin sees it, and its id."""


class Moved(NamedTuple):
    """What became of a session: where it is now, and its origin's state then."""

    kind: Kind
    stamp: tuple[int, int]
    version: int = 0
    to: Key | None = None
    """Where the destination holds the same log; None where it does not."""


class Mover:
    """One move from an origin into the namespace of a core."""

    def __init__(
        self,
        origin: Origin,
        core: Core,
        *,
        on_conflict: OnConflict = "skip",
        resume: bool = True,
        dry_run: bool = False,
        progress: Callable[[MoveProgress], None] | None = None,
    ) -> None:
        if on_conflict not in ON_CONFLICT:
            known = ", ".join(ON_CONFLICT)
            raise InvalidError(f"on_conflict= must be one of {known}, not {on_conflict!r}.")
        if not dry_run:
            core.writable()
        self._origin = origin
        self._core = core
        self._sender = Sender(core)
        self._on_conflict = on_conflict
        self._resume = resume
        self._dry_run = dry_run
        self._progress = progress
        self._written = Written()
        self._moved: dict[Name, Moved] = {}
        self._conflicts: dict[Name, MoveConflict] = {}
        self._damaged: dict[Name, Finding] = {}
        self._late: set[Name] = set()
        self._refused: set[Name] = set()
        self._phase, self._done, self._total, self._sent = "copy", 0, 0, 0

    async def run(self, *, verify: bool = False) -> MigrateResult:
        """Move everything; returns what was done."""
        if self._progress is not None:
            self._total = sum([log.version async for log in self._origin.logs()])
        passes = 1
        await self._pass()
        while (self._origin.live or self._late) and not self._dry_run and passes < MAX_PASSES:
            self._phase = "catch up"
            passes += 1
            if not await self._pass():
                break
        for name in self._late:
            problem = "it is written to over there all the time; run this again"
            self._damaged[name] = Finding(f"session {name[1]!r}", problem)
            self._moved[name] = self._moved[name]._replace(kind="damaged", to=None)
        imports = await move_imports(self._origin, self._core, self._whole, dry_run=self._dry_run)
        compared = await self._compare() if verify and not self._dry_run else None
        return self._result(passes, imports, compared)

    async def _pass(self) -> bool:
        """Look at every session; returns whether one was new or had been written to."""
        found = False
        late, self._late = self._late, set()
        async for log in self._origin.logs():
            name = (log.namespace, log.session_id)
            before = self._moved.get(name)
            if before is not None and before.stamp == log.stamp and name not in late:
                continue
            late.discard(name)
            found, self._sent = True, 0
            self._conflicts.pop(name, None)
            self._damaged.pop(name, None)
            self._refused.discard(name)
            core = self._core.confined(outside(self._core.namespace, log.namespace))
            try:
                moved = await self._move(log, core)
            except (CorruptError, InvalidError, UnsupportedError) as error:
                if await _is_gone(log):
                    continue  # deleted while it was read
                place = getattr(error, "place", "") or f"session {log.session_id!r}"
                self._damaged[name] = Finding(place, error.message)
                moved = Moved("damaged", log.stamp)
            if before is not None and before.kind == "created" and moved.kind in ("updated", "unchanged"):
                moved = moved._replace(kind="created")
            self._moved[name] = moved
            self._tell(log, log.version - self._sent)
        await self._sender.flush()
        for name in self._refused:
            self._moved[name] = self._moved[name]._replace(kind="damaged", to=None)
        return found

    async def _move(self, log: Log, core: Core) -> Moved:
        key = core.key(log.session_id)
        await self._sender.settle(key)
        row = await core.backend.row(key)
        if row is None:
            return await self._copy(log, core, key, 0, Met())
        met = await meet(log, core, key, row.version)
        if not met.differs and (self._resume or row.version >= log.version):
            return await self._copy(log, core, key, row.version, met)
        differs = met.differs or row.version + 1
        if self._on_conflict == "rename":
            return await self._rename(log, core, differs)
        if self._on_conflict == "branch" and met.differs:
            return await self._branch(log, core, row, differs)
        return self._conflict(log, MoveConflict(log.namespace, log.session_id, differs, "skipped"), None)

    async def _copy(self, log: Log, core: Core, key: Key, have: int, met: Met) -> Moved:
        if have >= log.version:
            # What was erased there alone makes the same log have other bytes: that is not compared.
            to = None if met.changed else key
            return Moved("unchanged" if have == log.version else "ahead", log.stamp, log.version, to)
        if self._dry_run:
            await self._count(log, have)
        else:
            copy = Copy(core, self._sender, log, key, have, met.changed)
            await copy.run(self._written, _Watch(self, log))
        return Moved("updated" if have else "created", log.stamp, log.version, key)

    async def _count(self, log: Log, have: int) -> None:
        """What a copy would write."""
        digests: set[str] = set()
        async for entry in log.entries():
            if entry.seq > have:
                self._written.records += 1
                self._written.messages += entry.kind == MESSAGE
                self._written.bytes += len(entry.body)
                digests.update(log.digests(entry))
        self._written.blobs += len(digests)

    def _conflict(self, log: Log, conflict: MoveConflict, to: Key | None) -> Moved:
        self._conflicts[log.namespace, log.session_id] = conflict
        return Moved("conflict", log.stamp, log.version, to)

    async def _rename(self, log: Log, core: Core, differs: int) -> Moved:
        """Under the first id that is free on both sides, or that holds this log already."""
        number = 1
        while True:
            number += 1
            ending = f"~{number}"
            other = log.session_id[: MAX_LENGTH - len(ending)] + ending
            if await self._origin.taken(log.namespace, other):
                continue
            key = core.key(other)
            await self._sender.settle(key)
            row = await core.backend.row(key)
            have = 0 if row is None else row.version
            met = Met() if row is None else await meet(log, core, key, have)
            if not met.differs:
                moved = await self._copy(log, core, key, have, met)
                conflict = MoveConflict(log.namespace, log.session_id, differs, "renamed", other)
                return self._conflict(log, conflict, moved.to)

    async def _branch(self, log: Log, core: Core, row: SessionRow, differs: int) -> Moved:
        """As branches of the session that is there, if both logs begin alike and it can be written to."""
        if differs == 1 or not core.visible(row):
            return await self._rename(log, core, differs)
        if not isinstance(log, StoredLog):
            raise UnsupportedError(
                f"Session {log.session_id!r} of an archive cannot become a branch.",
                hint="Use on_conflict='rename'.",
            )
        brought = await bring(log, core, row.key, differs, dry_run=self._dry_run)
        self._written.messages += brought.messages
        to = ",".join(brought.branches) or None
        return self._conflict(log, MoveConflict(log.namespace, log.session_id, differs, "branched", to), None)

    def _whole(self, namespace: str, session_id: str) -> bool:
        """Whether the destination holds all of a session under its own id."""
        moved = self._moved.get((namespace, session_id))
        return moved is not None and moved.kind in ("created", "updated", "unchanged", "ahead")

    async def _compare(self) -> LogComparison:
        self._phase, self._done = "verify", 0

        def where(log: Log) -> tuple[Key, int] | None:
            moved = self._moved.get((log.namespace, log.session_id))
            return None if moved is None or moved.to is None else (moved.to, moved.version)

        return await compare_all(self._origin, self._core, where, self._tell)

    def _tell(self, log: Log, records: int) -> None:
        self._done += records
        if self._progress is not None:
            total = max(self._total, self._done)
            told = MoveProgress(self._phase, log.session_id, self._done, total, len(self._moved))
            self._progress(told)

    def sent(self, log: Log, records: int) -> None:
        """A part of a log is on its way."""
        self._sent += records
        self._tell(log, records)

    def lost(self, log: Log) -> None:
        """The destination's session was written to meanwhile: it is looked at again."""
        name = (log.namespace, log.session_id)
        if name not in self._refused:
            self._late.add(name)

    def refused(self, log: Log, error: StoreError) -> None:
        """The destination cannot hold a session."""
        name = (log.namespace, log.session_id)
        self._refused.add(name)
        self._conflicts.pop(name, None)
        self._damaged[name] = Finding(f"session {log.session_id!r}", error.message)

    def _result(self, passes: int, imports: int, compared: LogComparison | None) -> MigrateResult:
        kinds = [moved.kind for moved in self._moved.values()]
        return MigrateResult(
            sessions=len(kinds),
            created=kinds.count("created"),
            updated=kinds.count("updated"),
            unchanged=kinds.count("unchanged"),
            ahead=kinds.count("ahead"),
            records=self._written.records,
            messages=self._written.messages,
            blobs=self._written.blobs,
            bytes=self._written.bytes,
            imports=imports,
            passes=passes,
            conflicts=list(self._conflicts.values()),
            damaged=list(self._damaged.values()),
            verified=compared,
            dry_run=self._dry_run,
        )


async def _is_gone(log: Log) -> bool:
    return isinstance(log, StoredLog) and await log.core.backend.row(log.row.key) is None


class _Watch:
    """Tells a mover what becomes of the copy of one log."""

    def __init__(self, mover: Mover, log: Log) -> None:
        self._mover = mover
        self._log = log

    def sent(self, records: int) -> None:
        self._mover.sent(self._log, records)

    def lost(self) -> None:
        self._mover.lost(self._log)

    def refused(self, error: StoreError) -> None:
        self._mover.refused(self._log, error)
