"""LibreChat's export of a conversation, alone or in an array.

``recursive`` exports hold each answer inside the message that it answers, the others name parents.
Nothing says which line was open: the main one ends in the newest leaf, or where there are no times
in the last child of the last child, which is what LibreChat shows. A parent that was not exported
is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .base import Conversation, Damage, Piece, Source
from .deep_json import decode_nested
from .librechat_parts import read_message
from .nodes import arranged, behind_lost, linked, lost_among, newest_leaf, said_by, unique_ids
from .objects import Record, opens_json, read_objects
from .salvage import Shape
from .values import list_of, name_of, present, scalars_of

NAME = "librechat"

_CONVERSATION = re.compile(rb'"conversationId"\s*:')
_OWN = re.compile(rb'"(?:isCreatedByUser|recursive|branches)"\s*:\s*(?:true|false)')
_MARKS = frozenset(("messages",))
_NESTED = frozenset(("messages", "children"))
_SHAPE = Shape(lists=_NESTED, is_nested=True)
_PARENT = "parentMessageId"
_PROVIDERS = {"openAI": "openai", "azureOpenAI": "azure", "anthropic": "anthropic", "google": "google"}


def detect(head: bytes, name: str) -> float:  # noqa: ARG001  # formats may look at the name
    """By a ``conversationId`` and flags that only these exports have."""
    if not opens_json(head) or not _CONVERSATION.search(head):
        return 0.0
    return 0.95 if _OWN.search(head) else 0.0


def read(source: Source) -> Iterator[Piece]:
    """The file's conversations, in order, and what is damaged."""
    for record in read_objects(source, _MARKS, _SHAPE, lambda raw: decode_nested(raw, _NESTED)):
        yield record if isinstance(record, Damage) else _conversation(record)


def _conversation(record: Record) -> Conversation:
    value = record.value
    nodes, above, lost = _flattened(value, record.offset)
    keys = [name_of(node, "messageId") for node in nodes]
    ids = unique_ids(keys, lambda place: said_by(nodes[place], "sender", "text", "content"))
    answers = [read_message(node, message_id) for node, message_id in zip(nodes, ids, strict=True)]
    behind = behind_lost(list_of(value, "messages")) if max(above, default=-1) < 0 else set()
    named = linked(keys, [name_of(node, _PARENT) for node in nodes], behind)
    parents = [_parent(place, node, above[place], named[place]) for place, node in enumerate(nodes)]
    tree = arranged(
        [answer.tip for answer in answers],
        parents,
        newest_leaf(parents, [answer.created_at for answer in answers]),
        lambda place: answers[place].messages(),
        lost,
    )
    return Conversation(
        offset=record.offset,
        messages=tree.messages,
        native_id=name_of(value, "conversationId"),
        attributes=_attributes(value, [name_of(node, "model") for node in nodes]),
        head=tree.head,
        forks=tree.forks,
        end=record.end,
    )


def _flattened(value: dict[str, Any], offset: int) -> tuple[list[dict[str, Any]], list[int], list[Damage]]:
    """All messages, each before those inside of it; the places of the messages around them; and
    what is damaged."""
    nodes: list[dict[str, Any]] = []
    above: list[int] = []
    lost: list[Damage] = []
    waiting = [(item, -1) for item in reversed(list_of(value, "messages"))]
    while waiting:
        item, around = waiting.pop()
        if not isinstance(item, dict):
            lost += lost_among([item], offset)
            continue
        place = len(nodes)
        nodes.append(item)
        above.append(around)
        waiting += [(child, place) for child in reversed(list_of(item, "children"))]
    return nodes, above, lost


def _parent(place: int, node: dict[str, Any], above: int, named: int) -> int:
    """Being inside of a message says more than a name; without either it follows the one before."""
    if above >= 0:
        return above
    return named if _PARENT in node else place - 1


def _attributes(value: dict[str, Any], models: list[str | None]) -> dict[str, Any]:
    options = value.get("options")
    endpoint = name_of(value, "endpoint")
    metadata = present(
        endpoint=endpoint,
        exported_at=name_of(value, "exportAt"),
        preset=scalars_of(options, "presetId", "temperature", "top_p", "chatGptLabel", "modelLabel"),
    )
    return present(
        name=name_of(value, "title"),
        provider=_PROVIDERS.get(endpoint or ""),
        model=name_of(options, "model") or next(filter(None, reversed(models)), None),
        system_prompt=name_of(options, "promptPrefix") or name_of(options, "system"),
        metadata=metadata,
    )
