"""Messages of the Anthropic Messages API ⇄ messages.

The API knows two roles that take turns; tools answer in the user's name. What the plain form would
not say again is kept in ``metadata["anthropic"]``, so that writing gives back the values read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec.structs import replace

from ..model import Message, Part, Role, TextPart, ToolCallResponsePart
from .anthropic_blocks import KEPT, answer_as_text, kept, read_block, write_block
from .base import derived_uuid
from .openai_parts import canonical

NO_ANSWER = "[no result]"
"""What stands for the answer to a call that got none: the API refuses calls without answers."""


class MessageReader:
    """Reads the messages of one conversation in order."""

    def __init__(self) -> None:
        self._count = 0
        self._role = ""

    def read(self, value: Any) -> list[Message]:
        """The next message, its tool results each as a message. Raises ValueError for what is none."""
        self._count += 1
        role = value.get("role") if isinstance(value, dict) else None
        if role not in ("user", "assistant", "system"):
            raise ValueError(f"message {self._count} has no role that is user or assistant")
        found = self._messages(value, role)
        if list(api_messages(found)) != [value]:
            found = [self._marked(message, {"part_of": True}) for message in found]
            found[0] = self._marked(found[0], {"message": value})
        elif role == self._role:
            found[0] = self._marked(found[0], {**kept(found[0].metadata), "new": True})
        self._role = role
        return found

    @staticmethod
    def _marked(message: Message, own: dict[str, Any]) -> Message:
        return replace(message, metadata={KEPT: own})

    def _messages(self, value: dict[str, Any], role: Role) -> list[Message]:
        content = value.get("content")
        if isinstance(content, str):
            runs: list[tuple[Role, list[Part]]] = [(role, [TextPart(content)])]
        else:
            blocks = content if isinstance(content, list) else []
            runs = _runs(role, [read_block(block) for block in blocks])
        own = {"list": True} if isinstance(content, list) and _is_plain(runs) else None
        metadata = None if own is None else {KEPT: own}
        place = b"%d\0" % self._count + canonical(value)
        return [
            Message(derived_uuid(place, b"%d" % number), None, whose, tuple(parts), metadata=metadata)
            for number, (whose, parts) in enumerate(runs)
        ]


def _runs(role: Role, parts: list[Part]) -> list[tuple[Role, list[Part]]]:
    """The parts cut into messages: each tool result is one."""
    runs: list[tuple[Role, list[Part]]] = []
    for part in parts:
        if role == "user" and isinstance(part, ToolCallResponsePart):
            runs.append(("tool", [part]))
        elif runs and runs[-1][0] == role:
            runs[-1][1].append(part)
        else:
            runs.append((role, [part]))
    return runs or [(role, [])]


def _is_plain(runs: list[tuple[Role, list[Part]]]) -> bool:
    """Whether there is one text only, which is written without a list."""
    return len(runs) == 1 and len(runs[0][1]) == 1 and _is_plain_text(runs[0][1][0])


def _is_plain_text(part: Part) -> bool:
    return isinstance(part, TextPart) and not kept(part.metadata)


def api_messages(messages: Iterable[Message]) -> Iterator[dict[str, Any]]:
    """Messages as the API takes them: those that follow each other in one role are one."""
    role, plain, covered = "", False, False
    blocks: list[dict[str, Any]] = []
    for message in messages:
        own = kept(message.metadata)
        if own.get("part_of") and covered:
            continue
        covered = isinstance(own.get("message"), dict)
        whose = "assistant" if message.role == "assistant" else "user"
        if blocks and (covered or own.get("new") or whose != role):
            yield _api_message(role, blocks, plain)
            blocks = []
        if covered:
            yield own["message"]
            continue
        written = [block for block in map(write_block, message.parts) if block is not None]
        plain = (
            not blocks
            and not own.get("list")
            and len(message.parts) == 1
            and _is_plain_text(message.parts[0])
        )
        role, blocks = whose, [*blocks, *written]
    if blocks:
        yield _api_message(role, blocks, plain)


def _api_message(role: str, blocks: list[Any], plain: bool) -> dict[str, Any]:
    return {"role": role, "content": blocks[0]["text"] if plain and len(blocks) == 1 else blocks}


def paired(messages: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """API messages in which each call is answered by the message behind it, and nothing else is."""
    called: list[str] = []
    for message in messages:
        if message["role"] == "user":
            yield _answering(message, called)
            called = []
            continue
        if called:
            yield {"role": "user", "content": [_unanswered(call_id) for call_id in called]}
        content = message["content"]
        blocks = content if isinstance(content, list) else []
        called = [block["id"] for block in blocks if _kind(block) == "tool_use"]
        yield message


def _answering(message: dict[str, Any], called: list[str]) -> dict[str, Any]:
    content = message["content"]
    if isinstance(content, str):
        if not called:
            return message
        content = [{"type": "text", "text": content}]
    answers: dict[str, Any] = {}
    others: list[Any] = []
    for block in content:
        call_id = block.get("tool_use_id") if _kind(block) == "tool_result" else None
        if call_id in called and call_id not in answers:
            answers[call_id] = block
        else:
            others.append(block if call_id is None else answer_as_text(block))
    first = [answers.get(call_id) or _unanswered(call_id) for call_id in called]
    return {"role": "user", "content": [*first, *others]}


def _kind(block: Any) -> Any:
    return block.get("type") if isinstance(block, dict) else None


def _unanswered(call_id: str) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": NO_ANSWER, "is_error": True}
