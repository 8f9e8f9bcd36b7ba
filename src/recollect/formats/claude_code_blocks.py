"""Content blocks of Claude Code (those of the Anthropic API) as parts."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
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

KEY = "claude_code"
"""The metadata key under which stands what only this format knows."""

_TEXT_KEYS = frozenset(("type", "text"))
_CALL_KEYS = frozenset(("type", "id", "name", "input"))
_RESULT_KEYS = frozenset(("type", "tool_use_id", "content", "is_error"))
_DIRECT = {"type": "direct"}


def part_of(block: dict[str, Any]) -> Part:
    """A block as a part; one that is unknown or not of its usual form is kept whole."""
    match block.get("type"):
        case "text":
            text = block.get("text")
            if isinstance(text, str):
                return TextPart(text, _rest(block, _TEXT_KEYS) if len(block) > 2 else None)
        case "thinking":
            return _reasoning(block)
        case "tool_use":
            return _call(block)
        case "image" | "document":
            return _sourced(block)
    return _other(block)


def _other(block: dict[str, Any]) -> OtherPart:
    kind = block.get("type")
    return OtherPart(kind if isinstance(kind, str) else "unknown", block)


def _rest(block: dict[str, Any], known: frozenset[str]) -> dict[str, Any] | None:
    rest = {key: value for key, value in block.items() if key not in known}
    return {KEY: rest} if rest else None


def _reasoning(block: dict[str, Any]) -> Part:
    thinking, signature = block.get("thinking", ""), block.get("signature")
    if not isinstance(thinking, str) or not isinstance(signature, str | None):
        return _other(block)
    return ReasoningPart(thinking, None if signature is None else {"signature": signature})


def _call(block: dict[str, Any]) -> Part:
    name, call_id = block.get("name"), block.get("id")
    if not isinstance(name, str) or not isinstance(call_id, str | None):
        return _other(block)
    rest = _rest(block, _CALL_KEYS) if len(block) > 4 else None
    if rest is not None and rest[KEY].get("caller") == _DIRECT:
        del rest[KEY]["caller"]  # the model itself, as nearly always
        rest = rest if rest[KEY] else None
    return ToolCallPart(name, block.get("input"), call_id, rest)


def _sourced(block: dict[str, Any]) -> Part:
    """An image or a document, which stand inside, at an address, or at the provider."""
    if len(block) != 2:
        return _other(block)
    kind = block["type"]
    match block.get("source"):
        case {"type": "base64", "media_type": str(mime), "data": str(data), **rest} if not rest:
            try:
                return BlobPart(b64decode(data, validate=True), mime, kind)
            except (binascii.Error, ValueError):
                return _other(block)
        case {"type": "url", "url": str(url), **rest} if not rest:
            return UriPart(url, None, kind)
        case {"type": "file", "file_id": str(file_id), **rest} if not rest:
            return FilePart(file_id, None, kind)
    return _other(block)


def answer_of(block: dict[str, Any]) -> ToolCallResponsePart:
    """A ``tool_result`` block as a part."""
    call_id = block.get("tool_use_id")
    metadata: dict[str, Any] = {}
    if block.get("is_error") is True:
        metadata["is_error"] = True
    if len(block) > 3 and (rest := _rest(block, _RESULT_KEYS)) is not None:
        metadata |= rest
    return ToolCallResponsePart(
        block.get("content"), call_id if isinstance(call_id, str) else None, metadata or None
    )


def block_of(part: Part) -> dict[str, Any]:
    """A part as the block that reads as it."""
    rest = (part.metadata or {}).get(KEY)
    more = rest if isinstance(rest, dict) else {}
    match part:
        case TextPart(content=text):
            return {"type": "text", "text": text, **more}
        case ReasoningPart(content=thinking):
            signature = (part.metadata or {}).get("signature")
            signed = {"signature": signature} if isinstance(signature, str) else {}
            return {"type": "thinking", "thinking": thinking, **signed}
        case ToolCallPart(name=name, arguments=arguments, id=call_id):
            given = {} if arguments is None else arguments
            return {"type": "tool_use", "id": call_id, "name": name, "input": given, **more}
        case ToolCallResponsePart(response=response, id=call_id):
            failed = {"is_error": True} if (part.metadata or {}).get("is_error") is True else {}
            content = response if isinstance(response, str | list | None) else dumps(response).decode()
            return {"type": "tool_result", "tool_use_id": call_id, "content": content, **failed, **more}
        case BlobPart(content=content, mime_type=mime):
            data = {"type": "base64", "media_type": mime, "data": b64encode(content).decode()}
            return {"type": _kind(part), "source": data}
        case UriPart(uri=url):
            return {"type": _kind(part), "source": {"type": "url", "url": url}}
        case FilePart(file_id=file_id):
            return {"type": _kind(part), "source": {"type": "file", "file_id": file_id}}
        case OtherPart(kind=kind, value=value):
            own = isinstance(value, dict) and value.get("type") == kind
            return dict(value) if own else {"type": kind, "value": value}


def _kind(part: BlobPart | UriPart | FilePart) -> str:
    image = part.modality == "image" or (part.mime_type or "").startswith("image/")
    return "image" if image else "document"
