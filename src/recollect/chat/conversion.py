"""Messages as pydantic-ai sends and gets them, and as recollect keeps them.

What a provider wants back with a part, such as the signature of its reasoning, is kept in the part's
metadata (``id``, ``signature``, ``details``) and sent only to the provider that wrote it, which the
message's metadata names. Reasoning of others stays in the log and is not sent; so does OpenAI's, which
forgets the reasoning of earlier turns and refuses it where a turn was edited.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pydantic
from pydantic_ai import messages as ai

from ..model import (
    Message,
    OtherPart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
)
from .media import blob_of, content_of
from .prices import usage_of
from .toolspecs import storable

_FORGETFUL = {"openai"}
"""Providers that are not sent their reasoning of earlier turns, nor ids of what they store a while."""

_OWN = "pydantic_ai."
"""Begins the kind of a part that only pydantic-ai knows, such as a search by the provider."""

_Parts: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(
    ai.ModelResponsePart, config=pydantic.ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
)


def to_history(messages: Sequence[Message], provider: str) -> list[ai.ModelMessage]:
    """A line of messages for ``provider``; all between two replies is one request."""
    history: list[ai.ModelMessage] = []
    waiting: list[ai.ModelRequestPart] = []
    calls = _Calls()
    for message in messages:
        if message.role != "assistant":
            waiting += _request_parts(message, provider, calls)
            continue
        parts = list(_response_parts(message, provider, calls))
        if not parts:
            continue
        if waiting:
            history.append(ai.ModelRequest(waiting))
            waiting = []
        source = _source(message)
        history.append(ai.ModelResponse(parts, model_name=message.model, provider_name=source))
    if waiting:
        history.append(ai.ModelRequest(waiting))
    return history


def from_response(response: ai.ModelResponse, model: str) -> Message:
    """One call's reply as a message. Texts in a row are one."""
    parts: list[Part] = []
    for part in response.parts:
        converted = _from_part(part, response.provider_name)
        before = parts[-1] if parts else None
        if isinstance(converted, TextPart) and isinstance(before, TextPart):
            metadata = {**(before.metadata or {}), **(converted.metadata or {})}
            parts[-1] = TextPart(before.content + converted.content, metadata or None)
        elif converted is not None:
            parts.append(converted)
    facts = {"provider": response.provider_name, "response_id": response.provider_response_id}
    if response.finish_reason not in (None, "stop", "tool_call"):
        facts["finish_reason"] = response.finish_reason
    return Message(
        role="assistant",
        parts=tuple(parts),
        model=response.model_name or model,
        usage=usage_of(response),
        metadata={key: value for key, value in facts.items() if value} or None,
    )


def from_return(part: ai.ToolReturnPart) -> Message:
    """A tool's answer as a message; files in it are parts of their own."""
    contents = part.content if isinstance(part.content, list) else [part.content]
    files = [content for content in contents if isinstance(content, ai.BinaryContent)]
    result: Any = part.content
    if files:
        rest = [content for content in contents if not isinstance(content, ai.BinaryContent)]
        result = rest[0] if len(rest) == 1 else rest or None
    metadata: dict[str, Any] = {"name": part.tool_name}
    if part.outcome != "success":
        metadata["is_error"] = True
    answer = ToolCallResponsePart(storable(result), part.tool_call_id, metadata)
    return Message(role="tool", parts=(answer, *(blob_of(file) for file in files)))


class _Calls:
    """The tool calls of a line: their names, and ids for those that have none."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._unnamed: list[str] = []

    def made(self, part: ToolCallPart) -> str:
        call_id = part.id
        if not call_id:
            call_id = f"call_without_id_{len(self._names)}"
            self._unnamed.append(call_id)
        self._names[call_id] = part.name
        return call_id

    def answered(self, part: ToolCallResponsePart) -> tuple[str, str] | None:
        """Id and name of the call that ``part`` answers; None when no call waits for it."""
        call_id = part.id or (self._unnamed.pop(0) if self._unnamed else "")
        name = self._names.pop(call_id, None)
        return None if name is None else (call_id, name)


def _request_parts(message: Message, provider: str, calls: _Calls) -> Iterator[ai.ModelRequestPart]:
    moment = message.created_at or datetime.now(UTC)
    if message.role in ("system", "developer"):
        if message.text:
            yield ai.SystemPromptPart(message.text, timestamp=moment)
        return
    contents = [content for part in message.parts if (content := content_of(part, provider)) is not None]
    for part in message.parts:
        if not isinstance(part, ToolCallResponsePart):
            continue
        call = calls.answered(part)
        if call is None:
            contents.append(f"[answer of a tool] {part.response}")
            continue
        files, contents = (contents, []) if message.role == "tool" else ([], contents)
        metadata = {**(message.metadata or {}), **(part.metadata or {})}
        result = [part.response, *files] if files else part.response
        yield ai.ToolReturnPart(call[1], result, call[0], timestamp=moment, outcome=_outcome(metadata))
    if contents:
        # Servers that speak OpenAI's language take a plain text, not all of them a list of one.
        only = contents[0] if len(contents) == 1 else None
        yield ai.UserPromptPart(only if isinstance(only, str) else contents, timestamp=moment)


def _outcome(metadata: dict[str, Any]) -> Any:
    if metadata.get("synthetic"):
        return "interrupted"
    return "failed" if metadata.get("is_error") else "success"


def _source(message: Message) -> str | None:
    source = (message.metadata or {}).get("provider")
    return source if isinstance(source, str) else None


def _response_parts(message: Message, provider: str, calls: _Calls) -> Iterator[ai.ModelResponsePart]:
    own = _source(message) == provider
    for part in message.parts:
        kept = _kept(part, provider) if own else {}
        if isinstance(part, TextPart):
            if part.content:
                yield ai.TextPart(part.content, **kept)
        elif isinstance(part, ReasoningPart):
            if own and provider not in _FORGETFUL:
                yield ai.ThinkingPart(part.content, **kept)
        elif isinstance(part, ToolCallPart):
            yield ai.ToolCallPart(part.name, _arguments(part.arguments), calls.made(part), **kept)
        elif isinstance(part, OtherPart) and part.kind.startswith(_OWN):
            if own and (restored := _restored(part.value)) is not None:
                yield restored
        elif not isinstance(part, ToolCallResponsePart):
            # No provider takes files from a model; a word shows that there was something.
            yield ai.TextPart(f"[{getattr(part, 'modality', None) or getattr(part, 'kind', 'file')}]")


def _kept(part: Part, provider: str) -> dict[str, Any]:
    """What the provider gets back with a part of its own."""
    metadata = part.metadata or {}
    kept: dict[str, Any] = {"provider_name": provider}
    if isinstance(metadata.get("details"), dict):
        kept["provider_details"] = metadata["details"]
    if provider not in _FORGETFUL and isinstance(metadata.get("id"), str):
        kept["id"] = metadata["id"]
    if isinstance(part, ReasoningPart) and isinstance(metadata.get("signature"), str):
        kept["signature"] = metadata["signature"]
    return kept


def _arguments(value: Any) -> str | dict[str, Any]:
    """Arguments as an object; what the model wrote that is none, as it wrote it."""
    if isinstance(value, dict):
        return value
    return value if isinstance(value, str) else {} if value is None else {"value": value}


def _restored(value: Any) -> ai.ModelResponsePart | None:
    try:
        part: ai.ModelResponsePart = _Parts.validate_python(value)
    except pydantic.ValidationError:
        return None  # of another version of pydantic-ai: it stays in the log
    return part


def _from_part(part: ai.ModelResponsePart, provider: str | None) -> Part | None:
    if isinstance(part, ai.TextPart):
        return TextPart(part.content, _metadata(part, provider)) if part.content else None
    if isinstance(part, ai.ThinkingPart):
        return ReasoningPart(part.content, _metadata(part, provider))
    if isinstance(part, ai.ToolCallPart):
        try:
            arguments: Any = part.args_as_dict(raise_if_invalid=True)
        except (ValueError, AssertionError):
            arguments = part.args
        return ToolCallPart(part.tool_name, arguments, part.tool_call_id, _metadata(part, provider))
    if isinstance(part, ai.FilePart):
        return blob_of(part.content)
    return OtherPart(f"{_OWN}{part.part_kind}", storable(_Parts.dump_python(part, mode="json")))


def _metadata(
    part: ai.TextPart | ai.ThinkingPart | ai.ToolCallPart, provider: str | None
) -> dict[str, Any] | None:
    metadata: dict[str, Any] = {}
    if part.id and (isinstance(part, ai.ThinkingPart) or provider not in _FORGETFUL):
        metadata["id"] = part.id
    if isinstance(part, ai.ThinkingPart) and part.signature:
        metadata["signature"] = part.signature
    if part.provider_details:
        metadata["details"] = storable(part.provider_details)
    return metadata or None
