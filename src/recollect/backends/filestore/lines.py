"""One commit as one line of JSON, and back.

``{"v":1,"crc":"89abcdef","base":3,"records":[{…}],"row":{…}}``: the version of this layout, the CRC-32
of every byte from ``"base"`` to the closing brace, the session's version before the commit, the records
it adds, and the session's row after it. Bodies that are JSON stand in the line as they are, others in
base64 under another key; either way they come back byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar
from zlib import crc32

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from ...backend import KINDS, ROLES, Key, Record, SessionRow, StoredRecord
from ...errors import CorruptError, InvalidError, UnsupportedError
from .columns import from_id, from_moment, safe, to_id, to_moment

__all__ = [
    "HEAD_SIZE",
    "FullLine",
    "FullRecord",
    "ReadLine",
    "base_of",
    "decode_full",
    "decode_reads",
    "decode_row",
    "encode_line",
    "encode_records",
    "encode_row",
    "is_intact",
    "refuse_newer",
    "rewritten",
    "stored_records",
]

T = TypeVar("T")

_START = b'{"v":1,"crc":"'
_AFTER_CRC = len(_START) + 8
_REST = _AFTER_CRC + 2
"""Where the bytes begin that the checksum covers."""
_BASE = _REST + len(b'"base":')
HEAD_SIZE = _AFTER_CRC
"""Bytes that tell lines apart: everything up to the checksum's end."""

_BIG = 2**63
_LAST_SEQ = 2**32 - 1
_ROLES = frozenset(ROLES)
NUMBERS = {name: number for number, name in KINDS.items()}


def _content(body: Raw | UnsetType, body64: bytes | None) -> bytes:
    return bytes(body) if isinstance(body, Raw) else body64 or b""


class FullRecord(Struct, gc=False, omit_defaults=True):
    """A record as it stands in a line."""

    seq: int
    kind: str
    parent: int = 0
    id: str | None = None
    id64: bytes | None = None
    at: datetime | int = 0
    role: str = ""
    texts: list[str] | None = None
    body: Raw | UnsetType = UNSET
    body64: bytes | None = None

    @property
    def message_id(self) -> bytes:
        """The message id's bytes; empty for what is no message."""
        return from_id(self.id) if self.id is not None else self.id64 or b""

    @property
    def content(self) -> bytes:
        """The body's bytes."""
        return _content(self.body, self.body64)


class ReadRecord(Struct, gc=False):
    """What ``read`` needs of a record; decoding skips the rest."""

    seq: int
    kind: str
    parent: int = 0
    body: Raw = Raw()
    body64: bytes | None = None


class ReadLine(Struct, gc=False):
    """What ``read`` needs of a line."""

    records: list[ReadRecord]


class FullLine(Struct, gc=False):
    """A line with all of its records."""

    base: int
    records: list[FullRecord]


class StoredRow(Struct, gc=False, omit_defaults=True):
    """A session's row as it stands in a line."""

    namespace: str
    session: str
    version: int
    created_at: datetime | int
    updated_at: datetime | int
    name: str | None = None
    provider: str | None = None
    model: str | None = None
    tags: tuple[str, ...] = ()
    metadata: tuple[tuple[str, str], ...] = ()
    cost: int | None = None
    message_count: int = 0
    pinned: bool = False
    forked_from: str | None = None
    expires_at: datetime | int | None = None
    deleted_at: datetime | int | None = None
    body: Raw | UnsetType = UNSET
    body64: bytes | None = None

    @property
    def content(self) -> bytes:
        """The body's bytes."""
        return _content(self.body, self.body64)


class _RowLine(Struct, gc=False):
    row: StoredRow | None = None


_DEEP = 200
_LF, _CR = b"\n\r"  # as numbers they are found four times as fast
_encode = msgspec.json.Encoder().encode
_decode_raw = msgspec.json.Decoder(Raw).decode
_decode_row = msgspec.json.Decoder(_RowLine).decode
_decode_full = msgspec.json.Decoder(FullLine).decode
decode_reads = msgspec.json.Decoder(ReadLine).decode_lines
"""Whole lines, as many as there are, as ReadLine."""


def _verbatim(body: bytes) -> bool:
    """Whether a body can stand in a line as it is and be found there again byte for byte."""
    if not (body.startswith(b"{") and body.endswith(b"}")) or _LF in body or _CR in body:
        return False
    try:
        if not body.isascii():
            body.decode()
        _decode_raw(body)
        if len(body) > 2 * _DEEP and body.count(b"[") + body.count(b"{") > _DEEP:
            # It must be readable from any depth of calls, so leave room where it might be nested.
            _decode_raw(b"[" * 600 + body + b"]" * 600)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _split(body: bytes) -> tuple[Raw | UnsetType, bytes | None]:
    """A body for the key ``body`` or, where it is not JSON of the right kind, for ``body64``."""
    return (Raw(body), None) if _verbatim(body) else (UNSET, body)


def encode_records(records: Sequence[Record], base: int, *, texts: bool) -> bytes:
    """The records of a commit as a JSON list. Raises InvalidError for what cannot be stored.

    ``texts`` keeps the searchable texts beside the bodies, for when they cannot be told from those.
    """
    stored = []
    for seq, kind, parent, message_id, at, role, body, words in records:
        if not base < seq <= _LAST_SEQ:
            raise InvalidError(f"Record {seq} is not a new one behind {base}.")
        base = seq
        if not -_BIG <= at < _BIG or role not in _ROLES or kind not in KINDS:
            raise InvalidError(f"Record {seq} has a time, role or kind that cannot be stored.")
        id_ = to_id(message_id) if message_id else None
        id64 = message_id if message_id and id_ is None else None
        said = [safe(text) for text in words] if texts and words else None
        whole = _verbatim(body)
        json, body64 = (Raw(body), None) if whole else (UNSET, body)
        stored.append(
            FullRecord(seq, KINDS[kind], parent, id_, id64, to_moment(at), role, said, json, body64)
        )
    return _encode(stored)


def encode_row(row: SessionRow) -> bytes:
    """A row as a JSON object. Raises InvalidError for numbers out of range."""
    times = (row.created_at, row.updated_at, row.expires_at or 0, row.deleted_at or 0)
    numbers = (*times, row.version, row.cost or 0, row.message_count)
    if min(numbers) < -_BIG or max(numbers) >= _BIG:
        raise InvalidError(f"Session {row.key.session_id!r} has a row that cannot be stored.")
    stored = StoredRow(
        row.key.namespace,
        row.key.session_id,
        row.version,
        to_moment(row.created_at),
        to_moment(row.updated_at),
        row.name and safe(row.name),
        row.provider and safe(row.provider),
        row.model and safe(row.model),
        tuple(map(safe, row.tags)) if row.tags else (),
        tuple((safe(path), safe(value)) for path, value in row.metadata) if row.metadata else (),
        row.cost,
        row.message_count,
        row.pinned,
        row.forked_from and safe(row.forked_from),
        None if row.expires_at is None else to_moment(row.expires_at),
        None if row.deleted_at is None else to_moment(row.deleted_at),
        *_split(row.body),
    )
    return _encode(stored)


def encode_line(base: int, records: bytes, row: bytes | None = None) -> bytes:
    """The line of a commit, newline included."""
    end = b"}" if row is None else b',"row":' + row + b"}"
    rest = b'"base":%d,"records":%b%b' % (base, records, end)
    return b'%b%08x",%b\n' % (_START, crc32(rest), rest)


def is_intact(line: bytes) -> bool:
    """Whether a line, without its newline, is as it was written."""
    return line[:_BASE] == b'%b%08x","base":' % (_START, crc32(memoryview(line)[_REST:]))


def base_of(line: bytes) -> int:
    """The version an intact line builds on."""
    return int(line[_BASE : line.index(b",", _BASE)])


def refuse_newer(line: bytes, path: str) -> None:
    """Raise UnsupportedError for a line of a later layout."""
    if line.startswith(b'{"v":') and not line.startswith(b'{"v":1,'):
        number = line[5 : line.find(b",", 5)]
        if number.isdigit():
            raise UnsupportedError(
                f"{path} was written by a newer version of recollect (layout {int(number)}).",
                hint="Upgrade recollect to open it.",
            )


def decode_full(line: bytes) -> FullLine:
    """An intact line with its records."""
    return _understood(_decode_full, line)


def _understood(decode: Callable[[bytes], T], line: bytes) -> T:
    try:
        return decode(line)
    except msgspec.DecodeError as error:
        raise CorruptError(
            f"A line that is as it was written is none of a session's log: {error}.",
            hint="Was it written by other software?",
        ) from error


def decode_row(line: bytes, key: Key | None, path: str) -> SessionRow | None:
    """The row of an intact line, None where an erasure took it out."""
    stored = _understood(_decode_row, line).row
    if stored is None:
        return None
    if key is None:
        key = Key(stored.namespace, stored.session)
    elif (stored.namespace, stored.session) != key:
        raise CorruptError(
            f"{path} was renamed or copied: it holds session {stored.session!r}"
            f" of namespace {stored.namespace!r}.",
            place=path,
            hint="Give the file its old name and folder back, or import it.",
        )
    return SessionRow(
        key,
        stored.version,
        from_moment(stored.created_at),
        from_moment(stored.updated_at),
        stored.content,
        stored.name,
        stored.provider,
        stored.model,
        stored.tags,
        stored.metadata,
        stored.cost,
        stored.message_count,
        stored.pinned,
        stored.forked_from,
        None if stored.expires_at is None else from_moment(stored.expires_at),
        None if stored.deleted_at is None else from_moment(stored.deleted_at),
    )


def stored_records(
    found: Sequence[ReadLine], after: int, high: int, kinds: frozenset[str] | None
) -> list[StoredRecord]:
    """The records of these lines with ``after < seq <= high``, as ``Backend.read`` gives them."""
    return [
        (r.seq, NUMBERS[r.kind], r.parent, bytes(r.body) if r.body64 is None else r.body64)
        for line in found
        for r in line.records
        if after < r.seq <= high and (kinds is None or r.kind in kinds)
    ]


def rewritten(line: bytes, replaced: dict[int, tuple[bytes, tuple[str, ...]]]) -> bytes:
    """An intact line with these records' bodies and texts replaced, and without its row, which may
    tell of what was erased; newline included."""
    full = decode_full(line)
    for record in full.records:
        if record.seq in replaced:
            body, texts = replaced[record.seq]
            record.body, record.body64 = _split(body)
            record.texts = [safe(text) for text in texts] if texts else None
    return encode_line(full.base, _encode(full.records))
