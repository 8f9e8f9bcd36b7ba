"""Checking what is stored: every record, the fold against the row, the blobs."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from msgspec import Struct

from ..backend import MESSAGE, CountsTexts, Key, SessionRow
from ..codec import place_of
from ..errors import CorruptError, StoreError
from ..model import SessionQuery
from ..records import State
from .base import Core
from .filters import row_query
from .listing import session_rows
from .log import Folder, blobs_of, entries
from .reading import line_records
from .toolcalls import orphans

_BATCH = 200
TEXT_INDEX = "text index"
_SURROGATES = re.compile("[\ud800-\udfff]")


class Finding(Struct, frozen=True):
    """Something wrong: where, and what."""

    place: str
    problem: str


class Report(Struct, frozen=True):
    """What ``verify`` looked at and what it found.

    ``orphans`` are tool calls without an answer, as a crash leaves them: no damage, and
    ``messages(repair_tool_calls=True)`` gives a line without them.
    """

    sessions: int
    records: int
    messages: int
    blobs: int
    findings: list[Finding]
    orphans: list[Finding] = []

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


async def verify_session(core: Core, row: SessionRow) -> Report:
    """Read one session whole and compare everything with everything."""
    findings: list[Finding] = []
    folder = Folder(core, row.key)
    records = messages = blobs = texts = 0
    place = f"session {row.key.session_id!r}"
    try:
        async for entry in entries(core, row.key, row.version):
            records += 1
            messages += entry.kind == MESSAGE
            blobs += len(await blobs_of(core, row.key, entry))
            texts += any(folder.add(entry).texts)
        state = core.codec.state(row)
        if folder.state is None:
            findings.append(Finding(place, "it has a row and no log"))
        else:
            findings += _compare(core, row, state, folder.state)
            findings += await _compare_index(core, row, texts)
    except CorruptError as error:
        findings.append(Finding(error.place or place, error.message))
    except StoreError as error:
        findings.append(Finding(place_of(row.key, records + 1), str(error)))
    orphaned = [] if findings else await _orphans(core, row)
    return Report(1, records, messages, blobs, findings, orphaned)


async def _orphans(core: Core, row: SessionRow) -> list[Finding]:
    """Tool calls of the active line that nothing answers."""
    tip = core.codec.state(row).tip
    records, _ = await line_records(core, row.key, tip, None)
    line = core.codec.messages(row.key, records)
    place = f"session {row.key.session_id!r}"
    return [Finding(place, f"the tool call {call!r} has no answer") for call in orphans(line)]


async def _compare_index(core: Core, row: SessionRow, texts: int) -> list[Finding]:
    """Whether the text index holds as many of the session's messages as have a text."""
    if not isinstance(core.backend, CountsTexts):
        return []
    found = await core.backend.texts(row.key)
    newest = await core.backend.row(row.key)
    if found == texts or newest is None or newest.version != row.version:
        return []  # equal, or written to meanwhile: another look will tell
    place = f"session {row.key.session_id!r}, {TEXT_INDEX}"
    return [Finding(place, f"it holds {found} of {texts} messages")]


def _compare(core: Core, row: SessionRow, stored: State, folded: State) -> list[Finding]:
    """What the stored row says otherwise than the log."""
    place = f"session {row.key.session_id!r}, session row"
    found = []
    if stored != folded:
        for name in stored.info.__struct_fields__:
            if getattr(stored.info, name) != getattr(folded.info, name):
                found.append(Finding(place, f"its {name} does not agree with the log"))
        if not found:
            found.append(Finding(place, "its branches do not agree with the log"))
    expected = core.codec.row(row.key, folded)
    for name in row.__struct_fields__:
        if name != "body" and _unordered(getattr(row, name)) != _unordered(getattr(expected, name)):
            found.append(Finding(place, f"its lookup column {name} does not agree with the log"))
    return found


def _unordered(value: object) -> object:
    """A lookup column as engines may keep it: without order, lone surrogates replaced."""
    if isinstance(value, tuple) and not isinstance(value, Key):
        return frozenset(
            _unordered(item) if isinstance(item, str) else tuple(map(_unordered, item)) for item in value
        )
    return _SURROGATES.sub("\ufffd", value) if isinstance(value, str) else value


async def verify(core: Core, session_id: str | None = None) -> Report:
    """Check one session, or every session of the namespace, the trash included."""
    total = Report(0, 0, 0, 0, [])
    async for row in every_row(core, session_id):
        total = _sum(total, await verify_session(core, row))
    return total


async def every_row(core: Core, session_id: str | None = None) -> AsyncIterator[SessionRow]:
    """The row of one session, or all rows of the namespace, the trash included."""
    if session_id is not None:
        key = core.key(session_id)
        row = await core.backend.row(key)
        yield row if row is not None else await core.load(key)
        return
    for trashed in (False, True):
        cursor: str | None = None
        while True:
            query = row_query(core, SessionQuery(), trashed=trashed)
            rows, cursor = await session_rows(core, query, _BATCH, cursor)
            for row in rows:
                yield row
            if cursor is None:
                break


def _sum(a: Report, b: Report) -> Report:
    return Report(
        a.sessions + b.sessions,
        a.records + b.records,
        a.messages + b.messages,
        a.blobs + b.blobs,
        a.findings + b.findings,
        a.orphans + b.orphans,
    )
