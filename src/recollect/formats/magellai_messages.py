"""Magellai's messages and attachments, from JSON files and from its database alike."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from ..model import BlobPart, Message, Part, Role, TextPart
from .base import Damage, derived_uuid
from .openai_parts import canonical
from .stored_parts import as_text, attachment, from_base64
from .times import from_iso
from .values import dict_of, dicts_of, name_of, present, text_of

KEPT = "magellai"
"""The metadata key under which stands what only this format knows."""

_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system", "tool": "tool"}
_MODALITIES = ("image", "audio", "video")
_GO_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d+)? ?([+-]\d\d):?(\d\d)")


def go_time(value: object) -> datetime | None:
    """A time as Go's JSON or its ``Time.String()`` writes it; zone words and ``m=`` say nothing more."""
    text = as_text(value).strip()
    match = _GO_TIME.match(text)
    if match is None:
        return from_iso(text)
    day, clock, fraction, hours, minutes = match.groups()
    return from_iso(f"{day}T{clock}{(fraction or '')[:7]}{hours}:{minutes}")


class MessageReader:
    """Reads one session's messages in order; ids that come again are made different."""

    def __init__(self, session_id: str | None) -> None:
        self._session = (session_id or "").encode("utf-8", "surrogatepass")
        self._seen: Counter[str] = Counter()
        self._count = 0

    def read(self, value: Any) -> Message | Damage:
        """The next message, or why there is none."""
        self._count += 1
        if isinstance(value, Damage):
            return value
        if not isinstance(value, dict):
            return Damage(0, f"message {self._count} is not an object")
        stated = text_of(value, "role") or ""
        content = value.get("content")
        parts: list[Part] = []
        if isinstance(content, str):
            if content:
                parts.append(TextPart(content))
        elif content is not None:
            parts.append(TextPart(as_text(content)))
        attachments = dicts_of(value, "attachments")
        parts.extend(read_attachment(item) for item in attachments)
        own = present(metadata=dict_of(value, "metadata"), role=None if stated in _ROLES else stated or None)
        return Message(
            self._id(value),
            None,
            _ROLES.get(stated, "user"),
            tuple(parts),
            go_time(value.get("timestamp")),
            metadata={KEPT: own} if own else None,
        )

    def _id(self, value: dict[str, Any]) -> str:
        own = name_of(value, "id")
        if own is None:
            return derived_uuid(b"magellai\0", self._session, b"%d\0" % self._count, canonical(value))
        self._seen[own] += 1
        if self._seen[own] == 1:
            return own
        again = f"{own}\0{self._seen[own]}".encode("utf-8", "surrogatepass")
        return derived_uuid(b"magellai\0", self._session, again)


def read_messages(session_id: str | None, values: Iterable[Any]) -> Iterator[Message | Damage]:
    """The messages of one session."""
    reader = MessageReader(session_id)
    for value in values:
        yield reader.read(value)


def read_attachment(value: dict[str, Any]) -> Part:
    """An attachment: by its content, else its address or path."""
    kind = text_of(value, "type") or ""
    path, url, mime = name_of(value, "file_path"), name_of(value, "url"), name_of(value, "mime_type")
    content = _content(value, kind)
    own = present(
        id=name_of(value, "id"),
        type=kind or None,
        name=name_of(value, "name"),
        file_path=path if content is not None or url else None,
        url=url if content is not None else None,
        metadata=dict_of(value, "metadata"),
    )
    part = attachment(
        content, url, path, mime, kind if kind in _MODALITIES else None, {KEPT: own} if own else None
    )
    if isinstance(part, BlobPart) and mime is None and kind == "text":
        return BlobPart(part.content, "text/plain", None, None, part.metadata)
    return part


def _content(value: dict[str, Any], kind: str) -> bytes | None:
    """The bytes inside; the oldest files, whose attachments have no id, hold text as it is too."""
    text = name_of(value, "content")
    if text is None:
        return None
    raw = text.encode("utf-8", "surrogatepass")
    content = from_base64(text)
    if content is None:
        return raw
    if kind == "text" and name_of(value, "id") is None:
        try:
            content.decode()
        except UnicodeDecodeError:
            return raw
    return content
