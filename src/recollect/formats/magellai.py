"""Magellai's sessions: JSON files of all its layouts, ``recovery.json``, and its SQLite database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from . import magellai_database
from .base import Conversation, Damage, Piece, Source
from .magellai_sessions import conversation_of
from .sqlitefile import MAGIC, is_database
from .stored_json import values
from .values import chosen, dict_of, list_of

NAME = "magellai"

_KEYS = re.compile(
    rb'"(id|conversation|conversation_data|storage_backend|session_id|created|updated|messages)"\s*:'
)
_MESSAGES = re.compile(rb'"messages"\s*:\s*(?:\[|null)')
_INSIDE = ("conversation", "conversation_data")
_RECOVERY = ("session_id", "session_name", "timestamp", "app_version", "storage_backend")


def detect(head: bytes, name: str) -> float:
    """By the keys of a session, of a recovery file, or by the database's tables."""
    if head.startswith(MAGIC):
        return magellai_database.detect(head, name)
    if not head.lstrip().startswith(b"{"):
        return 0.0
    keys = set(_KEYS.findall(head))
    if b"conversation_data" in keys and (b"storage_backend" in keys or b"session_id" in keys):
        return 0.95
    if not keys >= {b"id", b"messages"} or b"session_id" in keys or not _MESSAGES.search(head):
        return 0.0
    if re.search(rb'"conversation"\s*:\s*\{\s*"(?:id|messages)"', head) and _times(head):
        return 0.9
    return 0.8 if _times(head) else 0.0


def _times(head: bytes) -> bool:
    """Whether there is a creation time under the key that this program alone uses, as text."""
    return re.search(rb'"(?:created|updated)"\s*:\s*"\d{4}-\d\d-\d\dT', head) is not None


def read(source: Source) -> Iterator[Piece]:
    """The session of a file, those of a database, and what is damaged."""
    database, whole = is_database(source)
    yield from magellai_database.read(whole) if database else _read_json(whole)


def _read_json(source: Source) -> Iterator[Piece]:
    held: _Held | None = None
    for value in values(source, _INSIDE, ("messages",)):
        yield from value.damage
        session = value.value
        if held is not None and isinstance(session, dict) and _is_message(session):
            if not value.damage:
                held.messages.append(session)  # behind a damaged place of the same file
            continue
        if held is not None and value.damage and not _is_whole(session):
            continue  # the end of a message that breaks
        if held is not None:
            yield held.conversation()
            held = None
        if not isinstance(session, dict) or not _is_session(session):
            if not value.damage:
                yield Damage(value.offset, "this is no session of Magellai")
            continue
        held = _Held(session, value.offset)
    if held is not None:
        yield held.conversation()


def _is_whole(value: object) -> bool:
    return isinstance(value, dict) and not value.keys().isdisjoint(("messages", *_INSIDE))


def _is_message(value: dict[str, Any]) -> bool:
    return "role" in value and "content" in value and "messages" not in value


def _is_session(value: dict[str, Any]) -> bool:
    inner = dict_of(value, "conversation_data") or value
    return "messages" in inner or "messages" in dict_of(inner, "conversation") or "id" in inner


class _Held:
    """A session that may still get messages from behind a damaged place."""

    def __init__(self, value: dict[str, Any], offset: int) -> None:
        self._offset = offset
        self._session = dict_of(value, "conversation_data") or value
        self._recovery = value if "conversation_data" in value else {}
        inner = (
            self._session if list_of(self._session, "messages") else dict_of(self._session, "conversation")
        )
        if not isinstance(inner.get("messages"), list):
            inner["messages"] = []
        self.messages: list[Any] = inner["messages"]

    def conversation(self) -> Conversation:
        """The session as a conversation."""
        session, recovery = dict(self._session), self._recovery
        if recovery:
            session.setdefault("id", recovery.get("session_id"))
            session.setdefault("name", recovery.get("session_name"))
        return conversation_of(session, self._offset, recovery=chosen(recovery, *_RECOVERY))
