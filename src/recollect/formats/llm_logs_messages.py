"""One message of llm's newer tables: its row in ``messages`` and those in ``parts``."""

from __future__ import annotations

from typing import Any

from ..model import (
    Message,
    OtherPart,
    Part,
    ReasoningPart,
    Role,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
)
from .llm_logs_parts import KEPT, attached, fragment_text
from .sqlitefile import Database, Row
from .stored_parts import as_text, id_of, json_of
from .values import bool_of, dict_of, dicts_of, list_of, name_of, present, text_of, value_of

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}
_PART = ("id", "position", "type", "tool_name", "text", "payload")


def read_message(db: Database, name: object) -> list[Message]:
    """The message with this hash; results of several tools in one row are a message each, and the
    last has the hash as its id. Raises Unreadable."""
    row = db.one("messages", ("role", "provider_metadata"), ("hash", name)) or {}
    stated = as_text(row.get("role"))
    role = _ROLES.get(stated)
    own = present(
        provider_metadata=json_of(row.get("provider_metadata")),
        role=None if role is not None else stated or None,
    )
    columns = db.rows("parts", _PART, key=("message_hash", name), order=("position",))
    parts = [part for column in columns for part in _read_part(db, column)]
    groups = [parts] if role == "assistant" else _by_result(parts)
    message_id = as_text(name)
    messages = []
    for i, group in enumerate(groups, 1):
        last = i == len(groups)
        is_result = bool(group) and isinstance(group[0], ToolCallResponsePart) and role != "assistant"
        messages.append(
            Message(
                message_id if last else f"{message_id}#{i}",
                None,
                "tool" if is_result else role or "user",
                tuple(group),
                metadata={KEPT: own} if own and last else None,
            )
        )
    return messages


def _by_result(parts: list[Part]) -> list[list[Part]]:
    """Parts with each tool's result, and the attachments behind it, by themselves."""
    groups: list[list[Part]] = []
    for part in parts:
        begins = isinstance(part, ToolCallResponsePart)
        after_result = bool(groups) and isinstance(groups[-1][0], ToolCallResponsePart)
        words = not begins and after_result and isinstance(part, TextPart)
        if begins or words or not groups:
            groups.append([part])
        else:
            groups[-1].append(part)
    return groups or [[]]


def _read_part(db: Database, row: Row) -> list[Part]:
    """A row of ``parts``; a tool's result may bring attachments with it."""
    payload = dict_of({"value": json_of(row["payload"])}, "value")
    text = as_text(row["text"]) if row["text"] is not None else _joined(db, payload)
    own = present(
        provider_metadata=payload.get("provider_metadata"),
        server_executed=bool_of(payload, "server_executed") or None,
        redacted=bool_of(payload, "redacted") or None,
    )
    metadata: dict[str, Any] | None = {KEPT: own} if own else None
    match row["type"]:
        case "text":
            return [TextPart(text, metadata)]
        case "reasoning":
            return [ReasoningPart(text, metadata)]
        case "attachment":
            return [attached(db, value_of(payload, "attachment", "id"))]
        case "tool_call":
            name = name_of(payload, "name") or as_text(row["tool_name"])
            return [ToolCallPart(name, payload.get("arguments"), name_of(payload, "tool_call_id"), metadata)]
        case "tool_result":
            return _result(db, row, payload, metadata)
    value = {**payload, "text": text} if text else payload
    return [OtherPart(as_text(row["type"]) or "unknown", value)]


def _result(db: Database, row: Row, payload: dict[str, Any], metadata: dict[str, Any] | None) -> list[Part]:
    exception = id_of(payload.get("exception"))
    metadata = {
        **present(
            name=name_of(payload, "name") or id_of(row["tool_name"]),
            is_error=True if exception else None,
            exception=exception,
        ),
        **(metadata or {}),
    }
    files = [attached(db, item.get("id")) for item in dicts_of(payload, "attachments")]
    answer = ToolCallResponsePart(payload.get("output"), name_of(payload, "tool_call_id"), metadata or None)
    return [answer, *files]


def _joined(db: Database, payload: dict[str, Any]) -> str:
    """A text that borrows fragments, put together."""
    if "text_ref" not in payload:
        return text_of(payload, "text") or ""
    pieces = []
    for piece in list_of(payload, "text_ref"):
        if isinstance(piece, dict) and "fragment" in piece:
            pieces.append(fragment_text(db, piece["fragment"]))
        else:
            pieces.append(text_of(piece, "literal") or "")
    return "".join(pieces)
