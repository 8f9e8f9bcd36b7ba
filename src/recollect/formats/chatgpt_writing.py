"""Sessions as ChatGPT's export has them: an array of one conversation, its line a chain of nodes.

A node says one thing: a message with reasoning, text and calls becomes several nodes, of which the
last has the message's id. Bytes stand in the pointers themselves, as ``data:`` addresses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ..codec import dumps
from ..model import (
    Message,
    OtherPart,
    Part,
    ReasoningPart,
    SessionInfo,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
)
from .base import Write, derived_uuid
from .chatgpt_assets import pointer_of
from .chatgpt_messages import HIDDEN, KEPT
from .chatgpt_parts import PLAIN_ERROR, TEXT_KEYS, write_call
from .times import from_iso
from .values import chosen, dict_of, name_of, text_of

_ROOT = "client-created-root"
_FACTS = ("gizmo_id", "gizmo_type", "is_starred", "plugin_ids", "conversation_template_id")


def write(info: SessionInfo, messages: Iterable[Message], write: Write) -> None:
    """The session's line as one conversation."""
    native_id = name_of(info.metadata, "imported", "id") or info.id
    head = {
        "title": info.name,
        "create_time": _seconds(info, "created_at"),
        "update_time": _seconds(info, "updated_at"),
    }
    write(f'[{dumps(head).decode()[:-1]},"mapping":{{\n')
    parent: str | None = None
    held = {"id": _ROOT, "message": None}
    for message in messages:
        for node in _nodes(message):
            _write_node(held, parent, [node["id"]], write)
            write(",\n")
            parent, held = str(held["id"]), node
    _write_node(held, parent, [], write)
    rest = {
        "moderation_results": [],
        "current_node": held["id"],
        "plugin_ids": None,
        "conversation_id": native_id,
        "id": native_id,
        "is_archived": info.metadata.get("is_archived") is True,
        "safe_urls": [],
        "default_model_slug": info.model,
        **chosen(info.metadata, *_FACTS),
    }
    write(f"\n}},{dumps(rest).decode()[1:]}]\n")


def _seconds(info: SessionInfo, name: str) -> float:
    """When the conversation began or changed: what its import says, else the session's own."""
    found = from_iso(info.metadata.get(name))
    return (found or (info.created_at if name == "created_at" else info.updated_at)).timestamp()


def _write_node(node: dict[str, Any], parent: str | None, children: list[str], write: Write) -> None:
    written = {**node, "parent": parent, "children": children}
    write(f"{dumps(node['id']).decode()}:{dumps(written).decode()}")


class _Said(NamedTuple):
    """One content, and what the node around it says."""

    content: dict[str, Any]
    recipient: str | None = None
    name: str | None = None
    call_id: str | None = None
    is_answer: bool = False


def _nodes(message: Message) -> Iterator[dict[str, Any]]:
    said = list(_said(message))
    for number, one in enumerate(said, 1):
        last = number == len(said)
        node_id = message.id if last else derived_uuid(b"%d\0" % number, message.id.encode())
        yield {"id": node_id, "message": _message(message, node_id, one)}


def _message(message: Message, node_id: str, said: _Said) -> dict[str, Any]:
    own = dict_of(message.metadata, "chatgpt")
    injected = (message.metadata or {}).get("injected")
    metadata = chosen(own, *KEPT)
    if said.call_id not in (None, node_id):
        metadata["tool_call_id"] = said.call_id
    if message.model is not None:
        metadata["model_slug"] = message.model
    if injected not in (None, "out_of_context"):
        metadata[HIDDEN] = True
    role = "tool" if said.is_answer else own.get("role", message.role)
    when = message.created_at
    return {
        "id": node_id,
        "author": {"role": role, "name": said.name or own.get("name"), "metadata": {}},
        "create_time": None if when is None else when.timestamp(),
        "update_time": None,
        "content": said.content,
        "status": own.get("status", "finished_successfully"),
        "end_turn": message.role == "assistant" and said.recipient is None,
        "weight": 0.0 if injected == "out_of_context" else own.get("weight", 1.0),
        "metadata": metadata,
        "recipient": said.recipient or own.get("recipient", "all"),
        "channel": own.get("channel"),
    }


def _said(message: Message) -> Iterator[_Said]:
    """What a message says, one content after the other."""
    own = dict_of(message.metadata, "chatgpt")
    waiting: list[Part] = []
    for part in message.parts:
        if waiting and not _joins(waiting[-1], part):
            yield _written(waiting, own)
            waiting = []
        waiting.append(part)
    if waiting or not message.parts:
        yield _written(waiting, own)


def _joins(before: Part, part: Part) -> bool:
    """Whether a part can stand in one content with the part before it."""
    if isinstance(part, ToolCallPart | ToolCallResponsePart) or isinstance(before, ToolCallPart):
        return False
    if isinstance(before, ToolCallResponsePart):
        return not isinstance(part, ReasoningPart)
    alone = (_one_text(before), _one_text(part), _content_of(before), _content_of(part))
    return not any(alone) and isinstance(before, ReasoningPart) == isinstance(part, ReasoningPart)


def _one_text(part: Part) -> str | None:
    """The kind of content that a part alone was, and is again."""
    kind = text_of(part.metadata, "chatgpt", "content_type")
    return kind if isinstance(part, TextPart | ReasoningPart) and kind in TEXT_KEYS else None


def _content_of(part: Part) -> dict[str, Any] | None:
    """The content that a part holds whole."""
    if not isinstance(part, OtherPart) or not isinstance(part.value, dict):
        return None
    is_content = text_of(part.value, "content_type") == part.kind and "asset_pointer" not in part.value
    return part.value if is_content else None


def _written(parts: list[Part], own: dict[str, Any]) -> _Said:
    first = parts[0] if parts else None
    if isinstance(first, ToolCallPart):
        return _Said(write_call(first), first.name, call_id=first.id)
    if isinstance(first, ToolCallResponsePart):
        content = _answer(first, parts[1:])
        return _Said(content, None, name_of(first.metadata, "name"), first.id, is_answer=True)
    return _Said(_content(parts, own))


def _content(parts: list[Part], own: dict[str, Any]) -> dict[str, Any]:
    if len(parts) == 1:
        kind, content = _one_text(parts[0]), _content_of(parts[0])
        if kind is not None and isinstance(parts[0], TextPart | ReasoningPart):
            return {**dict_of(parts[0].metadata, "chatgpt"), TEXT_KEYS[kind]: parts[0].content}
        if content is not None:
            return content
    if parts and isinstance(parts[0], ReasoningPart):
        thoughts = [part for part in parts if isinstance(part, ReasoningPart)]
        return {
            "content_type": "thoughts",
            "thoughts": [
                {"summary": "", **dict_of(part.metadata, "chatgpt"), "content": part.content}
                for part in thoughts
            ],
        }
    texts = {
        text_of(part.metadata, "chatgpt", "field") or "": part.content
        for part in parts
        if isinstance(part, TextPart)
    }
    if own.get("content_type") is not None and "" not in texts and len(texts) == len(parts):
        return {"content_type": own["content_type"], **texts}
    pieces = [_piece(part) for part in parts]
    plain = all(isinstance(piece, str) for piece in pieces)
    return {"content_type": "text" if plain else "multimodal_text", "parts": pieces}


def _piece(part: Part) -> Any:
    if isinstance(part, TextPart):
        own = dict_of(part.metadata, "chatgpt")
        return {**own, "text": part.content} if own.get("content_type") else part.content
    if isinstance(part, OtherPart):
        return part.value
    return pointer_of(part) or part.to_dict()


def _answer(part: ToolCallResponsePart, others: list[Part]) -> dict[str, Any]:
    own, response = dict_of(part.metadata, "chatgpt"), part.response
    if (part.metadata or {}).get("is_error") is True and not own:
        own = PLAIN_ERROR
    kind = text_of(own, "content_type")
    if kind in TEXT_KEYS and isinstance(response, str) and not others:
        return {**own, TEXT_KEYS[kind]: response}
    if isinstance(response, dict) and text_of(response, "content_type") and not others:
        return response
    if isinstance(response, list) and all(isinstance(text, str) for text in response):
        pieces: list[Any] = list(response)
    elif response is None:
        pieces = []
    else:
        pieces = [response if isinstance(response, str) else dumps(response).decode()]
    pieces += [_piece(other) for other in others]
    plain = all(isinstance(piece, str) for piece in pieces)
    return {"content_type": "text" if plain else "multimodal_text", "parts": pieces}
