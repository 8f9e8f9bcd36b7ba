"""Claude's data export: ``conversations.json``, an array of conversations with ``chat_messages``.

Newer exports name each message's parent, so that edits and retries are branches: the main line
ends in the newest leaf. Without parents the messages are one line. ``null`` among them is nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..model import timestamp
from .base import Conversation, Damage, Piece, Source
from .claude_ai_parts import build, tip_of
from .nodes import arranged, behind_lost, linked, lost_among, newest_leaf, places_of, said_by, unique_ids
from .objects import Record, opens_json, read_objects
from .salvage import Shape
from .times import from_iso
from .values import list_of, name_of, present, scalars_of, text_of

NAME = "claude-ai"

_MESSAGES = re.compile(rb'"chat_messages"\s*:\s*(?:\[|$)')
_ACCOUNT = re.compile(rb'"account"\s*:\s*\{\s*"uuid"')
_MARKS = frozenset(("chat_messages",))
_SHAPE = Shape(lists=_MARKS)
_PARENT = "parent_message_uuid"


def detect(head: bytes, name: str) -> float:  # noqa: ARG001  # formats may look at the name
    """By ``chat_messages``, or by the account that stands before them."""
    if not opens_json(head):
        return 0.0
    if _MESSAGES.search(head):
        return 0.95
    return 0.6 if _ACCOUNT.search(head) and b'"created_at"' in head else 0.0


def read(source: Source) -> Iterator[Piece]:
    """The export's conversations, in order, and what is damaged."""
    for record in read_objects(source, _MARKS, _SHAPE):
        yield record if isinstance(record, Damage) else _conversation(record)


def _conversation(record: Record) -> Conversation:
    value = record.value
    items = [item for item in list_of(value, "chat_messages") if item is not None]
    nodes = [item for item in items if isinstance(item, dict)]
    lost = lost_among(items, record.offset)
    keys = [name_of(node, "uuid") for node in nodes]
    ids = unique_ids(keys, lambda place: said_by(nodes[place], "sender", "text", "content"))
    parents = _parents(nodes, keys, behind_lost(items))
    tree = arranged(
        [tip_of(node, message_id) for node, message_id in zip(nodes, ids, strict=True)],
        parents,
        _head(value, nodes, keys, parents),
        lambda place: build(nodes[place], ids[place]),
        lost,
    )
    return Conversation(
        offset=record.offset,
        messages=tree.messages,
        native_id=name_of(value, "uuid"),
        attributes=_attributes(value),
        head=tree.head,
        forks=tree.forks,
        end=record.end,
    )


def _parents(nodes: list[dict[str, Any]], keys: list[str | None], behind: set[int]) -> list[int]:
    """What each message lies under. One that says nothing follows the message before it."""
    named = linked(keys, [name_of(node, _PARENT) for node in nodes], behind)
    return [named[place] if _PARENT in node else place - 1 for place, node in enumerate(nodes)]


def _head(
    value: dict[str, Any], nodes: list[dict[str, Any]], keys: list[str | None], parents: list[int]
) -> int:
    """The message that the main line ends in."""
    (current,) = places_of(keys, [name_of(value, "current_leaf_message_uuid")])
    if current >= 0:
        return current
    return newest_leaf(parents, [from_iso(node.get("created_at")) for node in nodes])


def _attributes(value: dict[str, Any]) -> dict[str, Any]:
    metadata = present(
        created_at=timestamp(from_iso(value.get("created_at"))),
        updated_at=timestamp(from_iso(value.get("updated_at"))),
        summary=text_of(value, "summary"),
        project=name_of(value, "project", "name"),
        project_id=name_of(value, "project", "uuid") or name_of(value, "project_uuid"),
        account_id=name_of(value, "account", "uuid"),
        **scalars_of(value, "is_starred"),
    )
    return present(
        name=name_of(value, "name"), provider="anthropic", model=name_of(value, "model"), metadata=metadata
    )
