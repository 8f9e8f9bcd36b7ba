"""Messages of chat applications that hold a whole answer, tools and all → one message for each
reply of the model and for each tool's result."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from ..model import Message, Part, Role, ToolCallResponsePart, Usage
from .base import derived_uuid


class Answer(NamedTuple):
    """A message as the application holds it."""

    id: str
    role: Role
    parts: list[Part]
    """In order, tools' results among them."""
    created_at: datetime | None = None
    model: str | None = None
    usage: Usage | None = None
    metadata: dict[str, Any] | None = None

    @property
    def tip(self) -> str:
        """The id of the last message that it becomes."""
        return _id_of(self.id, len(_stretches(self.parts)) - 1)

    def messages(self) -> Iterator[Message]:
        """Its messages, of which the first has its id, usage and metadata."""
        for number, parts in enumerate(_stretches(self.parts)):
            is_result = bool(parts) and isinstance(parts[0], ToolCallResponsePart)
            role = "tool" if is_result else self.role
            yield Message(
                _id_of(self.id, number),
                None,
                role,
                tuple(parts),
                self.created_at,
                self.model if role == "assistant" else None,
                None if number else self.usage,
                None if number else self.metadata or None,
            )


def _id_of(message_id: str, number: int) -> str:
    return derived_uuid(message_id.encode(), b"\0%d" % number) if number else message_id


def _stretches(parts: list[Part]) -> list[list[Part]]:
    """The parts of each message: a result stands alone, what is between results together."""
    found: list[list[Part]] = []
    for part in parts:
        alone = isinstance(part, ToolCallResponsePart)
        if alone or not found or isinstance(found[-1][0], ToolCallResponsePart):
            found.append([part])
        else:
            found[-1].append(part)
    return found or [[]]
