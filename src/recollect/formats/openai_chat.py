"""The ``messages`` of the OpenAI chat API, as many tools write them to files.

A JSON array of conversations, one conversation (an object with ``messages``, or tau-bench's
``traj``), a bare array of messages, or JSON lines of any of these.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator
from typing import Any

from msgspec.structs import replace

from ..codec import dumps
from ..model import Message, SessionInfo
from .base import Conversation, Damage, Piece, Source, Spool, Write
from .jsonstream import Broken, Cursor, Found, decode
from .objects import BrokenRecord, Holding
from .openai_messages import MessageReader, write_messages
from .salvage import Shape, mended

NAME = "openai-chat"
WHOLE = 4 << 20
"""Conversations up to this many bytes are decoded in one piece, larger ones message by message."""

_LISTS = ("messages", "traj")
_SHAPE = Shape(lists=frozenset(_LISTS))
_HAS_MESSAGES = re.compile(rb'"(?:messages|traj)"\s*:\s*(?:\[\s*(?:\{|\]|null)|$)')
_IS_BARE = re.compile(rb'\s*(?:\[\s*){1,2}\{\s*"(?:role|content|name|tool_calls|tool_call_id)"\s*:')
_ROLE = re.compile(rb'"role"\s*:\s*"(?:system|developer|user|assistant|tool|function)"')


def detect(head: bytes, name: str) -> float:  # noqa: ARG001  # formats may look at the name
    """By ``messages`` (or ``traj``) with a list of objects that have roles, or such a list alone."""
    if head.lstrip()[:1] not in (b"[", b"{"):
        return 0.0
    if _IS_BARE.match(head) and _ROLE.search(head):
        return 0.6
    found = _HAS_MESSAGES.search(head)
    if found is None:
        return 0.0
    return 0.7 if _ROLE.search(head, found.start()) or len(head) - found.end() < 1024 else 0.2


def read(source: Source) -> Iterator[Piece]:
    """The file's conversations, in order, and what is damaged."""
    cursor = Holding(source.read)
    cursor.start()
    bare = _Bare()
    unfinished: BrokenRecord | None = None
    for found in cursor.records(WHOLE):
        if isinstance(found, Broken):
            is_first = unfinished is None
            unfinished = unfinished or BrokenRecord(cursor, found.offset, _SHAPE, decode, takes_lists=True)
            unfinished.damages.append(Damage(found.offset, found.reason))
            if is_first and not unfinished.so_far().is_conversation:
                yield from _mended(unfinished, found.offset)
                unfinished = None
            continue
        try:
            value = yield from _whole(found) if found.raw is not None else _large(cursor, found.offset)
        except Broken as broken:
            yield Damage(found.offset, broken.reason)
            if found.raw is None:
                cursor.resync()
            continue
        if unfinished is not None:
            if isinstance(value, dict) and bare.takes(value):
                continue  # one of its messages
            yield from _mended(unfinished, found.offset)
            unfinished = None
        if isinstance(value, dict) and bare.takes(value):
            bare.add(dumps(value) if found.raw is None else found.raw, found.offset)
            continue
        if isinstance(value, list):
            yield from bare.end(found.offset)
        conversation = value if isinstance(value, Conversation) else _small(value, found.offset)
        yield conversation if isinstance(conversation, Damage) else replace(conversation, end=cursor.offset)
    if unfinished is not None:
        yield from _mended(unfinished, cursor.offset)
    yield from bare.end(cursor.offset)


def _mended(broken: BrokenRecord, end: int) -> Iterator[Piece]:
    """What is left of a conversation that ends before ``end``."""
    for piece in broken.end(end):
        left = piece if isinstance(piece, Damage) else _small(piece.value, piece.offset)
        yield left if isinstance(left, Damage) else replace(left, end=end)


def _whole(found: Found) -> Generator[Damage, None, Any]:
    """A value in memory; of a conversation with messages that are no JSON the others. Raises Broken."""
    assert found.raw is not None
    try:
        return decode(found.raw)
    except ValueError as error:
        what_is_left = mended(found.raw, found.offset, _SHAPE)
        if what_is_left.value is None:
            raise Broken(found.offset, f"no JSON: {error}") from error
    yield from what_is_left.damages
    return what_is_left.value


def _decoded(found: Found) -> Any:
    assert found.raw is not None
    try:
        return decode(found.raw)
    except ValueError as error:
        raise Broken(found.offset, f"no JSON: {error}") from error


class _Bare:
    """Gathers messages that stand in the outermost array by themselves: one conversation."""

    def __init__(self) -> None:
        self._spool: Spool | None = None
        self._offset = 0

    def takes(self, value: dict[str, Any]) -> bool:
        """Whether an element of the outermost list is a message rather than a conversation."""
        return "role" in value and not any(isinstance(value.get(name), list) for name in _LISTS)

    def add(self, raw: bytes, offset: int) -> None:
        """One more message."""
        if self._spool is None:
            self._spool, self._offset = Spool(), offset
        self._spool.add(raw, offset)

    def end(self, offset: int) -> Iterator[Conversation]:
        """The conversation gathered, if there is one; it ends before ``offset``."""
        if self._spool is not None:
            gathered = _conversation(self._offset, _Spooled(self._spool), {}, None)
            yield replace(gathered, end=offset)
        self._spool = None


class _Spooled:
    """Messages decoded from a spool whenever they are asked for."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool

    def __iter__(self) -> Iterator[Message | Damage]:
        reader = MessageReader()
        for offset, raw in self._spool:
            try:
                value = decode(raw)
                del raw  # the largest message decides what an import needs: no copy is kept in vain
                message: Message | Damage = reader.read(value)
                del value
            except ValueError as error:
                message = Damage(offset, str(error))
            yield message


def _small(value: Any, offset: int) -> Conversation | Damage:
    """A conversation that is decoded whole."""
    name = None
    items = value
    if isinstance(value, dict):
        name = next((n for n in _LISTS if isinstance(value.get(n), list)), None)
        items = None if name is None else value.pop(name)
    if not isinstance(items, list):
        return Damage(offset, "no conversation: there is no list under 'messages'")
    reader = MessageReader()
    messages: list[Message | Damage] = []
    for item in items:
        try:
            messages.append(reader.read(item))
        except ValueError as error:
            if not isinstance(item, Damage):  # that was told already
                messages.append(Damage(offset, str(error)))
    return _conversation(offset, messages, value if name else {}, name)


def _large(cursor: Cursor, offset: int) -> Generator[Damage, None, Conversation | dict[str, Any]]:
    """A conversation taken message by message; what does not fit in memory waits on disk, since
    the keys behind the messages come first. An object without messages comes back as it is.
    Raises Broken when it breaks before the first message; else what comes before the break is read."""
    spool, count = Spool(), 0
    is_list = cursor.peek() == 0x5B
    rest: dict[str, Any] = {}
    name: str | None = None
    try:
        for key in [None] if is_list else cursor.members():
            if is_list or (name is None and key in _LISTS and cursor.peek() == 0x5B):
                name = key
                for place in cursor.items():
                    spool.add(cursor.value() or b"", place)
                    count += 1
            else:
                rest[str(key)] = _decoded(Found(cursor.offset, cursor.value()))
    except Broken as broken:
        if not count:
            raise
        yield Damage(broken.offset, broken.reason)
        cursor.resync()
    return _conversation(offset, _Spooled(spool), rest, name) if name or is_list else rest


def _conversation(
    offset: int, messages: Iterable[Message | Damage], rest: dict[str, Any], name: str | None
) -> Conversation:
    """A conversation whose keys beside the messages are ``rest``."""
    attributes: dict[str, Any] = {}
    native_id = rest.get("id")
    if isinstance(native_id, str) and native_id:
        del rest["id"]
    else:
        native_id = None
    for key, attribute in (("model", "model"), ("title", "name")):
        if isinstance(rest.get(key), str):
            attributes[attribute] = rest.pop(key)
    origin: dict[str, Any] = {} if name == "messages" else {"list": name}
    return Conversation(
        offset=offset,
        messages=messages,
        native_id=native_id,
        loose_id=True,
        attributes={**attributes, "metadata": rest},
        origin=origin,
    )


def write(info: SessionInfo, messages: Iterable[Message], write: Write) -> None:
    """One object with ``messages``; the keys that came with an import beside them."""
    imported = info.metadata.get("imported")
    origin = imported if isinstance(imported, dict) and imported.get("format") == NAME else None
    head: dict[str, Any] = {}
    if origin is None:
        head["id"] = info.id
    elif isinstance(origin.get("id"), str):
        head["id"] = origin["id"]
    if info.name is not None:
        head["title"] = info.name
    if info.model is not None:
        head["model"] = info.model
    head.update((key, value) for key, value in info.metadata.items() if key != "imported")
    list_name = "messages" if origin is None else origin.get("list", "messages")
    if list_name is None and not head:
        write("[")
    else:
        opened = dumps(head).decode()[:-1]
        write(f"{opened}{',' if head else ''}{dumps(list_name or 'messages').decode()}:[")
    separator = ""
    for message in messages:
        for written in write_messages(message):
            write(f"{separator}\n{dumps(written).decode()}")
            separator = ","
    write("\n]\n" if list_name is None and not head else "\n]}\n")
