"""Content blocks of the Anthropic Messages API ⇄ parts."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from ..codec import dumps
from ..model import (
    BlobPart,
    FilePart,
    OtherPart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    UriPart,
)

KEPT = "anthropic"
"""The metadata key under which stands what only this format knows."""

_NO_ID = "call"
_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_ANSWERS = frozenset({"text", "image", "document", "search_result", "tool_reference"})
"""What the list in a ``tool_result`` may hold."""
_KINDS = frozenset({"redacted_thinking", "document", "search_result", "container_upload", "image"})


def kept(metadata: dict[str, Any] | None) -> dict[str, Any]:
    """What this format put aside in a part's or message's metadata."""
    found = (metadata or {}).get(KEPT)
    return found if isinstance(found, dict) else {}


def read_block(block: Any) -> Part:
    """A block as a part; one that is unknown or of another form is kept whole."""
    part = _read_known(block)
    if part is not None and write_block(part) == block:
        return part
    kind = block.get("type") if isinstance(block, dict) else None
    return OtherPart(kind if isinstance(kind, str) else "unknown", block, {KEPT: {"own": True}})


def _read_known(block: Any) -> Part | None:
    match block:
        case {"type": "text", "text": str(text), **rest}:
            return TextPart(text, {KEPT: {"keys": rest}} if rest else None)
        case {"type": "thinking", "thinking": str(text), "signature": str(signature)}:
            return ReasoningPart(text, {"signature": signature})
        case {"type": "tool_use", "id": str(call_id), "name": str(name), "input": dict(value), **rest}:
            return ToolCallPart(name, value, call_id, {KEPT: {"keys": rest}} if rest else None)
        case {"type": "tool_result", "tool_use_id": str(call_id)}:
            return _read_answer(block, call_id)
        case {"type": "image" | "document", "source": dict(source)}:
            return _read_source(source, "image" if block["type"] == "image" else None)
    return None


def _read_answer(block: dict[str, Any], call_id: str) -> Part:
    metadata: dict[str, Any] = {"is_error": True} if block.get("is_error") is True else {}
    rest = {key: value for key, value in block.items() if key not in ("type", "tool_use_id", "content")}
    if metadata:
        del rest["is_error"]
    own: dict[str, Any] = {"keys": rest} if rest else {}
    if "content" not in block:
        own["content"] = "missing"
    if own:
        metadata[KEPT] = own
    return ToolCallResponsePart(block.get("content"), call_id, metadata or None)


def _read_source(source: dict[str, Any], modality: str | None) -> Part | None:
    match source:
        case {"type": "base64", "media_type": str(mime), "data": str(data)}:
            try:
                return BlobPart(base64.b64decode(data, validate=True), mime, modality)
            except (binascii.Error, ValueError):
                return None
        case {"type": "url", "url": str(url)}:
            return UriPart(url, None, modality)
        case {"type": "file", "file_id": str(file_id)}:
            return FilePart(file_id, None, modality)
    return None


def write_block(part: Part) -> dict[str, Any] | None:
    """A part as a block that the API takes; None for empty text, which it does not take."""
    keys = kept(part.metadata).get("keys", {})
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.content, **keys} if part.content or keys else None
    if isinstance(part, ReasoningPart):
        return _write_reasoning(part)
    if isinstance(part, ToolCallPart):
        value = part.arguments if isinstance(part.arguments, dict) else {"arguments": part.arguments}
        return {"type": "tool_use", "id": part.id or _NO_ID, "name": part.name, "input": value, **keys}
    if isinstance(part, ToolCallResponsePart):
        return _write_answer(part, keys)
    if isinstance(part, OtherPart):
        return _write_other(part)
    return _write_file(part)


def _write_reasoning(part: ReasoningPart) -> dict[str, Any] | None:
    signature = (part.metadata or {}).get("signature")
    if isinstance(signature, str):
        return {"type": "thinking", "thinking": part.content, "signature": signature}
    # The API refuses thinking that it did not sign: another model's becomes text.
    return _said(f"<thinking>\n{part.content}\n</thinking>") if part.content else None


def _write_answer(part: ToolCallResponsePart, keys: dict[str, Any]) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": part.id or _NO_ID}
    response = part.response
    own = kept(part.metadata)
    if own.get("content") != "missing" and response is not None:
        block["content"] = response if isinstance(response, str) or _is_content(response) else _json(response)
    if (part.metadata or {}).get("is_error"):
        block["is_error"] = True
    return {**block, **keys}


def _is_content(response: Any) -> bool:
    return isinstance(response, list) and all(
        isinstance(item, dict) and item.get("type") in _ANSWERS for item in response
    )


def _write_other(part: OtherPart) -> dict[str, Any]:
    own = kept(part.metadata).get("own")
    if isinstance(part.value, dict) and (own or part.value.get("type") in _KINDS):
        return part.value
    return _said(f"[{part.kind}] {_json(part.value)}")


def _write_file(part: BlobPart | FilePart | UriPart) -> dict[str, Any]:
    kind = "image" if part.modality == "image" else "document"
    if isinstance(part, FilePart):
        return {"type": kind, "source": {"type": "file", "file_id": part.file_id}}
    if isinstance(part, UriPart):
        usual = part.uri.startswith(("https://", "http://")) and part.modality in ("image", None)
        return {"type": kind, "source": {"type": "url", "url": part.uri}} if usual else _said(part.uri)
    if part.mime_type in _PICTURES or part.mime_type == "application/pdf":
        kind = "image" if part.mime_type in _PICTURES else "document"
        data = base64.b64encode(part.content).decode()
        return {"type": kind, "source": {"type": "base64", "media_type": part.mime_type, "data": data}}
    return _said(f"[attachment: {part.mime_type or 'data'}, {len(part.content)} bytes]")


def answer_as_text(block: dict[str, Any]) -> dict[str, Any]:
    """A tool's answer to a call that is not there, which the API takes as words only."""
    content = block.get("content")
    return _said(f"[tool result] {content if isinstance(content, str) else _json(content)}")


def _said(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _json(value: Any) -> str:
    return dumps(value).decode()
