"""OpenAssistant's data: trees of ranked replies as JSON lines, and flat files of messages.

Nothing says which line of a tree is the main one: it is the best ranked reply of each message,
the first where there are no ranks. A flat file names each message's parent; every message without
one begins a conversation. Only such a file is held in memory, since parents may stand anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from ..model import Message, Role, TextPart
from .base import Conversation, Damage, Piece, Source
from .deep_json import decode_nested
from .nodes import arranged, lost_among, places_of, said_by, unique_ids
from .objects import Record, opens_json, read_objects
from .salvage import Shape
from .times import from_iso
from .values import chosen, dict_of, list_of, name_of, number_of, present, scalars_of, text_of

NAME = "oasst"

_TREE = re.compile(rb'"message_tree_id"\s*:\s*')
_OF_TREE = re.compile(rb'"(?:prompt|message_id|tree_state)"\s*:')
_FLAT = re.compile(rb'"user_message_id"\s*:\s*"')
_MARKS = frozenset(("prompt", "user_message_id", "message_id"))
_NESTED = frozenset(("prompt", "replies"))
_SHAPE = Shape(lists=frozenset(("replies",)), inside=frozenset(("prompt",)), is_nested=True)
_ROLES: dict[str, Role] = {"prompter": "user", "assistant": "assistant", "system": "system"}
_KEPT = ("rank", "lang", "synthetic", "review_result", "emojis", "labels")


def detect(head: bytes, name: str) -> float:  # noqa: ARG001  # formats may look at the name
    """By the ids of trees and messages that only this data has."""
    if not opens_json(head):
        return 0.0
    if _TREE.search(head) and _OF_TREE.search(head):
        return 0.95
    return 0.95 if _FLAT.search(head) and b'"parent_message_id"' in head else 0.0


def read(source: Source) -> Iterator[Piece]:
    """The trees, in order, and what is damaged."""
    flat: list[Record] = []
    has_trees = False
    for record in read_objects(source, _MARKS, _SHAPE, lambda raw: decode_nested(raw, _NESTED)):
        if isinstance(record, Damage):
            yield record
        elif "prompt" in record.value:
            has_trees = True
            yield _tree(record)
        else:
            flat.append(record)
    yield from _forest(flat, has_trees)


def _tree(record: Record) -> Conversation:
    """A tree whose replies lie inside of what they answer."""
    nodes: list[dict[str, Any]] = []
    parents: list[int] = []
    lost: list[Damage] = []
    waiting: list[tuple[Any, int]] = [(record.value["prompt"], -1)]
    while waiting:
        item, parent = waiting.pop()
        if not isinstance(item, dict):
            lost += lost_among([item], record.offset)
            continue
        place = len(nodes)
        nodes.append(item)
        parents.append(parent)
        waiting += [(reply, place) for reply in reversed(list_of(item, "replies"))]
    return _conversation(nodes, parents, record.value, record.offset, record.end, lost)


def _forest(records: list[Record], has_trees: bool) -> Iterator[Conversation]:
    """The trees of flat messages, in the order of their roots. Where they stand among trees it cannot
    be said where each ends."""
    parents = places_of(
        [_id(record.value) for record in records], [_parent_id(record.value) for record in records]
    )
    groups: dict[int, list[int]] = {}
    for place, root in enumerate(_roots(parents)):
        groups.setdefault(root, []).append(place)
    for root in sorted(groups):
        places = groups[root]
        numbers = {place: number for number, place in enumerate(places)}
        members = [records[place] for place in places]
        together = not has_trees and places[-1] - places[0] == len(places) - 1
        yield _conversation(
            [member.value for member in members],
            [numbers.get(parents[place], -1) for place in places],
            records[root].value,
            members[0].offset,
            members[-1].end if together else None,
            [],
        )


def _roots(parents: Sequence[int]) -> list[int]:
    """For each node the root of its tree; a circle's is the first node of it that is met."""
    found = [-1] * len(parents)
    for first in range(len(parents)):
        way: list[int] = []
        passed = set()
        node = first
        while found[node] < 0 and node not in passed and parents[node] >= 0:
            passed.add(node)
            way.append(node)
            node = parents[node]
        root = found[node] if found[node] >= 0 else node
        found[node] = root
        for place in way:
            found[place] = root
    return found


def _conversation(
    nodes: list[dict[str, Any]],
    parents: list[int],
    value: dict[str, Any],
    offset: int,
    end: int | None,
    lost: list[Damage],
) -> Conversation:
    ids = unique_ids([_id(node) for node in nodes], lambda place: said_by(nodes[place], "role", "text"))
    tree = arranged(
        ids, parents, _best(nodes, parents), lambda place: (_message(nodes[place], ids[place]),), lost
    )
    return Conversation(
        offset=offset,
        messages=tree.messages,
        native_id=name_of(value, "message_tree_id") or _id(value) or (_id(nodes[0]) if nodes else None),
        attributes=present(metadata=scalars_of({**dict_of(value, "prompt"), **value}, "tree_state", "lang")),
        head=tree.head,
        forks=tree.forks,
        end=end,
    )


def _best(nodes: list[dict[str, Any]], parents: Sequence[int]) -> int:
    """The end of the line of best ranked replies; -1 without nodes."""
    best: dict[int, tuple[float, int]] = {}
    for place, parent in enumerate(parents):
        rank = number_of(nodes[place], "rank")
        order = (float("inf") if rank is None else rank, place)
        if parent not in best or order < best[parent]:
            best[parent] = order
    head = best[-1][1] if -1 in best else min(best, default=-1)
    passed = {head}
    while head in best and best[head][1] not in passed:
        head = best[head][1]
        passed.add(head)
    return head


def _id(value: dict[str, Any]) -> str | None:
    return name_of(value, "user_message_id") or name_of(value, "message_id")


def _parent_id(value: dict[str, Any]) -> str | None:
    return name_of(value, "parent_message_id") or name_of(value, "parent_id")


def _message(value: dict[str, Any], message_id: str) -> Message:
    role, text = text_of(value, "role"), text_of(value, "text")
    own = chosen(value, *_KEPT)
    if value.get("deleted") is True:
        own["deleted"] = True
    if role not in _ROLES:
        own.update(chosen(value, "role"))
    return Message(
        message_id,
        None,
        _ROLES.get(role or "", "assistant"),
        () if text is None else (TextPart(text),),
        from_iso(value.get("created_date")),
        name_of(value, "model_name"),
        metadata={"oasst": own} if own else None,
    )
