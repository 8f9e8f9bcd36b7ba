"""Record bodies and session rows as bytes.

A plain body is one JSON object in UTF-8 on one line: its first byte, ``{``, says so. Any other
first byte names another framing (compressed, sealed) that a plain codec refuses. The last key of
every record body is ``_``, the frame (see ``records``), which holds a CRC-32 of the body.

What UTF-8 cannot carry (lone surrogates) is written with JSON escapes and read back by the
slower decoder of the standard library; everything else goes through msgspec.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar
from zlib import crc32

import msgspec
from msgspec import Struct
from msgspec.structs import force_setattr

from .backend import Key, SessionRow, StoredRecord
from .errors import CorruptError, InvalidError, UnsupportedError
from .model import Message, Part, SessionInfo
from .records import Frame, State, leaves, to_microseconds

T = TypeVar("T")
_MARK = b',"_":['
_DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError)

_encode = msgspec.json.Encoder().encode
_decode_messages = msgspec.json.Decoder(list[Message]).decode
_decode_state = msgspec.json.Decoder(State).decode


class _Framed(Struct, frozen=True, gc=False):
    """Any record body, of which only the frame is looked at, and what it may leave to the message."""

    frame: Frame = msgspec.field(name="_")
    created_at: datetime | None = None


class Glance(Struct, frozen=True, gc=False):
    """What a list of hits shows of a message."""

    id: str
    frame: Frame = msgspec.field(name="_")
    role: str = "user"  # left out of the body like every default
    parts: tuple[Part, ...] = ()


class _Named(Struct, frozen=True, gc=False):
    name: str | None = None


class _NamedState(Struct, frozen=True, gc=False):
    info: _Named


_decode_glances = msgspec.json.Decoder(list[Glance]).decode
_decode_names = msgspec.json.Decoder(list[_NamedState]).decode


def dumps(value: object) -> bytes:
    """``value`` as JSON. Raises InvalidError for what JSON cannot say."""
    try:
        return _encode(value)
    except UnicodeEncodeError:
        return _dumps_surrogates(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidError(f"This value cannot be stored as JSON: {error}") from error


def dumps_utf8(message: Message) -> bytes | None:
    """A message of nothing but text as JSON; None where lone surrogates need ``dumps``."""
    try:
        return _encode(message)
    except UnicodeEncodeError:
        return None


def _dumps_surrogates(value: object) -> bytes:
    import json  # loaded only where msgspec cannot say it

    try:
        plain = msgspec.to_builtins(value)
        text = json.dumps(plain, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidError(f"This value cannot be stored as JSON: {error}") from error
    return text.encode("ascii")


def loads(raw: bytes, kind: type[T]) -> T:
    """The JSON text ``raw`` as a ``kind``; lone surrogates included. Raises ValueError."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except _DECODE_ERRORS as first:
        import json  # loaded only where msgspec cannot read it

        try:
            return msgspec.convert(json.loads(raw, parse_constant=_refuse_constant), type=kind)
        except _DECODE_ERRORS:
            raise ValueError(str(first)) from first


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def frame_body(raw: bytes, frame: Frame, seq: int = 0, created: int = 0) -> bytes:
    """``raw``, a JSON object with at least one key, with its frame and checksum added; what the
    message's ``seq`` and its date (microseconds) say already is left out."""
    _, depth, turn, origin, nth, tip, at = msgspec.structs.astuple(frame)
    if tip != seq or at != created:
        rest = b"%d,%d,%d,%d,%d,%d" % (depth, turn, origin, nth, tip, at)
    elif nth:
        rest = b"%d,%d,%d,%d" % (depth, turn, origin, nth)
    else:
        rest = b"%d,%d,%d" % (depth, turn, origin)
    head = raw[:-1] + _MARK
    return b"%b%d,%b]}" % (head, crc32(rest, crc32(head)), rest)


def is_intact(body: bytes) -> bool:
    """Whether a plain body's checksum agrees with its bytes."""
    start = body.rfind(_MARK) + len(_MARK)
    end = body.find(b",", start)
    if start < len(_MARK) or end < 0 or not body.endswith(b"]}") or not body[start:end].isdigit():
        return False
    return int(body[start:end]) == crc32(body[end + 1 : -2], crc32(body[:start]))


def place_of(key: Key, seq: int) -> str:
    """How errors name a record."""
    return f"session {key.session_id!r}, record {seq}"


class Codec:
    """Plain JSON, neither compressed nor sealed."""

    def record(self, raw: bytes, frame: Frame) -> bytes:
        """The body of a record: JSON of its content, framed."""
        return frame_body(raw, frame)

    message = staticmethod(frame_body)
    """The body of the message record ``seq``, dated ``created`` (microseconds)."""

    def plain(self, key: Key, record: StoredRecord) -> bytes:
        """A stored body as its JSON text. Raises CorruptError or UnsupportedError."""
        seq, _, _, body = record
        if body[:1] == b"{":
            return body
        if not body or body[0] >= 0x20:
            raise CorruptError(
                f"The body of {place_of(key, seq)} is not a record.",
                place=place_of(key, seq),
                hint="Run 'recollect verify' to see what else is damaged.",
            )
        raise UnsupportedError(
            f"The body of {place_of(key, seq)} is compressed or sealed in a way this version cannot read.",
            hint="Upgrade recollect, or give the store's key.",
        )

    def body(self, key: Key, record: StoredRecord, kind: type[T]) -> T:
        """A stored body as a ``kind``."""
        raw = self.plain(key, record)
        try:
            return loads(raw, kind)
        except ValueError as error:
            raise self._corrupt(key, record[0], error) from error

    def frame(self, key: Key, record: StoredRecord) -> Frame:
        """A stored body's frame, with what it leaves out filled in."""
        found = self.body(key, record, _Framed)
        frame = found.frame
        if frame.at != -1:
            return frame
        if found.created_at is None:
            raise self._corrupt(key, record[0], ValueError("it has no date"))
        at = to_microseconds(found.created_at)
        return Frame(frame.crc, frame.depth, frame.turn, frame.origin, frame.nth, record[0], at)

    def messages(self, key: Key, records: Sequence[StoredRecord]) -> list[Message]:
        """Message records as messages, in one call to the decoder where nothing is unusual."""
        bodies = [record[3] for record in records]
        try:
            messages = _decode_messages(b"[%b]" % b",".join(bodies))
        except _DECODE_ERRORS:
            messages = []
        if len(messages) != len(records):
            messages = [self.body(key, record, Message) for record in records]
        return messages

    def glances(self, records: Sequence[tuple[Key, StoredRecord]]) -> list[Glance]:
        """Messages of several sessions, as far as a list of hits shows them."""
        try:
            found = _decode_glances(b"[%b]" % b",".join([record[3] for _, record in records]))
        except _DECODE_ERRORS:
            found = []
        if len(found) != len(records):
            found = [self.body(key, record, Glance) for key, record in records]
        return found

    def names(self, rows: Sequence[SessionRow]) -> list[str | None]:
        """The names of sessions, exactly as they were given."""
        try:
            found = _decode_names(b"[%b]" % b",".join([row.body for row in rows]))
        except _DECODE_ERRORS:
            found = []
        if len(found) != len(rows):
            return [self.info(row).name for row in rows]
        return [state.info.name for state in found]

    def row(self, key: Key, state: State) -> SessionRow:
        """The row that stands for ``state``."""
        info = state.info
        return SessionRow(
            key,
            info.version,
            to_microseconds(info.created_at),
            to_microseconds(info.updated_at),
            dumps(state),
            None if info.name is None else folded(info.name),
            info.provider,
            info.model,
            info.tags,
            leaves(info.metadata),
            billionths(info),
            info.message_count,
            info.pinned,
            None if info.forked_from is None else info.forked_from.session_id,
            None if info.expires_at is None else to_microseconds(info.expires_at),
            None if info.deleted_at is None else to_microseconds(info.deleted_at),
        )

    def next_row(self, row: SessionRow, state: State, now: int) -> SessionRow:
        """``row`` after a commit at ``now`` that changed no attributes, only figures and times."""
        info = state.info
        spent = info.usage.cost_usd is not None
        return SessionRow(
            row.key,
            info.version,
            row.created_at,
            now,
            dumps(state),
            row.name,
            row.provider,
            row.model,
            row.tags,
            row.metadata,
            billionths(info) if spent else None,
            info.message_count,
            row.pinned,
            row.forked_from,
            row.expires_at,
            row.deleted_at,
        )

    def state(self, row: SessionRow) -> State:
        """What a row stands for."""
        try:
            return _decode_state(row.body)
        except _DECODE_ERRORS:
            pass  # the slower decoder below either reads it or reports the damage
        try:
            return loads(row.body, State)
        except ValueError as error:
            place = f"session {row.key.session_id!r}, session row"
            raise CorruptError(
                f"The row of session {row.key.session_id!r} is damaged: {error}.",
                place=place,
                hint="Its messages may be intact; run 'recollect verify'.",
            ) from error

    def info(self, row: SessionRow) -> SessionInfo:
        """What users see of a row."""
        return self.state(row).info

    @staticmethod
    def _corrupt(key: Key, seq: int, error: Exception) -> CorruptError:
        place = place_of(key, seq)
        return CorruptError(
            f"The body of {place} is damaged: {error}.",
            place=place,
            hint="Other records stay readable; run 'recollect verify' to see what else is damaged.",
        )


def billionths(info: SessionInfo) -> int | None:
    """A session's cost in billionths of a US dollar, as rows keep it."""
    cost = info.usage.cost_usd
    return None if cost is None else int(cost * 1_000_000_000)


def folded(text: str) -> str:
    """``text`` as filters compare names: without case and accents."""
    if text.isascii():
        return text.lower()
    import unicodedata

    split = unicodedata.normalize("NFKD", text)
    return "".join(c for c in split if not unicodedata.combining(c)).casefold()


def set_parents(messages: Iterable[Message], first_parent: str | None) -> None:
    """Fill in ``parent_id`` along a line; messages come fresh from the decoder, unshared."""
    parent = first_parent
    for message in messages:
        if parent is not None:
            force_setattr(message, "parent_id", parent)
        parent = message.id
