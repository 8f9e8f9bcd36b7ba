"""Chats of Gemini CLI: ``~/.gemini/tmp/<project hash>/chats/session-<start>-<id>.json``.

Up to 0.39 a file is one JSON document, written anew at every turn; from 0.40 on it is JSON lines: a
header, messages (a later one of the same id replaces the earlier), ``$set`` and ``$rewindTo``.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator

from .base import Conversation, Damage, Piece, Source
from .gemini_cli_chat import Chat
from .jsonstream import CHUNK, MAX_VALUE, Broken, Cursor, Found, decode
from .recordlines import read_records

NAME = "gemini-cli"

_HASH = re.compile(rb'"projectHash"\s*:\s*"')
_ID = re.compile(rb'"sessionId"\s*:\s*"')


def detect(head: bytes, name: str) -> float:  # noqa: ARG001  # formats may look at the name
    """By the ids of session and project that every file begins with."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:4000]
    if start[:1] != b"{" or not _HASH.search(start) or not _ID.search(start):
        return 0.0
    return 0.95


def read(source: Source) -> Iterator[Piece]:
    """The session that the file holds."""
    first = source.read(CHUNK)
    head = io.BytesIO(first)
    lines = _is_lines(first)
    chat = Chat(replaces=lines)
    if lines:
        _read_lines(chat, lambda size: head.read(size) or source.read(size))
    else:
        _read_document(chat, lambda size: head.read(size) or source.read(size))
    if chat.is_empty():
        yield from chat.damaged()
        return
    arranged = chat.arranged()
    yield Conversation(
        offset=0,
        messages=arranged.messages,
        native_id=chat.native_id,
        attributes=chat.attributes(),
        head=arranged.head,
        forks=arranged.forks,
    )


def _is_lines(first: bytes) -> bool:
    """Whether the first line is a header by itself, as in JSON lines."""
    try:
        header = decode(first.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")[0])
    except ValueError:
        return False
    return isinstance(header, dict) and "messages" not in header


def _read_lines(chat: Chat, read: Callable[[int], bytes]) -> None:
    for piece in read_records(read, decode):
        if isinstance(piece, Damage):
            chat.damage(piece)
        else:
            chat.record(piece.value, piece.raw, piece.offset)


def _read_document(chat: Chat, read: Callable[[int], bytes]) -> None:
    """One object, whose messages are taken one by one; what is broken costs only itself."""
    cursor = Cursor(read)
    cursor.start()
    try:
        _step(cursor, chat)
    except Broken as broken:
        chat.damage(Damage(broken.offset, broken.reason))
    for found in cursor.records(MAX_VALUE):  # only behind a damage there is more
        if not isinstance(found, Broken):
            _take(chat, found)


def _step(cursor: Cursor, chat: Chat) -> None:
    for key in cursor.members():
        if cursor.peek() == 0x5B:  # mostly `messages`; a damaged key costs no messages
            for place in cursor.items():
                found = Found(place, cursor.value())
                if key == "messages" or (found.raw or b"").startswith(b"{"):
                    _take(chat, found)
        else:
            place = cursor.offset
            try:
                chat.header({key: decode(cursor.value() or b"")})
            except ValueError as error:
                chat.damage(Damage(place, f"no JSON: {error}"))


def _take(chat: Chat, found: Found) -> None:
    raw = found.raw or b""
    try:
        value = decode(raw)
    except ValueError as error:
        chat.damage(Damage(found.offset, f"no JSON: {error}"))
    else:
        for record in value if isinstance(value, list) else [value]:  # a list: all that follows a damage
            chat.record(record, raw, found.offset)
