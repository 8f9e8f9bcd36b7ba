"""Items of OpenAI's Responses API, as the Agents SDK stores them, as parts and messages."""

from __future__ import annotations

import re
from typing import Any

from ..model import (
    FilePart,
    OtherPart,
    Part,
    ReasoningPart,
    Role,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
)
from .openai_parts import read_arguments
from .stored_parts import attachment, from_base64
from .values import dict_of, dicts_of, list_of, name_of, present, text_of

KEPT = "openai_agents"
"""The metadata key under which stands what only this format knows."""

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}
_DATA_URL = re.compile(r"data:([\w.+/-]*)(?:;[^,;]*)*;base64,", re.A)
_TEXTS = ("input_text", "output_text", "text")


def role_of(item: dict[str, Any]) -> Role:
    """Who an item is by: the model, unless it says otherwise or is the output of a tool."""
    kind = text_of(item, "type") or "message"
    if kind == "message":
        return _ROLES.get(text_of(item, "role") or "", "user")
    return "tool" if kind.endswith(("_output", "_response")) else "assistant"


def parts_of(item: dict[str, Any]) -> list[Part]:
    """An item as parts."""
    kind = text_of(item, "type") or "message"
    own = present(id=name_of(item, "id"), status=_unless(item, "status", "completed"))
    metadata: dict[str, Any] | None = {KEPT: own} if own else None
    if kind == "message":
        return _content(item.get("content"))
    if kind == "reasoning":
        return [_reasoning(item, own)]
    if kind in ("function_call", "custom_tool_call"):
        text = text_of(item, "arguments") if kind == "function_call" else text_of(item, "input")
        arguments = item.get("arguments") if text is None else text
        if text is not None and kind == "function_call":
            arguments = read_arguments(text)[0]
        return [ToolCallPart(text_of(item, "name") or "", arguments, name_of(item, "call_id"), metadata)]
    if role_of(item) == "tool":
        known = kind in ("function_call_output", "custom_tool_call_output")
        own |= present(type=None if known else kind)
        response = item.get("output") if "output" in item else _rest(item, "type", "call_id", "id")
        about = {KEPT: own} if own else None
        return [ToolCallResponsePart(response, name_of(item, "call_id"), about)]
    if kind.endswith("_call"):
        return _hosted(item, kind)
    return [OtherPart(kind, item)]


def _unless(item: dict[str, Any], key: str, usual: str) -> str | None:
    value = text_of(item, key)
    return None if value == usual else value


def _rest(item: dict[str, Any], *without: str) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key not in without}


def _reasoning(item: dict[str, Any], own: dict[str, Any]) -> Part:
    texts = [text_of(piece, "text") or "" for piece in dicts_of(item, "summary")]
    texts += [text_of(piece, "text") or "" for piece in dicts_of(item, "content")]
    own |= present(encrypted_content=text_of(item, "encrypted_content"))
    return ReasoningPart("\n\n".join([text for text in texts if text]), {KEPT: own} if own else None)


def _hosted(item: dict[str, Any], kind: str) -> list[Part]:
    """A call of a tool that the provider runs itself; what it found stands in the same item."""
    call_id = name_of(item, "call_id") or name_of(item, "id")
    result = item.get("result")
    if kind == "image_generation_call" and isinstance(result, str):
        content = from_base64(result)
        if content is not None:
            mime = {"jpeg": "image/jpeg", "webp": "image/webp"}.get(
                text_of(item, "output_format") or "", "image/png"
            )
            asked = _rest(item, "type", "id", "call_id", "result")
            return [
                ToolCallPart(kind, asked, call_id),
                attachment(content, None, None, mime, "image"),
            ]
    name = name_of(item, "name") if kind == "mcp_call" else None
    return [ToolCallPart(name or kind, _rest(item, "type", "id", "call_id"), call_id)]


def _content(content: Any) -> list[Part]:
    if isinstance(content, str):
        return [TextPart(content)] if content else []
    if isinstance(content, list):
        return [_piece(piece) for piece in content]
    return [] if content is None else [OtherPart("content", content)]


def _piece(piece: Any) -> Part:
    if isinstance(piece, str):
        return TextPart(piece)
    kind = text_of(piece, "type") or "unknown"
    text = text_of(piece, "text")
    if kind in _TEXTS and text is not None:
        notes = list_of(piece, "annotations")
        return TextPart(text, {KEPT: {"annotations": notes}} if notes else None)
    if kind in ("input_image", "input_file"):
        return _file(piece, kind)
    if kind == "input_audio":
        audio = dict_of(piece, "input_audio") or dict_of({"it": piece}, "it")
        content = from_base64(text_of(audio, "data") or "")
        if content:
            return attachment(content, None, None, f"audio/{text_of(audio, 'format') or 'wav'}", "audio")
    return OtherPart(kind, piece)


def _file(piece: dict[str, Any], kind: str) -> Part:
    image = kind == "input_image"
    modality = "image" if image else None
    own = present(detail=_unless(piece, "detail", "auto"), filename=text_of(piece, "filename"))
    metadata: dict[str, Any] | None = {KEPT: own} if own else None
    url = name_of(piece, "image_url") or name_of(piece, "file_url") or name_of(piece, "file_data")
    if url is None:
        file_id = name_of(piece, "file_id")
        return OtherPart(kind, piece) if file_id is None else FilePart(file_id, None, modality, metadata)
    data = _DATA_URL.match(url)
    if data is None:
        return attachment(None, url, None, None, modality, metadata)
    content = from_base64(url[data.end() :])
    if content is None:
        return OtherPart(kind, piece)
    return attachment(content, None, None, data[1] or None, modality, metadata)
