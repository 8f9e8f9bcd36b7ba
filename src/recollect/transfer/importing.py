"""Conversations into a store, from files of any size: what is there already is not added again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core.base import Core
from ..errors import UnsupportedError
from ..formats import detected, import_formats, reader
from ..formats.base import Conversation
from ..formats.base import Damage as Unreadable
from .archives import inputs
from .conversations import Conversations
from .logs import Logs
from .outbox import Outbox
from .results import Damage, ImportResult, Progress
from .sources import Input, PathOrFile, check_paths
from .tally import Tally


async def import_paths(
    core: Core,
    paths: Sequence[PathOrFile],
    format: str | None,  # the field's word
    *,
    progress: Callable[[Progress], None] | None = None,
) -> ImportResult:
    """Bring in the conversations of files, folders, archives and open streams.

    Formats are told apart by content unless ``format`` names one. Damage is reported and the
    import goes on. Raises UnsupportedError when nothing that was named is of a known format.
    """
    core.writable()
    forced = None if format is None else reader(format)
    check_paths(paths)
    run = _Run(core, forced, progress)
    for source in inputs(paths, run.tally.damage):
        await run.take(source)
    return await run.finish()


class _Run:
    """One import."""

    def __init__(self, core: Core, forced: Any, progress: Callable[[Progress], None] | None) -> None:
        self.tally = Tally()
        self._forced = forced
        self._progress = progress
        self._outbox = Outbox(core)
        self._conversations = Conversations(core, self._outbox, self.tally)
        self._logs = Logs(core, self._outbox, self.tally)
        self._known = 0
        self._unknown: list[str] = []

    async def take(self, source: Input) -> None:
        """Everything in one file."""
        head = source.as_text()
        found = self._forced or detected(head, source.name)
        if found is None:
            if source.named and head.strip():
                self._unknown.append(source.label)
            return
        self._known += 1
        self._tell(source)
        for piece in found.read(source):
            if isinstance(piece, Conversation):
                await self._conversations.add(piece, source.label, source.name, found.NAME)
            elif isinstance(piece, Unreadable):
                self.tally.damage(source.label, piece.offset, piece.reason)
                await self._logs.damage()
            else:
                await self._logs.add(piece, source.label)
            self._tell(source)
        await self._logs.end()

    async def finish(self) -> ImportResult:
        """Make everything durable and count it."""
        await self._outbox.flush()
        if self._unknown and not self._known:
            raise UnsupportedError(
                f"{', '.join(map(repr, self._unknown))}: no known format.",
                hint=f"There are {', '.join(import_formats())}; format= (--format) forces one.",
            )
        for label in self._unknown:
            self.tally.damage(label, 0, f"no known format; there are {', '.join(import_formats())}")
        return self.tally.result()

    def _tell(self, source: Input) -> None:
        if self._progress is not None:
            whole = source.progress_of
            self._progress(Progress(source.label, whole.tell(), whole.total, self.tally.messages))


__all__ = ["Damage", "ImportResult", "PathOrFile", "Progress", "import_paths"]
