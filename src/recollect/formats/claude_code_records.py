"""The lines of a Claude Code session as typed records, and a place to keep them while they are sorted.

A record is decoded straight into a struct that knows the keys that matter; one whose keys have
other types than usual is cleaned key by key, so that whatever uses records need not check again.
"""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Callable, Iterator
from typing import Any
from weakref import finalize

import msgspec
from msgspec import Raw, Struct

from . import recordlines
from .base import Damage
from .jsonstream import decode

KEPT_IN_MEMORY = 2 << 20
"""Records of this many bytes in all stay decoded; the others go to a file."""

Blocks = list[dict[str, Any]]


class Body(Struct, gc=False):
    """What a user or assistant record says; assistants' as the API answered."""

    content: str | Blocks | None = None
    id: str | None = None
    model: str | None = None
    usage: dict[str, Any] | None = None
    stop_reason: str | None = None


class Record(Struct, gc=False, rename="camel"):
    """One line. What is missing is None or False."""

    type: str | None = None
    uuid: str | None = None
    parent_uuid: str | None = None
    logical_parent_uuid: str | None = None
    session_id: str | None = None
    agent_id: str | None = None
    is_sidechain: bool = False
    is_meta: bool = False
    is_compact_summary: bool = False
    is_visible_in_transcript_only: bool = False
    is_api_error_message: bool = False
    timestamp: str | None = None
    cwd: str | None = None
    git_branch: str | None = None
    version: str | None = None
    slug: str | None = None
    permission_mode: str | None = None
    request_id: str | None = None
    message: Body | None = None
    tool_use_result: Raw = Raw(b"")
    forked_from: dict[str, Any] | None = None
    origin: dict[str, Any] | None = None
    summary: str | None = None
    leaf_uuid: str | None = None
    ai_title: str | None = None
    custom_title: str | None = None
    agent_name: str | None = None
    pr_url: str | None = None


_decode = msgspec.json.Decoder(Record).decode
_TEXTS = tuple(
    field.name
    for field in msgspec.structs.fields(Record)
    if field.default is None and field.name not in ("message", "forked_from", "origin")
)
_FLAGS = tuple(field.name for field in msgspec.structs.fields(Record) if field.default is False)
_CAMEL = {field.name: field.encode_name for field in msgspec.structs.fields(Record)}


def parse(raw: bytes) -> Record:
    """A line as a record. Raises ValueError when it is no JSON object."""
    try:
        return _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass  # unusual, not yet wrong: the next one takes more, and says what is wrong
    return cleaned(decode(raw))


def cleaned(value: Any) -> Record:
    """A decoded line as a record: what has another type than usual counts as missing, but what is
    said stays. Raises ValueError when it is no object."""
    if not isinstance(value, dict):
        raise ValueError("it is no object")
    record = Record()
    for name in _TEXTS:
        item = value.get(_CAMEL[name])
        if isinstance(item, str):
            setattr(record, name, item)
    for name in _FLAGS:
        setattr(record, name, value.get(_CAMEL[name]) is True)
    for name in ("forked_from", "origin"):
        item = value.get(_CAMEL[name])
        if isinstance(item, dict):
            setattr(record, name, item)
    if "message" in value and record.type in ("user", "assistant"):
        record.message = _cleaned_body(value["message"])
    return record


def _cleaned_body(value: Any) -> Body:
    if not isinstance(value, dict):
        value = {"content": value}
    body = Body(content=_cleaned_content(value.get("content")))
    for name in ("id", "model", "stop_reason"):
        if isinstance(value.get(name), str):
            setattr(body, name, value[name])
    if isinstance(value.get("usage"), dict):
        body.usage = value["usage"]
    return body


def _cleaned_content(content: Any) -> str | Blocks | None:
    if content is None or isinstance(content, str):
        return content
    items = content if isinstance(content, list) else [content]
    return [item if isinstance(item, dict) else {"type": "unknown", "value": item} for item in items]


def records(read: Callable[[int], bytes], offset: int = 0) -> Iterator[recordlines.Record[Record] | Damage]:
    """The records that ``read`` gives, and what is damaged; ``offset`` is where it stands."""
    return recordlines.read_records(read, parse, offset)


class Kept:
    """Records by number, to be had again: the first ones as they are, the rest from a nameless file."""

    def __init__(self) -> None:
        self._first: list[Record] = []
        self._room = KEPT_IN_MEMORY
        self._places = array("q", [0])
        self._file: Any = None
        self._at_end = True

    def add(self, raw: bytes, record: Record) -> int:
        """Keep one more; its number."""
        if self._file is None and len(raw) <= self._room:
            self._room -= len(raw)
            self._first.append(record)
            return len(self._first) - 1
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the object
            finalize(self, self._file.close)
        if not self._at_end:
            self._file.seek(self._places[-1])
            self._at_end = True
        self._file.write(raw)
        self._places.append(self._places[-1] + len(raw))
        return len(self._first) + len(self._places) - 2

    def __getitem__(self, number: int) -> Record:
        if number < len(self._first):
            return self._first[number]
        number -= len(self._first)
        start, end = self._places[number], self._places[number + 1]
        if self._at_end or self._file.tell() != start:
            self._file.seek(start)
            self._at_end = False
        return parse(self._file.read(end - start))
