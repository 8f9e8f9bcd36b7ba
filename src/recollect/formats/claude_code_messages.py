"""Records of Claude Code as messages.

The records of one reply become one assistant message. A user record becomes a tool message for
each result in it, and a user message for whatever else it holds.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..model import Message, Part, TextPart, Usage
from .base import derived_uuid
from .claude_code_blocks import KEY, answer_of, part_of
from .claude_code_injected import injected_record, injected_reply, injected_text
from .claude_code_records import Blocks, Record
from .times import from_iso


class _Twin(msgspec.Struct, gc=False):
    agent_id: str | None = msgspec.field(default=None, name="agentId")


_decode_twin = msgspec.json.Decoder(_Twin).decode


def results_in(record: Record) -> list[str | None]:
    """The ids of the calls that a user record answers, one for each result in it."""
    content = None if record.message is None else record.message.content
    if not isinstance(content, list):
        return []
    return [
        call_id if isinstance(call_id := block.get("tool_use_id"), str) else None
        for block in content
        if block.get("type") == "tool_result"
    ]


def calls_in(record: Record) -> list[str]:
    """The ids of the calls that an assistant record makes."""
    content = None if record.message is None else record.message.content
    if not isinstance(content, list):
        return []
    return [
        call_id
        for block in content
        if block.get("type") == "tool_use" and isinstance(call_id := block.get("id"), str)
    ]


def count_in(record: Record) -> int:
    """How many messages a user record becomes."""
    results = len(results_in(record))
    if not results:
        return 1
    assert record.message is not None
    return results + (results < len(record.message.content or ()))


def message_id(uuid: str, nth: int) -> str:
    """The id of the ``nth`` message of the record ``uuid``: the first one has the record's own."""
    return (
        uuid if not nth else derived_uuid(b"claude-code\0%d\0" % nth, uuid.encode("utf-8", "surrogatepass"))
    )


def from_user(record: Record, uuid: str, nth: int, parent: str | None, of_agent: bool = False) -> Message:
    """The ``nth`` message of a user record; what a sub-agent is told comes from another agent."""
    content = None if record.message is None else record.message.content
    injected = injected_record(record) or ("agent_prompt" if of_agent else None)
    metadata: dict[str, Any] = {KEY: {"uuids": [uuid]}}
    moment = from_iso(record.timestamp)
    own = message_id(uuid, nth)
    if not isinstance(content, list):
        text = content or ""
        injected = injected_text(text) or injected
        if injected is not None:
            metadata["injected"] = injected
        return Message(own, parent, "user", (TextPart(text),), moment, metadata=metadata)
    results = [block for block in content if block.get("type") == "tool_result"]
    if nth < len(results):
        if injected is not None and not of_agent:
            metadata["injected"] = injected
        if not nth and (agent := agent_of(record)) is not None:
            metadata[KEY]["agent_id"] = agent
        return Message(own, parent, "tool", (answer_of(results[nth]),), moment, metadata=metadata)
    parts, kind = _user_parts([block for block in content if block.get("type") != "tool_result"])
    injected = kind or injected
    if injected is not None:
        metadata["injected"] = injected
    return Message(own, parent, "user", parts, moment, metadata=metadata)


def _user_parts(blocks: Blocks) -> tuple[tuple[Part, ...], str | None]:
    """A user's blocks as parts. Injected texts are marked: the message when all are, else each."""
    parts = [part_of(block) for block in blocks]
    kinds = [injected_text(part.content) if isinstance(part, TextPart) else None for part in parts]
    if parts and all(kinds):
        return tuple(parts), kinds[0]
    for i, kind in enumerate(kinds):
        part = parts[i]
        if kind is not None and isinstance(part, TextPart):
            parts[i] = TextPart(part.content, {"injected": kind, **(part.metadata or {})})
    return tuple(parts), None


def agent_of(record: Record) -> str | None:
    """The sub-agent whose work a result is the end of."""
    twin = record.tool_use_result
    if b'"agentId"' not in bytes(twin):
        return None
    try:
        return _decode_twin(twin).agent_id
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def from_reply(records: list[Record], uuids: list[str], parent: str | None) -> Message:
    """The one message of all records of a reply."""
    first = records[0]
    own: dict[str, Any] = {"uuids": uuids}
    parts: list[Part] = []
    usage: dict[str, Any] | None = None
    for record in records:
        body = record.message
        if body is None:
            continue
        if isinstance(body.content, list):
            for block in body.content:
                parts.append(part_of(block))
        elif body.content is not None:
            parts.append(TextPart(body.content))
        if body.usage is not None:
            usage = body.usage
        if body.stop_reason is not None:
            own["stop_reason"] = body.stop_reason
    body = first.message
    if body is not None and body.id is not None:
        own["message_id"] = body.id
    if first.request_id is not None:
        own["request_id"] = first.request_id
    if usage is not None and (created := _count(usage, "cache_creation_input_tokens")):
        own["cache_creation_input_tokens"] = created
    metadata: dict[str, Any] = {KEY: own}
    if (injected := injected_reply(first)) is not None:
        metadata["injected"] = injected
    return Message(
        uuids[0],
        parent,
        "assistant",
        tuple(parts),
        from_iso(first.timestamp),
        None if body is None else body.model,
        None if usage is None else _usage(usage),
        metadata,
    )


def _usage(stated: dict[str, Any]) -> Usage:
    return Usage(
        _count(stated, "input_tokens"),
        _count(stated, "output_tokens"),
        _count(stated, "cache_read_input_tokens"),
    )


def _count(stated: dict[str, Any], key: str) -> int:
    value = stated.get(key)
    return value if value.__class__ is int and 0 <= value < 1 << 63 else 0
