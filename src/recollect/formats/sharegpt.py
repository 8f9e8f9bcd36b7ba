"""ShareGPT: conversations of turns with ``from`` and ``value``, as training sets hold them.

An array, JSON lines or a single object; also the variant with ``messages`` of ``role`` and
``content`` beside ``images``. Messages have neither ids nor times.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from ..codec import dumps
from ..model import Message, SessionInfo
from .base import Conversation, Damage, Piece, Source, Write
from .nodes import said_by, unique_ids
from .objects import Record, opens_json, read_objects
from .salvage import Shape
from .sharegpt_turns import MEDIA, TurnReader, media_of, write_turns
from .values import is_empty, list_of, name_of, present, scalars_of, text_of

NAME = "sharegpt"

_TURNS = re.compile(
    rb'"conversations"\s*:\s*\[\s*\{[^{}\[\]]{0,200}?"(?:from|value)"\s*:|"conversations"\s*:\s*$'
)
_VARIANT = re.compile(rb'"messages"\s*:\s*\[\s*\{')
_OF_VARIANT = re.compile(
    rb'"type"\s*:\s*"text"\s*,\s*"value"\s*:|"(?:images|videos|audios)"\s*:\s*\[\s*(?:"|\])'
)
_MARKS = frozenset(("conversations", "messages"))
_SHAPE = Shape(lists=_MARKS)
_TAKEN = frozenset((*_MARKS, *MEDIA, *MEDIA.values(), "id", "title", "model", "system", "imported"))


def detect(head: bytes, name: str) -> float:  # noqa: ARG001  # formats may look at the name
    """By ``conversations`` of turns, or by what only the variant has beside its messages."""
    if not opens_json(head):
        return 0.0
    if _TURNS.search(head):
        return 0.95
    return 0.8 if _VARIANT.search(head) and _OF_VARIANT.search(head) else 0.0


def read(source: Source) -> Iterator[Piece]:
    """The file's conversations, in order, and what is damaged."""
    for record in read_objects(source, _MARKS, _SHAPE):
        yield record if isinstance(record, Damage) else _conversation(record)


def _conversation(record: Record) -> Conversation:
    value = record.value
    turns = [turn for turn in list_of(value, _list_name(value)) if turn is not None]
    ids = unique_ids(
        [None] * len(turns), lambda place: said_by(turns[place], "from", "value", "role", "content")
    )
    reader = TurnReader(media_of(value))
    messages: list[Message | Damage] = [
        reader.read(turn, message_id)
        if isinstance(turn, dict)
        else Damage(record.offset, "a turn is not an object")
        for turn, message_id in zip(turns, ids, strict=True)
        if not isinstance(turn, Damage)  # told already
    ]
    rest = [key for key in value if key not in _TAKEN and key.isprintable()]
    return Conversation(
        offset=record.offset,
        messages=messages,
        native_id=name_of(value, "id"),
        attributes=present(
            name=name_of(value, "title"),
            model=name_of(value, "model"),
            system_prompt=name_of(value, "system"),
            metadata={**scalars_of(value, *rest), **reader.left()},
        ),
        end=record.end,
    )


def _list_name(value: dict[str, Any]) -> str:
    return "messages" if "conversations" not in value else "conversations"


def write(info: SessionInfo, messages: Iterable[Message], write: Write) -> None:
    """The session's line as one object on a line of its own: a JSON file, and one of JSON lines."""
    head = present(
        id=name_of(info.metadata, "imported", "id") or info.id,
        title=info.name,
        model=info.model,
        system=info.system_prompt,
        tools=text_of(info.metadata, "tools"),
    )
    write(f'{dumps(head).decode()[:-1]},"conversations":[')
    media: dict[str, list[str]] = {kind: [] for kind in MEDIA}
    separator = ""
    for message in messages:
        for turn in write_turns(message, media):
            write(f"{separator}{dumps(turn).decode()}")
            separator = ","
    rest = {MEDIA[kind]: items for kind, items in media.items() if not is_empty(items)}
    write(f"]{',' if rest else ''}{dumps(rest).decode()[1:]}\n")
