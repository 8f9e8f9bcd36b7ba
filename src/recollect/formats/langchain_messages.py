"""LangChain's serialised messages (``{"type": …, "data": {…}}``) as messages."""

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
    Usage,
)
from .base import Damage, derived_uuid
from .openai_parts import read_call, read_piece
from .sqlitefile import Row
from .stored_parts import as_text, attachment, from_base64, json_of
from .times import from_iso
from .values import count_of, dict_of, dicts_of, list_of, name_of, present, text_of

KEPT = "langchain"
"""The metadata key under which stands what only this format knows."""

_ROLES: dict[str, Role] = {
    "human": "user",
    "user": "user",
    "ai": "assistant",
    "assistant": "assistant",
    "system": "system",
    "developer": "developer",
    "tool": "tool",
    "function": "tool",
}
_TAKEN = (
    "content", "type", "id", "name", "tool_calls", "usage_metadata", "tool_call_id", "status", "example",
)  # fmt: skip


class MessageReader:
    """Reads one session's rows in order."""

    def __init__(self, session_id: str) -> None:
        self._session = session_id.encode("utf-8", "surrogatepass")
        self._seen: set[str] = set()

    def read(self, row: Row) -> Message | Damage:
        """The message of a row, or why there is none."""
        value = json_of(row["message"])
        if not isinstance(value, dict):
            return Damage(0, f"row {as_text(row['id'])[:40]} holds no message")
        data = dict_of(value, "data") or value
        kind = name_of(value, "type") or name_of(data, "type") or ""
        stated = name_of(data, "role") if kind.lower().startswith("chat") else kind
        role = _ROLES.get((stated or "").lower().removesuffix("messagechunk").removesuffix("message"))
        parts = _answer(data) if role == "tool" else _said(data, role or "user")
        rest = {key: item for key, item in data.items() if key not in _TAKEN and item}
        if rest.get("additional_kwargs", {}) == {}:
            rest.pop("additional_kwargs", None)
        own = present(
            keys=rest,
            name=name_of(data, "name") if role != "tool" else None,
            type=kind if role is None else None,
        )
        response = dict_of(data, "response_metadata")
        return Message(
            self._id(row, data),
            None,
            role or "user",
            tuple(parts),
            from_iso(row["created_at"]),
            name_of(response, "model_name") or name_of(response, "model"),
            _usage(data),
            {KEPT: own} if own else None,
        )

    def _id(self, row: Row, data: dict[str, Any]) -> str:
        own = name_of(data, "id")
        if own is None or own in self._seen:
            place = as_text(row["id"]).encode("utf-8", "surrogatepass")
            text = as_text(row["message"]).encode("utf-8", "surrogatepass")
            own = derived_uuid(b"langchain\0", self._session, b"\0", place, b"\0", text)
        self._seen.add(own)
        return own


def _usage(data: dict[str, Any]) -> Usage | None:
    stated = dict_of(data, "usage_metadata")
    if not stated:
        return None
    return Usage(
        count_of(stated, "input_tokens"),
        count_of(stated, "output_tokens"),
        count_of(dict_of(stated, "input_token_details"), "cache_read"),
        count_of(dict_of(stated, "output_token_details"), "reasoning"),
    )


def _answer(data: dict[str, Any]) -> list[Part]:
    metadata = present(
        name=name_of(data, "name"), is_error=True if text_of(data, "status") == "error" else None
    )
    return [ToolCallResponsePart(data.get("content"), name_of(data, "tool_call_id"), metadata or None)]


def _said(data: dict[str, Any], role: Role) -> list[Part]:
    calls = _calls(data) if role == "assistant" else []
    known = {call.id for call in calls if isinstance(call, ToolCallPart)}
    content = data.get("content")
    blocks = content if isinstance(content, list) else [content]
    parts = [part for block in blocks for part in _read_block(block, known)]
    return [*parts, *calls]


def _calls(data: dict[str, Any]) -> list[Part]:
    calls: list[Part] = [
        ToolCallPart(text_of(call, "name") or "", call.get("args"), name_of(call, "id"))
        for call in dicts_of(data, "tool_calls")
    ]
    if not calls:  # older versions know only the provider's own form
        made = list_of(dict_of(data, "additional_kwargs"), "tool_calls")
        calls = [read_call(call, f"call_{i}") for i, call in enumerate(made)]
    for call in dicts_of(data, "invalid_tool_calls"):
        calls.append(ToolCallPart(text_of(call, "name") or "", call.get("args"), name_of(call, "id")))
    return calls


def _read_block(block: Any, calls: set[str | None]) -> list[Part]:
    """A piece of content; calls that ``tool_calls`` names too are left to it."""
    if isinstance(block, str):
        return [TextPart(block)] if block else []
    if block is None:
        return []
    match block:
        case {"type": "tool_use" | "tool_call" | "input_json_delta", **rest}:
            return [] if rest.get("id") in calls else [OtherPart("tool_use", block)]
        case {"type": "thinking", "thinking": str(text), **rest}:
            return [ReasoningPart(text, {KEPT: rest} if rest else None)]
        case {"type": "reasoning", "reasoning": str(text), **rest}:
            return [ReasoningPart(text, {KEPT: rest} if rest else None)]
        case {"type": "image", "source": {"type": "base64", "data": str(data), **source}}:
            content = from_base64(data)
            mime = name_of(source, "media_type")
            if content is not None:
                return [attachment(content, None, None, mime, "image")]
        case {"type": "image" | "audio" | "video" | "file" as kind, **rest}:
            part = _media(kind, {str(key): value for key, value in rest.items()})
            if part is not None:
                return [part]
    return [read_piece(block)]


def _media(kind: str, rest: dict[str, Any]) -> Part | None:
    """LangChain's own multimodal blocks: base64 or an address."""
    text = text_of(rest, "base64") or (text_of(rest, "data") if rest.get("source_type") == "base64" else None)
    content = from_base64(text) if text else None
    url = name_of(rest, "url")
    if content is None and url is None:
        return None
    modality = kind if kind != "file" else None
    return attachment(content, url, None, name_of(rest, "mime_type"), modality)
