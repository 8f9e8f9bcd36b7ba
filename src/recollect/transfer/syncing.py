"""Keeps a store in step with the files that tools write: what is new, or grew, is read."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from msgspec.structs import replace

from ..core.base import Core
from ..errors import AccessError, CorruptError, NotFoundError, StoreError
from .archives import Place
from .importing import Run
from .ledger import Entry
from .looking import ANY, Found, Look, changed_at
from .results import Damage, Progress, SyncedFile, SyncedFolder, SyncResult
from .sources import check_paths, reason_of
from .tools import Spot, spots

SAVE_EVERY = 5.0
"""Seconds: what an interrupted run has read up to then is not read again."""
WRITTEN_NOW = 60 * 10**9
"""Nanoseconds: the last line of a file changed since then may still be on its way."""

PathLike = str | os.PathLike[str]


async def sync(
    core: Core,
    paths: PathLike | Sequence[PathLike] = (),
    *,
    tools: Sequence[str] | None = None,
    dry_run: bool = False,
    keep_source: bool = True,
    progress: Callable[[Progress], None] | None = None,
) -> SyncResult:
    """Read what is new in the known tools' folders, and in ``paths``; with ``dry_run`` only say what
    would be read. Errors are reported and the rest goes on.

    Raises InvalidError for a tool that is not known, NotFoundError for a path that is not there.
    """
    named = [paths] if isinstance(paths, str | os.PathLike) else paths
    wanted = [*spots(tools), *_named(named)]
    check_paths(named)
    if not dry_run:
        core.writable()
    return await _Sync(core, keep_source, progress, dry_run).run(wanted)


def _named(paths: Sequence[PathLike]) -> Iterator[Spot]:
    """Paths that were asked for by name: files as they are, all in folders."""
    for path in map(os.path.abspath, paths):
        yield Spot("", path, (f"{ANY}/*",))


class _SyncRun(Run):
    """An import of files that the ledger is asked about first."""

    async def entry(self, path: str) -> Entry | None:
        """What is known of a file."""
        return await self._ledger.find(path)

    def pass_over(self, entry: Entry) -> None:
        """A file did not change since."""
        for session_id in entry.sessions:
            self.tally.unchanged(session_id)

    def is_in_step(self, entry: Entry, found: Found) -> bool:
        """Whether all there is of a file has been read, as far as its size and time tell."""
        kept = entry.kept or not self._keep or not entry.format
        return kept and entry.size == found.size and entry.modified == found.modified

    async def look_again(self, path: str) -> None:
        """A file is not done with, though all of it was read."""
        entry = await self._ledger.find(path)
        if entry is not None:
            self._ledger.add(replace(entry, modified=0))

    async def save(self) -> None:
        """Make durable what was read so far, and that it was."""
        await self._outbox.flush()
        await self._ledger.flush()

    def settle_unknown(self) -> None:
        """Files of no known format are something to report, not the end of everything."""
        for label in self._unknown:
            self.tally.damage(label, 0, "no known format")
        self._unknown.clear()


class _Sync:
    """One round through all folders."""

    def __init__(
        self, core: Core, keep_source: bool, progress: Callable[[Progress], None] | None, dry_run: bool
    ) -> None:
        self._run = _SyncRun(core, None, keep_source, progress)
        self._look = Look(self._run.tally.damage)
        self._dry_run = dry_run
        self._taken: set[str] = set()
        self._saved = time.monotonic()

    async def run(self, wanted: Sequence[Spot]) -> SyncResult:
        """Look everywhere, read, count."""
        folders: list[SyncedFolder] = []
        read: list[SyncedFile] = []
        for spot in wanted:
            counts = {"new": 0, "changed": 0, "unchanged": 0}
            for found in self._found(spot):
                if found.path in self._taken:
                    continue
                self._taken.add(found.path)
                before = await self._run.entry(found.path)
                if before is not None and self._run.is_in_step(before, found):
                    counts["unchanged"] += 1
                    self._run.pass_over(before)
                    continue
                change: Literal["new", "changed"] = "new" if before is None else "changed"
                counts[change] += 1
                read.append(SyncedFile(found.path, spot.tool, change, found.size))
                if not self._dry_run:
                    await self._read(found, before, named=found.path == spot.folder)
            exists = os.path.exists(spot.folder)
            folders.append(SyncedFolder(spot.tool, spot.folder, exists, sum(counts.values()), **counts))
        self._run.settle_unknown()
        imported = self._run.tally.result() if self._dry_run else await self._run.finish()
        read = [await self._counted(file) for file in read]
        return SyncResult(folders, read, imported, self._dry_run, self._look.folders)

    def _found(self, spot: Spot) -> Iterator[Found]:
        if os.path.isdir(spot.folder):
            yield from self._look.below(spot.folder, spot.patterns)
        elif not spot.tool:
            try:
                about = os.stat(spot.folder)
            except OSError as error:
                self._run.tally.damage(spot.folder, 0, reason_of(error))
                return
            yield Found(spot.folder, about.st_size, changed_at(spot.folder, about))

    async def _read(self, found: Found, before: Entry | None, *, named: bool) -> None:
        """Read a file, or what it grew by. Its errors are its own."""
        damaged = self._run.tally.damaged
        first = len(damaged)
        try:
            await self._run.take(Place(Path(found.path), None, named), quick=True)
        except (AccessError, NotFoundError, CorruptError) as error:
            self._run.tally.damage(found.path, 0, error.message)
        except OSError as error:
            self._run.tally.damage(found.path, 0, reason_of(error))
        except StoreError:
            raise  # the store's own trouble: no other file would fare better
        except Exception as error:  # noqa: BLE001  # a reader that fails must not keep all other files out
            self._run.tally.damage(found.path, 0, f"it cannot be read: {type(error).__name__}")
        grew = before is None or before.size != found.size
        if grew and time.time_ns() - found.modified < WRITTEN_NOW and _is_cut(found.path, damaged[first:]):
            del damaged[first:]
            await self._run.look_again(found.path)
        if time.monotonic() - self._saved > SAVE_EVERY:
            await self._run.save()
            self._saved = time.monotonic()

    async def _counted(self, file: SyncedFile) -> SyncedFile:
        """A file with what came of it."""
        entry = None if self._dry_run else await self._run.entry(file.path)
        if entry is None:
            return file
        added = sum(self._run.tally.added.get(session_id, 0) for session_id in entry.sessions)
        return replace(file, messages=added, sessions=list(entry.sessions))


def _is_cut(path: str, damaged: Sequence[Damage]) -> bool:
    """Whether all that is wrong with a file is that its last line is not whole (yet)."""
    if len(damaged) != 1 or damaged[0].file != path:
        return False
    try:
        with open(path, "rb") as file:
            file.seek(damaged[0].offset)
            while piece := file.read(1 << 16):
                if b"\n" in piece:
                    return False
    except OSError:
        return False
    return True
