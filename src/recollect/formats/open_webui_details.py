"""Reasoning and tools inside of texts: the ``<details>`` elements that Open WebUI writes for them."""

from __future__ import annotations

import html
import re
from typing import Any

from ..model import Part, ReasoningPart, TextPart, ToolCallPart, ToolCallResponsePart
from .jsonstream import decode
from .values import present

_OPENING = re.compile(r"<details\b([^>]*)>\s*(?:<summary>([^<]*)</summary>)?")
_CLOSING = "</details>"
_ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')
_QUOTED = re.compile(r"^> ?", re.M)


def read_text(text: str) -> list[Part]:
    """A text's parts in order. Results of calls in a row stand behind the last of these calls."""
    parts: list[Part] = []
    results: list[Part] = []
    place = searched = 0
    while True:
        start = text.find("<details", searched)
        end = text.find(_CLOSING, start) if start >= 0 else -1
        if end < 0:
            break
        searched = start + 1
        opening = _OPENING.match(text, start, end)
        attributes = dict(_ATTRIBUTE.findall(opening[1])) if opening else {}
        if opening is None or attributes.get("type") not in ("reasoning", "tool_calls"):
            continue
        _add_text(text[place:start], parts, results)
        if attributes["type"] == "reasoning":
            _flush(parts, results)
            parts.append(_reasoning(text[opening.end() : end], attributes, opening[2]))
        else:
            _add_call(attributes, parts, results)
        place = searched = end + len(_CLOSING)
    if not place:
        return [TextPart(text)]
    _add_text(text[place:], parts, results)
    _flush(parts, results)
    return parts


def _add_text(text: str, parts: list[Part], results: list[Part]) -> None:
    """What stands between elements, without the line ends that part it from them."""
    if text.strip():
        _flush(parts, results)
        parts.append(TextPart(text.strip("\n")))


def _flush(parts: list[Part], results: list[Part]) -> None:
    parts.extend(results)
    results.clear()


def _reasoning(inner: str, attributes: dict[str, str], summary: str | None) -> Part:
    content = inner.strip("\n")
    if content.startswith("&gt;"):
        content = html.unescape(content)
    own = present(duration=attributes.get("duration"), summary=html.unescape(summary or ""))
    return ReasoningPart(_QUOTED.sub("", content), own or None)


def _add_call(attributes: dict[str, str], parts: list[Part], results: list[Part]) -> None:
    call_id = html.unescape(attributes.get("id", "")) or None
    name = html.unescape(attributes.get("name", ""))
    parts.append(ToolCallPart(name, _value(attributes.get("arguments")), call_id))
    if "result" in attributes:
        own = {"name": name} if name else None
        results.append(ToolCallResponsePart(_text(attributes["result"]), call_id, own))


def _value(attribute: str | None) -> Any:
    """Arguments: JSON, or a JSON text that holds JSON."""
    value: Any = html.unescape(attribute or "")
    for _ in range(2):
        value = decoded_text(value)
    return value


def _text(attribute: str) -> Any:
    """A result: mostly a JSON text."""
    return decoded_text(html.unescape(attribute))


def decoded_text(value: Any) -> Any:
    """What a text of JSON says; any other value as it is."""
    if not isinstance(value, str) or not value:
        return value
    try:
        return decode(value.encode())
    except ValueError:  # no JSON, or a lone surrogate: it is the text itself
        return value
