"""The records of one commit in the making: each follows from the state after those before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from ..backend import ERASE, HEAD, MESSAGE, SOURCE, UPDATE, Commit, Key, Record, SessionRow, StoredRecord
from ..codec import dumps, set_parents
from ..model import Message
from ..records import (
    EraseBody,
    HeadBody,
    Line,
    Patch,
    Placed,
    SourceBody,
    State,
    UpdateBody,
    amended,
    applied,
    created,
    extended,
    extended_aside,
    labelled,
    noted,
    pointed,
    slid,
)
from .base import Core
from .drafts import Draft
from .writing import Change

R = TypeVar("R")


class End(NamedTuple):
    """Where a line of messages ends: the seq and id of its last one, and what it counts up to."""

    seq: int = 0
    head: str | None = None
    line: Line = Line()


class Batch:
    """What a verb adds to a session: call its methods in order, then ``change``."""

    __slots__ = (
        "_core",
        "_row",
        "amended",
        "attributes",
        "blobs",
        "drop_blobs",
        "erased",
        "now",
        "records",
        "state",
    )

    def __init__(self, core: Core, row: SessionRow | None, state: State, now: int | None = None) -> None:
        self._core = core
        self._row = row
        self.state = state
        self.now = core.clock.now() if now is None else now
        self.records: list[Record] = []
        self.blobs: dict[bytes, bytes] = {}
        self.amended: list[tuple[int, bytes, tuple[str, ...]]] = []
        self.erased: list[tuple[int, bytes]] = []
        self.drop_blobs: list[bytes] = []
        self.attributes = False

    @classmethod
    def create(cls, core: Core, key: Key, patch: Patch, now: int | None = None) -> Batch:
        """A batch whose first record creates a session."""
        now = core.clock.now() if now is None else now
        batch = cls(core, None, created(key, now, patch), now)
        batch._add(UPDATE, 0, UpdateBody(patch))
        return batch

    def update(self, patch: Patch, *, why: str = "", ref: int = 0, note: str = "", sliding: int = 0) -> None:
        """Set attributes."""
        old = self.state.info.tags
        self._move(applied(self.state, self.now, UpdateBody(patch, sliding=sliding)))
        self.attributes = self.attributes or patch != Patch()
        new = self.state.info.tags
        tagged = [f"+{tag}" for tag in new if tag not in old] + [f"-{tag}" for tag in old if tag not in new]
        self._add(UPDATE, 0, UpdateBody(patch, why, ref, note, tuple(tagged), sliding=sliding))

    def label(self, message_id: str, label: str, *, off: bool = False, why: str = "", ref: int = 0) -> None:
        """Put a label on a message, or take it away."""
        self._move(labelled(self.state, self.now, message_id, label, off))
        self._add(UPDATE, 0, UpdateBody(Patch(), why, ref, label=(message_id, label), off=off))

    def point(self, body: HeadBody, line: Line) -> None:
        """Point a branch at the end of ``line``."""
        self._move(pointed(self.state, self.now, body, line))
        self._add(HEAD, body.to, body)

    def source(self, source: dict[str, object]) -> None:
        """Note where messages came from."""
        self._move(noted(self.state, self.now))
        self._add(SOURCE, 0, SourceBody(source))

    def erase(self, seq: int, message_id: str, tombstone: bytes) -> None:
        """Replace a message's body by a tombstone."""
        self._move(noted(self.state, self.now))
        self.erased.append((seq, tombstone))
        self._add(ERASE, seq, EraseBody(seq, message_id))

    def amend(self, record: StoredRecord, old: Message, draft: Draft) -> None:
        """Complete a stored message, in place: an import found the rest of it."""
        key = Key(self.state.info.namespace, self.state.info.id)
        codec = self._core.codec
        self._move(amended(self.state, self.now, record[0], old, draft.message))
        self.amended.append((record[0], codec.record(draft.raw, codec.frame(key, record)), draft.texts))
        self.blobs.update(draft.blobs)
        self._add(ERASE, record[0], EraseBody(record[0], draft.message.id, True))

    def extend(self, drafts: Sequence[Draft]) -> list[Message]:
        """Put messages behind the head of the active line; returns them as they will be stored."""
        messages = [d.message for d in drafts]
        parent = self.state.info.head
        after, places = extended(self.state, self.now, messages, len(self.records))
        self._move(after)
        return self._place(drafts, messages, places, parent)

    def extend_aside(self, branch: str, end: End, drafts: Sequence[Draft], *, why: str = "") -> list[Message]:
        """Put messages behind ``end`` and point an inactive branch at the last of them."""
        messages = [d.message for d in drafts]
        after, places = extended_aside(self.state, self.now, messages, end.seq, end.line, len(self.records))
        self._move(after)
        stored = self._place(drafts, messages, places, end.head)
        last = places[-1].frame
        line = Line(last.depth, last.turn, last.origin, end.line.preview)
        self.point(HeadBody(branch, places[-1].seq, False, stored[-1].id, why), line)
        return stored

    def _place(
        self,
        drafts: Sequence[Draft],
        messages: list[Message],
        places: Sequence[Placed],
        parent: str | None,
    ) -> list[Message]:
        body = self._core.codec.message
        for d, place in zip(drafts, places, strict=True):
            seq, at = place.seq, d.at
            raw = body(d.raw, place.frame, seq, at)
            self.records.append(
                Record(seq, MESSAGE, place.parent, d.message_id, at, d.message.role, raw, d.texts)
            )
            if d.blobs:
                self.blobs.update(d.blobs)
        set_parents(messages, parent)
        return messages

    def _move(self, state: State) -> None:
        """Go on to the state after the next record; a sliding expiry moves along."""
        self.state = slid(state, self.now)
        self.attributes = self.attributes or bool(state.sliding)

    def _add(self, kind: int, parent: int, body: object) -> None:
        frame = self.state.frame(self.now, len(self.records))
        raw = self._core.codec.record(dumps(body), frame)
        self.records.append(Record(self.state.version, kind, parent, b"", self.now, "", raw))

    def change(self, result: R, *, bulk: bool = False) -> Change[R]:
        """The commit of all that was added; ``bulk``: one of many in a row."""
        codec, old = self._core.codec, self._row
        if old is None or self.attributes:
            row = codec.row(Key(self.state.info.namespace, self.state.info.id), self.state)
        else:
            row = codec.next_row(old, self.state, self.now)
        commit = Commit(
            key=row.key,
            base=0 if old is None else old.version,
            row=row,
            records=self.records,
            blobs=self.blobs,
            erased=self.erased,
            amended=self.amended,
            drop_blobs=self.drop_blobs,
            attributes=old is None or self.attributes,
            bulk=bulk,
        )
        return Change(commit, self.state, result)
