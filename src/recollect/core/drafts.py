"""Messages made ready to be written: checked, named, dated, encoded; before any version is known.

The check is exact: what is encoded must decode to an equal message, so nothing that JSON would
bend (NaN, a tuple, a date, a number as a key) is ever stored as something else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ..backend import MESSAGE, ROLES
from ..codec import dumps, dumps_utf8, loads
from ..errors import InvalidError
from ..model import BlobPart, Message, OtherPart, ReasoningPart, TextPart, ToolCallPart, ToolCallResponsePart
from ..records import to_datetime, to_microseconds
from .ids import check_name, encode_message_id, new_id

BLOB_THRESHOLD = 64 * 1024
MAX_DEPTH = 128
_ESCAPED_SURROGATE = b"\\ud"
_NO_BLOBS: dict[bytes, bytes] = {}
_ROLES = frozenset(ROLES) - {""}


class Draft(Struct, frozen=True, gc=False):
    """A message ready to be placed on a line."""

    message: Message
    raw: bytes
    """Its JSON, without a frame."""
    message_id: bytes
    at: int
    texts: tuple[str, ...]
    supplied: bool
    """The caller chose the id: look whether it is stored already."""
    blobs: dict[bytes, bytes]


def drafts(messages: Iterable[Message], now: int) -> list[Draft]:
    """Check, complete and encode messages; ``now`` (microseconds) dates those without a time."""
    moment = to_datetime(now)
    return [_draft(message, now, moment) for message in messages]


def _draft(message: Message, now: int, moment: datetime) -> Draft:
    if message.__class__ is not Message:
        raise InvalidError(f"Expected a recollect.Message, not {type(message).__name__}.")
    text = _only_text(message)
    if text is not None and not message.id and message.created_at is None:
        message_id, sixteen = new_id()
        complete = Message(message_id, None, message.role, message.parts, moment, message.model)
        raw = dumps_utf8(complete)
        if raw is not None:
            return Draft(complete, raw, b"u" + sixteen, now, (text, "", ""), False, _NO_BLOBS)
    return _any_draft(message, now, moment)


def _only_text(message: Message) -> str | None:
    """The text of a message that is one text and nothing else, as nearly all are; else None."""
    parts = message.parts
    if len(parts) != 1 or parts.__class__ is not tuple:
        return None
    part = parts[0]
    if (
        isinstance(part, TextPart)
        and part.content.__class__ is str
        and part.metadata is None
        and message.metadata is None
        and message.usage is None
        and message.role in _ROLES
        and (message.model is None or message.model.__class__ is str)
    ):
        return part.content
    return None


def _any_draft(message: Message, now: int, moment: datetime) -> Draft:
    supplied = bool(message.id)
    if supplied:
        message_id = check_name("message id", message.id)
        raw_id = encode_message_id(message_id)
    else:
        message_id, sixteen = new_id()
        raw_id = b"u" + sixteen
    blobs: dict[bytes, bytes] = {}
    plain = _is_plain(message)
    parts = message.parts if plain else _extract_blobs(message.parts, blobs)
    created_at, at = _dated(message, now, moment)
    complete = Message(
        message_id, None, message.role, parts, created_at, message.model, message.usage, message.metadata
    )
    raw = dumps(complete)
    if not plain or _ESCAPED_SURROGATE in raw:
        complete = _round_trip(complete, raw)
    if blobs:
        complete = replace(complete, parts=tuple(with_content(part, blobs) for part in complete.parts))
    return Draft(complete, raw, raw_id, at, texts_of(parts), supplied, blobs)


def _dated(message: Message, now: int, moment: datetime) -> tuple[datetime, int]:
    """A message's date in UTC, and the same in microseconds."""
    created_at = message.created_at
    if created_at is None:
        return moment, now
    if not isinstance(created_at, datetime):
        raise InvalidError(f"Message.created_at must be a datetime, not {type(created_at).__name__}.")
    if created_at.tzinfo is None:
        raise InvalidError(
            "Message.created_at has no time zone.", hint="Use datetime.now(timezone.utc) or .astimezone()."
        )
    created_at = created_at.astimezone(UTC)
    return created_at, to_microseconds(created_at)


def _is_plain(message: Message) -> bool:
    """Whether nothing but text is in a message, so that its JSON cannot differ from it."""
    if (
        message.role not in _ROLES
        or message.metadata is not None
        or message.usage is not None
        or (message.model is not None and message.model.__class__ is not str)
        or message.parts.__class__ is not tuple
    ):
        return False
    for part in message.parts:
        if part.__class__ is not TextPart and part.__class__ is not ReasoningPart:
            return False
        if part.content.__class__ is not str or part.metadata is not None:
            return False
    return True


def _extract_blobs(parts: Sequence[Any], blobs: dict[bytes, bytes]) -> tuple[Any, ...]:
    """The parts with large binary contents replaced by their digests, collected in ``blobs``."""
    kept = []
    for part in parts:
        if part.__class__ is BlobPart:
            if not isinstance(part.content, bytes):
                raise InvalidError(f"BlobPart.content must be bytes, not {type(part.content).__name__}.")
            if len(part.content) > BLOB_THRESHOLD:
                digest = digest_of(part.content)
                blobs[digest] = part.content
                part = replace(part, content=b"", digest=digest.hex())
            elif part.digest is not None:
                part = replace(part, digest=None)
        kept.append(part)
    return tuple(kept)


def digest_of(content: bytes) -> bytes:
    """The SHA-256 under which a blob is kept."""
    from hashlib import sha256  # loaded only where there are blobs

    return sha256(content).digest()


def with_content(part: Any, blobs: dict[bytes, bytes]) -> Any:
    """A part with the content of its blob, if it has one."""
    if part.__class__ is BlobPart and part.digest is not None:
        return replace(part, content=blobs[bytes.fromhex(part.digest)])
    return part


def _round_trip(message: Message, raw: bytes) -> Message:
    """The message that ``raw`` decodes to. Raises InvalidError unless it is the same."""
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH:  # else it cannot be deeper
        for value in (message.metadata, *message.parts):
            _check_depth(value, "message")
    try:
        decoded = loads(raw, Message)
    except ValueError as error:
        raise InvalidError(f"The message cannot be stored: {error}.") from error
    if decoded == message:
        return decoded
    # Unequal and yet the same only when two surrogate halves in a row became their character.
    place = next(filter(None, (_differs(*pair) for pair in _field_pairs(message, decoded))), None)
    if place is not None:
        raise InvalidError(
            f"The message cannot be stored unchanged: {place} is not a JSON value.",
            hint="Use text, finite numbers, booleans, None, lists and dicts with text keys.",
        )
    return decoded


def _field_pairs(before: Message, after: Message) -> Iterator[tuple[Any, Any, str]]:
    for name in before.__struct_fields__:
        if name != "parts":
            yield getattr(before, name), getattr(after, name), name
    for i, (a, b) in enumerate(zip(before.parts, after.parts, strict=True)):
        yield a, b, f"parts[{i}]"


def _differs(before: Any, after: Any, path: str) -> str | None:
    """Where two values differ, as a path; None when they are the same to JSON."""
    if isinstance(before, msgspec.Struct):
        for name in before.__struct_fields__:
            found = _differs(getattr(before, name), getattr(after, name, None), f"{path}.{name}")
            if found:
                return found
        return None
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if not isinstance(key, str):
                return f"{path} (key {key!r})"
            joined = join_surrogates(key)
            if joined not in after:
                return f"{path}.{key}"
            found = _differs(value, after[joined], f"{path}.{key}")
            if found:
                return found
        return None
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return next((found for i, (a, b) in pairs if (found := _differs(a, b, f"{path}[{i}]"))), None)
    if isinstance(before, str) and isinstance(after, str):
        return None if join_surrogates(before) == after else path
    return None if before == after else f"{path} ({type(before).__name__})"


def join_surrogates(text: str) -> str:
    """Two surrogate halves in a row as the character they spell, as JSON reads them."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def check_json(value: Any, name: str) -> Any:
    """``value`` if JSON can say it unchanged. Raises InvalidError that names the place."""
    _check_depth(value, name)
    decoded = loads(dumps(value), object)
    place = None if decoded == value else _differs(value, decoded, name)
    if place is not None:
        raise InvalidError(
            f"{place} is not a JSON value.",
            hint="Use text, finite numbers, booleans, None, lists and dicts with text keys.",
        )
    return decoded


def _check_depth(value: Any, path: str) -> None:
    """Raises InvalidError for values nested deeper than every decoder can follow."""
    level = [value]
    for _ in range(MAX_DEPTH):
        deeper: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                deeper.extend(v for v in item.values() if isinstance(v, dict | list))
            elif isinstance(item, list):
                deeper.extend(v for v in item if isinstance(v, dict | list))
            elif isinstance(item, ToolCallPart):
                deeper.append(item.arguments)
            elif isinstance(item, ToolCallResponsePart):
                deeper.append(item.response)
            elif isinstance(item, OtherPart):
                deeper.append(item.value)
        if not deeper:
            return
        level = deeper
    raise InvalidError(f"The {path} is nested deeper than {MAX_DEPTH} levels.")


def texts_of(parts: Sequence[Any]) -> tuple[str, ...]:
    """What an index may see of a message, by kind (see ``backend.TEXT_KINDS``)."""
    if len(parts) == 1 and parts[0].__class__ is TextPart:
        return (parts[0].content, "", "")
    text: list[str] = []
    reasoning: list[str] = []
    tool: list[str] = []
    for part in parts:
        kind = part.__class__
        if kind is TextPart:
            text.append(part.content)
        elif kind is ReasoningPart:
            reasoning.append(part.content)
        elif kind is ToolCallPart:
            tool.append(part.name)
            _strings(part.arguments, tool)
        elif kind is ToolCallResponsePart:
            _strings(part.response, tool)
        elif kind is OtherPart:
            _strings(part.value, tool)
    if not (text or reasoning or tool):
        return ()
    return ("\n".join(text), "\n".join(reasoning), "\n".join(tool))


def texts_of_body(kind: int, body: bytes) -> tuple[str, ...]:
    """The same from a stored record, for engines that rebuild a derived index by themselves.

    A damaged body has no texts here; reading it reports the damage.
    """
    if kind != MESSAGE:
        return ()
    try:
        return texts_of(loads(body, Message).parts)
    except ValueError:
        return ()


def _strings(value: Any, into: list[str]) -> None:
    """Every string and number in a JSON value, keys left out."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            into.append(item)
        elif isinstance(item, dict):
            stack.extend(reversed(list(item.values())))
        elif isinstance(item, list):
            stack.extend(reversed(item))
        elif item is not None and not isinstance(item, bool):
            into.append(str(item))
