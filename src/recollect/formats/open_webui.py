"""Open WebUI's export: an array of rows with a ``chat`` each, or such a chat alone.

``history.messages`` is the tree and ``currentId`` the end of its main line; the list under
``messages`` is a copy of that line, read only where there is no history. In dumps made with SQL
all single quotes stand doubled: they are halved again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..model import timestamp
from .base import Conversation, Damage, Piece, Source, session_id_from
from .jsonstream import decode
from .nodes import arranged, behind_lost, linked, lost_among, newest_leaf, places_of, said_by, unique_ids
from .objects import Record, opens_json, read_objects
from .open_webui_details import decoded_text
from .open_webui_parts import moment, read_message
from .salvage import Shape
from .values import dict_of, dicts_of, list_of, name_of, present, scalars_of, texts_of, value_of

NAME = "open-webui"

_HISTORY = re.compile(rb'"history"\s*:\s*\{\s*"(?:messages|currentId|current_id)"\s*:\s*(?:\{|"|null)')
_CHAT = re.compile(rb'"chat"\s*:\s*\{\s*"(?:id|title|models|params|history|files|tags)"')
_MARKS = frozenset(("chat", "history", "messages"))
_SHAPE = Shape(lists=frozenset(("messages",)), inside=frozenset(("chat", "history")))
_QUOTES = re.compile(rb"'+")
_CONTRACTION = re.compile(rb"[A-Za-z]''[a-z]")


def detect(head: bytes, name: str) -> float:  # noqa: ARG001  # formats may look at the name
    """By a ``history`` that is an object of messages, or by a ``chat`` before it."""
    if not opens_json(head):
        return 0.0
    if _HISTORY.search(head):
        return 0.95
    return 0.7 if _CHAT.search(head) else 0.0


def read(source: Source) -> Iterator[Piece]:
    """The export's chats, in order, and what is damaged."""
    for record in read_objects(source, _MARKS, _SHAPE, _decode):
        yield record if isinstance(record, Damage) else _conversation(record)


def _decode(raw: bytes) -> Any:
    """Raises ValueError for what is no JSON."""
    if _CONTRACTION.search(raw) and all(len(run) % 2 == 0 for run in _QUOTES.findall(raw)):
        raw = raw.replace(b"''", b"'")
    return decode(raw)


def _conversation(record: Record) -> Conversation:
    row = record.value
    chat = row
    if "chat" in row:
        inner = decoded_text(row["chat"])
        chat = inner if isinstance(inner, dict) else {}
    keys, nodes, lost, behind = _nodes(chat, record.offset)
    ids = unique_ids(keys, lambda place: said_by(nodes[place], "role", "content", "timestamp"))
    answers = [read_message(node, message_id) for node, message_id in zip(nodes, ids, strict=True)]
    parents = _parents(nodes, keys, behind)
    (head,) = places_of(keys, [name_of(chat, "history", "currentId")])
    if head < 0:
        head = newest_leaf(parents, [answer.created_at for answer in answers])
    tree = arranged(
        [answer.tip for answer in answers], parents, head, lambda place: answers[place].messages(), lost
    )
    return Conversation(
        offset=record.offset,
        messages=tree.messages,
        native_id=name_of(row, "id") or name_of(chat, "id"),
        attributes=_attributes(row, chat, nodes),
        head=tree.head,
        forks=tree.forks,
        end=record.end,
    )


def _nodes(
    chat: dict[str, Any], offset: int
) -> tuple[list[str | None], list[dict[str, Any]], list[Damage], set[int]]:
    """The messages' keys, the messages, what is damaged, and the places right behind what was lost."""
    history = dict_of(chat, "history", "messages")
    pairs: list[tuple[str | None, Any]] = [*history.items()] or [
        (name_of(item, "id"), item) for item in list_of(chat, "messages")
    ]
    pairs = [pair for pair in pairs if pair[1] is not None]
    kept = [(key, item) for key, item in pairs if isinstance(item, dict)]
    items = [item for _, item in pairs]
    lost, behind = lost_among(items, offset), behind_lost(items)
    return [key for key, _ in kept], [item for _, item in kept], lost, behind


def _parents(nodes: list[dict[str, Any]], keys: list[str | None], behind: set[int]) -> list[int]:
    """What each message lies under. One that says nothing about it follows the one before."""
    named = linked(keys, [name_of(node, "parentId") for node in nodes], behind)
    return [named[place] if "parentId" in node else place - 1 for place, node in enumerate(nodes)]


def _attributes(row: dict[str, Any], chat: dict[str, Any], nodes: list[dict[str, Any]]) -> dict[str, Any]:
    models = [model for model in texts_of(chat, "models") if model]
    answering = [name_of(node, "model") for node in nodes]
    model = models[0] if models else next(filter(None, reversed(answering)), None)
    begun = moment(value_of(row, "created_at")) or moment(value_of(chat, "timestamp"))
    metadata = present(
        created_at=timestamp(begun),
        updated_at=timestamp(moment(value_of(row, "updated_at"))),
        models=models if len(models) > 1 else None,
        **scalars_of(row, "archived", "pinned", "folder_id", "share_id", "user_id"),
    )
    return present(
        name=name_of(row, "title") or name_of(chat, "title"),
        model=model,
        system_prompt=name_of(chat, "params", "system") or name_of(chat, "system"),
        tags=_tags(row, chat),
        metadata=metadata,
    )


def _tags(row: dict[str, Any], chat: dict[str, Any]) -> list[str]:
    """Tags by their names; those that cannot be one are left out."""
    named = [name_of(tag, "name") for tag in dicts_of(chat, "tags")]
    found = [*texts_of(chat, "tags"), *filter(None, named), *texts_of(row, "meta", "tags")]
    return [tag for tag in dict.fromkeys(found) if tag and session_id_from(tag) == tag]
