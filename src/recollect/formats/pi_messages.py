"""Entries of pi sessions as messages."""

from __future__ import annotations

import base64
import binascii
import math
from decimal import Decimal
from typing import Any

from msgspec import Struct

from ..model import (
    BlobPart,
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
from .recordlines import RecordDecoder
from .times import from_iso, from_unix_ms
from .values import bool_of, count_of, dict_of, int_of, list_of, name_of, number_of, present, text_of

_SUMMARIES = {
    "compaction": "compaction",
    "branch_summary": "branch_summary",
    "compactionSummary": "compaction",
    "branchSummary": "branch_summary",
}
_USUAL_ENDS = ("stop", "toolUse")


class Entry(Struct, gc=False):
    """A line of the file: the header or an entry."""

    type: Any = None
    id: Any = None
    parentId: Any = None  # noqa: N815  # the names of the file
    timestamp: Any = None
    version: Any = None
    cwd: Any = None
    provider: Any = None
    modelId: Any = None  # noqa: N815
    parentSession: Any = None  # noqa: N815
    branchedFrom: Any = None  # noqa: N815
    name: Any = None
    message: Any = None
    summary: Any = None
    content: Any = None
    customType: Any = None  # noqa: N815


decoder = RecordDecoder(Entry)


def is_whole(entry: Entry) -> bool:
    """Whether this is an entry and not a piece of one."""
    return isinstance(entry.type, str) and isinstance(entry.timestamp, str)


def entry_message(entry: Entry, model: str | None) -> Message | None:
    """An entry as a message; None for one that says nothing."""
    own_id = entry.id if isinstance(entry.id, str) else ""
    at = from_iso(entry.timestamp)
    if entry.type in ("compaction", "branch_summary"):
        text = entry.summary if isinstance(entry.summary, str) else ""
        return Message(
            own_id, None, "user", (TextPart(text),), at, metadata={"injected": _SUMMARIES[entry.type]}
        )
    if entry.type == "custom_message":
        kind = entry.customType if isinstance(entry.customType, str) and entry.customType else "custom"
        return Message(own_id, None, "user", tuple(_parts(entry.content)), at, metadata={"injected": kind})
    if entry.type != "message":
        return None
    value = entry.message
    at = from_unix_ms(dict_of(value).get("timestamp")) or at
    role = name_of(value, "role")
    if role == "assistant":
        return _reply(own_id, value, at, model)
    if role == "toolResult":
        parts: tuple[Part, ...] = _answer(value)
        return Message(own_id, None, "tool", parts, at)
    spoken: Role = "system" if role == "system" else "user"
    told, injected = _told(role, value)
    content: list[Part] = _parts(dict_of(value).get("content")) if told is None else [TextPart(told)]
    if role is None and not content:
        content = [OtherPart("message", value)]
    return Message(own_id, None, spoken, tuple(content), at, metadata=injected or None)


def _told(role: str | None, value: Any) -> tuple[str | None, dict[str, Any]]:
    """What stands for the content of messages that no person wrote, and how they are marked."""
    if role in (None, "user", "system"):
        return None, {}
    if role == "bashExecution":
        text = f"$ {text_of(value, 'command') or ''}\n{text_of(value, 'output') or ''}"
        own = present(exit_code=int_of(value, "exitCode"), cancelled=bool_of(value, "cancelled") or None)
        return text, {"injected": "bash_execution", **own}
    if role in _SUMMARIES:
        return text_of(value, "summary") or "", {"injected": _SUMMARIES[role]}
    return None, {"injected": name_of(value, "customType") or role}


def _reply(own_id: str, value: Any, at: Any, model: str | None) -> Message:
    usage = dict_of(value, "usage")
    reason = name_of(value, "stopReason")
    own = present(
        stop_reason=None if reason in _USUAL_ENDS else reason,
        error=name_of(value, "errorMessage"),
        cache_write_tokens=count_of(usage, "cacheWrite") or None,
    )
    return Message(
        own_id,
        None,
        "assistant",
        tuple(_parts(dict_of(value).get("content"))),
        at,
        name_of(value, "model") or model,
        _usage(usage) if usage else None,
        {"pi": own} if own else None,
    )


def _usage(usage: dict[str, Any]) -> Usage:
    """Tokens as they are stated (input without what came from the cache), and the cost. The shortest
    text that gives the same number is what the tool wrote: the decimal is exact."""
    cost = number_of(usage, "cost", "total")
    plausible = cost is not None and math.isfinite(cost) and 0 <= cost < 1e6
    return Usage(
        count_of(usage, "input"),
        count_of(usage, "output"),
        count_of(usage, "cacheRead"),
        count_of(usage, "reasoning"),
        Decimal(repr(cost)) if plausible else None,
    )


def _parts(content: Any) -> list[Part]:
    if isinstance(content, str):
        return [TextPart(content)]
    if isinstance(content, list):
        return [_part(block) for block in content]
    return [] if content is None else [OtherPart("content", content)]


def _part(block: Any) -> Part:
    kind = name_of(block, "type") or "unknown"
    if kind == "text" and (text := text_of(block, "text")) is not None:
        return TextPart(text)
    if kind == "thinking" and (text := text_of(block, "thinking")) is not None:
        signature = name_of(block, "thinkingSignature")
        return ReasoningPart(text, {"signature": signature} if signature else None)
    if kind == "toolCall" and (name := name_of(block, "name")) is not None:
        return ToolCallPart(name, dict_of(block).get("arguments"), name_of(block, "id"))
    return (_image(block) if kind == "image" else None) or OtherPart(kind, block)


def _image(block: Any) -> Part | None:
    source = dict_of(block, "source") or dict_of(block)
    data = text_of(source, "data")
    if data is None:
        return None
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None
    return BlobPart(content, name_of(source, "mimeType") or name_of(source, "media_type"), "image")


def _answer(value: Any) -> tuple[Part, ...]:
    """A tool's answer: a text alone as text; images stand behind it."""
    content = dict_of(value).get("content")
    response: Any = content
    images: list[Part] = []
    if isinstance(content, list):
        response = []
        for block in list_of(value, "content"):
            part = _part(block)
            if isinstance(part, BlobPart):
                images.append(part)
            else:
                response.append(block)
        if len(response) == 1 and isinstance(part := _part(response[0]), TextPart):
            response = part.content
    failed = bool_of(value, "isError") is True
    metadata = {**({"is_error": True} if failed else {}), **present(name=name_of(value, "toolName"))}
    return (ToolCallResponsePart(response, name_of(value, "toolCallId"), metadata or None), *images)
