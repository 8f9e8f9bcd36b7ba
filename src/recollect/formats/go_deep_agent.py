"""go-deep-agent's session files: an array of messages with capitalised keys, or ``null`` when empty.

Keys are read whatever their case is, as Go does. The file's stem is the session's id.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from ..model import Message, Part, Role, TextPart, ToolCallPart, ToolCallResponsePart
from .base import Piece, Source, derived_uuid
from .openai_parts import canonical, read_arguments, read_piece
from .stored_arrays import NoMessage, read_array
from .values import present

NAME = "go-deep-agent"
KEPT = "go_deep_agent"
"""The metadata key under which stands what only this format knows."""

_STARTS = re.compile(rb'\[\s*\{\s*"(?:Role|Content|ToolCalls|ToolCallID)"\s*:')
_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}
_KEYS = ("role", "content", "toolcalls", "toolcallid")


def detect(head: bytes, name: str) -> float:  # noqa: ARG001  # formats may look at the name
    """By the capitalised keys of its first message; a file that is only ``null`` is an empty session."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if _STARTS.match(start):
        return 0.9
    return 0.3 if start[:8].strip() == b"null" else 0.0


def read(source: Source) -> Iterator[Piece]:
    """The file's session, and what is damaged."""
    yield from read_array(source, lambda: _Reader().read)


class _Reader:
    """Reads the messages of one session in order."""

    def __init__(self) -> None:
        self._count = 0
        self._waiting: Counter[str] = Counter()

    def read(self, value: Any) -> Iterator[Message]:
        """The next message. Raises NoMessage."""
        self._count += 1
        if not isinstance(value, dict):
            raise NoMessage(f"message {self._count} is not an object")
        known = _folded(value)
        stated = known.get("role")
        role = _ROLES.get(stated.lower()) if isinstance(stated, str) else None
        calls = known.get("toolcalls")
        call_id = known.get("toolcallid")
        content = known.get("content")
        parts: list[Part]
        if role == "tool":
            parts = [ToolCallResponsePart(content, call_id if isinstance(call_id, str) and call_id else None)]
        else:
            parts = _content(content)
        parts.extend(_call(call) for call in (calls if isinstance(calls, list) else ()))
        own = present(
            role=stated if role is None else None,
            keys={key: item for key, item in value.items() if key.lower() not in _KEYS},
        )
        message_id = derived_uuid(b"go-deep-agent\0%d\0" % self._count, canonical(value))
        yield Message(message_id, None, role or "user", tuple(parts), metadata={KEPT: own} if own else None)


def _folded(value: dict[str, Any]) -> dict[str, Any]:
    """The known keys in lower case. Where several differ in case alone the last one counts."""
    return {key.lower().replace("_", ""): item for key, item in value.items()}


def _content(content: Any) -> list[Part]:
    if isinstance(content, str):
        return [TextPart(content)] if content else []
    if isinstance(content, list):
        return [read_piece(piece) for piece in content]
    return [] if content is None else [read_piece(content)]


def _call(value: Any) -> Part:
    if not isinstance(value, dict):
        return read_piece(value)
    known = _folded(value)
    name, call_id, arguments = known.get("name"), known.get("id"), known.get("arguments")
    if isinstance(arguments, str):
        arguments = read_arguments(arguments)[0]
    return ToolCallPart(
        name if isinstance(name, str) else "", arguments, call_id if isinstance(call_id, str) else None
    )
