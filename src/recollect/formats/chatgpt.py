"""ChatGPT's data export: ``conversations.json`` or its numbered parts, each an array of trees.

Every node of ``mapping`` that has a message is a message here, also a hidden one; nodes without
stand for nothing and their children move up. The line that ends in ``current_node`` is the main
one; without that node it is the one with the newest leaf.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..model import timestamp
from .base import Conversation, Damage, Piece, Source, session_id_from
from .chatgpt_assets import Assets
from .chatgpt_messages import Node, paired, read_message
from .chatgpt_writing import write
from .nodes import arranged, newest_leaf, real_parents
from .objects import Record, opens_json, read_objects
from .salvage import Shape
from .times import from_unix
from .trees import lay_out
from .values import dict_of, name_of, present, scalars_of, text_of, texts_of

NAME = "chatgpt"

_MAPPING = re.compile(rb'"mapping"\s*:\s*\{\s*(?:\}|"[^"\\]*"\s*:\s*\{\s*"[a-z_]+"|[^"}]*$|"[^"]*$)')
_OF_NODES = re.compile(rb'"(?:current_node|children|parent)"\s*:')
_BESIDE = re.compile(
    rb'"(?:current_node|gizmo_id|plugin_ids|moderation_results|default_model_slug|conversation_template_id)"\s*:'
)
_FACTS = (
    "gizmo_id",
    "gizmo_type",
    "is_archived",
    "is_starred",
    "plugin_ids",
    "conversation_template_id",
    "conversation_origin",
    "voice",
    "memory_scope",
    "is_do_not_remember",
    "workspace_id",
)
_SHAPE = Shape(frozenset(("mapping",)), behind=frozenset(("current_node", "conversation_id")))
_MARKS = frozenset(("mapping", "current_node", "conversation_id", "default_model_slug", "gizmo_id"))


def detect(head: bytes, name: str) -> float:  # noqa: ARG001  # formats may look at the name
    """By a ``mapping`` of nodes, or by the keys that only these conversations have before it."""
    if not opens_json(head):
        return 0.0
    found = _MAPPING.search(head)
    if found is not None:
        return 0.95 if _OF_NODES.search(head) or len(head) - found.start() < 1024 else 0.3
    return 0.6 if _BESIDE.search(head) and b'"create_time"' in head else 0.0


def read(source: Source) -> Iterator[Piece]:
    """The export's conversations, in order, and what is damaged."""
    for record in read_objects(source, _MARKS, _SHAPE):
        yield record if isinstance(record, Damage) else _conversation(record, source)


def _conversation(record: Record, source: Source) -> Conversation:
    value, offset = record.value, record.offset
    native_id = name_of(value, "conversation_id") or name_of(value, "id")
    nodes, parents, lost = _nodes(value, offset)
    head = _head(value, nodes, parents)
    layout = lay_out(parents, head)
    answers = paired(nodes, parents, layout.order)
    assets = Assets(source.beside, native_id)
    tree = arranged(
        [session_id_from(node.key) for node in nodes],
        parents,
        head,
        lambda number: (read_message(nodes[number], answers.get(number), assets),),
        lost,
    )
    return Conversation(
        offset=offset,
        messages=tree.messages,
        native_id=native_id,
        attributes=_attributes(value, [nodes[number] for number in layout.order[: layout.main]]),
        head=tree.head,
        forks=tree.forks,
        end=record.end,
    )


def _nodes(value: dict[str, Any], offset: int) -> tuple[list[Node], list[int], list[Damage]]:
    """The nodes with messages, what each lies under, and what is damaged."""
    mapping = dict_of(value, "mapping")
    numbers = {key: number for number, key in enumerate(mapping)}
    over = _parents_of_lost(mapping)
    parents, real = [], []
    lost = []
    for key, node in mapping.items():
        message = node.get("message") if isinstance(node, dict) else node
        if not isinstance(message, dict | Damage | None):
            lost.append(Damage(offset, "a node's message is not an object"))
        parents.append(numbers.get(over.get(key) or text_of(node, "parent") or "", -1))
        real.append(isinstance(message, dict))
    above = real_parents(parents, real)
    kept = [number for number, is_real in enumerate(real) if is_real]
    places = {number: place for place, number in enumerate(kept)}
    places[-1] = -1
    keys = list(mapping)
    nodes = [Node(keys[number], mapping[keys[number]]["message"]) for number in kept]
    return nodes, [places[above[number]] for number in kept], lost


def _parents_of_lost(mapping: dict[str, Any]) -> dict[str, str]:
    """The parents of the nodes that cannot be read, by what these say of their children."""
    lost = {key for key, node in mapping.items() if isinstance(node, Damage)}
    return {
        child: key
        for key, node in mapping.items()
        if lost
        for child in texts_of(node, "children")
        if child in lost
    }


def _head(value: dict[str, Any], nodes: list[Node], parents: list[int]) -> int:
    """The node that the main line ends in."""
    mapping, key = dict_of(value, "mapping"), text_of(value, "current_node")
    numbers = {node.key: number for number, node in enumerate(nodes)}
    passed: set[str] = set()
    while key is not None and key in mapping and key not in passed:
        if key in numbers:
            return numbers[key]
        passed.add(key)
        key = text_of(mapping[key], "parent")
    return newest_leaf(parents, [from_unix(node.message.get("create_time")) for node in nodes])


def _attributes(value: dict[str, Any], line: list[Node]) -> dict[str, Any]:
    models = [name_of(node.message, "metadata", "model_slug") for node in line]
    model = name_of(value, "default_model_slug") or next(filter(None, reversed(models)), None)
    metadata = present(
        created_at=timestamp(from_unix(value.get("create_time"))),
        updated_at=timestamp(from_unix(value.get("update_time"))),
        **scalars_of(value, *_FACTS),
    )
    return present(name=name_of(value, "title"), provider="openai", model=model, metadata=metadata)


__all__ = ["NAME", "detect", "read", "write"]
