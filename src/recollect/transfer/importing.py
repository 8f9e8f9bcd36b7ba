"""Conversations into a store, from files of any size: what is there already is not added again."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from ..core.base import Core
from ..errors import UnsupportedError
from ..formats import LOGS, detected_in, import_formats, reader
from ..formats.base import Conversation, Mark, Piece, Restart
from ..formats.base import Damage as Unreadable
from ..formats.sqlitefile import MAGIC
from .archives import Place, inputs, places
from .beside import Around
from .conversations import Conversations
from .keeping import Packer, Part
from .ledger import Entry, Ledger, readable
from .logs import Logs
from .looking import changed_at, log_time
from .outbox import Outbox
from .prints import file_digest, prints
from .results import Damage, ImportResult, Progress
from .sources import Input, PathOrFile, check_paths
from .tally import Tally

ARCHIVE = "archive"
"""What the ledger calls a file with others inside."""
REST_AT_MOST = 1 << 20
"""What stands behind the last of several conversations is kept up to this many bytes."""
WHOLE_AT_MOST = 16 << 20
"""Of several conversations in UTF-16, whose places nobody knows, all is kept up to this many bytes."""


async def import_paths(
    core: Core,
    paths: Sequence[PathOrFile],
    format: str | None,  # the field's word
    *,
    keep_source: bool = True,
    progress: Callable[[Progress], None] | None = None,
) -> ImportResult:
    """Bring in the conversations of files, folders, archives and open streams.

    Formats are told apart by content unless ``format`` names one. Damage is reported and the
    import goes on. Raises UnsupportedError when nothing that was named is of a known format.
    """
    core.writable()
    forced = None if format is None else reader(format)
    check_paths(paths)
    run = Run(core, forced, keep_source, progress)
    for place in places(paths, run.tally.damage):
        await run.take(place)
    return await run.finish()


class Run:
    """One import."""

    def __init__(
        self, core: Core, forced: Any, keep_source: bool, progress: Callable[[Progress], None] | None
    ) -> None:
        self.tally = Tally()
        self._core = core
        self._forced = forced
        self._keep = keep_source
        self._progress = progress
        self._outbox = Outbox(core)
        self._ledger = Ledger(core)
        self._packer = Packer()
        self._conversations = Conversations(core, self._outbox, self.tally)
        self._logs = Logs(core, self._outbox, self.tally)
        self._told: Progress | None = None
        self._known = 0
        self._unknown: list[str] = []

    async def take(self, place: Place, *, quick: bool = False) -> bool:
        """Everything in one file, or what it grew by since the last time; False when that is nothing.

        ``quick`` trusts size, time and samples, else every byte is compared.
        """
        if place.path is None:
            for source in inputs(place, self.tally.damage):
                await self._read(source)
            return True
        about = os.stat(place.path)
        path = os.path.abspath(place.path)
        before = await self._ledger.find(path)
        if before is not None and await self._is_unchanged(before, place.path, about, quick):
            for session_id in before.sessions:
                self.tally.unchanged(session_id)
            self._known += bool(before.format)
            return False
        if not await self._go_on(before, place, about, quick):
            await self._whole(place, path, about)
        return True

    async def finish(self) -> ImportResult:
        """Make everything durable and count it."""
        await self._outbox.flush()
        if self._progress is not None and self._told is not None:
            self._progress(replace(self._told, messages=self.tally.messages))
        await self._ledger.flush()
        self._packer.close()
        if self._unknown and not self._known:
            raise UnsupportedError(
                f"{', '.join(map(repr, self._unknown))}: no known format.",
                hint=f"There are {', '.join(import_formats())}; format= (--format) forces one.",
            )
        for label in self._unknown:
            self.tally.damage(label, 0, f"no known format; there are {', '.join(import_formats())}")
        return self.tally.result()

    async def _is_unchanged(self, before: Entry, path: Path, about: os.stat_result, quick: bool) -> bool:
        if before.size != about.st_size or (self._keep and not before.kept):
            return False
        if quick:
            return before.modified == changed_at(path, about)
        if self._forced is not None or before.damaged or not before.format:
            return False
        if before.modified < log_time(path):  # the newest of a database may stand in its log alone
            return False
        return before.digest == file_digest(path, before.size) and await readable(self._core, before)

    async def _go_on(self, before: Entry | None, place: Place, about: os.stat_result, quick: bool) -> bool:
        """Read only what a file grew by; False when it has to be read from its start."""
        mark = None if before is None else before.mark
        if before is None or mark is None or about.st_size < before.size or self._forced is not None:
            return False
        assert place.path is not None
        if before.kept != self._keep or not _begins_as(place.path, before, quick):
            return False
        changed = changed_at(place.path, about)
        for source in inputs(place, self.tally.damage):
            if source.path is None:
                return False
            try:
                entry = await self._grown(source, before, mark)
            except Restart:
                return False
            digest = "" if quick else file_digest(place.path, entry.size)
            sampled = prints(place.path, entry.size)
            whole = replace(entry, path=before.path, digest=digest, prints=sampled, modified=changed)
            self._ledger.add(whole)
        return True

    async def _whole(self, place: Place, path: str, about: os.stat_result) -> None:
        """Read a file from its start to its end, whatever is inside."""
        damaged, changed = len(self.tally.damaged), changed_at(path, about)
        top = Entry(path, about.st_size, kept=self._keep)
        inside: list[str] = []
        for source in inputs(place, self.tally.damage):
            entry = await self._read(source)
            if entry is None:
                continue
            if source.path is not None:
                top = replace(entry, path=path, prints=prints(source.path, entry.size))
                continue
            inside += entry.sessions
            label = os.path.abspath(source.label)
            self._ledger.add(replace(entry, path=f"{label}!" if label == path else label))
            top = replace(top, format=ARCHIVE)
        if top.format == ARCHIVE:
            assert place.path is not None
            digest = file_digest(place.path, top.size)
            top = replace(top, digest=digest, sessions=tuple(dict.fromkeys(inside)))
        damage = len(self.tally.damaged) > damaged
        self._ledger.add(replace(top, modified=changed, damaged=damage))

    async def _read(self, source: Input) -> Entry | None:
        """Everything in one input; None when it is of no known format."""
        head = source.as_text()
        is_database = head.startswith(MAGIC)
        if self._keep and is_database:
            source.keep()  # all of it may be read to tell whose it is
        found, opened = (self._forced, source) if self._forced else detected_in(head, source)
        if found is None:
            if source.named and head.strip():
                self._unknown.append(source.label)
            return None
        self._known += 1
        self._tell(source)
        if self._keep and found.NAME not in LOGS and not is_database:
            source.keep()
        reading = _Reading(self, source, found.NAME)
        for piece in found.read(opened):
            await reading.take(piece)
        await self._logs.end()
        return reading.entry()

    async def _grown(self, source: Input, before: Entry, mark: Mark) -> Entry:
        """What an input grew by. Raises Restart."""
        self._known += 1
        source.start_at(mark.offset)
        reading = _Reading(self, source, before.format, before)
        for piece in reader(before.format).resume(source, mark):
            await reading.take(piece)
        return reading.entry()

    def _tell(self, source: Input) -> None:
        if self._progress is not None:
            whole = source.progress_of
            self._told = Progress(source.label, whole.tell(), whole.total, self.tally.messages)
            self._progress(self._told)


def _begins_as(path: Path, before: Entry, quick: bool) -> bool:
    """Whether a file still begins with what was read of it."""
    if quick or not before.digest:
        return before.prints == prints(path, before.size)
    return before.digest == file_digest(path, before.size)


class _Reading:
    """One input being read: its pieces go to their places, what the ledger is to know is gathered."""

    def __init__(self, run: Run, source: Input, format_name: str, before: Entry | None = None) -> None:
        self._run = run
        self._source = source
        self._format = format_name
        self._before = before
        self._sessions: list[str] = []
        self._ends: list[int] = []
        self._place = 0
        self._is_whole = False
        self._mark: Mark | None = None
        self._digest: Future[str] | None = None

    async def take(self, piece: Piece) -> None:
        """One more piece."""
        run, source = self._run, self._source
        if isinstance(piece, Conversation):
            await self._conversation(piece)
        elif isinstance(piece, Unreadable):
            run.tally.damage(source.label, piece.offset, piece.reason)
            await run._logs.damage()
        else:
            await run._logs.add(piece, source.label)
        run._tell(source)

    async def _conversation(self, conversation: Conversation) -> None:
        source = self._source
        beside = source.beside.taken if isinstance(source.beside, Around) else {}
        part = self._part(conversation) if self._run._keep else None
        unread = 0 if self._before is None else self._before.size
        session_id = await self._run._conversations.add(
            conversation, source.label, source.name, self._format, part, unread, beside, self._holder(part)
        )
        self._mark = None
        if session_id is not None:
            if conversation.mark is not None and not self._sessions:
                self._mark = conversation.mark()
            self._sessions.append(session_id)
            self._ends.append(conversation.end or 0)
        if isinstance(source.beside, Around):
            source.beside.taken = {}

    def _holder(self, part: Part | None) -> str | None:
        """Who keeps the bytes that a conversation came from, if it is not its own session."""
        return self._sessions[0] if part is None and self._is_whole and self._sessions else None

    def _part(self, conversation: Conversation) -> Part | None:
        """The bytes that a conversation came from: up to its end, or all there is."""
        if conversation.end is not None and not self._source.is_converted:
            start, self._place = self._place, conversation.end
            return self._run._packer.begin(Part(start, conversation.end, self._source.raw, is_slice=True))
        if self._is_whole or conversation.end is not None:
            return None
        self._is_whole = True
        part = Part(0, self._source.drain(), self._source.raw)
        if self._before is None:
            part = self._run._packer.begin(part)
            self._digest = part.digest
        return part

    def entry(self) -> Entry:
        """What there is to know of the file once it was read."""
        size = self._source.drain()
        if self._format in LOGS:  # their records say themselves what is there already
            return Entry(self._source.label, size)
        rest, kept = b"", self._run._keep
        if self._run._keep and self._ends and any(self._ends):
            start, most = (0, WHOLE_AT_MOST) if self._source.is_converted else (self._place, REST_AT_MOST)
            kept = size - start <= most
            rest = self._source.raw(start, size - start) if kept else b""
        mark = self._mark
        return Entry(
            self._source.label,
            size,
            digest=self._source.digest() if self._digest is None else self._digest.result(),
            format=self._format,
            sessions=tuple(self._sessions),
            ends=tuple(self._ends) if any(self._ends) and not self._source.is_converted else (),
            rest=rest,
            offset=0 if mark is None else mark.offset,
            state=None if mark is None else mark.state,
            kept=kept,
        )


__all__ = ["Damage", "ImportResult", "PathOrFile", "Progress", "import_paths"]
