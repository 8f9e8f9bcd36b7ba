"""Messages as a session file that Claude Code's own rules accept: records in one chain."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from ..codec import dumps
from ..model import Message, Part, SessionInfo, TextPart, ToolCallPart, Usage, timestamp
from .base import Write, derived_uuid
from .claude_code_blocks import KEY, block_of
from .claude_code_injected import injected_text
from .claude_code_messages import message_id

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)
_FLAGS = {
    "compact_summary": {"isVisibleInTranscriptOnly": True, "isCompactSummary": True},
    "transcript_only": {"isVisibleInTranscriptOnly": True},
    "meta": {"isMeta": True},
    "api_error": {"isApiErrorMessage": True},
}


def write(info: SessionInfo, messages: Iterable[Message], write: Write) -> None:
    """The session's line, a record for each block of a reply; title and summary behind it."""
    session = _session_id(info)
    chain = _Chain(info, session)
    for group in _groups(messages):
        for record in chain.records(group):
            write(dumps(record).decode() + "\n")
    facts: list[dict[str, Any]] = []
    if info.name is not None:
        facts.append({"type": "custom-title", "customTitle": info.name, "sessionId": session})
    if info.summary is not None and chain.last is not None:
        facts.append({"type": "summary", "summary": info.summary, "leafUuid": chain.last})
    for fact in facts:
        write(dumps(fact).decode() + "\n")


def _session_id(info: SessionInfo) -> str:
    imported = info.metadata.get("imported")
    native = imported.get("id") if isinstance(imported, dict) else None
    return _uuid(native if isinstance(native, str) and _UUID.fullmatch(native) else info.id)


def _uuid(name: str) -> str:
    """A name as a UUID: itself, or one made from it."""
    if _UUID.fullmatch(name):
        return name
    return derived_uuid(b"claude-code\0name\0", name.encode("utf-8", "surrogatepass"))


def _own(message: Message) -> dict[str, Any]:
    """What reading this format put aside in a message's metadata."""
    found = (message.metadata or {}).get(KEY)
    return found if isinstance(found, dict) else {}


def _groups(messages: Iterable[Message]) -> Iterator[list[Message]]:
    """The messages, together those that were one user record."""
    group: list[Message] = []
    for message in messages:
        if group and _continues(group, message):
            group.append(message)
            continue
        if group:
            yield group
        group = [message]
    if group:
        yield group


def _continues(group: list[Message], message: Message) -> bool:
    first = group[0]
    return (
        first.role == "tool"
        and message.role in ("tool", "user")
        and group[-1].role == "tool"
        and _own(message).get("uuids") == [first.id]
        and message.id == message_id(first.id, len(group))
    )


class _Chain:
    """The records of one line, each under the one before it."""

    def __init__(self, info: SessionInfo, session: str) -> None:
        self.last: str | None = None
        self._replies: set[int] = set()
        self._calls = 0
        self._open: list[str] = []
        self._common = {"isSidechain": False, "userType": "external", "sessionId": session}
        for key, name in (("cwd", "cwd"), ("gitBranch", "git_branch"), ("version", "tool_version")):
            if isinstance(info.metadata.get(name), str):
                self._common[key] = info.metadata[name]

    def records(self, group: list[Message]) -> Iterator[dict[str, Any]]:
        """The records of one reply, or of what was one user record."""
        if group[0].role == "assistant":
            yield from self._reply(group[0])
        else:
            yield self._user(group)

    def _record(self, kind: str, uuid: str, message: Message, body: dict[str, Any]) -> dict[str, Any]:
        record = {"parentUuid": self.last, **self._common, "type": kind, "uuid": uuid, "message": body}
        if (moment := timestamp(message.created_at)) is not None:
            record["timestamp"] = moment
        self.last = uuid
        return record

    def _reply(self, message: Message) -> Iterator[dict[str, Any]]:
        own = _own(message)
        uuids = self._uuids(message, own.get("uuids"))
        request = own.get("request_id")
        flags = _FLAGS["api_error"] if (message.metadata or {}).get("injected") == "api_error" else {}
        blocks = [self._named(block_of(part)) for part in message.parts]
        name = self._reply_name(own.get("message_id"), uuids[0])
        last = len(uuids) - 1
        for i, uuid in enumerate(uuids):
            body: dict[str, Any] = {
                "id": name,
                "type": "message",
                "role": "assistant",
                "model": message.model,
                "content": blocks[i : i + 1],
                "stop_reason": None if i < last else _stop_reason(message, own),
                "stop_sequence": None,
            }
            if message.usage is not None:
                body["usage"] = _usage(message.usage, own)
            record = self._record("assistant", uuid, message, body)
            if isinstance(request, str):
                record["requestId"] = request
            yield record | flags

    def _uuids(self, message: Message, known: Any) -> list[str]:
        """A UUID for each block: those it was read from, as far as they are known."""
        count = max(1, len(message.parts))
        first = _uuid(message.id)
        if isinstance(known, list) and len(known) == count and known[0] == first:
            texts = [name for name in known if isinstance(name, str) and _UUID.fullmatch(name)]
            if len(set(texts)) == count:
                return texts
        return [first, *(message_id(first, i) for i in range(1, count))]

    def _reply_name(self, known: Any, uuid: str) -> str:
        """The reply's own id, which no other reply may have: records are put together by it."""
        name = known if isinstance(known, str) and known else f"msg_{uuid.replace('-', '')}"
        if hash(name) in self._replies:
            name = f"msg_{uuid.replace('-', '')}"
        self._replies.add(hash(name))
        return name

    def _named(self, block: dict[str, Any]) -> dict[str, Any]:
        """A block whose tool call has an id; answers without one are given those of open calls."""
        if block.get("type") == "tool_use" and "id" in block and block["id"] is None:
            self._calls += 1
            made = f"toolu_{self._calls:024}"
            block["id"] = made
            self._open.append(made)
        elif block.get("type") == "tool_result" and block.get("tool_use_id") is None and self._open:
            block["tool_use_id"] = self._open.pop(0)
        return block

    def _user(self, group: list[Message]) -> dict[str, Any]:
        message = group[0]
        parts = [part for one in group for part in one.parts]
        content = _plain(parts)
        if content is None:
            body: dict[str, Any] = {"role": "user", "content": [self._named(block_of(p)) for p in parts]}
        else:
            body = {"role": "user", "content": content}
        record = self._record("user", _uuid(message.id), message, body)
        agent = _own(message).get("agent_id")
        if isinstance(agent, str):
            record["toolUseResult"] = {"agentId": agent}
        return record | _flags(group[-1], parts)


def _plain(parts: list[Part]) -> str | None:
    """The text of a message that is nothing else."""
    if len(parts) == 1 and isinstance(parts[0], TextPart) and parts[0].metadata is None:
        return parts[0].content
    return None


def _flags(message: Message, parts: list[Part]) -> dict[str, Any]:
    """What says of a user record that nobody typed it, unless its text says so."""
    kind = (message.metadata or {}).get("injected")
    if message.role in ("system", "developer"):
        return _FLAGS["meta"]
    if not isinstance(kind, str):
        return {}
    said = [injected_text(part.content) if isinstance(part, TextPart) else None for part in parts]
    if said and all(said) and said[0] == kind:
        return {}
    return _FLAGS.get(kind) or {"origin": {"kind": kind.replace("_", "-")}}


def _stop_reason(message: Message, own: dict[str, Any]) -> str | None:
    if own:
        reason = own.get("stop_reason")
        return reason if isinstance(reason, str) else None
    return "tool_use" if any(isinstance(part, ToolCallPart) for part in message.parts) else "end_turn"


def _usage(usage: Usage, own: dict[str, Any]) -> dict[str, int]:
    created = own.get("cache_creation_input_tokens")
    return {
        "input_tokens": usage.input_tokens,
        "cache_creation_input_tokens": created if isinstance(created, int) else 0,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.output_tokens,
    }
