"""A Magellai session, whichever layout it was stored in, as a conversation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..model import Message, timestamp
from .base import Conversation, Damage
from .magellai_messages import KEPT, go_time, read_messages
from .values import dict_of, int_of, is_empty, list_of, name_of, number_of, present, texts_of

_FIELDS = ("messages", "model", "provider", "temperature", "max_tokens", "system_prompt")
_KNOWN = {
    *_FIELDS, "id", "name", "conversation", "config", "created", "updated", "tags", "metadata", "parent_id",
    "branch_point", "branch_name", "child_ids",
}  # fmt: skip


def flattened(session: dict[str, Any]) -> dict[str, Any]:
    """A session with what its ``conversation`` holds beside its own keys; where both say it, its own."""
    inner = dict_of(session, "conversation")
    flat = dict(session)
    for field in _FIELDS:
        if is_empty(flat.get(field)) and field in inner:
            flat[field] = inner[field]
    flat["conversation"] = {
        key: value for key, value in inner.items() if key not in _FIELDS and not is_empty(value)
    }
    return flat


def attributes_of(flat: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The session attributes of a flattened session."""
    metadata = dict_of(flat, "metadata")
    inner = dict_of(flat, "conversation")
    conversation_id = name_of(inner, "id")
    rest = {key: value for key, value in flat.items() if key not in _KNOWN and not is_empty(value)}
    own = present(
        metadata=metadata,
        conversation_metadata=dict_of(inner, "metadata"),
        conversation_id=conversation_id if conversation_id != name_of(flat, "id") else None,
        child_ids=texts_of(flat, "child_ids"),
        keys=rest,
        **more,
    )
    kept = present(
        created_at=timestamp(go_time(flat.get("created"))),
        updated_at=timestamp(go_time(flat.get("updated"))),
        temperature=number_of(flat, "temperature"),
        max_tokens=int_of(flat, "max_tokens") or None,
        config=dict_of(flat, "config"),
        branch_name=name_of(flat, "branch_name"),
        branch_point=int_of(flat, "branch_point") if name_of(flat, "parent_id") else None,
    )
    return present(
        name=name_of(flat, "name"),
        provider=name_of(flat, "provider"),
        model=name_of(flat, "model"),
        system_prompt=name_of(flat, "system_prompt"),
        tags=list(dict.fromkeys(tag for tag in texts_of(flat, "tags") if tag)),
        metadata={**kept, KEPT: own} if own else kept,
    )


class _Messages:
    """Messages made from values that are in memory."""

    def __init__(self, session_id: str | None, values: list[Any]) -> None:
        self._session_id = session_id
        self._values = values

    def __iter__(self) -> Any:
        return read_messages(self._session_id, self._values)


def conversation_of(session: dict[str, Any], offset: int, **more: Any) -> Conversation:
    """A session as JSON files hold it."""
    flat = flattened(session)
    return built(flat, offset, _Messages(name_of(flat, "id"), list_of(flat, "messages")), **more)


def built(
    flat: dict[str, Any], offset: int, messages: Iterable[Message | Damage], **more: Any
) -> Conversation:
    """A flattened session and its messages as a conversation."""
    parent = name_of(flat, "parent_id")
    return Conversation(
        offset=offset,
        messages=messages,
        native_id=name_of(flat, "id"),
        attributes=attributes_of(flat, **more),
        parent=parent,
        relation="fork" if parent else None,
    )
