"""The messages of a Gemini CLI chat, record by record."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from msgspec import structs

from ..model import (
    BlobPart,
    Message,
    OtherPart,
    Part,
    ReasoningPart,
    Role,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    UriPart,
    Usage,
)
from .base import Damage, derived_uuid
from .messagespool import Arranged, MessageTree
from .times import from_iso
from .titles import one_line
from .values import count_of, dict_of, dicts_of, list_of, name_of, present, text_of, value_of

_ROLES: dict[str, Role] = {
    "user": "user",
    "gemini": "assistant",
    "model": "assistant",
    "info": "system",
    "warning": "system",
    "error": "system",
}
_FAILED = ("error", "cancelled")


class Chat:
    """Takes the records of a file in order. What was rewound stays as a branch."""

    def __init__(self, *, replaces: bool) -> None:
        self._replaces = replaces
        """Whether a later record of the same id replaces the earlier one."""
        self.native_id: str | None = None
        self._facts: dict[str, Any] = {}
        self._summary: str | None = None
        self._first: str | None = None
        self._model: str | None = None
        self._tree = MessageTree()
        self._head = -1
        self._nodes: dict[str, int] = {}
        self._records = 0

    def is_empty(self) -> bool:
        """Whether nothing was found, not even whose chat it is."""
        return self.native_id is None and not len(self._tree)

    def damaged(self) -> Iterator[Damage]:
        """What could not be read."""
        for _, damage in self._tree.damaged():
            yield damage

    def damage(self, damage: Damage) -> None:
        """Something unreadable stands here."""
        self._records += 1
        self._tree.damage(damage)

    def arranged(self) -> Arranged:
        """The messages, those of the chat as it is now first."""
        return self._tree.arranged(self._head)

    def attributes(self) -> dict[str, Any]:
        """What is known of the session as a whole."""
        name = one_line(self._summary) if self._summary else self._first
        return present(name=name, provider="google", model=self._model, metadata=self._facts)

    def header(self, values: Any) -> None:
        """Facts of the session, at the beginning or as they change."""
        self.native_id = self.native_id or name_of(values, "sessionId")
        self._summary = name_of(values, "summary") or self._summary
        facts = present(project_hash=name_of(values, "projectHash"), kind=name_of(values, "kind"))
        self._facts.update(facts)

    def record(self, value: Any, raw: bytes, offset: int) -> None:
        """One record: a message, facts, or how the chat was changed; anything else is left alone."""
        self._records += 1
        if not isinstance(value, dict):
            self._tree.damage(Damage(offset, "no record stands there"))
        elif name_of(value, "type") and (value.keys() & {"content", "parts"}):
            self._message(value, raw, offset)
        elif "$set" in value:
            self.header(value["$set"])
            for message in dicts_of(value, "$set", "messages"):
                if name_of(message, "type"):
                    self._message(message, raw, offset)
        elif name_of(value, "$rewindTo"):
            node = self._nodes.get(value["$rewindTo"])
            if node is not None:
                self._head = self._tree.parent_of(node)
        elif "sessionId" in value:
            self.header(value)

    def _message(self, value: dict[str, Any], raw: bytes, offset: int) -> None:
        kind = value["type"]
        role = _ROLES.get(kind, "system")
        own_id = name_of(value, "id") or derived_uuid(b"gemini-cli\0%d\0" % self._records, raw)
        injected = kind if role == "system" else None
        tokens = dict_of(value, "tokens")
        model = name_of(value, "model")
        message = Message(
            own_id,
            None,
            role,
            tuple(_parts(value)),
            from_iso(value.get("timestamp")),
            model,
            _usage(tokens) if tokens else None,
            present(injected=injected) or None,
        )
        self._model = model or self._model
        if role == "user" and self._first is None:
            self._first = one_line(message.text)
        self._put(message, offset)
        for number, call in enumerate(dicts_of(value, "toolCalls")):
            answer = _answer(own_id, number, call)
            if answer is not None:
                self._put(answer, offset)

    def _put(self, message: Message, offset: int) -> None:
        """A message behind the newest one, or in place of what it was before."""
        node = self._nodes.get(message.id)
        if node is not None and not self._replaces:  # a damaged or scrubbed file
            message, node = structs.replace(message, id=self._another(message.id, offset)), None
        if node is None:
            self._head = self._nodes[message.id] = self._tree.add(message, self._head, offset)
        else:
            self._tree.replace(node, message, offset)

    def _another(self, taken: str, offset: int) -> str:
        """An id for a message whose own is taken."""
        again, times = taken, 0
        while again in self._nodes:
            again = derived_uuid(b"%d\0%d\0" % (offset, times), taken.encode("utf-8", "surrogatepass"))
            times += 1
        return again


def _usage(tokens: dict[str, Any]) -> Usage:
    return Usage(
        count_of(tokens, "input"),
        count_of(tokens, "output"),
        count_of(tokens, "cached"),
        count_of(tokens, "thoughts"),
    )


def _parts(value: dict[str, Any]) -> list[Part]:
    parts: list[Part] = []
    for thought in list_of(value, "thoughts"):
        texts = [text for key in ("subject", "description") if (text := name_of(thought, key)) is not None]
        parts.append(ReasoningPart("\n".join(texts)))
    content = value.get("content", value.get("parts"))
    calls = list_of(value, "toolCalls")
    if isinstance(content, str):
        if content or not (parts or calls):
            parts.append(TextPart(content))
    elif isinstance(content, list):
        parts += map(_piece, content)
    elif content is not None:
        parts.append(_piece(content))
    return [*parts, *map(_call, calls)]


def _piece(piece: Any) -> Part:
    """A part of the Gemini API's content."""
    if isinstance(piece, str):
        return TextPart(piece)
    text = text_of(piece, "text")
    if text is not None:
        return ReasoningPart(text) if value_of(piece, "thought") is True else TextPart(text)
    blob = _blob(dict_of(piece, "inlineData"))
    if blob is not None:
        return blob
    uri = name_of(piece, "fileData", "fileUri")
    if uri is not None:
        return UriPart(uri, name_of(piece, "fileData", "mimeType"))
    kind = next(iter(piece), "unknown") if isinstance(piece, dict) else "unknown"
    return OtherPart(kind, piece)


def _blob(data: dict[str, Any]) -> Part | None:
    text, mime = text_of(data, "data"), name_of(data, "mimeType")
    if text is None:
        return None
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return BlobPart(content, mime, mime.partition("/")[0] if mime else None)


def _call(call: Any) -> Part:
    name = name_of(call, "name")
    return (
        OtherPart("tool_call", call)
        if name is None
        else ToolCallPart(name, call.get("args"), name_of(call, "id"))
    )


def _answer(reply: str, number: int, call: dict[str, Any]) -> Message | None:
    """What a tool answered; it stands inside the call. None while there is no answer."""
    result, status = call.get("result"), name_of(call, "status")
    if result is None and status not in _FAILED:
        return None
    response, blobs = _response(result)
    if response is None:
        response = call.get("resultDisplay")
    failed = status in _FAILED
    call_id = name_of(call, "id")
    place = f"{reply}\0{call_id or number}".encode("utf-8", "surrogatepass")
    part = ToolCallResponsePart(response, call_id, {"is_error": True} if failed else None)
    own = present(status=status if failed else None)
    return Message(
        derived_uuid(b"gemini-cli answer\0", place),
        None,
        "tool",
        (part, *blobs),
        from_iso(call.get("timestamp")),
        metadata={"gemini_cli": own} if own else None,
    )


def _response(result: Any) -> tuple[Any, list[Part]]:
    """The answer itself, out of what the API wraps around it, and images beside it."""
    if not isinstance(result, list):
        return result, []
    answers: list[Any] = []
    blobs: list[Part] = []
    for piece in result:
        response = dict_of(piece, "functionResponse", "response")
        blob = _blob(dict_of(piece, "inlineData"))
        if blob is not None:
            blobs.append(blob)
        elif len(response) == 1 and ("output" in response or "error" in response):
            answers += response.values()
        else:
            answers.append(response or piece)
    return (answers[0] if len(answers) == 1 else answers or None), blobs
