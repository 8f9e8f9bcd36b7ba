"""Sessions of OpenAI's Agents SDK in SQLite: items of the Responses API, row by row.

The tables can have names of their own. Sessions of the advanced kind are trees: their ``main`` branch
is the main line. Encrypted items are kept as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ..model import timestamp
from .base import Conversation, Damage, Piece, Source
from .openai_agents_items import KEPT
from .openai_agents_lines import branches_of
from .openai_agents_messages import Tree, line
from .sqlitefile import MAGIC, Database, Unreadable, defines, opened, tables_in
from .stored_messages import Lazily
from .stored_parts import id_of
from .times import from_iso
from .values import present

NAME = "openai-agents"

_TABLE = "agent_messages"
_TIMES = ("created_at", "updated_at")


def detect(head: bytes, name: str) -> float:  # noqa: ARG001  # formats may look at the name
    """By a table whose rows hold ``message_data`` of a session."""
    if not head.startswith(MAGIC):
        return 0.0
    tables = tables_in(head)
    if defines(tables.get(_TABLE), "session_id", "message_data"):
        return 0.95
    return 0.85 if any(defines(text, "session_id", "message_data") for text in tables.values()) else 0.0


def read(source: Source) -> Iterator[Piece]:
    """The sessions in the order in which they were stored."""
    db = opened(source, "the Agents SDK")
    if isinstance(db, Damage):
        yield db
        return
    tables = [table for table in db.tables if db.has(table, "session_id", "message_data")]
    if not tables:
        yield Damage(0, "the database holds no table of Agents SDK messages")
    for table in sorted(tables, key=lambda name: (name != _TABLE, name)):
        try:
            yield from _sessions(db, table)
        except Unreadable as error:
            yield Damage(0, str(error))


def _sessions(db: Database, table: str) -> Iterator[Piece]:
    about = next((name for name in _session_tables(db, table)), None)
    seen: set[object] = set()
    if about is not None:
        for row in db.rows(about, ("session_id", *_TIMES)):
            seen.add(row["session_id"])
            times = present(**{name: timestamp(from_iso(row[name])) for name in _TIMES})
            yield _conversation(db, table, row["session_id"], times)
    for session_id in db.groups(table, "session_id"):
        if session_id not in seen:
            if about is not None:
                yield Damage(0, "messages belong to a session that is not there")
            yield _conversation(db, table, session_id, {})


def _session_tables(db: Database, table: str) -> list[str]:
    """Where the sessions of this table of messages stand: by the usual name, else by the columns."""
    usual = table.replace("messages", "sessions")
    wanted = ("session_id", *_TIMES)
    found = [name for name in db.tables if name != table and db.has(name, *wanted)]
    return sorted(found, key=lambda name: (name != usual, name))


def _conversation(db: Database, table: str, session_id: object, times: dict[str, str]) -> Conversation:
    own = present(table=None if table == _TABLE else table)
    metadata = {**times, KEPT: own} if own else times
    attributes = present(provider="openai", metadata=metadata)
    branches = branches_of(db, session_id)
    if branches is not None and branches.layout.main < len(branches.rows):
        tree = Tree(db, table, session_id, branches)
        return Conversation(
            offset=0,
            messages=Lazily(tree.messages),
            native_id=id_of(session_id),
            attributes=attributes,
            head=tree.head,
            forks=tree.forks,
        )
    return Conversation(
        offset=0,
        messages=Lazily(partial(line, db, table, session_id, branches)),
        native_id=id_of(session_id),
        attributes=attributes,
    )
