"""llm's newer tables: messages stored once by their hash, threads that point at them, turns beside them."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from ..model import Message, Usage
from .base import Damage
from .llm_logs_messages import read_message
from .llm_logs_parts import FIGURES, KEPT, figures_of, fragments_named, schema_of, tools_of, usage_of
from .sqlitefile import Database, Row, Unreadable
from .stored_parts import as_text, id_of
from .times import from_iso
from .trees import lay_out

_TURN = (*FIGURES, "thread_id", "parent_message_hash", "tip_message_hash")


class Thread:
    """One thread's messages: its own line, and turns that ended elsewhere.

    Message rows are shared between threads and say neither when nor by whom; the turns do. What an
    earlier thread's turn said is not counted again in a thread that was forked from it.
    """

    def __init__(self, db: Database, thread_id: object, tip: object) -> None:
        self._db = db
        self._numbers: dict[object, int] = {}
        self._parents: list[int] = []
        self._missing: list[str] = []
        self._first: dict[int, Row] = {}
        """The first turn that a message was part of."""
        self._said: set[int] = set()
        """Messages that a turn of this thread put out."""
        self._ended: dict[int, list[Row]] = {}
        """The turns that ended in a message."""
        self.turn_ids: set[str] = set()
        self.model: str | None = None
        for row in db.beside("turns", _TURN, ("thread_id", thread_id), ("id",)):
            self._add_turn(row)
        self._add_line(tip)
        self._names = list(self._numbers)
        self._layout = lay_out(self._parents, self._numbers.get(tip, len(self._parents) - 1))

    @property
    def is_line(self) -> bool:
        """Whether no message lies off the thread's own line."""
        return self._layout.main == len(self._parents)

    @property
    def head(self) -> str | None:
        """The hash of the main line's last message."""
        main = self._layout.main
        return as_text(self._names[self._layout.order[main - 1]]) if main else None

    @property
    def forks(self) -> set[str]:
        """The hashes of the messages behind which other lines begin."""
        return {as_text(self._names[number]) for number in self._layout.forks}

    def _add_turn(self, row: Row) -> None:
        self.turn_ids.add(as_text(row["id"]))
        self.model = id_of(row["model"]) or self.model
        fresh = self._add_line(row["tip_message_hash"])
        for number in fresh:
            self._first.setdefault(number, row)
        tip = self._numbers.get(row["tip_message_hash"])
        if tip is None:
            return
        self._ended.setdefault(tip, []).append(row)
        before = self._numbers.get(row["parent_message_hash"], -1)
        said = [tip]
        number = self._parents[tip]
        while number not in (before, -1):
            said.append(number)
            number = self._parents[number]
        self._said.update(said if number == before else [tip])

    def _add_line(self, tip: object) -> list[int]:
        """Take in the line that ends in ``tip``; the numbers of the messages that are new."""
        found: dict[object, object] = {}
        name = tip
        while name is not None and name not in self._numbers and name not in found:
            rows = self._db.beside("messages", ("hash", "parent_hash"), ("hash", name))
            if not rows:
                self._missing.append(as_text(name))
                break
            row = rows[0]
            found[name] = row["parent_hash"]
            name = row["parent_hash"]
        fresh = []
        for name in reversed(found):
            fresh.append(len(self._parents))
            self._parents.append(self._numbers.get(found[name], -1))
            self._numbers[name] = fresh[-1]
        return fresh

    def messages(self) -> Iterator[Message | Damage]:
        """The messages in a tree's order, each with its parent."""
        for name in self._missing:
            yield Damage(0, f"message {name} of this thread is missing")
        ends: list[str | None] = [None] * len(self._parents)
        for number in self._layout.order:
            parent = self._parents[number]
            behind = None if parent < 0 else ends[parent]
            try:
                read = read_message(self._db, self._names[number])
                about = self._about(number)
            except Unreadable as error:
                ends[number] = behind
                yield Damage(0, str(error))
                continue
            created = from_iso(about["datetime_utc"]) if about is not None else None
            for message in read[:-1]:
                yield replace(message, parent_id=behind, created_at=created)
                behind = message.id
            yield replace(self._completed(read[-1], number, about), parent_id=behind, created_at=created)
            ends[number] = read[-1].id

    def _about(self, number: int) -> Row | None:
        """The first turn that a message was part of; in another thread, when it was said there."""
        own = self._first.get(number)
        if number in self._said:
            return own
        for column in ("tip_message_hash", "parent_message_hash"):
            rows = self._db.beside("turns", _TURN, (column, self._names[number]))
            row = rows[0] if rows else None
            if row is not None and (own is None or as_text(row["id"]) < as_text(own["id"])):
                return row
        return own

    def _completed(self, message: Message, number: int, about: Row | None) -> Message:
        """A message with what the turns say about it; tokens only from turns that ended in it."""
        own = dict((message.metadata or {}).get(KEPT, {}))
        ended = self._ended.get(number, [])
        usages = [usage for turn in ended if (usage := usage_of(turn)) is not None]
        for turn in ended[:1]:
            links = self._db.beside("turn_fragments", ("fragment_id",), ("turn_id", turn["id"]))
            own |= figures_of(
                turn,
                turn_id=id_of(turn["id"]),
                schema=schema_of(self._db, turn),
                tools=tools_of(self._db, "turn_tools", "turn_id", turn["id"]),
                fragments=fragments_named(self._db, [link["fragment_id"] for link in links]),
            )
        said = about is not None and (
            number in self._said or about["tip_message_hash"] == self._names[number]
        )
        return replace(
            message,
            model=id_of(about["model"])
            if about is not None and said and message.role == "assistant"
            else None,
            usage=sum(usages, Usage()) if usages else None,
            metadata={KEPT: own} if own else None,
        )
