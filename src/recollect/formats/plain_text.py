"""A session to be read, as plain text. Written only."""

from __future__ import annotations

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
from .showing import (
    facts,
    has_failed,
    injected,
    is_erased,
    moment,
    one_line,
    safe,
    shown,
    size,
    title,
    tool_text,
)

NAME = "text"


def write(info: SessionInfo, messages: Iterable[Message], write: Write) -> None:
    """A head, then every message: who and when at the margin, what was said indented."""
    head = title(info)
    write(f"{head}\n{'=' * min(len(head), 72)}\n\n")
    for name, value in facts(info):
        write(f"{name:<9} {shown(value)}\n")
    if info.system_prompt:
        write(f"\n(system prompt)\n{_indented(safe(info.system_prompt))}\n")
    for number, message in enumerate(messages, 1):
        kind = injected(message)
        role = message.role if kind is None else f"{message.role} (injected: {kind})"
        about = [str(number), role, one_line(message.model or ""), moment(message.created_at)]
        write(f"\n[{' · '.join(filter(None, about))}]\n")
        if is_erased(message):
            write("  (erased)\n")
        for part in message.parts:
            write(f"{_indented(_part(part))}\n")


def _part(part: Part) -> str:
    if isinstance(part, TextPart):
        return safe(part.content)
    if isinstance(part, ReasoningPart):
        return f"(reasoning)\n{_indented(safe(part.content))}"
    if isinstance(part, ToolCallPart):
        return f"(tool call: {one_line(part.name)}{_id(part.id)})\n{_indented(tool_text(part))}"
    if isinstance(part, ToolCallResponsePart):
        label = "tool result: failed" if has_failed(part) else "tool result"
        return f"({label}{_id(part.id)})\n{_indented(tool_text(part))}"
    if isinstance(part, UriPart):
        return f"(link: {one_line(part.uri)})"
    if isinstance(part, FilePart):
        return f"(file: {one_line(part.file_id)})"
    if isinstance(part, BlobPart):
        return f"(attachment: {one_line(part.mime_type or 'data')}, {size(len(part.content))})"
    return f"(other: {one_line(part.kind)})\n{_indented(tool_text(part))}"


def _id(call_id: str | None) -> str:
    return f", {one_line(call_id)}" if call_id else ""


def _indented(text: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.split("\n"))
