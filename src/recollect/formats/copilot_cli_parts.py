"""Pieces of Copilot CLI events as parts of messages."""

from __future__ import annotations

from typing import Any

from ..model import OtherPart, Part, ReasoningPart, TextPart, ToolCallPart, ToolCallResponsePart, UriPart
from .openai_parts import read_arguments
from .values import bool_of, dict_of, int_of, list_of, name_of, present, text_of, value_of


def typed_parts(data: dict[str, Any]) -> list[Part]:
    """What a person typed, and the files named with it."""
    text = text_of(data, "content")
    parts: list[Part] = [] if text is None else [TextPart(text)]
    if text is None and data.get("content") is not None:
        parts.append(OtherPart("content", data["content"]))
    return [*parts, *map(_attachment, list_of(data, "attachments"))]


def _attachment(value: Any) -> Part:
    path = name_of(value, "path")
    if path is None:
        return OtherPart("attachment", value)
    return UriPart(path, metadata=present(name=name_of(value, "displayName")) or None)


def reply_parts(data: dict[str, Any], thought: str | None) -> list[Part]:
    """A reply: reasoning (``thought`` where the reply itself has none), text, calls."""
    parts: list[Part] = []
    reasoning = name_of(data, "reasoningText") or thought
    sealed = present(
        opaque=name_of(data, "reasoningOpaque"), encrypted_content=name_of(data, "encryptedContent")
    )
    if reasoning is not None or sealed:
        parts.append(ReasoningPart(reasoning or "", sealed or None))
    text = text_of(data, "content")
    calls = list_of(data, "toolRequests")
    if text or (text is not None and not parts and not calls):
        parts.append(TextPart(text))
    return [*parts, *map(_call, calls)]


def _call(value: Any) -> Part:
    name = name_of(value, "name")
    if name is None:
        return OtherPart("tool_request", value)
    arguments = value.get("arguments")
    if isinstance(arguments, str):
        arguments = read_arguments(arguments)[0]
    own = present(intention=name_of(value, "intentionSummary"))
    return ToolCallPart(name, arguments, name_of(value, "toolCallId"), {"copilot_cli": own} if own else None)


def answer(data: dict[str, Any]) -> tuple[Part, dict[str, Any]]:
    """A tool's answer, and what is known of how it fared."""
    response: Any = value_of(data, "result", "content")
    if response is None:
        response = value_of(data, "result", "detailedContent")
    error = dict_of(data, "error")
    if response is None:
        response = text_of(error, "message") or data.get("result")
    failed = bool_of(data, "success") is False
    part = ToolCallResponsePart(response, name_of(data, "toolCallId"), {"is_error": True} if failed else None)
    duration = int_of(data, "toolTelemetry", "metrics", "durationMs")
    return part, present(duration_ms=duration, error=name_of(error, "code"))
