"""Tool calls and their answers on a line: which are missing, and a line that providers accept."""

from __future__ import annotations

from collections.abc import Sequence

from ..model import Message, Part, ToolCallPart, ToolCallResponsePart

NO_ANSWER = "No answer was recorded: the tool call was interrupted."


def orphans(messages: Sequence[Message]) -> list[str]:
    """The ids of tool calls without an answer, such as a crash leaves behind."""
    answered = {
        part.id for m in messages for part in m.parts if isinstance(part, ToolCallResponsePart) and part.id
    }
    return [
        part.id
        for m in messages
        for part in m.parts
        if isinstance(part, ToolCallPart) and part.id and part.id not in answered
    ]


def repaired(messages: Sequence[Message]) -> list[Message]:
    """The same line in which every tool call is answered, once, directly behind the message that
    made it.

    A missing answer is made up and marked (``metadata["synthetic"]``), a late one is moved up, and
    one that answers no call, or a call answered before, is left out. Nothing stored changes.
    """
    answers: dict[str, list[tuple[int, Message, ToolCallResponsePart]]] = {}
    for place, message in enumerate(messages):
        for part in message.parts:
            if isinstance(part, ToolCallResponsePart) and part.id:
                answers.setdefault(part.id, []).append((place, message, part))
    line: list[Message] = []
    for place, message in enumerate(messages):
        kept = tuple(part for part in message.parts if not isinstance(part, ToolCallResponsePart))
        if kept or (not message.parts and message.role != "tool"):
            line.append(message if len(kept) == len(message.parts) else _with_parts(message, kept))
        calls = dict.fromkeys(p.id for p in message.parts if isinstance(p, ToolCallPart) and p.id)
        for call in calls:
            waiting = answers.get(call, [])
            while waiting and waiting[0][0] < place:
                waiting.pop(0)  # it answered nothing, or an earlier call of the same id
            line.append(_answer(call, waiting.pop(0)[1:] if waiting else None))
    return line


def _answer(call: str, found: tuple[Message, ToolCallResponsePart] | None) -> Message:
    if found is None:
        part = ToolCallResponsePart(NO_ANSWER, call)
        return Message(role="tool", parts=(part,), metadata={"synthetic": True})
    message, part = found
    return message if message.parts == (part,) else _with_parts(message, (part,))


def _with_parts(message: Message, parts: tuple[Part, ...]) -> Message:
    return Message(
        message.id,
        message.parent_id,
        message.role,
        parts,
        message.created_at,
        message.model,
        message.usage,
        message.metadata,
    )
