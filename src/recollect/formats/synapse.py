"""Synapse's SQLite database, at any of its migrations: columns are looked for, not expected."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from ..model import Message, Part, Role, TextPart, ToolCallPart, ToolCallResponsePart, timestamp
from .base import Conversation, Damage, Piece, Source, derived_uuid
from .sqlitefile import MAGIC, Database, Row, Unreadable, defines, opened, tables_in
from .stored_messages import Lazily
from .stored_parts import as_text, id_of, json_of
from .times import from_iso
from .values import bool_of, dict_of, name_of, present

NAME = "synapse"

_SESSION = ("id", "name", "provider", "model", "system_prompt", "created_at", "updated_at")
_MESSAGE = ("id", "role", "content", "timestamp", "tool_calls", "tool_results")
_ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
_IDS = ("tool_use_id", "tool_call_id", "call_id", "id")
_OUTPUTS = ("content", "output", "result")


def detect(head: bytes, name: str) -> float:
    """By the columns of its two tables."""
    if not head.startswith(MAGIC):
        return 0.0
    tables = tables_in(head)
    sessions, messages = tables.get("sessions"), tables.get("messages")
    if defines(sessions, "provider", "model", "created_at") and defines(messages, "session_id", "timestamp"):
        return 0.0 if defines(sessions, "temperature") else 0.9
    return 0.2 if not tables and name == "sessions.db" else 0.0


def read(source: Source) -> Iterator[Piece]:
    """The sessions in the order in which they were stored, and messages that belong to none."""
    db = opened(source, "Synapse", "sessions", "messages")
    if isinstance(db, Damage):
        yield db
        return
    try:
        for row in db.rows("sessions", _SESSION):
            yield _conversation(db, row)
        for session_id in db.groups("messages", "session_id"):
            if db.one("sessions", ("id",), ("id", session_id)) is None:
                yield Damage(
                    0, f"messages belong to session {as_text(session_id)[:80]!r}, which is not there"
                )
                yield _conversation(db, {**dict.fromkeys(_SESSION), "id": session_id})
    except Unreadable as error:
        yield Damage(0, str(error))


def _conversation(db: Database, row: Row) -> Conversation:
    metadata = present(
        created_at=timestamp(from_iso(row["created_at"])), updated_at=timestamp(from_iso(row["updated_at"]))
    )
    attributes = present(
        name=id_of(row["name"]),
        provider=id_of(row["provider"]),
        model=id_of(row["model"]),
        system_prompt=id_of(row["system_prompt"]),
        metadata=metadata,
    )
    return Conversation(
        offset=0,
        messages=Lazily(partial(_messages, db, row["id"])),
        native_id=id_of(row["id"]),
        attributes=attributes,
    )


def _messages(db: Database, session_id: object) -> Iterator[Message]:
    waiting: list[str] = []
    for row in db.rows("messages", _MESSAGE, key=("session_id", session_id)):
        yield from _read_row(row, waiting)


def _read_row(row: Row, waiting: list[str]) -> Iterator[Message]:
    """A row's message, and one for each tool's result that it holds; ``waiting``: calls without any."""
    message_id, created = as_text(row["id"]), from_iso(row["timestamp"])
    stated, content = as_text(row["role"]), as_text(row["content"])
    role = _ROLES.get(stated)
    results = _results(row, waiting)
    if role == "tool" and not results:
        results = [ToolCallResponsePart(content, waiting.pop(0) if waiting else None)]
    said = [] if role == "tool" and _repeats(content, results) else [TextPart(content)] if content else []
    calls = _calls(row)
    waiting.extend(call.id for call in calls if isinstance(call, ToolCallPart) and call.id)
    own = {"synapse": {"role": stated}} if role is None else None
    parts: list[Part] = [*said, *calls]
    if role == "tool":
        yield Message(message_id, None, "tool", (results[0], *parts), created)
        results = results[1:]
    else:
        yield Message(message_id, None, role or "user", tuple(parts), created, metadata=own)
    for i, result in enumerate(results, 1):
        place = f"{message_id}\0{i}".encode("utf-8", "surrogatepass")
        yield Message(derived_uuid(b"synapse\0", place), None, "tool", (result,), created)


def _repeats(content: str, results: list[ToolCallResponsePart]) -> bool:
    return any(result.response == content for result in results)


def _items(column: object) -> list[Any]:
    """A column's JSON as a list; text that is no JSON is an item itself."""
    value = json_of(column)
    if value is None:
        text = as_text(column).strip()
        return [text] if text and text != "null" else []
    return value if isinstance(value, list) else [value]


def _calls(row: Row) -> list[Part]:
    calls: list[Part] = []
    for item in _items(row["tool_calls"]):
        function = dict_of(item, "function")
        name = name_of(item, "name") or name_of(function, "name") or ""
        arguments = dict_of({"it": item}, "it").get("input", function.get("arguments"))
        calls.append(ToolCallPart(name, arguments, name_of(item, "id")))
    return calls


def _results(row: Row, waiting: list[str]) -> list[ToolCallResponsePart]:
    """The results in a row; one that names no call answers the oldest that waits."""
    results = []
    for item in _items(row["tool_results"]):
        known = item if isinstance(item, dict) else {}
        call_id = next((name for key in _IDS if (name := name_of(known, key))), None)
        if call_id in waiting:
            waiting.remove(call_id or "")
        elif call_id is None and waiting:
            call_id = waiting.pop(0)
        key = next((key for key in _OUTPUTS if key in known), None)
        metadata = present(
            name=name_of(known, "name") or name_of(known, "tool_name"),
            is_error=bool_of(known, "is_error") or None,
        )
        results.append(ToolCallResponsePart(item if key is None else known[key], call_id, metadata or None))
    return results
