"""``logs.db`` of the llm command line: its older tables and its newer message store, merged.

A conversation that was begun in the older tables and went on in the newer ones is one conversation:
its older messages keep the ids that they have when the older tables are read alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from msgspec.structs import replace

from ..model import Message, TextPart, ToolCallResponsePart
from . import llm_logs_old
from .base import Conversation, Damage, Piece, Source
from .llm_logs_store import Thread
from .sqlitefile import MAGIC, Database, Row, Unreadable, defines, opened, tables_in
from .stored_messages import Lazily
from .stored_parts import id_of
from .values import present

NAME = "llm"

_THREAD = ("id", "name", "tip_message_hash", "forked_from")
_MIGRATIONS = re.compile(rb"m001_initial|m010_create_new_log_tables|m023_message_store")


def detect(head: bytes, name: str) -> float:
    """By its tables, or by the names of its migrations: the schema itself is often further back."""
    if not head.startswith(MAGIC):
        return 0.0
    tables = tables_in(head)
    if defines(tables.get("responses"), "prompt_json", "conversation_id"):
        return 0.95
    if defines(tables.get("turns"), "thread_id", "tip_message_hash"):
        return 0.95
    if len(set(_MIGRATIONS.findall(head))) > 1:
        return 0.9
    return 0.3 if not tables and name == "logs.db" else 0.0


def read(source: Source) -> Iterator[Piece]:
    """The conversations and threads, in the order in which they were begun."""
    db = opened(source, "llm", "responses", "turns")
    if isinstance(db, Damage):
        yield db
        return
    for part in (_conversations, _alone, _threads):
        try:
            yield from part(db)
        except Unreadable as error:
            yield Damage(0, str(error))
    for reason in db.trouble:
        yield Damage(0, reason)


def _conversations(db: Database) -> Iterator[Piece]:
    for conversation_id in _old_ids(db):
        try:
            about = db.one("conversations", ("id", "name", "model"), ("id", conversation_id))
            thread = db.one("threads", _THREAD, ("id", conversation_id))
        except Unreadable as error:
            yield Damage(0, str(error))
            about = thread = None
        if thread is None:
            yield _old(db, conversation_id, about)
        else:
            yield from _whole_thread(db, thread, about, older=True)


def _alone(db: Database) -> Iterator[Piece]:
    for response in db.rows("responses", ("id",), key=("conversation_id", None), order=("id",)):
        messages = Lazily(partial(llm_logs_old.alone, db, response["id"]))
        yield Conversation(offset=0, messages=messages, native_id=id_of(response["id"]))


def _threads(db: Database) -> Iterator[Piece]:
    for thread in db.rows("threads", _THREAD, order=("id",)):
        if db.one("responses", ("id",), ("conversation_id", thread["id"])) is None:
            yield from _whole_thread(db, thread, None, older=False)


def _whole_thread(db: Database, row: Row, about: Row | None, *, older: bool) -> Iterator[Piece]:
    """A thread; where its turns cannot be read, why, and the others are."""
    try:
        yield _thread(db, row, about, older=older)
    except Unreadable as error:
        yield Damage(0, str(error))


def _old_ids(db: Database) -> Iterator[object]:
    """All conversations of the older tables: with a row of their own, or named by responses alone."""
    for conversation_id in db.groups("responses", "conversation_id"):
        if conversation_id is not None:
            yield conversation_id


def _old(db: Database, conversation_id: object, about: Row | None) -> Conversation:
    return Conversation(
        offset=0,
        messages=Lazily(lambda: llm_logs_old.messages(db, conversation_id, ())),
        native_id=id_of(conversation_id),
        attributes=_attributes(about or {}, None),
    )


def _attributes(about: Row, thread: Thread | None) -> dict[str, Any]:
    return present(
        name=id_of(about.get("name")),
        model=(thread.model if thread is not None else None) or id_of(about.get("model")),
    )


def _thread(db: Database, row: Row, about: Row | None, *, older: bool) -> Conversation:
    """A thread, with the older tables' responses of the same conversation before it."""
    thread = Thread(db, row["id"], row["tip_message_hash"])
    before = list(llm_logs_old.messages(db, row["id"], thread.turn_ids)) if older else []
    same = _same(before, thread)
    forked = id_of(row["forked_from"])
    head, forks = thread.head, thread.forks
    if before:
        head = before[-1].id if head is None or head in same else head
        forks = {same.get(name, name) for name in forks}
    return Conversation(
        offset=0,
        messages=Lazily(lambda: _merged(before, thread, same)),
        native_id=id_of(row["id"]),
        attributes=_attributes({**(about or {}), **present(name=id_of(row["name"]))}, thread),
        head=None if thread.is_line else head,
        forks=frozenset() if thread.is_line else forks,
        parent=forked,
        relation="fork" if forked else None,
    )


def _same(before: list[Message], thread: Thread) -> dict[str, str]:
    """Which of the thread's messages repeat the older tables' ones: the ids of both."""
    same: dict[str, str] = {}
    for old, new in zip(before, thread.messages(), strict=False):
        if isinstance(new, Damage) or (old.role, _words(old)) != (new.role, _words(new)):
            break
        same[new.id] = old.id
    return same


def _words(message: Message) -> list[str]:
    """What is said, without what the two schemas keep differently."""
    return [
        str(part.response) if isinstance(part, ToolCallResponsePart) else part.content
        for part in message.parts
        if isinstance(part, TextPart | ToolCallResponsePart)
    ]


def _merged(before: list[Message], thread: Thread, same: dict[str, str]) -> Iterator[Message | Damage]:
    behind: str | None = None
    for message in before:
        yield message if thread.is_line else replace(message, parent_id=behind)
        behind = message.id
    first = bool(before)
    for found in thread.messages():
        if isinstance(found, Damage):
            yield found
        elif thread.is_line:
            if found.id not in same:
                yield replace(found, parent_id=None)
        elif found.id not in same:
            above = found.parent_id
            yield replace(found, parent_id=behind if first else same.get(above or "", above))
            first = False
