"""A pi session folded into messages, entry by entry."""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct, structs, to_builtins

from ..model import Message
from .base import Damage, Mark, Restart, derived_uuid
from .messagespool import Arranged, MessageTree
from .pi_messages import Entry, entry_message
from .recordlines import Record
from .titles import one_line
from .values import name_of, present

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class State(Struct, kw_only=True):
    """What is known between two entries."""

    id: str | None = None
    parent: str | None = None
    facts: dict[str, Any] = {}
    provider: str | None = None
    model: str | None = None
    title: str | None = None
    first: str | None = None
    records: int = 0
    entry: str | None = None
    """The id of the newest entry, of versions that have ids."""
    last: str | None = None
    """The id of the message that this entry is or follows."""


class Session:
    """Takes the entries of a file in order."""

    def __init__(self, fallback_id: str | None, state: State | None = None) -> None:
        self._resumed = state is not None
        self.state = state or State(id=fallback_id)
        self._fallback_id = fallback_id
        self._tree = MessageTree()
        self._head = -1
        self._ids: set[str] = set()
        self._nodes: dict[str, int] = {} if self.state.entry is None else {self.state.entry: -1}
        """Entries, with the message that each is or follows (-1: none here)."""
        self._end: int | None = None
        self._sure = 0
        """How many records there were up to the last readable one."""

    def take(self, record: Record[Entry]) -> None:
        """The next entry."""
        self.state.records += 1
        entry = record.value
        self._end = record.offset + len(record.raw)
        self._sure = self.state.records
        if entry.type == "session":
            self._meet(entry)
            return
        parent = self._parent(entry)
        self._know(entry)
        message = entry_message(entry, self.state.model)
        self._head = parent if message is None else self._add(record, message, parent)
        if isinstance(entry.id, str) and entry.id:
            self._nodes[entry.id] = self._head
            self.state.entry = entry.id

    def damage(self, damage: Damage) -> None:
        """Something unreadable stands here."""
        self.state.records += 1
        self._tree.damage(damage)

    def arranged(self) -> Arranged:
        """The messages, those on the way to the last entry first."""
        return self._tree.arranged(self._head)

    def mark(self) -> Mark | None:
        """Behind the last entry. None where there are branches: those are read anew."""
        if self._end is None or not self._tree.is_line(self._head):
            return None
        last = self._tree.id_of(self._head) if self._head >= 0 else self.state.last
        if last is None:
            return None
        return Mark(self._end, to_builtins(structs.replace(self.state, last=last, records=self._sure)))

    def attributes(self) -> dict[str, Any]:
        """What is known of the session as a whole."""
        state = self.state
        return present(
            name=state.title or state.first, provider=state.provider, model=state.model, metadata=state.facts
        )

    def _meet(self, header: Entry) -> None:
        state = self.state
        if isinstance(header.id, str) and header.id and state.id in (None, self._fallback_id):
            state.id = header.id
        for origin in (header.parentSession, header.branchedFrom):
            if state.parent is None and isinstance(origin, str) and origin:
                found = _UUID.findall(origin)
                state.parent = found[-1] if found else origin
        version = header.version if isinstance(header.version, int) else None
        cwd = header.cwd if isinstance(header.cwd, str) else None
        state.facts = {**present(cwd=cwd, pi=present(version=version)), **state.facts}
        self._know(header)

    def _know(self, entry: Entry) -> None:
        """Facts that an entry tells of the session."""
        state = self.state
        if entry.type in ("session", "model_change"):
            state.provider = entry.provider if isinstance(entry.provider, str) else state.provider
            state.model = entry.modelId if isinstance(entry.modelId, str) else state.model
        elif entry.type == "session_info" and isinstance(entry.name, str):
            state.title = one_line(entry.name)
        elif entry.type == "message" and name_of(entry.message, "role") == "assistant":
            state.provider = name_of(entry.message, "provider") or state.provider
            state.model = name_of(entry.message, "model") or state.model

    def _parent(self, entry: Entry) -> int:
        """The message that an entry follows; where its parent is lost, the one before it in the file."""
        if not isinstance(entry.id, str) or not entry.id:
            return self._head
        if entry.parentId is None and not self._resumed:
            return -1
        known = isinstance(entry.parentId, str) and entry.parentId in self._nodes
        if self._resumed and (not known or (self._nodes[entry.parentId] != self._head)):
            raise Restart
        return self._nodes[entry.parentId] if known else self._head

    def _add(self, record: Record[Entry], message: Message, parent: int) -> int:
        if not message.id or message.id in self._ids:
            message_id = derived_uuid(b"pi\0%d\0" % self.state.records, record.raw)
            message = structs.replace(message, id=message_id)
        if isinstance(record.value.id, str):
            self._ids.add(message.id)
        if self.state.first is None and message.role == "user" and "injected" not in (message.metadata or {}):
            self.state.first = one_line(message.text)
        return self._tree.add(message, parent, record.offset)
