"""Turns of ShareGPT files ⇄ messages.

Calls and results are texts of JSON without ids: results answer calls in order. Placeholders such
as ``<image>`` stand for the next of the conversation's images. Reasoning stands before an answer
in ``<think>``.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

from ..codec import dumps
from ..model import (
    BlobPart,
    Message,
    OtherPart,
    Part,
    ReasoningPart,
    Role,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    UriPart,
)
from .jsonstream import decode
from .openai_parts import read_arguments, read_piece
from .values import is_empty, name_of, text_of

MEDIA = {"image": "images", "video": "videos", "audio": "audios"}
"""What placeholders stand for, and the keys of the lists that hold it."""

_USERS = ("human", "user", "prompter")
_ASSISTANTS = ("gpt", "assistant", "chatgpt", "bing", "bard", "claude", "model", "function_call")
_TOOLS = ("observation", "tool", "function_response")
_ROLES: dict[str, Role] = {
    **dict.fromkeys(_USERS, "user"),
    **dict.fromkeys(_ASSISTANTS, "assistant"),
    **dict.fromkeys(_TOOLS, "tool"),
    "system": "system",
    "developer": "developer",
}
_FROM: dict[Role, str] = {"user": "human", "assistant": "gpt", "system": "system", "tool": "observation"}
_CALLS = ("function_call", "tool_call")
_PLACEHOLDER = re.compile(r"<(image|video|audio)>")
_THOUGHT = re.compile(r"<think>\n(.*?)\n</think>\n\n", re.S)
_PLAIN = frozenset(("from", "value", "role", "content"))


class TurnReader:
    """Reads the turns of one conversation in order, pairing calls with results and placeholders
    with what they stand for."""

    def __init__(self, media: dict[str, list[Any]]) -> None:
        self._media = {kind: list(reversed(items)) for kind, items in media.items()}
        self._open: list[str] = []
        self._count = 0

    def read(self, turn: dict[str, Any], message_id: str) -> Message:
        """The next turn."""
        self._count += 1
        speaker = text_of(turn, "from") or text_of(turn, "role") or ""
        role = _ROLES.get(speaker, "assistant")
        content = turn["value"] if "value" in turn else turn.get("content")
        if role == "tool":
            parts: list[Part] = [ToolCallResponsePart(content, self._open.pop(0) if self._open else None)]
        elif speaker in _CALLS:
            parts = self._calls(content)
        elif isinstance(content, str):
            parts = self._text(content)
        elif isinstance(content, list):
            parts = [part for piece in content for part in self._piece(piece)]
        else:
            parts = [] if is_empty(content) else [OtherPart("value", content)]
        own = {key: value for key, value in turn.items() if key not in _PLAIN and not is_empty(value)}
        if "from" in turn and speaker not in (_FROM.get(role), "function_call"):
            own["from"] = turn["from"]
        return Message(message_id, None, role, tuple(parts), metadata={"sharegpt": own} if own else None)

    def left(self) -> dict[str, list[str]]:
        """What no placeholder stood for, by the keys of its lists."""
        texts = (
            (MEDIA[kind], [item for item in items if isinstance(item, str)])
            for kind, items in self._media.items()
        )
        return {key: found[::-1] for key, found in texts if found}

    def _text(self, text: str) -> list[Part]:
        parts: list[Part] = []
        thought = _THOUGHT.match(text)
        if thought is not None:
            parts.append(ReasoningPart(thought[1]))
            text = text[thought.end() :]
        begun = 0
        for found in _PLACEHOLDER.finditer(text):
            part = self._medium(found[1])
            if part is None:
                continue  # nothing is left that it could stand for: it is text
            if found.start() > begun:
                parts.append(TextPart(text[begun : found.start()]))
            parts.append(part)
            begun = found.end()
        if begun < len(text) or not parts:
            parts.append(TextPart(text[begun:]))
        return parts

    def _medium(self, kind: str) -> Part | None:
        waiting = self._media.get(kind)
        if not waiting:
            return None
        item = waiting.pop()
        if not isinstance(item, str):
            return OtherPart(kind, item)
        read = read_piece({"type": "image_url", "image_url": {"url": item}})
        if isinstance(read, BlobPart):
            return BlobPart(read.content, read.mime_type, kind)
        return UriPart(item, None, kind)

    def _calls(self, content: Any) -> list[Part]:
        """One call or several in a list, as JSON text."""
        calls = content
        if isinstance(content, str):
            try:
                calls = decode(content.encode())
            except ValueError:
                return [OtherPart("function_call", content)]
        parts: list[Part] = []
        for number, call in enumerate(calls if isinstance(calls, list) else [calls]):
            name = name_of(call, "name")
            if name is None:
                return [OtherPart("function_call", content)]
            arguments = call.get("arguments")
            if isinstance(arguments, str):
                arguments, _ = read_arguments(arguments)
            call_id = f"call_{self._count}_{number}"
            parts.append(ToolCallPart(name, arguments, call_id))
        self._open += [part.id for part in parts if isinstance(part, ToolCallPart) and part.id]
        return parts

    def _piece(self, piece: Any) -> list[Part]:
        """A member of a list of contents, as newer training sets have them."""
        kind, text = text_of(piece, "type"), text_of(piece, "value")
        if text is None:
            return [read_piece(piece)]
        if kind == "text":
            return self._text(text)
        if kind == "reasoning":
            return [ReasoningPart(text)]
        if kind in _CALLS:
            return self._calls(text)
        if kind == "image_url":
            return [read_piece({"type": "image_url", "image_url": {"url": text}})]
        return [OtherPart(kind or "value", piece)]


def media_of(value: dict[str, Any]) -> dict[str, list[Any]]:
    """What a conversation's placeholders stand for, by their kind."""
    found = {}
    for kind, key in MEDIA.items():
        items = value.get(key) or value.get(kind)
        found[kind] = items if isinstance(items, list) else [items] if isinstance(items, str) else []
    return found


def write_turns(message: Message, media: dict[str, list[str]]) -> Iterator[dict[str, Any]]:
    """A message's turns; what its placeholders stand for is put behind ``media``."""
    speaker = _FROM.get(message.role, "system")
    text = ""
    calls: list[Any] = []
    results = [part for part in message.parts if isinstance(part, ToolCallResponsePart)]
    others = [part for part in message.parts if not isinstance(part, ToolCallResponsePart)]
    for part in others:
        if isinstance(part, ToolCallPart):
            calls.append({"name": part.name, "arguments": part.arguments})
        elif isinstance(part, ReasoningPart):
            text += f"<think>\n{part.content}\n</think>\n\n"
        else:
            text += _written(part, media)
    if text or not (calls or results):
        yield {"from": speaker, "value": text}
    if calls:
        yield {"from": "function_call", "value": dumps(calls[0] if len(calls) == 1 else calls).decode()}
    for result in results:
        response = result.response
        yield {
            "from": "observation",
            "value": response if isinstance(response, str) else dumps(response).decode(),
        }


def _written(part: Part, media: dict[str, list[str]]) -> str:
    kind = getattr(part, "modality", None)
    if isinstance(part, TextPart):
        return part.content
    if isinstance(part, UriPart) and kind in MEDIA:
        media[kind].append(part.uri)
        return f"<{kind}>"
    if isinstance(part, BlobPart) and kind in MEDIA:
        encoded = base64.b64encode(part.content).decode()
        media[kind].append(f"data:{part.mime_type or 'application/octet-stream'};base64,{encoded}")
        return f"<{kind}>"
    return dumps(part.to_dict()).decode()
