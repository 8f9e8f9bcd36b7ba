"""Rows of the Agents SDK as messages: what the model put out in one go is one message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from msgspec.structs import replace

from ..model import Message, Part, Usage
from .base import Damage, derived_uuid
from .openai_agents_items import KEPT, parts_of, role_of
from .openai_agents_lines import Branches, usage_of_turns
from .sqlitefile import Database, Row
from .stored_parts import as_text, json_of
from .times import from_iso
from .values import name_of, present

_ROW = ("id", "message_data", "created_at")


class _Item(NamedTuple):
    """An item in its place: ``node`` is its number in the tree, -1 in a line."""

    value: dict[str, Any]
    row: Row
    node: int


def _read(row: Row, node: int) -> _Item | Damage:
    value = json_of(row["message_data"])
    if not isinstance(value, dict):
        return Damage(0, f"row {as_text(row['id'])[:40]} holds no item")
    return _Item(value, row, node)


def line(
    db: Database, table: str, session_id: object, branches: Branches | None
) -> Iterator[Message | Damage]:
    """The messages of a session that never branched, though it may keep its turns' tokens."""
    reply = _Reply(db, session_id, branches)
    for row in db.rows(table, _ROW, key=("session_id", session_id), order=("id",)):
        item = _read(row, -1)
        if isinstance(item, Damage):
            yield from reply.end()
            yield item
            continue
        if not reply.goes_on(item):
            yield from reply.end()
        reply.add(item)
    yield from reply.end()


class Tree:
    """A session with branches. ``head`` and ``forks`` are what a conversation says of its tree."""

    def __init__(self, db: Database, table: str, session_id: object, branches: Branches) -> None:
        self._db = db
        self._table = table
        self._session_id = session_id
        self._branches = branches
        self._ends: list[str | None] = [None] * len(branches.rows)
        for _ in self.messages():
            pass  # ids are known once the items were grouped
        layout = branches.layout
        self.head = self._ends[layout.order[layout.main - 1]] if layout.main else None
        self.forks = frozenset(name for node in layout.forks if (name := self._ends[node]) is not None)

    def messages(self) -> Iterator[Message | Damage]:
        """The messages in a tree's order."""
        branches = self._branches
        reply = _Reply(self._db, self._session_id, branches)
        previous = -1
        for node in branches.layout.order:
            parent = branches.parents[node]
            row = self._db.one(self._table, _ROW, ("id", branches.rows[node]))
            item = Damage(0, "an item of a branch is missing") if row is None else _read(row, node)
            leaves = parent != previous or previous in branches.layout.forks
            if isinstance(item, Damage) or leaves or not reply.goes_on(item):
                yield from self._end(reply)
            if isinstance(item, Damage):
                self._ends[node] = self._ends[parent] if parent >= 0 else None
                yield item
            else:
                reply.add(item)
            previous = node
        yield from self._end(reply)

    def _end(self, reply: _Reply) -> Iterator[Message]:
        nodes = [item.node for item in reply.items]
        for message in reply.end():
            parent = self._branches.parents[nodes[0]]
            yield replace(message, parent_id=self._ends[parent] if parent >= 0 else None)
            for node in nodes:
                self._ends[node] = message.id


class _Reply:
    """Gathers the items of one message."""

    def __init__(self, db: Database, session_id: object, branches: Branches | None) -> None:
        self._session = as_text(session_id).encode("utf-8", "surrogatepass")
        self._seen: set[str] = set()
        self._usage = {} if branches is None else usage_of_turns(db, session_id)
        self._turns: dict[Any, tuple[str, int]] = {}
        """The turn that each row belongs to, on the first branch that has it."""
        if branches is not None and self._usage:
            for row, turn in zip(branches.rows, branches.turns, strict=True):
                self._turns.setdefault(row, turn)
        self.items: list[_Item] = []

    def goes_on(self, item: _Item) -> bool:
        """Whether an item belongs to the same reply of the model as those before it."""
        both = [role_of(other.value) for other in (*self.items[-1:], item)]
        return both == ["assistant", "assistant"] or not self.items

    def add(self, item: _Item) -> None:
        """One more item of the message."""
        self.items.append(item)

    def end(self) -> Iterator[Message]:
        """The message gathered, if there is one."""
        if not self.items:
            return
        first = self.items[0]
        parts: list[Part] = [part for item in self.items for part in parts_of(item.value)]
        native = [name for item in self.items if _is_message(item) and (name := name_of(item.value, "id"))]
        models = [name for item in self.items if (name := name_of(item.value, "provider_data", "model"))]
        own = present(message_id=native[0] if native else None)
        message = Message(
            self._id(first),
            None,
            role_of(first.value),
            tuple(parts),
            from_iso(first.row["created_at"]),
            models[0] if models else None,
            self._spent(first),
            {KEPT: own} if own else None,
        )
        self.items = []
        yield message

    def _spent(self, first: _Item) -> Usage | None:
        """The tokens of a turn, which stand on its first reply."""
        turn = self._turns.get(first.row["id"])
        return self._usage.pop(turn, None) if turn and role_of(first.value) == "assistant" else None

    def _id(self, first: _Item) -> str:
        """From the row that a message begins with; a row can stand on several branches."""
        text = as_text(first.row["message_data"]).encode("utf-8", "surrogatepass")
        place = as_text(first.row["id"]).encode("utf-8", "surrogatepass")
        data = [b"openai-agents\0", self._session, b"\0", place, b"\0", text]
        made = derived_uuid(*data)
        again = 1
        while made in self._seen:
            again += 1
            made = derived_uuid(*data, b"\0%d" % again)
        self._seen.add(made)
        return made


def _is_message(item: _Item) -> bool:
    return bool(item.value.get("type", "message") == "message")
