"""A session's whole log as JSON lines: a header, then one line a record or blob.

    {"recollect":1,"session":{…}}
    {"seq":1,"kind":"update","parent":0,"body":{…}}
    {"blob":"<sha-256 in hex>","content":"<base64>"}
    {"seq":2,"kind":"message","parent":0,"body":{…}}

Several sessions may follow each other in one file. Bodies are the stored ones to the byte.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType
from msgspec.structs import replace

from ..backend import KINDS
from ..codec import dumps, is_intact
from .base import Damage, LogBlob, LogHeader, LogRecord, Piece, Source
from .jsonstream import Broken, Cursor, Found, decode

NAME = "jsonl"
VERSION = 1
_STARTS = re.compile(rb'\s*\{\s*"recollect"\s*:')
_NUMBERS = {name: number for number, name in KINDS.items()}


class _Line(Struct, frozen=True, gc=False):
    """Any line: a header, a record or a blob."""

    recollect: int | UnsetType = UNSET
    session: Raw | UnsetType = UNSET
    seq: int | UnsetType = UNSET
    kind: str = ""
    parent: int = 0
    body: Raw | UnsetType = UNSET
    blob: str | UnsetType = UNSET
    content: bytes = b""


_decode_line = msgspec.json.Decoder(_Line).decode


def detect(head: bytes, name: str) -> float:  # noqa: ARG001  # formats may look at the name
    """By the header's first key."""
    return 0.95 if _STARTS.match(head) else 0.0


def read(source: Source) -> Iterator[Piece]:
    """The logs, record by record, and what is damaged."""
    cursor = Cursor(source.read)
    cursor.start()
    for found in cursor.records(0):
        if isinstance(found, Broken):
            yield Damage(found.offset, found.reason)
            continue
        try:
            yield from _record(cursor, found.offset)
        except Broken as broken:
            yield Damage(broken.offset, broken.reason)
            cursor.resync()


def _record(cursor: Cursor, offset: int) -> Iterator[Piece]:
    """A line, or a whole document, which is stepped into."""
    if not cursor.looking_at(_STARTS):
        yield _piece(cursor, offset)
        return
    head: dict[str, Any] = {}
    told = False
    for key in cursor.members():
        if key == "log":
            yield _header(head, offset)
            told = True
            for place in cursor.items():
                yield _piece(cursor, place)
        else:
            head[key] = _value(Found(cursor.offset, cursor.value()))
    if not told:
        yield _header(head, offset)


def _value(found: Found) -> Any:
    try:
        return decode(found.raw or b"")
    except ValueError as error:
        raise Broken(found.offset, f"no JSON: {error}") from error


def _header(head: dict[str, Any], offset: int) -> LogHeader:
    session = head.get("session")
    if head.get("recollect") != VERSION:
        raise Broken(offset, f"this export's version is {head.get('recollect')!r}; {VERSION} can be read")
    if not isinstance(session, dict) or not isinstance(session.get("id"), str):
        raise Broken(offset, "the header names no session")
    version = session.get("version")
    return LogHeader(offset, session["id"], version if isinstance(version, int) else 0)


def _piece(cursor: Cursor, offset: int) -> LogRecord | LogBlob:
    raw = cursor.value() or b""
    try:
        line = _decode_line(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        try:
            line = _by_hand(raw)
        except (Broken, ValueError):
            raise Broken(offset, f"no record: {error}") from error
    if isinstance(line.blob, str):
        return LogBlob(offset, line.blob, line.content)
    number = _NUMBERS.get(line.kind)
    if not isinstance(line.seq, int) or isinstance(line.body, UnsetType) or number is None:
        raise Broken(offset, "this is neither a record nor a blob")
    return LogRecord(offset, line.seq, number, line.parent, _exact(bytes(line.body)))


def _by_hand(raw: bytes) -> _Line:
    """A line whose body the decoder refuses even unread: it holds lone surrogates."""
    cursor = Cursor(BytesIO(raw).read)
    values: dict[str, Any] = {}
    body: Raw | UnsetType = UNSET
    for key in cursor.members():
        value = cursor.value() or b""
        if key == "body":
            body = Raw(value)
        else:
            values[key] = decode(value)
    return replace(msgspec.convert(values, _Line), body=body)


def _exact(body: bytes) -> bytes:
    """The stored bytes, also when a tool has spread them over lines or put spaces in."""
    if is_intact(body):
        return body
    for compact in (_compact, _compact_ascii):
        try:
            found = compact(body)
        except (ValueError, RecursionError):
            continue
        if is_intact(found):
            return found
    return body


def _compact(body: bytes) -> bytes:
    return dumps(decode(body))


def _compact_ascii(body: bytes) -> bytes:
    return json.dumps(decode(body), separators=(",", ":")).encode()


def header_text(session: dict[str, Any]) -> str:
    """The header of a session, without its closing brace. Where it was stored is no part of it,
    so that an export is the same from any namespace."""
    shown = {key: value for key, value in session.items() if key != "namespace"}
    return f'{{"recollect":{VERSION},"session":{dumps(shown).decode()}'


def record_text(seq: int, kind: int, parent: int, body: bytes) -> str:
    """A record as one line, without the line end."""
    return f'{{"seq":{seq},"kind":"{KINDS[kind]}","parent":{parent},"body":{body.decode()}}}'


def blob_text(digest: str, content: bytes) -> str:
    """A blob as one line, without the line end."""
    return dumps({"blob": digest, "content": content}).decode()
