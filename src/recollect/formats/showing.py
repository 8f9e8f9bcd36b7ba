"""What the formats for people share: safe text, times, and what a tool said."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from ..model import Message, Part, SessionInfo, ToolCallPart, ToolCallResponsePart

_COLOUR = re.compile("\x1b\\[[0-9;]*m")
"""What programs colour their output with on a terminal."""
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


def facts(info: SessionInfo) -> list[tuple[str, Any]]:
    """What to tell of a session at the top."""
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
    return [(name, value) for name, value in values if value is not None]


def shown(value: Any) -> str:
    """A JSON value on one line, safe to show; it is YAML, too."""
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
    if isinstance(value, str):
        return safe(_COLOUR.sub("", value))
    return safe(json.dumps(value, ensure_ascii=False, indent=2))


def size(count: int) -> str:
    """A number of bytes as people read it."""
    return f"{count} bytes" if count < 1024 else f"{count / 1024:.1f} KiB"


_HINT = 100
_PICTURES = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
    "image/bmp": b"BM",
}
"""Pictures that are shown in place, and how they begin. Others (SVG is a program) are named only."""


def picture_type(mime_type: str | None, content: bytes) -> str | None:
    """The type under which bytes can be shown as a picture, None if they cannot."""
    stated = (mime_type or "").partition(";")[0].strip().lower()
    stated = "image/jpeg" if stated == "image/jpg" else stated
    start = _PICTURES.get(stated)
    return stated if start is not None and content.startswith(start) else None


def hint_of(value: Any) -> str:
    """The first line of a text, or of the first text in an object: what a fold is about."""
    if isinstance(value, dict):
        value = next((item for item in value.values() if isinstance(item, str) and item.strip()), "")
    if not isinstance(value, str):
        return ""
    begun = _COLOUR.sub("", value[: _HINT * 8]).strip()
    return shortened(begun.partition("\n")[0], _HINT)


def shortened(text: str, length: int) -> str:
    """The beginning of a text on one line."""
    line = one_line(text[: length * 4])
    return line if len(line) <= length and len(text) <= length * 4 else f"{line[: length - 1].rstrip()}…"


def has_failed(part: ToolCallResponsePart) -> bool:
    """Whether a tool's answer is known to be an error."""
    return bool((part.metadata or {}).get("is_error"))


def injected(message: Message) -> str | None:
    """What a tool or client put into the conversation in somebody's name; None for real words."""
    kind = (message.metadata or {}).get("injected")
    return one_line(kind) if isinstance(kind, str) and kind else "injected" if kind else None


def is_erased(message: Message) -> bool:
    """Whether a message's content was erased."""
    return not message.parts and (message.metadata or {}).get("erased") is True


def turns(messages: Iterable[Message]) -> Iterator[tuple[int, str]]:
    """Where each turn begins: the place of a person's message, from 1, and how it begins."""
    for number, message in enumerate(messages, 1):
        if message.role == "user" and injected(message) is None and message.parts:
            yield number, shortened(message.text, 80) or "(no text)"


def spent(message: Message) -> str:
    """What a message cost, as people read it; empty when nothing is known."""
    usage = message.usage
    if usage is None:
        return ""
    found = []
    if usage.input_tokens or usage.output_tokens:
        found.append(f"{usage.input_tokens:,} tokens in, {usage.output_tokens:,} out")
    if usage.cost_usd is not None:
        found.append(f"${usage.cost_usd:f}")
    return ", ".join(found)
