"""Messages of Claude's data export → messages.

A message there holds a whole answer, with the tools it used on the way. Each call ends a reply of
the model: what a tool answered is a message of its own, and what follows it another reply.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ..model import (
    FilePart,
    Message,
    OtherPart,
    Part,
    ReasoningPart,
    Role,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
)
from .base import derived_uuid
from .times import from_iso
from .values import bool_of, chosen, dicts_of, list_of, name_of, text_of, value_of

_SENDERS: dict[str, Role] = {"human": "user", "user": "user", "assistant": "assistant"}
_OF_CALL = ("integration_name", "message")
_OF_ANSWER = ("name", "structured_content", "integration_name")
_OF_THOUGHT = ("summaries", "cut_off", "truncated", "signature")
_KEPT = ("stop_reason", "truncated", "edited_at", "input_mode")


class _Stretch(NamedTuple):
    """Blocks that are one message."""

    role: Role
    blocks: list[Any]


def build(value: dict[str, Any], message_id: str) -> Iterator[Message]:
    """The messages that one message of the export is; the first has its id."""
    stretches = _stretches(value)
    metadata = _metadata(value)
    for number, stretch in enumerate(stretches):
        parts = [_part(block) for block in stretch.blocks]
        if not number:
            parts += _attached(value)
        begun = from_iso(value_of(stretch.blocks[0], "start_timestamp")) if number else None
        yield Message(
            _id_of(message_id, number),
            None,
            stretch.role,
            tuple(parts),
            begun or from_iso(value.get("created_at")),
            name_of(value, "model") if stretch.role == "assistant" else None,
            metadata=metadata if not number and metadata else None,
        )


def tip_of(value: dict[str, Any], message_id: str) -> str:
    """The id of the last of the messages that ``build`` makes."""
    return _id_of(message_id, len(_stretches(value)) - 1)


def _id_of(message_id: str, number: int) -> str:
    return derived_uuid(message_id.encode(), b"\0%d" % number) if number else message_id


def _stretches(value: dict[str, Any]) -> list[_Stretch]:
    role = _SENDERS.get(text_of(value, "sender") or "", "assistant")
    blocks = list_of(value, "content")
    if not blocks:
        text = text_of(value, "text")
        return [_Stretch(role, [{"type": "text", "text": text}] if text else [])]
    found: list[_Stretch] = []
    for block in blocks:
        if value_of(block, "type") == "tool_result":
            found.append(_Stretch("tool", [block]))
        elif found and found[-1].role == role:
            found[-1].blocks.append(block)
        else:
            found.append(_Stretch(role, [block]))
    return found


def _part(block: Any) -> Part:
    kind = text_of(block, "type")
    if kind == "text" and isinstance(block.get("text"), str):
        return TextPart(block["text"], chosen(block, "citations") or None)
    if kind == "thinking" and isinstance(block.get("thinking"), str):
        return ReasoningPart(block["thinking"], chosen(block, *_OF_THOUGHT) or None)
    if kind == "tool_use":
        own = chosen(block, *_OF_CALL)
        return ToolCallPart(
            name_of(block, "name") or "", block.get("input"), name_of(block, "id"), own or None
        )
    if kind == "tool_result":
        own = chosen(block, *_OF_ANSWER)
        if bool_of(block, "is_error"):
            own["is_error"] = True
        return ToolCallResponsePart(
            _response(block.get("content")), name_of(block, "tool_use_id"), own or None
        )
    return OtherPart(kind or "block", block)


def _response(content: Any) -> Any:
    """A tool's answer: the text itself where it is nothing else."""
    if isinstance(content, list) and len(content) == 1 and value_of(content[0], "type") == "text":
        text = text_of(content[0], "text")
        return content if text is None else text
    return content


def _attached(value: dict[str, Any]) -> list[Part]:
    """Files that were given with a message: the text taken from them, or their ids."""
    parts: list[Part] = []
    for attachment in dicts_of(value, "attachments"):
        own = chosen(attachment, "id", "file_name", "file_type", "file_size")
        parts.append(TextPart(text_of(attachment, "extracted_content") or "", {"attachment": own}))
    for file in list_of(value, "files"):
        file_id = name_of(file, "file_uuid") or name_of(file, "file_name")
        if file_id is None:
            parts.append(OtherPart("file", file))
        else:
            modality = "image" if name_of(file, "file_kind") == "image" else None
            parts.append(FilePart(file_id, None, modality, chosen(file, "file_name", "file_kind") or None))
    return parts


def _metadata(value: dict[str, Any]) -> dict[str, Any]:
    own = chosen(value, *_KEPT)
    if text_of(value, "sender") not in _SENDERS:
        own.update(chosen(value, "sender"))
    return {"claude_ai": own} if own else {}
