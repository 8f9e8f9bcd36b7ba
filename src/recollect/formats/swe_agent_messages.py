"""SWE-agent's history entries and steps as messages."""

from __future__ import annotations

from typing import Any

from ..model import (
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
from .openai_parts import canonical, read_arguments
from .values import bool_of, chosen, dict_of, dicts_of, list_of, name_of, text_of, texts_of

KEPT = "swe_agent"
_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}


class HistoryReader:
    """Reads the entries of a run's ``history`` in order."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._count = 0
        self.actions: list[str] = []
        """What the assistant did so far, demonstrations left out."""

    def entry(self, value: Any) -> Message:
        """An entry of ``history``. Raises ValueError for what is none."""
        self._count += 1
        role = _ROLES.get(text_of(value, "role") or "")
        if role is None:
            raise ValueError(f"entry {self._count} has no role that is one of {', '.join(_ROLES)}")
        parts = _parts(value, role)
        metadata: dict[str, Any] = {}
        injected = self._injected(value, role)
        if injected is not None:
            metadata["injected"] = injected
        own = chosen(value, "agent", "message_type", "action", "tags")
        thought = name_of(value, "thought")
        if thought is not None and thought not in (text_of(value, "content") or ""):
            own["thought"] = thought
        if own:
            metadata[KEPT] = own
        if role == "assistant" and injected is None:
            self.actions.append(text_of(value, "action") or "")
        return self._message(role, parts, metadata, value)

    def step(self, value: Any) -> list[Message]:
        """A step of ``trajectory``: what the model said, and what it saw then."""
        if not isinstance(value, dict):
            raise ValueError("a step is not an object")
        said = text_of(value, "response") or text_of(value, "thought") or ""
        own = chosen(value, "action", "execution_time", "state")
        self._count += 1
        found = [self._message("assistant", _text(said), {KEPT: own} if own else {}, value)]
        if (seen := name_of(value, "observation")) is not None:
            self._count += 1
            found.append(self._message("user", _text(seen), {"injected": "observation"}, value))
        return found

    def _injected(self, value: Any, role: Role) -> str | None:
        """What kind of text nobody typed this is."""
        kind = name_of(value, "message_type")
        if bool_of(value, "is_demo") or kind == "demonstration":
            return "demonstration"
        if role == "user" and self.actions:
            return "observation"
        return None

    def _message(self, role: Role, parts: list[Part], metadata: dict[str, Any], value: Any) -> Message:
        place = f"{self._run}\0{self._count}\0{role}\0".encode()
        own_id = derived_uuid(place, canonical(value))
        return Message(own_id, None, role, tuple(parts), metadata=metadata or None)


def _text(text: str) -> list[Part]:
    return [TextPart(text)] if text else []


def _parts(value: dict[str, Any], role: Role) -> list[Part]:
    content = value.get("content")
    if role == "tool":
        ids = texts_of(value, "tool_call_ids") or texts_of({"": [value.get("tool_call_id")]}, "")
        return [ToolCallResponsePart(content, ids[0] if ids else None)]
    parts: list[Part] = [
        ReasoningPart(text, {KEPT: chosen(block, "signature")} if name_of(block, "signature") else None)
        for block in dicts_of(value, "thinking_blocks")
        if (text := text_of(block, "thinking")) is not None
    ]
    if isinstance(content, str):
        parts += _text(content)
    elif isinstance(content, list):
        parts += [_block(block) for block in content]
    elif content is not None:
        parts.append(OtherPart("content", content))
    parts += [_call(call) for call in list_of(value, "tool_calls")]
    return parts


def _block(block: Any) -> Part:
    text = text_of(block, "text")
    if text is not None and text_of(block, "type") == "text":
        return TextPart(text)
    return OtherPart(name_of(block, "type") or "content", block)


def _call(call: Any) -> Part:
    name = name_of(call, "function", "name")
    if name is None:
        return OtherPart("tool_call", call)
    arguments = dict_of(call, "function").get("arguments")
    if isinstance(arguments, str):
        arguments, _ = read_arguments(arguments)
    return ToolCallPart(name, arguments, name_of(call, "id"))
