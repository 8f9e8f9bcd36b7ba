"""What the formats for people share: safe text, times, and what a tool said."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from ..model import Part, SessionInfo, ToolCallPart, ToolCallResponsePart

_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def safe(text: str) -> str:
    """``text`` without control characters: a picture of each stands in its place."""
    if text.isascii() and text.isprintable():
        return text
    return _UNSAFE.sub(_picture, text.replace("\r\n", "\n"))


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code in (0x2028, 0x2029):
        return "\n"
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else "\ufffd"


def one_line(text: str) -> str:
    """The same on one line."""
    return " ".join(safe(text).split())


def moment(when: datetime | None) -> str:
    """A time as people read it, to the second."""
    return "" if when is None else when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def title(info: SessionInfo) -> str:
    """What to call a session."""
    return one_line(info.name or info.preview or info.id)


def facts(info: SessionInfo) -> list[tuple[str, str]]:
    """What to tell of a session at the top; values as JSON, which is YAML too."""
    values: list[tuple[str, Any]] = [
        ("id", info.id),
        ("name", info.name),
        ("provider", info.provider),
        ("model", info.model),
        ("tags", list(info.tags) or None),
        ("messages", info.message_count),
        ("created", moment(info.created_at)),
        ("updated", moment(info.updated_at)),
        ("cost_usd", None if info.usage.cost_usd is None else format(info.usage.cost_usd, "f")),
        ("summary", info.summary),
    ]
    return [(name, shown(value)) for name, value in values if value is not None]


def shown(value: Any) -> str:
    """A JSON value on one line, safe to show."""
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


def tool_text(part: Part) -> str:
    """A tool call's arguments or its answer as text: JSON spread over lines unless it is text."""
    if isinstance(part, ToolCallPart):
        value = part.arguments
    elif isinstance(part, ToolCallResponsePart):
        value = part.response
    else:
        value = part.to_dict()
    if value is None:
        return ""
    return safe(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2))


def size(count: int) -> str:
    """A number of bytes as people read it."""
    return f"{count} bytes" if count < 1024 else f"{count / 1024:.1f} KiB"
