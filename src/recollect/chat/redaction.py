"""Secrets in what is said are replaced before it is stored.

Only what has the form of a key: what ``recollect.formats.redacting`` knows as keys, tokens, headers
and passwords in addresses, and values of telling names (``password = …``) that hold both letters and
digits. Addresses of people, names of folders and other words stay: this is the conversation itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from ..errors import InvalidError
from ..formats.redacting import PATTERNS
from ..model import (
    Message,
    OtherPart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    UriPart,
)

Redactor = Callable[[str], str]
"""Takes a text, returns it without what must not be stored."""

_BY_FORM = {"private key", "key or token of a known form", "header", "bearer token", "password in an address"}
_BY_NAME = {
    "quoted value of a telling name",
    "value of a telling name",
    "argument of a telling option",
}
_LIKE_A_KEY = re.compile(r"(?=[^\d]*\d)(?=[^A-Za-z]*[A-Za-z]).{6,}", re.DOTALL)
_FORMS = [(pattern, instead) for kind, pattern, instead in PATTERNS if kind in _BY_FORM]
_NAMED = [(pattern, instead) for kind, pattern, instead in PATTERNS if kind in _BY_NAME]


def redact_keys(text: str) -> str:
    """``text`` with what has the form of a key replaced by ``[redacted]``."""
    for pattern, instead in _FORMS:
        text = pattern.sub(instead, text)
    for pattern, instead in _NAMED:
        text = pattern.sub(_only_keys(instead), text)
    return text


def _only_keys(instead: str) -> Callable[[re.Match[str]], str]:
    def replaced(match: re.Match[str]) -> str:
        value = match[0][sum(len(group or "") for group in match.groups()) :]
        return match.expand(instead) if _LIKE_A_KEY.fullmatch(value) else match[0]

    return replaced


def redactor_of(given: bool | Redactor) -> Redactor | None:
    """What ``redact=`` asks for. Raises InvalidError."""
    if given is False or given is None:
        return None
    if given is True:
        return redact_keys
    if callable(given):
        return given
    raise InvalidError(f"redact= takes True, False or a function of a text, not {given!r}.")


def redacted(message: Message, redact: Redactor) -> Message:
    """The message with its texts, tool arguments and answers redacted; the same object if nothing was."""
    parts = tuple(_part(part, redact) for part in message.parts)
    return message if parts == message.parts else replace(message, parts=parts)


def _part(part: Part, redact: Redactor) -> Part:
    if isinstance(part, TextPart | ReasoningPart):
        return replace(part, content=redact(part.content))
    if isinstance(part, ToolCallPart):
        return replace(part, arguments=_value(part.arguments, redact))
    if isinstance(part, ToolCallResponsePart):
        return replace(part, response=_value(part.response, redact))
    if isinstance(part, UriPart):
        return replace(part, uri=redact(part.uri))
    if isinstance(part, OtherPart):
        return replace(part, value=_value(part.value, redact))
    return part


def _value(value: Any, redact: Redactor) -> Any:
    """A JSON value with its texts redacted; a text under a telling key is seen with that key."""
    root = [value]
    waiting: list[Any] = [root]
    while waiting:  # no recursion: values may be nested deeply
        holder = waiting.pop()
        for key, item in list(holder.items() if isinstance(holder, dict) else enumerate(holder)):
            if isinstance(item, str):
                holder[key] = _text_of(key, item, redact)
            elif isinstance(item, dict | list):
                holder[key] = item.copy()
                waiting.append(holder[key])
    return root[0]


def _text_of(key: object, text: str, redact: Redactor) -> str:
    if isinstance(key, str):
        shown = redact(f"{key}: {text}")
        if shown.startswith(f"{key}: "):
            return shown[len(key) + 2 :]
    return redact(text)
