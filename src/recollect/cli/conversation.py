"""A conversation as lines to read: who said what, with tool calls and their answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .escape import one_line, safe
from .figures import counted, dollars, size
from .screen import Line, Piece

if TYPE_CHECKING:
    from .. import Message, SessionInfo

ROLE_STYLES = {"user": "bold green", "assistant": "bold blue", "tool": "bold magenta"}
TOOL_PARTS = ("tool_call", "tool_call_response")
When = Callable[[datetime], str]


def without_tools(messages: list[Message]) -> list[Message]:
    """The messages without tool calls and their answers, and without those that were nothing else."""
    from msgspec.structs import replace

    kept = []
    for message in messages:
        parts = tuple(part for part in message.parts if _type(part) not in TOOL_PARTS)
        if message.role != "tool" and (parts or not message.parts):
            kept.append(message if len(parts) == len(message.parts) else replace(message, parts=parts))
    return kept


def heading(info: SessionInfo, when: When) -> Iterator[Line]:
    """What is to be known about a session before it is read."""
    yield [Piece(one_line(info.name or info.preview or info.id), "bold"), Piece(f"  {safe(info.id)}", "cyan")]
    facts = [counted(info.message_count, "message"), counted(info.turn_count, "turn")]
    facts += [one_line(fact) for fact in (info.provider, info.model) if fact]
    if info.usage.cost_usd is not None:
        facts.append(dollars(info.usage.cost_usd))
    facts += [f"#{one_line(tag)}" for tag in info.tags]
    facts += ["pinned"] if info.pinned else []
    yield [Piece(" · ".join(facts), "dim")]
    yield [Piece(f"created {when(info.created_at)}, changed {when(info.updated_at)}", "dim")]
    if info.forked_from is not None:
        origin = f"forked from {info.forked_from.session_id} at version {info.forked_from.version}"
        yield [Piece(safe(origin), "dim")]
    if info.system_prompt:
        yield []
        yield [Piece("system prompt", "bold")]
        yield [Piece(safe(info.system_prompt))]


def spoken(messages: list[Message], when: When, *, markdown: bool = False) -> Iterator[Line]:
    """The messages, each under its role."""
    for message in messages:
        yield []
        about = [when(message.created_at)] if message.created_at is not None else []
        about += [one_line(message.model)] if message.model else []
        role = Piece(message.role, ROLE_STYLES.get(message.role, "bold"))
        yield [role, Piece("  " + " · ".join(about), "dim")] if about else [role]
        if not message.parts and (message.metadata or {}).get("erased") is True:
            yield [Piece("[erased]", "dim")]
        for part in message.parts:
            yield from _part(part, markdown)


def _part(part: Any, markdown: bool) -> Iterator[Line]:
    kind = _type(part)
    if kind == "text":
        yield [Piece(safe(part.content), markdown=markdown)]
    elif kind == "reasoning":
        yield [Piece(safe(part.content), "italic dim")]
    elif kind == "tool_call":
        yield [Piece(f"→ {one_line(part.name)} ", "magenta"), Piece(value_text(part.arguments))]
    elif kind == "tool_call_response":
        yield [Piece("← ", "magenta"), Piece(value_text(part.response))]
    elif kind == "blob":
        about = one_line(part.mime_type or part.modality or "data")
        yield [Piece(f"[{about}, {size(len(part.content))}]", "yellow")]
    elif kind in ("file", "uri"):
        address = part.uri if kind == "uri" else part.file_id
        yield [Piece(f"[{kind} {one_line(address)}]", "yellow")]
    else:
        yield [Piece(f"[{one_line(part.kind)}] ", "yellow"), Piece(value_text(part.value))]


PREVIEW = 400
"""Characters of a part that are looked at: more than any terminal is wide."""


def preview(message: Message) -> str:
    """How a message begins, on one line; what is no text is named in brackets or by arrows."""
    if not message.parts:
        return "[erased]" if (message.metadata or {}).get("erased") is True else ""
    begun = []
    for part in message.parts:
        line = next(_part(_short(part), False))
        begun.append("".join(piece.text for piece in line))
        if sum(map(len, begun)) > PREVIEW:
            break
    return one_line(" ".join(begun))[:PREVIEW]


def _short(part: Any) -> Any:
    """A part with no more text than a preview takes."""
    from msgspec.structs import replace

    for field in ("content", "response"):
        value = getattr(part, field, None)
        if isinstance(value, str) and len(value) > PREVIEW:
            return replace(part, **{field: value[:PREVIEW]})
    return part


def _type(part: Any) -> str:
    """The part's ``type`` as in JSON."""
    return str(part.__struct_config__.tag)


def value_text(value: Any) -> str:
    """A tool's input or output: text as it is, anything else as JSON."""
    return safe(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
