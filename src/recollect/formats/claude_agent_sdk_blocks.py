"""Content blocks of Anthropic's Messages API as parts, and its token counts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ..model import OtherPart, Part, ReasoningPart, TextPart, ToolCallPart, ToolCallResponsePart, Usage
from .stored_parts import attachment, from_base64
from .values import bool_of, count_of, dict_of, name_of, text_of

KEPT = "claude_agent_sdk"
"""The metadata key under which stands what only this format knows."""


def blocks_of(content: Any) -> list[Any]:
    """A message's content as a list of blocks."""
    if content is None or content == "":
        return []
    return content if isinstance(content, list) else [content]


def read_block(block: Any) -> Part:
    """A block as a part; one of a kind that nobody knows is kept whole."""
    if isinstance(block, str):
        return TextPart(block)
    match block:
        case {"type": "text", "text": str(text), **rest}:
            return TextPart(text, {KEPT: rest} if rest else None)
        case {"type": "thinking", "thinking": str(text), **rest}:
            return ReasoningPart(text, {KEPT: rest} if rest else None)
        case {"type": "redacted_thinking", **rest}:
            return ReasoningPart("", {KEPT: {"redacted": True, **rest}})
        case {"type": "tool_use" | "server_tool_use", **rest}:
            return ToolCallPart(text_of(rest, "name") or "", rest.get("input"), name_of(rest, "id"))
        case {"type": "tool_result", **rest}:
            about = {"is_error": True} if bool_of(rest, "is_error") else None
            return ToolCallResponsePart(rest.get("content"), name_of(rest, "tool_use_id"), about)
        case {"type": "image" | "document" as kind, "source": dict(source)}:
            part = _media(kind, source)
            if part is not None:
                return part
    kind = text_of(block, "type")
    return OtherPart(kind or "unknown", block)


def _media(kind: str, source: dict[str, Any]) -> Part | None:
    mime, url = name_of(source, "media_type"), name_of(source, "url")
    content = from_base64(text_of(source, "data") or "") if name_of(source, "data") else None
    if content is None and url is None:
        return None
    return attachment(content, url, None, mime, "image" if kind == "image" else None)


def usage_of(stated: dict[str, Any], cost: int | float | None) -> Usage | None:
    """Tokens and cost, None when neither is stated."""
    if not stated and cost is None:
        return None
    money = Decimal(str(cost)) if cost is not None and cost == cost and abs(cost) < 1e12 else None
    thinking = count_of(dict_of(stated, "output_tokens_details"), "thinking_tokens")
    return Usage(
        count_of(stated, "input_tokens"),
        count_of(stated, "output_tokens"),
        count_of(stated, "cache_read_input_tokens"),
        thinking,
        money,
    )
