"""OpenCode: its folders of JSON files, ``opencode export``, and its database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .base import Damage, Piece, Source, Spool
from .jsonstream import Broken, Cursor, decode
from .opencode_database import read_database
from .opencode_messages import Told, conversation_of, told_by
from .opencode_storage import told_beside
from .sqlitefile import MAGIC, defines, is_database, tables_in
from .values import dict_of, name_of

NAME = "opencode"

_EXPORT = re.compile(rb'\s*\{\s*"info"\s*:\s*\{')
_SESSION_KEYS = (b'"projectID"', b'"directory"', b'"title"')
_PART = re.compile(
    rb'"type"\s*:\s*"(?:text|tool|reasoning|file|step-start|step-finish|patch|snapshot|agent|compaction|subtask|retry)"'
)
_STARTED = re.compile(rb'"time"\s*:\s*\{\s*"start"\s*:\s*\d{13}\b')


def detect(head: bytes, name: str) -> float:
    """By the keys of a session, an export, a message or a part, or by the database's tables."""
    if head.startswith(MAGIC):
        tables = tables_in(head)
        of_sessions = defines(tables.get("session"), "project_id", "directory")
        return 0.95 if of_sessions and defines(tables.get("message"), "session_id", "data") else 0.0
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"{":
        return 0.0
    if _EXPORT.match(head) and (b'"projectID"' in head or b'"directory"' in head):
        return 0.95
    if b'"sessionID"' in head or b'"messageID"' in head:
        is_message = b'"sessionID"' in head and b'"role"' in head
        return 0.7 if is_message or _PART.search(head) is not None else 0.0
    if b'"messages"' not in head and sum(key in head for key in _SESSION_KEYS) >= 2:
        return 0.9
    if name.startswith("ses_") and b'"title"' in head and b'"version"' in head:
        return 0.8
    return 0.4 if len(head) < 1 << 16 and _PART.search(head) and _STARTED.search(head) else 0.0


def read(source: Source) -> Iterator[Piece]:
    """The file's sessions. A file of one message or part gives nothing: its session's file does."""
    from_database, source = is_database(source)
    if from_database:
        yield from read_database(source)
        return
    messages = Spool()
    rest: dict[str, Any] = {}
    cursor = Cursor(source.read)
    cursor.start()
    broken: Broken | None = None
    try:
        _gather(cursor, messages, rest)
        if cursor.peek() >= 0:
            broken = Broken(cursor.offset, "more text follows")
    except Broken as error:
        broken = error
    if broken is not None:
        yield Damage(broken.offset, broken.reason)
    yield from _session(source, rest, messages, damaged=broken is not None)


def _gather(cursor: Cursor, messages: Spool, rest: dict[str, Any]) -> None:
    """Put the messages of an export by and decode what stands beside them. Raises Broken."""
    for key in cursor.members():
        offset = cursor.offset
        if key == "messages" and key not in rest and cursor.peek() == 0x5B:
            rest[key] = None
            for place in cursor.items():
                messages.add(cursor.value() or b"", place)
            continue
        try:
            rest[key] = decode(cursor.value() or b"")
        except ValueError as error:
            raise Broken(offset, f"no JSON: {error}") from error


def _session(source: Source, rest: dict[str, Any], messages: Spool, *, damaged: bool) -> Iterator[Piece]:
    if "messages" in rest or "info" in rest:
        yield conversation_of(dict_of(rest, "info"), _exported(messages))
        return
    if "sessionID" in rest or "messageID" in rest or "type" in rest or "role" in rest:
        return
    session = name_of(rest, "id")
    if session is None:
        if not damaged:
            yield Damage(0, "it is neither a session nor an export of one")
    elif source.beside is None:
        yield Damage(0, "the session's messages lie in other files, which cannot be reached here")
    else:
        told = list(told_beside(source.beside, session))
        if not told and source.name not in (f"{session}.json", f"ses_{session}.json"):
            told.append(Damage(0, "no messages lie beside it, and its id is not that of its file"))
        yield conversation_of(rest, told)


def _exported(messages: Spool) -> Iterator[Told | Damage]:
    for number, (offset, raw) in enumerate(messages):
        try:
            yield told_by(offset, decode(raw), f"message {number}")
        except ValueError as error:
            yield Damage(offset, f"no JSON: {error}")
