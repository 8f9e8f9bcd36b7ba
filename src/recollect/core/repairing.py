"""Repair: rows rebuilt from logs, and damaged records moved aside so that the rest can be used.

Nothing is deleted: what cannot be read is written, byte for byte, into a quarantine file first. In
its place the log gets a stand-in that keeps every other record where it was.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from ..backend import (
    ERASE,
    HEAD,
    KINDS,
    MESSAGE,
    SOURCE,
    UPDATE,
    Commit,
    KeepsRaw,
    Key,
    SessionRow,
    StoredRecord,
)
from ..codec import dumps, is_intact
from ..errors import CorruptError, StoreError
from ..model import BlobPart, Message, Role
from ..records import EraseBody, Frame, HeadBody, Patch, SourceBody, State, UpdateBody, pointed, to_datetime
from .base import Core
from .log import Folder, LogEntry
from .searching import reindex
from .verifying import TEXT_INDEX, Finding, every_row, verify_session

DAMAGED = {"damaged": True}
_BATCH = 1000

Quarantine = Callable[[bytes], None]
"""Takes one line, without its end, of the quarantine file; durable on return."""


class RepairReport(Struct, frozen=True):
    """What ``repair`` looked at and did. ``repaired`` names the sessions that were put right,
    ``quarantined`` counts the records moved aside into the file ``quarantine``, and ``unrepaired``
    says what is still wrong."""

    sessions: int
    repaired: list[str]
    quarantined: int
    quarantine: str | None
    unrepaired: list[Finding]

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "sessions": self.sessions,
            "repaired": self.repaired,
            "quarantined": self.quarantined,
            "quarantine": self.quarantine,
            "unrepaired": [{"place": f.place, "problem": f.problem} for f in self.unrepaired],
        }


async def repair(core: Core, session_id: str | None, quarantine: Quarantine, where: str) -> RepairReport:
    """Repair one session, or all of the namespace; ``where`` is the quarantine file's name."""
    core.writable()
    sessions, moved = 0, 0
    repaired: list[str] = []
    unrepaired: list[Finding] = []
    unindexed: list[SessionRow] = []
    async for row in every_row(core, session_id):
        sessions += 1
        findings = (await verify_session(core, row)).findings
        if not findings:
            continue
        if all(finding.place.endswith(TEXT_INDEX) for finding in findings):
            unindexed.append(row)
            continue
        try:
            moved += await _Repair(core, row, quarantine).run()
        except StoreError as error:
            unrepaired.append(Finding(f"session {row.key.session_id!r}", str(error)))
            continue
        newest = await core.backend.row(row.key)
        left = [] if newest is None else (await verify_session(core, newest)).findings
        unrepaired += left
        if not left:
            repaired.append(row.key.session_id)
    if unindexed:
        await reindex(core)
        for row in unindexed:
            left = (await verify_session(core, row)).findings
            unrepaired += left
            repaired += [] if left else [row.key.session_id]
    return RepairReport(sessions, repaired, moved, where if moved else None, unrepaired)


class _Repair:
    """The repair of one session."""

    def __init__(self, core: Core, row: SessionRow, quarantine: Quarantine) -> None:
        self._core = core
        self._row = row
        self._key = row.key
        self._quarantine = quarantine
        self._folder = Folder(core, row.key)
        self._found: dict[int, StoredRecord] = {}
        self._children: dict[int, StoredRecord] = {}
        self._ids: dict[int, str] = {}

    async def run(self) -> int:
        """Put the session right; returns how many records were moved aside."""
        await self._read(0, self._row.version + 1)
        for record in self._found.values():
            if record[1] in (MESSAGE, HEAD) and record[2]:
                self._children.setdefault(record[2], record)
        replaced: list[tuple[int, bytes]] = []
        log: list[LogEntry] = []
        for seq in range(1, self._row.version + 1):
            entry = self._fit(seq)
            if seq not in self._found or entry.body != self._found[seq][3]:
                replaced.append((seq, entry.body))
            log.append(entry)
        missing = [seq for seq, _ in replaced if seq not in self._found]
        for seq, _ in replaced:
            if seq in self._found:
                self._quarantine(_line(self._key, self._found[seq]))
        if missing:
            await self._rebuild(log)
        else:
            await self._replace(replaced)
        return len(replaced)

    async def _read(self, after: int, before: int) -> None:
        """Every record between two seqs that the engine can give, found by halving around damage."""
        try:
            while after < before - 1:
                records = await self._core.backend.read(self._key, after=after, before=before, limit=_BATCH)
                if not records:
                    return
                self._found.update((record[0], record) for record in records)
                after = records[-1][0]
        except CorruptError:
            if before - after > 2:
                middle = (after + before) // 2
                await self._read(after, middle + 1)
                await self._read(middle, before)

    def _fit(self, seq: int) -> LogEntry:
        """The record ``seq`` folded into the log: itself, or a stand-in where it does not fit."""
        record = self._found.get(seq)
        before = self._folder.state
        if record is not None and record[3][:1] == b"{" and is_intact(record[3]):
            entry = LogEntry(*record)
            try:
                self._folder.add(entry)
                if entry.kind == MESSAGE:
                    self._ids[seq] = self._core.codec.messages(self._key, [record])[0].id
                return entry
            except CorruptError:
                self._folder.state = before
        if record is not None:
            kind, parent = record[1], record[2]
        else:
            kind = MESSAGE if seq in self._children else UPDATE
            parent = before.tip if kind == MESSAGE and before is not None else 0
        entry = LogEntry(seq, kind, parent, self._stand_in(seq, kind, parent))
        self._folder.add(entry)
        return entry

    def _stand_in(self, seq: int, kind: int, parent: int) -> bytes:
        """A body that says nothing, of the same kind, and lets what comes behind it fit."""
        state, (now, nth) = self._folder.state, self._moment(seq)
        record = self._core.codec.record
        if state is None:
            return record(dumps(UpdateBody(Patch(), "repair")), Frame(0, 0, 0, 0, nth, 0, now))
        if kind == MESSAGE:
            return self._message(seq, parent, state, now, nth)
        body: UpdateBody | HeadBody | EraseBody | SourceBody = UpdateBody(Patch(), "repair")
        if kind == HEAD:
            tip = self._tip_behind(seq, state.tip)
            name = self._ids.get(tip)
            body = HeadBody(state.info.branch, tip, True, name, "repair")
            state = pointed(state, now, body, self._folder.line_at(tip))
        elif kind == ERASE:
            body = EraseBody(0, "")
        elif kind == SOURCE:
            body = SourceBody({})
        return record(dumps(body), state.frame(now, nth))

    def _message(self, seq: int, parent: int, state: State, now: int, nth: int) -> bytes:
        line = self._folder.line_at(parent)
        role = self._role(seq, line.turn)
        turn = line.turn + (role == "user")
        origin = line.origin or (seq if role == "user" else 0)
        message = Message(f"damaged-{seq}", None, role, (), to_datetime(now), metadata=dict(DAMAGED))
        tip = seq if parent == state.tip else state.tip
        frame = Frame(0, line.depth + 1, turn, origin, nth, tip, now)
        return self._core.codec.record(dumps(message), frame)

    def _tip_behind(self, seq: int, tip: int) -> int:
        """Where a lost head record pointed, told by the record behind it."""
        behind = self._found.get(seq + 1)
        if behind is None or behind[3][:1] != b"{" or not is_intact(behind[3]):
            return tip
        frame = self._core.codec.frame(self._key, behind)
        pointed_to = behind[2] if frame.tip == behind[0] else frame.tip
        return pointed_to if pointed_to < seq else tip

    def _moment(self, seq: int) -> tuple[int, int]:
        """When a lost record was committed, and its place in the commit: told by the one behind it."""
        behind = self._found.get(seq + 1)
        if behind is not None and behind[3][:1] == b"{" and is_intact(behind[3]):
            frame = self._core.codec.frame(self._key, behind)
            return (frame.at, frame.nth - 1) if frame.nth else (frame.at, 0)
        return self._core.clock.now(), 0

    def _role(self, seq: int, turns: int) -> Role:
        """Whether the lost message was a user's, told by the count of turns in what follows it."""
        child = self._children.get(seq)
        if child is not None and child[1] == MESSAGE and is_intact(child[3]):
            behind = self._core.codec.messages(self._key, [child])[0]
            counted = self._core.codec.frame(self._key, child).turn - (behind.role == "user")
            return "user" if counted > turns else "assistant"
        mark = self._found.get(seq + 1)
        if mark is not None and mark[1] not in (MESSAGE, HEAD) and is_intact(mark[3]):
            frame = self._core.codec.frame(self._key, mark)
            return "user" if frame.tip == seq and frame.turn > turns else "assistant"
        return "assistant"

    async def _replace(self, replaced: list[tuple[int, bytes]]) -> None:
        """Put stand-ins in place and the row that follows from the log."""
        assert self._folder.state is not None
        row = self._core.codec.row(self._key, self._folder.state)
        commit = Commit(key=self._key, base=self._row.version, row=row, erased=replaced)
        await self._core.backend.commit(commit)

    async def _rebuild(self, log: list[LogEntry]) -> None:
        """Write the session anew where the engine cannot give some of its records at all; what it
        holds goes to the quarantine whole, before."""
        backend = self._core.backend
        if isinstance(backend, KeepsRaw):
            raw = await backend.raw(self._key)
            self._quarantine(
                msgspec.json.encode(
                    {
                        "namespace": self._key.namespace,
                        "session_id": self._key.session_id,
                        "raw_base64": base64.b64encode(raw).decode(),
                    }
                )
            )
        folder = Folder(self._core, self._key)
        records = [folder.add(entry) for entry in log]
        assert folder.state is not None
        blobs = await self._blobs(log)
        row = self._core.codec.row(self._key, folder.state)
        await backend.commit(Commit(key=self._key, base=self._row.version, delete=True))
        await backend.commit(Commit(key=self._key, base=0, row=row, records=records, blobs=blobs))

    async def _blobs(self, log: list[LogEntry]) -> dict[bytes, bytes]:
        blobs: dict[bytes, bytes] = {}
        for entry in log:
            if entry.kind != MESSAGE:
                continue
            record = (entry.seq, entry.kind, entry.parent, entry.body)
            for part in self._core.codec.messages(self._key, [record])[0].parts:
                if isinstance(part, BlobPart) and part.digest:
                    digest = bytes.fromhex(part.digest)
                    content = await self._core.backend.blob(self._key, digest)
                    if content is not None:
                        blobs[digest] = content
        return blobs


def _line(key: Key, record: StoredRecord) -> bytes:
    seq, kind, parent, body = record
    return msgspec.json.encode(
        {
            "namespace": key.namespace,
            "session_id": key.session_id,
            "seq": seq,
            "kind": KINDS.get(kind, str(kind)),
            "parent": parent,
            "body_base64": base64.b64encode(body).decode(),
        }
    )
