"""The attributes that a file gives a session, and which of them changed since the last import."""

from __future__ import annotations

from typing import Any, NamedTuple

from msgspec import UNSET
from msgspec.structs import replace

from ..core.attributes import patch_of
from ..core.notes import Note, attribute_digest
from ..formats.base import Conversation, session_id_from
from ..model import ForkedFrom, SessionInfo
from ..records import Patch

UNKNOWN_VERSION = 0
"""The version a fork is said to come from when its source does not know versions."""


class Given(NamedTuple):
    """What a file says of a session, and a digest of each saying."""

    patch: Patch
    digests: dict[str, str]


def given(conversation: Conversation, origin: dict[str, Any]) -> Given:
    """The attributes of a conversation; where it comes from is ``metadata["imported"]``.

    Raises InvalidError for what cannot be stored.
    """
    origin = {**origin, **conversation.origin}
    if conversation.native_id is not None:
        origin["id"] = conversation.native_id
    if conversation.parent is not None:
        origin["parent"] = session_id_from(conversation.parent)
        origin["relation"] = conversation.relation
    attributes = dict(conversation.attributes)
    attributes["metadata"] = {**attributes.get("metadata", {}), "imported": origin}
    patch = patch_of({name: value for name, value in attributes.items() if value is not None})
    if conversation.relation == "fork":
        patch = replace(patch, forked_from=ForkedFrom(origin["parent"], UNKNOWN_VERSION))
    return Given(patch, _digests(patch))


def _digests(patch: Patch) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in patch.changes().items():
        if name == "metadata":
            inner = ((key, item) for key, item in value.items() if key != "imported")
            found.update((f"metadata.{key}", attribute_digest(item)) for key, item in inner)
        elif name != "forked_from":
            found[name] = attribute_digest(value)
    return found


def changed(info: SessionInfo, new: Given, last: Note | None) -> Patch | None:
    """What to set on a session: attributes that the file gives otherwise than last time, and that
    nobody else changed. None for nothing."""
    before = {} if last is None else last.attributes
    values = new.patch.changes()
    values.pop("forked_from", None)
    metadata = values.pop("metadata", {})
    fresh = {
        name: value
        for name, value in values.items()
        if _may_set(getattr(info, name), value, before.get(name))
    }
    merged = dict(info.metadata)
    for key, value in metadata.items():
        if key != "imported" and _may_set(merged.get(key), value, before.get(f"metadata.{key}")):
            merged[key] = value
    if merged != info.metadata:
        fresh["metadata"] = merged
    return Patch(**fresh) if fresh else None


def _may_set(current: Any, value: Any, before: str | None) -> bool:
    if current == value or (current == () and not value):
        return False
    if current in (None, (), UNSET):
        return before is None  # else somebody took it away
    return before is not None and attribute_digest(current) == before
