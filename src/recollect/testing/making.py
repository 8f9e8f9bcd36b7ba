"""Short ways to build keys, rows, records and commits."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from ..backend import MESSAGE, UPDATE, Commit, Key, Record, RowQuery, SessionRow, Term, TextMatch, TextQuery

__all__ = [
    "DAY",
    "NOW",
    "NS",
    "append",
    "create",
    "digest",
    "key",
    "message",
    "query",
    "remove",
    "replace_row",
    "row",
    "update",
    "words",
]

NS = "default"
DAY = 86_400_000_000
NOW = 20_000 * DAY
"""The moment tests live in (microseconds since 1970)."""


def key(session_id: str = "s1", namespace: str = NS) -> Key:
    """A session's key."""
    return Key(namespace, session_id)


def row(of: Key, version: int = 1, **fields: Any) -> SessionRow:
    """A row at a version, all times NOW unless given."""
    values: dict[str, Any] = {
        "created_at": NOW,
        "updated_at": NOW,
        "body": b'{"version":%d}' % version,
    } | fields
    return SessionRow(key=of, version=version, **values)


def message(
    seq: int,
    text: str | tuple[str, ...] | None = None,
    *,
    parent: int | None = None,
    message_id: bytes | None = None,
    at: int = NOW,
    role: str = "user",
    body: bytes | None = None,
) -> Record:
    """A message record; ``text`` is what the index sees (a tuple: one for each of TEXT_KINDS)."""
    texts = () if text is None else (text, "", "") if isinstance(text, str) else text
    return Record(
        seq=seq,
        kind=MESSAGE,
        parent=seq - 1 if parent is None else parent,
        message_id=b"s%d" % seq if message_id is None else message_id,
        at=at,
        role=role,
        body=b'{"n":%d}' % seq if body is None else body,
        texts=texts,
    )


def update(seq: int, body: bytes = b"{}") -> Record:
    """A record that is no message."""
    return Record(seq=seq, kind=UPDATE, parent=0, message_id=b"", at=NOW, role="", body=body)


def create(of: Key, records: Sequence[Record | str] = (), **fields: Any) -> Commit:
    """The commit that creates a session; strings become messages with that text."""
    built = _records(1, records) or (update(1),)
    return Commit(key=of, base=0, row=row(of, built[-1].seq, **fields), records=built)


def append(before: SessionRow, records: Sequence[Record | str], **fields: Any) -> Commit:
    """The commit that adds records behind ``before`` and changes the row's given fields.

    ``attributes=False`` unless a field was given that it does not cover, as core does it.
    """
    built = _records(before.version + 1, records)
    after = msgspec.structs.replace(
        before, **({"version": built[-1].seq, "body": b'{"version":%d}' % built[-1].seq} | fields)
    )
    attributes = not set(fields) <= {"version", "updated_at", "cost", "message_count", "body"}
    return Commit(key=before.key, base=before.version, row=after, records=built, attributes=attributes)


def replace_row(before: SessionRow, **fields: Any) -> Commit:
    """The commit that changes attributes: one update record and the new row."""
    return msgspec.structs.replace(append(before, [update(before.version + 1)], **fields), attributes=True)


def remove(before: SessionRow) -> Commit:
    """The commit that deletes a session."""
    return Commit(key=before.key, base=before.version, delete=True)


def query(namespace: str = NS, **fields: Any) -> RowQuery:
    """A query of one namespace at NOW, with room for 1,000 rows."""
    values: dict[str, Any] = {"now": NOW, "limit": 1000} | fields
    return RowQuery(namespace=namespace, **values)


def words(*terms: str, **fields: Any) -> TextQuery:
    """A search for messages with all these words; ``rows=`` and other fields of TextQuery as given."""
    match = TextMatch(tuple((Term((term,)),) for term in terms))
    values: dict[str, Any] = {"rows": query(), "match": match, "limit": 1000} | fields
    return TextQuery(**values)


def digest(content: bytes) -> bytes:
    """A blob's name."""
    return hashlib.sha256(content).digest()


def _records(first: int, records: Sequence[Record | str]) -> tuple[Record, ...]:
    return tuple(
        message(seq, record) if isinstance(record, str) else record
        for seq, record in enumerate(records, first)
    )
