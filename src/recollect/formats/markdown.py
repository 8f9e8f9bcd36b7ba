"""A session to be read, as Markdown. Written only: too much is lost on paper to read it back."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..model import (
    BlobPart,
    FilePart,
    Message,
    Part,
    ReasoningPart,
    SessionInfo,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    UriPart,
)
from .base import Write
from .showing import facts, moment, one_line, safe, size, title, tool_text

NAME = "markdown"

_TICKS = re.compile(r"`+")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_TURN = re.compile(r"( {0,3})(#{1,2}\s+(?:user|assistant|system|developer|tool)\b)", re.IGNORECASE)
_SPECIAL = re.compile(r"([\\`*_\[\]<>#])")


def write(info: SessionInfo, messages: Iterable[Message], write: Write) -> None:
    """Front matter, a title, and a section for every message."""
    write("---\n")
    for name, value in facts(info):
        write(f"{name}: {value}\n")
    write(f"---\n\n# {_escaped(title(info))}\n")
    for message in messages:
        time = moment(message.created_at)
        model = f" · {_escaped(one_line(message.model))}" if message.model else ""
        write(f"\n## {message.role.capitalize()}{model}{' · ' if time else ''}{time}\n")
        for part in message.parts:
            write(f"\n{_part(part)}\n")


def _escaped(line: str) -> str:
    return _SPECIAL.sub(r"\\\1", line)


def _part(part: Part) -> str:
    if isinstance(part, TextPart):
        return contained(safe(part.content))
    if isinstance(part, ReasoningPart):
        lines = contained(safe(part.content)).split("\n")
        return "> **Reasoning**\n>\n" + "\n".join(f"> {line}".rstrip() for line in lines)
    if isinstance(part, ToolCallPart):
        return _fenced(f"**Tool call** {_code(part.name)}{_id(part.id)}", tool_text(part), "json")
    if isinstance(part, ToolCallResponsePart):
        return _fenced(f"**Tool result**{_id(part.id)}", tool_text(part), "")
    if isinstance(part, UriPart):
        return f"**Link** {_code(part.uri)}"
    if isinstance(part, FilePart):
        return f"**File** {_code(part.file_id)}"
    if isinstance(part, BlobPart):
        return f"**Attachment** {_code(part.mime_type or 'data')}, {size(len(part.content))}"
    return _fenced(f"**Other** {_code(part.kind)}", tool_text(part), "json")


def _id(call_id: str | None) -> str:
    return f" ({_code(call_id)})" if call_id else ""


def _code(text: str) -> str:
    """A code span that the text cannot leave."""
    line = one_line(text) or " "
    ticks = "`" * (1 + max((len(run) for run in _TICKS.findall(line)), default=0))
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{ticks}{pad}{line}{pad}{ticks}"


def _fenced(label: str, text: str, language: str) -> str:
    """A code block that the text cannot leave: its fence is longer than any run of backticks."""
    if not text:
        return label
    fence = "`" * max(3, 1 + max((len(run) for run in _TICKS.findall(text)), default=0))
    return f"{label}\n\n{fence}{language}\n{text}\n{fence}"


def contained(text: str) -> str:
    """Markdown that ends where it ends: open code fences are closed, comments and headings that
    look like the next message are defused."""
    lines: list[str] = []
    fence = ""
    for line in text.split("\n"):
        found = _FENCE.fullmatch(line)
        if fence:
            if found and found[1].startswith(fence) and not found[2].strip():
                fence = ""
        elif found and not (found[1][0] == "`" and "`" in found[2]):
            fence = found[1]
        else:
            line = _TURN.sub(r"\1\\\2", line).replace("<!--", "\\<!--")
        lines.append(line)
    if fence:
        lines.append(fence)
    return "\n".join(lines)
