"""chatbot-ui's export: ``history`` with conversations, beside ``folders`` and ``prompts``.

A conversation's folder becomes a fact of it. There are no times and no ids of messages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..model import Message, OtherPart, Part, Role, TextPart
from .base import Conversation, Damage, Piece, Source
from .jsonstream import MAX_VALUE, Broken, Cursor, decode
from .nodes import said_by, unique_ids
from .objects import SALVAGED_AT_MOST, Record, decoded, opens_json
from .openai_parts import read_piece
from .salvage import Shape, mended
from .values import is_empty, list_of, name_of, present, scalars_of, text_of

NAME = "chatbot-ui"

_HISTORY = re.compile(rb'"history"\s*:\s*\[\s*(?:\]|\{\s*"(?:id|name|messages|model|prompt)"|$)')
_BESIDE = re.compile(rb'"(?:version|folders|prompts)"\s*:\s*[\[\d]')
_KEY = re.compile(rb'\{\s*"')
_SHAPE = Shape(lists=frozenset(("messages",)))
_ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}


def detect(head: bytes, name: str) -> float:  # noqa: ARG001  # formats may look at the name
    """By a ``history`` that is a list of conversations."""
    if not opens_json(head) or not _HISTORY.search(head):
        return 0.0
    return 0.95 if _BESIDE.search(head) else 0.6


def read(source: Source) -> Iterator[Piece]:
    """The conversations of the history, in order, and what is damaged."""
    cursor = _Cursor(source.read)
    cursor.start()
    for found in cursor.records(0):
        if isinstance(found, Broken):
            yield Damage(found.offset, found.reason)
            continue
        try:
            yield from _members(cursor)
        except _Passed:
            continue
        except Broken as broken:
            yield Damage(broken.offset, broken.reason)
            cursor.resync()


class _Passed(Exception):
    """What is broken was told of, and the cursor stands behind it."""


class _Cursor(Cursor):
    """A cursor that after damage goes on at what begins like the conversations so far."""

    def conversation(self) -> bytes:
        """The conversation here. Raises Broken."""
        self._started = self.offset
        if self.looking_at(_KEY):
            self._note_key()
        return self.value(MAX_VALUE) or b""


def _members(cursor: _Cursor) -> Iterator[Piece]:
    """The conversations of an export, or the one conversation that stands where one was expected:
    that is how reading goes on behind damage. Raises Broken, or _Passed."""
    offset = cursor.offset
    value: dict[str, Any] = {}
    is_export = False
    for key in cursor.members():
        if key == "history" and cursor.peek() == 0x5B:
            is_export = True
            for place in cursor.items():
                yield from _next(cursor, place)
            continue
        raw = cursor.value(MAX_VALUE) or b""
        try:
            value[key] = decode(raw)
        except ValueError as error:
            yield Damage(offset, f"no JSON: {error}")
    if not is_export and isinstance(value.get("messages"), list):
        yield _conversation(Record(value, offset, cursor.offset))


def _next(cursor: _Cursor, offset: int) -> Iterator[Piece]:
    """The conversation here, or what is left of it. Raises Broken, or _Passed."""
    try:
        raw = cursor.conversation()
    except Broken:
        cursor.hold(SALVAGED_AT_MOST)
        cursor.resync()
        value, damages = mended(cursor.held(), offset, _SHAPE)[:2]
        cursor.release()
        if not isinstance(value, dict):
            raise
        yield from damages
        yield _conversation(Record(value, offset, cursor.offset))
        raise _Passed from None
    for record in decoded(raw, offset, _SHAPE):
        yield record if isinstance(record, Damage) else _conversation(record)


def _conversation(record: Record) -> Conversation:
    value, offset = record.value, record.offset
    items = [item for item in list_of(value, "messages") if item is not None]
    ids = unique_ids(
        [name_of(item, "id") for item in items], lambda place: said_by(items[place], "role", "content")
    )
    messages: list[Message | Damage] = [
        _message(item, message_id) if isinstance(item, dict) else Damage(offset, "a message is not an object")
        for item, message_id in zip(items, ids, strict=True)
        if not isinstance(item, Damage)  # told already
    ]
    model = value.get("model")
    return Conversation(
        offset=offset,
        messages=messages,
        native_id=_native_id(value.get("id")),
        attributes=present(
            name=name_of(value, "name"),
            model=name_of(model, "id") or name_of(value, "model"),
            system_prompt=name_of(value, "prompt"),
            metadata=present(folder_id=_native_id(value.get("folderId")), **scalars_of(value, "temperature")),
        ),
        end=record.end,
    )


def _native_id(value: object) -> str | None:
    """Ids were numbers in old versions."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else None


def _message(value: dict[str, Any], message_id: str) -> Message:
    role = text_of(value, "role")
    content = value.get("content")
    parts: list[Part]
    if isinstance(content, str):
        parts = [TextPart(content)]
    elif isinstance(content, list):
        parts = [read_piece(piece) for piece in content]
    else:
        parts = [] if is_empty(content) else [OtherPart("content", content)]
    own = None if role in _ROLES else {"chatbot_ui": {"role": value.get("role")}}
    return Message(message_id, None, _ROLES.get(role or "", "assistant"), tuple(parts), metadata=own)
