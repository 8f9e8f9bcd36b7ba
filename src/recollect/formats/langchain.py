"""LangChain's SQL chat history: rows of a session and one message's JSON each, in tables of any name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from ..model import Message
from .base import Conversation, Damage, Piece, Source
from .langchain_messages import MessageReader
from .sqlitefile import MAGIC, Database, Unreadable, defines, opened, tables_in
from .stored_messages import Lazily
from .stored_parts import id_of

NAME = "langchain"

_TABLE = "message_store"
_STORED = re.compile(rb'\{"type": ?"(?:human|ai|system|tool|function|chat)", ?"data": ?\{')
_ROW = ("id", "message", "created_at")


def detect(head: bytes, name: str) -> float:  # noqa: ARG001  # formats may look at the name
    """By a table with ``session_id`` and ``message``, and by the messages themselves."""
    if not head.startswith(MAGIC):
        return 0.0
    tables = tables_in(head)
    if defines(tables.get(_TABLE), "session_id", "message"):
        return 0.95
    named = any(defines(text, "session_id", "message") for text in tables.values())
    return (0.9 if named else 0.4) if _STORED.search(head) else 0.0


def read(source: Source) -> Iterator[Piece]:
    """The sessions in the order in which they began."""
    db = opened(source, "LangChain")
    if isinstance(db, Damage):
        yield db
        return
    tables = [table for table in db.tables if db.has(table, "session_id", "message")]
    if not tables:
        yield Damage(0, "the database holds no table of LangChain messages")
    for table in sorted(tables, key=lambda name: (name != _TABLE, name)):
        try:
            for session_id in db.groups(table, "session_id"):
                native_id = id_of(session_id)
                metadata = {} if table == _TABLE else {"langchain": {"table": table}}
                yield Conversation(
                    offset=0,
                    messages=Lazily(partial(_messages, db, table, session_id)),
                    native_id=native_id,
                    attributes={"metadata": metadata} if metadata else {},
                )
        except Unreadable as error:
            yield Damage(0, str(error))


def _messages(db: Database, table: str, session_id: object) -> Iterator[Message | Damage]:
    reader = MessageReader(id_of(session_id) or "")
    for row in db.rows(table, _ROW, key=("session_id", session_id), order=("id",)):
        yield reader.read(row)
