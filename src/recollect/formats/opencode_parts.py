"""OpenCode's parts of messages."""

from __future__ import annotations

import base64
import binascii
import re
from decimal import Decimal
from typing import Any

from ..model import (
    BlobPart,
    OtherPart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    UriPart,
    Usage,
)
from .values import bool_of, chosen, count_of, dict_of, dicts_of, name_of, number_of, text_of, value_of

KEPT = "opencode"
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w=.-]+)*;base64,")
_ENDED = ("completed", "success", "error")
_BOOKKEEPING = ("step-start", "step-finish", "snapshot")


def part_of(value: dict[str, Any]) -> Part | None:
    """A part as one of ours; None for bookkeeping that says nothing."""
    kind = name_of(value, "type")
    text = text_of(value, "text")
    if kind == "text" and text is not None:
        return TextPart(text, _own(value, "synthetic", "ignored"))
    if kind == "reasoning" and text is not None:
        return ReasoningPart(text, _own(value, "metadata"))
    if kind == "file":
        return file_part(value)
    if kind == "tool":
        return _call(value)
    if kind in _BOOKKEEPING:
        return None
    told = {k: v for k, v in value.items() if k not in ("id", "sessionID", "messageID", "type")}
    return OtherPart(kind or "part", told)


def _own(value: dict[str, Any], *keys: str) -> dict[str, Any] | None:
    own = chosen(value, *keys)
    return {KEPT: own} if own else None


def file_part(value: dict[str, Any]) -> Part:
    """A file: its bytes where they are in the message, else where it is."""
    url, mime = text_of(value, "url"), name_of(value, "mime")
    if url is None:
        return OtherPart("file", value)
    modality = "image" if (mime or "").startswith("image/") else None
    own = _own(value, "filename", "source")
    data = _DATA_URL.match(url)
    if data is None:
        return UriPart(url, mime, modality, own)
    try:
        content = base64.b64decode(url[data.end() :], validate=True)
    except (binascii.Error, ValueError):
        return OtherPart("file", value)
    return BlobPart(content, mime or data[1], modality, metadata=own)


def _call(value: dict[str, Any]) -> Part:
    name = name_of(value, "tool")
    if name is None:
        return OtherPart("tool", value)
    state = dict_of(value, "state")
    own = chosen(state, "title")
    if (begun := name_of(state, "metadata", "sessionId")) is not None:
        own["session"] = begun
    return ToolCallPart(name, state.get("input"), name_of(value, "callID"), {KEPT: own} if own else None)


def answer_of(value: dict[str, Any]) -> list[Part]:
    """What a tool gave back; nothing as long as it runs."""
    state = dict_of(value, "state")
    status = name_of(state, "status")
    if name_of(value, "tool") is None or status not in _ENDED:
        return []
    failed = status == "error"
    response = state.get("error" if failed else "output")
    metadata: dict[str, Any] = {"is_error": True} if failed else {}
    if (code := value_of(state, "metadata", "exit")) is not None:
        metadata[KEPT] = {"exit": code}
    answer = ToolCallResponsePart(response, name_of(value, "callID"), metadata or None)
    return [answer, *(file_part(file) for file in dicts_of(state, "attachments"))]


def usage_of(value: dict[str, Any]) -> Usage | None:
    """The tokens and the cost that a step or a message tells."""
    tokens = dict_of(value, "tokens")
    cost = number_of(value, "cost")
    if cost is None:
        cost = number_of(value, "cost", "usd")
    usage = Usage(
        input_tokens=count_of(tokens, "input"),
        output_tokens=count_of(tokens, "output"),
        cached_tokens=count_of(tokens, "cache", "read"),
        reasoning_tokens=count_of(tokens, "reasoning"),
        cost_usd=_exact(cost),
    )
    return None if usage == Usage() or (not tokens and not cost) else usage


def _exact(cost: float | None) -> Decimal | None:
    if cost is None:
        return None
    number = Decimal(str(cost))
    return number if number.is_finite() else None


def is_synthetic(value: dict[str, Any]) -> bool:
    """Whether OpenCode itself wrote this text."""
    return bool_of(value, "synthetic") is True
