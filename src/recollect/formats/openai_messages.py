"""OpenAI chat messages ⇄ messages.

What the plain form of a message would not say again (nulls against missing keys, keys of other
clients) is kept in ``metadata["openai_chat"]``, so that writing gives back the values read.
"""

from __future__ import annotations

from typing import Any

from ..codec import dumps
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
from .openai_parts import (
    KEPT,
    canonical,
    kept,
    read_arguments,
    read_call,
    read_piece,
    write_arguments,
    write_call,
    write_piece,
)

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}
_REASONING = ("reasoning_content", "reasoning")
_PLAIN = frozenset(("role", "content"))


class MessageReader:
    """Reads the messages of one conversation in order, pairing calls and answers."""

    def __init__(self) -> None:
        self._count = 0
        self._open: list[tuple[str, str]] = []
        """(id, tool) of calls without an answer so far."""

    def read(self, value: Any) -> Message:
        """The next message. Raises ValueError for what is none."""
        self._count += 1
        if not isinstance(value, dict):
            raise ValueError(f"message {self._count} is not an object")
        role = _ROLES.get(value.get("role", "")) if isinstance(value.get("role"), str) else None
        if role is None:
            raise ValueError(f"message {self._count} has no role that is one of {', '.join(_ROLES)}")
        content = value.get("content")
        if role != "tool" and isinstance(content, str) and value.keys() == _PLAIN:
            place = f"{self._count}\0{role}\0".encode()
            message_id = derived_uuid(place, content.encode("utf-8", "surrogatepass"))
            return Message(message_id, None, role, (TextPart(content),))
        message_id = derived_uuid(b"%d\0" % self._count, canonical(value))
        parts, own = self._tool(value) if role == "tool" else self._other(value)
        message = Message(message_id, None, role, tuple(parts), metadata={KEPT: own} if own else None)
        return message if write_message(message) == value else self._verbatim(message, value)

    def _verbatim(self, message: Message, value: dict[str, Any]) -> Message:
        """Keep the whole message beside its parts: its form is one that no rule foresees."""
        return Message(message.id, None, message.role, message.parts, metadata={KEPT: {"message": value}})

    def _other(self, value: dict[str, Any]) -> tuple[list[Part], dict[str, Any]]:
        own: dict[str, Any] = {}
        parts: list[Part] = []
        taken = {"role", "content"}
        for key in _REASONING:
            if isinstance(value.get(key), str):
                parts.append(
                    ReasoningPart(value[key], {KEPT: {"key": key}} if key != _REASONING[0] else None)
                )
                taken.add(key)
                break
        _read_content(value, parts, own)
        if isinstance(value.get("refusal"), str):
            parts.append(OtherPart("refusal", value["refusal"]))
            taken.add("refusal")
        if isinstance(value.get("tool_calls"), list) and value["tool_calls"]:
            taken.add("tool_calls")
            for i, call in enumerate(value["tool_calls"]):
                parts.append(self._called(read_call(call, f"call_{self._count}_{i}")))
        match value.get("function_call"):
            case {"name": str(name), "arguments": str(text), **others} if not others:
                taken.add("function_call")
                arguments, exact = read_arguments(text)
                legacy = {"legacy": True} if exact else {"legacy": True, "arguments": text}
                parts.append(
                    self._called(ToolCallPart(name, arguments, f"call_{self._count}", {KEPT: legacy}))
                )
        rest = {key: item for key, item in value.items() if key not in taken}
        if rest:
            own["keys"] = rest
        return parts, own

    def _called(self, part: Part) -> Part:
        if isinstance(part, ToolCallPart) and part.id is not None:
            self._open.append((part.id, part.name))
        return part

    def _tool(self, value: dict[str, Any]) -> tuple[list[Part], dict[str, Any]]:
        own: dict[str, Any] = {}
        call_id, name = value.get("tool_call_id"), value.get("name")
        of_part: dict[str, Any] = {}
        taken = {"role", "content"}
        if value["role"] == "function":
            own["role"] = "function"
        if isinstance(name, str):
            of_part["name"] = name
            taken.add("name")
        if isinstance(call_id, str):
            taken.add("tool_call_id")
            self._open = [pair for pair in self._open if pair[0] != call_id]
        else:
            call_id = self._next_open(name)
            if call_id is not None:
                of_part[KEPT] = {"made_id": True}
        if "content" not in value:
            own["content"] = "missing"
        elif not isinstance(value["content"], str | list | None):
            own["content"] = "value"
        rest = {key: item for key, item in value.items() if key not in taken}
        if rest:
            own["keys"] = rest
        return [ToolCallResponsePart(value.get("content"), call_id, of_part or None)], own

    def _next_open(self, name: Any) -> str | None:
        """The oldest call that still waits for an answer, of that tool if it is named."""
        for i, (call_id, tool) in enumerate(self._open):
            if not isinstance(name, str) or tool == name:
                del self._open[i]
                return call_id
        return None


def _read_content(value: dict[str, Any], parts: list[Part], own: dict[str, Any]) -> None:
    content = value.get("content")
    if "content" not in value:
        own["content"] = "missing"
    elif isinstance(content, str):
        parts.append(TextPart(content))
    elif isinstance(content, list):
        own["content"] = "list"
        parts.extend(read_piece(piece) for piece in content)
    elif content is not None:
        parts.append(OtherPart("content", content))
        own["content"] = "value"


def write_message(message: Message) -> dict[str, Any]:
    """A message as the OpenAI chat API takes it, or as it was read."""
    own = kept(message.metadata)
    if isinstance(own.get("message"), dict):
        return dict(own["message"])
    written: dict[str, Any] = {"role": own.get("role", message.role)}
    answers = [part for part in message.parts if isinstance(part, ToolCallResponsePart)]
    if message.role == "tool" and answers:
        _write_answer(answers[0], own, written)
    else:
        _write_parts(message, own, written)
    if own.get("content") == "missing":
        del written["content"]
    written.update(own.get("keys", {}))
    return written


def write_messages(message: Message) -> list[dict[str, Any]]:
    """The same, split where one message holds several tools' answers."""
    answers = [part for part in message.parts if isinstance(part, ToolCallResponsePart)]
    if message.role != "tool" or len(answers) < 2:
        return [write_message(message)]
    return [write_message(Message(role="tool", parts=(answer,))) for answer in answers]


def _write_answer(answer: ToolCallResponsePart, own: dict[str, Any], written: dict[str, Any]) -> None:
    metadata = answer.metadata or {}
    if answer.id is not None and not kept(metadata).get("made_id"):
        written["tool_call_id"] = answer.id
    if isinstance(metadata.get("name"), str):
        written["name"] = metadata["name"]
    response = answer.response
    if own.get("content") != "value" and not isinstance(response, str | list | None):
        response = dumps(response).decode()  # the API takes text only
    written["content"] = response


def _write_parts(message: Message, own: dict[str, Any], written: dict[str, Any]) -> None:
    content: list[Part] = []
    calls: list[Any] = []
    for part in message.parts:
        if isinstance(part, ReasoningPart):
            key = kept(part.metadata).get("key", _REASONING[0])
            written[key] = f"{written[key]}\n{part.content}" if key in written else part.content
        elif isinstance(part, ToolCallPart) and kept(part.metadata).get("legacy"):
            written["function_call"] = {"name": part.name, "arguments": write_arguments(part)}
        elif isinstance(part, ToolCallPart) or (isinstance(part, OtherPart) and part.kind == "tool_call"):
            calls.append(write_call(part))
        elif isinstance(part, OtherPart) and part.kind == "refusal":
            written["refusal"] = part.value
        else:
            content.append(part)
    if calls:
        written["tool_calls"] = calls
    written["content"] = _write_content(content, own.get("content"))


def _write_content(content: list[Part], form: Any) -> Any:
    if form == "value" and len(content) == 1 and isinstance(content[0], OtherPart):
        return content[0].value
    if form != "list" and not content:
        return None
    if form != "list" and all(isinstance(part, TextPart) for part in content):
        return "\n".join([part.content for part in content if isinstance(part, TextPart)])
    return [write_piece(part) for part in content]
