"""What changed, and going back: history, restore, undo."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct

from ..backend import ERASE, HEAD, MESSAGE, UPDATE, Key, SessionRow, StoredRecord
from ..errors import NotFoundError
from ..model import SessionInfo, timestamp
from ..records import EraseBody, Frame, HeadBody, Line, Patch, State, UpdateBody, to_datetime
from .base import Core, Handle
from .batch import Batch
from .filters import check_limit
from .lines import check_version, end_at, frame_at, state_at
from .writing import Change, write

_KEPT = ("created_at", "deleted_at", "forked_from")


class HistoryEntry(Struct, frozen=True):
    """One change of a session: the version it led to, when, what kind of change, in one line."""

    version: int
    at: datetime
    kind: str
    summary: str
    records: int

    def to_dict(self) -> dict[str, object]:
        """The entry as JSON values."""
        return {
            "version": self.version,
            "at": timestamp(self.at),
            "kind": self.kind,
            "summary": self.summary,
            "records": self.records,
        }


class _Why(Struct, frozen=True, gc=False):
    """What update and head records say of the verb behind them."""

    why: str = ""
    ref: int = 0


async def history(
    core: Core, handle: Handle, *, limit: int = 50, before: int | None = None
) -> list[HistoryEntry]:
    """The newest changes first: at most ``limit``, below the version ``before``."""
    check_limit(limit)
    state = await core.refresh(handle)
    end = state.version + 1
    if before is not None and before <= state.version:
        end = before - (await frame_at(core, handle.key, check_version(state, before))).nth
    entries: list[HistoryEntry] = []
    group: list[tuple[StoredRecord, Frame]] = []
    while end > 1 and len(entries) < limit:
        records = await core.backend.read(handle.key, before=end, last=2 * limit + 16)
        if not records:
            break
        for record in reversed(records):
            frame = core.codec.frame(handle.key, record)
            group.append((record, frame))
            if not frame.nth:
                entries.append(_entry(core, handle.key, group[::-1]))
                group = []
                if len(entries) == limit:
                    break
        end = records[0][0]
    return entries


def _entry(core: Core, key: Key, group: list[tuple[StoredRecord, Frame]]) -> HistoryEntry:
    """One commit's records as an entry."""
    said: list[str] = []
    kinds: list[str] = []
    messages = 0
    for record, _ in group:
        if record[1] == MESSAGE:
            messages += 1
            continue
        kind, text = _describe(core, key, record)
        kinds.append(kind)
        said.append(text)
    merged = next((text for kind, text in zip(kinds, said, strict=False) if kind == "merge"), None)
    if merged is not None:
        said = [f"merged {messages} from {merged}"]
    elif messages:
        said.append(f"+{messages} message{'s' if messages != 1 else ''}")
    kind = kinds[0] if kinds else "append"
    last, frame = group[-1]
    return HistoryEntry(
        last[0],
        to_datetime(frame.at),
        kind,
        ", ".join(dict.fromkeys(filter(None, said))) or "touched",
        len(group),
    )


def _describe(core: Core, key: Key, record: StoredRecord) -> tuple[str, str]:
    if record[1] == UPDATE:
        return _describe_update(record[0], core.codec.body(key, record, UpdateBody))
    if record[1] == HEAD:
        return _describe_head(core.codec.body(key, record, HeadBody))
    if record[1] == ERASE:
        completed = core.codec.body(key, record, EraseBody).amended
        return ("amend", "completed a message") if completed else ("erase", "erased a message")
    return "source", "imported"


def _describe_update(seq: int, body: UpdateBody) -> tuple[str, str]:
    if body.label is not None:
        return "label", f"label {'-' if body.off else '+'}{body.label[1]}"
    if body.why in ("undo", "restore"):
        return body.why, f"{_BACK[body.why]} version {body.ref}"
    if body.why == "merge":
        return "merge", body.note
    changes = body.set.changes()
    if body.why == "fork" and body.set.forked_from:
        origin = body.set.forked_from
        return "fork", f"forked from {origin.session_id} at version {origin.version}"
    said = []
    if changes.pop("name", None) is not None and seq > 1:
        said.append("renamed")
    if body.tagged:
        said.append("tags " + " ".join(body.tagged))
    changes.pop("tags", None)
    if "deleted_at" in changes:
        said.append("trashed" if changes.pop("deleted_at") is not None else "restored from the trash")
    if "pinned" in changes:
        said.append("pinned" if changes.pop("pinned") else "unpinned")
    if changes:
        said.append("set " + ", ".join(name.replace("_", " ") for name in changes))
    if seq == 1:
        return "create", "created"
    return ("update" if said else "touch"), ", ".join(said)


_BACK = {"undo": "undone to", "restore": "restored"}
_VERBS = {
    "clear": "cleared",
    "rewind": "rewound",
    "pop": "removed the last message",
    "edit": "edited a message",
    "save": "went back to what was saved",
}


def _describe_head(body: HeadBody) -> tuple[str, str]:
    if body.why in ("undo", "restore"):
        return body.why, f"{_BACK[body.why]} version {body.ref}"
    if body.gone:
        return "branch", f"removed branch {body.branch}"
    if body.why == "checkout":
        return "checkout", f"checked out {body.branch}"
    if body.why == "rewind" and body.head:
        return "rewind", f"rewound to {body.head}"
    if body.why in _VERBS:
        return body.why, _VERBS[body.why]
    return "branch", f"branch {body.branch}"


async def restore(core: Core, handle: Handle, version: int, *, expect: int | None = None) -> SessionInfo:
    """Make the present equal to the past, by adding to the log: it can be undone too."""

    async def build(row: SessionRow, state: State) -> Change[SessionInfo] | SessionInfo:
        return await _back_to(core, row, state, check_version(state, version), "restore")

    return await write(core, handle, build, expect)


async def undo(core: Core, handle: Handle, *, expect: int | None = None) -> SessionInfo:
    """Take back the newest change; again, the one before it. What was undone stays in the log."""

    async def build(row: SessionRow, state: State) -> Change[SessionInfo] | SessionInfo:
        reached = await _reached(core, row.key, state.version)
        if reached <= 1:
            raise NotFoundError(f"Session {row.key.session_id!r} has nothing to undo.")
        frame = await frame_at(core, row.key, reached)
        return await _back_to(core, row, state, max(1, reached - frame.nth - 1), "undo")

    return await write(core, handle, build, expect)


async def _reached(core: Core, key: Key, version: int) -> int:
    """The version that the present equals once undone changes are left out."""
    while True:
        records = await core.backend.read(key, after=version - 1, limit=1)
        if not records or records[0][1] not in (UPDATE, HEAD):
            return version
        body = core.codec.body(key, records[0], _Why)
        if body.why != "undo":
            return version
        version = body.ref


async def _back_to(
    core: Core, row: SessionRow, state: State, version: int, why: str
) -> Change[SessionInfo] | SessionInfo:
    """The change that leads from ``state`` to what the session was at ``version``."""
    past = await state_at(core, row.key, state, version, spent=False)
    batch = Batch(core, row, state)
    if (past.info.branch, past.tip) != (state.info.branch, state.tip):
        end = await end_at(core, row.key, past.tip)
        batch.point(HeadBody(past.info.branch, past.tip, True, end.head, why, version), end.line)
    for name, seq in past.heads.items():
        if batch.state.heads.get(name) != seq:
            end = await end_at(core, row.key, seq)
            batch.point(HeadBody(name, end.seq, False, end.head, why, version), end.line)
    for name in set(batch.state.heads) - set(past.heads):
        batch.point(HeadBody(name, 0, False, None, why, version, True), Line())
    for message_id, label, off in _label_changes(batch.state.labels, past.labels):
        batch.label(message_id, label, off=off, why=why, ref=version)
    changes = _changes(batch.state, past)
    if changes or (not batch.records and why == "undo"):
        batch.update(Patch(**changes), why=why, ref=version, sliding=past.sliding)
    if not batch.records:
        return state.info
    return batch.change(batch.state.info)


def _changes(now: State, past: State) -> dict[str, Any]:
    """The attributes that differ, with their past values."""
    changes = {
        name: getattr(past.info, name)
        for name in Patch.__struct_fields__
        if name not in _KEPT and getattr(past.info, name) != getattr(now.info, name)
    }
    if now.sliding != past.sliding:
        changes["expires_at"] = past.info.expires_at
    elif now.sliding:
        changes.pop("expires_at", None)  # a sliding expiry moves with this very write
    return changes


def _label_changes(
    now: dict[str, tuple[str, ...]], then: dict[str, tuple[str, ...]]
) -> list[tuple[str, str, bool]]:
    """(message id, label, off) of every label that has to change."""
    changes = []
    for message_id in {**now, **then}:
        old, new = now.get(message_id, ()), then.get(message_id, ())
        changes += [(message_id, label, True) for label in old if label not in new]
        changes += [(message_id, label, False) for label in new if label not in old]
    return changes
