"""Conversations as the Anthropic Messages API takes them: ``system`` and ``messages``.

One object, an array of objects, or JSON lines; ``id``, ``title`` and what else stands beside
``messages`` is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from ..codec import dumps
from ..model import Message, SessionInfo
from .anthropic_blocks import kept
from .anthropic_messages import MessageReader, api_messages, paired
from .base import Conversation, Damage, Piece, Source, Write
from .objects import read_objects
from .salvage import Shape

NAME = "anthropic"

_MARKS = frozenset(("messages",))
_MESSAGES = re.compile(rb'"messages"\s*:\s*\[\s*\{\s*"(?:role|content)"\s*:')
_BLOCK = re.compile(
    rb'"type"\s*:\s*"(?:tool_use|tool_result|thinking|redacted_thinking)"'
    rb'|"source"\s*:\s*\{\s*"type"\s*:\s*"(?:base64|url|file)"'
)
_SYSTEM = re.compile(rb'"system"\s*:\s*(?:"|\[\s*\{\s*"type")')


def detect(head: bytes, name: str) -> float:  # noqa: ARG001  # formats may look at the name
    """By ``messages`` with roles, and blocks or a ``system`` that only this API has."""
    if head.lstrip()[:1] not in (b"[", b"{"):
        return 0.0
    found = _MESSAGES.search(head)
    if found is None:
        return 0.0
    return 0.75 if _SYSTEM.search(head, 0, found.start()) or _BLOCK.search(head, found.end()) else 0.1


def read(source: Source) -> Iterator[Piece]:
    """The file's conversations, in order, and what is damaged."""
    for record in read_objects(source, _MARKS, Shape(lists=_MARKS)):
        if isinstance(record, Damage):
            yield record
            continue
        try:
            yield _conversation(record.value, record.offset, record.end)
        except ValueError as error:
            yield Damage(record.offset, f"no conversation: {error}")


def _conversation(value: dict[str, Any], offset: int, end: int) -> Conversation:
    """One conversation. Raises ValueError for what is none."""
    items = value.pop("messages", None)
    if not isinstance(items, list):
        raise ValueError("there is no list under 'messages'")
    attributes: dict[str, Any] = {"provider": "anthropic"}
    for key, attribute in (("model", "model"), ("title", "name")):
        if isinstance(value.get(key), str):
            attributes[attribute] = value.pop(key)
    native_id = value.get("id")
    if isinstance(native_id, str) and native_id:
        del value["id"]
    origin: dict[str, Any] = {}
    system = _system_text(value.get("system"))
    if system is not None:
        attributes["system_prompt"] = system
        if not isinstance(value["system"], str):
            origin["system"] = value["system"]
        del value["system"]
    reader = MessageReader()
    messages: list[Message | Damage] = []
    for item in items:
        try:
            messages.extend(reader.read(item))
        except ValueError as error:
            if not isinstance(item, Damage):  # that was told already
                messages.append(Damage(offset, str(error)))
    return Conversation(
        offset=offset,
        messages=messages,
        native_id=native_id if isinstance(native_id, str) and native_id else None,
        attributes={**attributes, "metadata": value},
        origin=origin,
        end=end,
    )


def _system_text(system: Any) -> str | None:
    """The words of a system prompt, which may be a list of blocks; None when it has no usual form."""
    if isinstance(system, str):
        return system
    if not isinstance(system, list) or not system:
        return None
    texts = [block.get("text") if isinstance(block, dict) else None for block in system]
    return "\n\n".join(text for text in texts if isinstance(text, str)) if all(texts) else None


def write(info: SessionInfo, messages: Iterable[Message], write: Write) -> None:
    """One object; roles take turns and each tool call is answered, as the API wants it."""
    imported = info.metadata.get("imported")
    origin = imported if isinstance(imported, dict) and imported.get("format") == NAME else None
    system, rest = _leading(messages)
    head: dict[str, Any] = {}
    if origin is None:
        head["id"] = info.id
    elif isinstance(origin.get("id"), str):
        head["id"] = origin["id"]
    if info.name is not None:
        head["title"] = info.name
    if info.model is not None:
        head["model"] = info.model
    if prompt := _system(info, system, origin):
        head["system"] = prompt
    if origin is not None:
        head.update((key, value) for key, value in info.metadata.items() if key != "imported")
    opened = dumps(head).decode()[:-1]
    write(f'{opened}{"," if head else ""}"messages":[')
    separator = ""
    said = api_messages(rest)
    for message in said if origin is not None else paired(said):
        write(f"{separator}\n{dumps(message).decode()}")
        separator = ","
    write("\n]}\n")


def _leading(messages: Iterable[Message]) -> tuple[list[str], Iterator[Message]]:
    """What the system says before anything else, and the messages behind it."""
    texts: list[str] = []
    others = iter(messages)
    for message in others:
        if message.role not in ("system", "developer") or kept(message.metadata):
            return texts, chain([message], others)
        texts.append(message.text)
    return texts, others


def _system(info: SessionInfo, leading: list[str], origin: dict[str, Any] | None) -> Any:
    if origin is not None and not leading and _system_text(origin.get("system")) == info.system_prompt:
        return origin.get("system")
    texts = [info.system_prompt or "", *leading]
    return "\n\n".join(dict.fromkeys(text for text in texts if text))
