"""From what users ask for to what engines are asked: filters, moments, cursors."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

import msgspec

from ..backend import RowQuery
from ..codec import folded
from ..errors import InvalidError
from ..model import SessionQuery
from ..records import canonical, leaves, to_microseconds
from .base import Core

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_FIELDS = frozenset(SessionQuery.__struct_fields__)
MAX_LIMIT = 100_000
_DAY = timedelta(days=1) // timedelta(microseconds=1)


def moment(value: object, name: str, *, end: bool = False) -> int:
    """A user's moment as microseconds UTC. With ``end`` a date alone means the end of that day."""
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value) if _DATE.fullmatch(value) else datetime.fromisoformat(value)
        except ValueError:
            raise InvalidError(
                f"{name} is not a date or time: {value!r}.", hint="Write 2026-01-31 or 2026-01-31T12:00:00Z."
            ) from None
    if isinstance(value, datetime):
        aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        return to_microseconds(aware)
    if isinstance(value, date):
        day = datetime(value.year, value.month, value.day, tzinfo=UTC)
        return to_microseconds(day) + (_DAY if end else 0)
    raise InvalidError(f"{name} must be a date, a datetime or text, not {type(value).__name__}.")


def _optional(value: object, name: str, *, end: bool = False) -> int | None:
    return None if value is None else moment(value, name, end=end)


def _cost(value: object, name: str) -> int | None:
    if value is None:
        return None
    try:
        return int(Decimal(str(value)) * 1_000_000_000)
    except (InvalidOperation, ValueError, OverflowError):
        raise InvalidError(f"{name} must be a finite number of US dollars, not {value!r}.") from None


def query_of(filters: Mapping[str, Any]) -> SessionQuery:
    """Keyword filters as a query. Raises InvalidError for an unknown one."""
    unknown = sorted(set(filters) - _FIELDS)
    if unknown:
        known = ", ".join(sorted(_FIELDS))
        raise InvalidError(f"There is no filter {unknown[0]!r}.", hint=f"There are {known}.")
    values = dict(filters)
    for name in ("tags", "any_tags"):
        if values.get(name) is None:
            values.pop(name, None)
        else:
            values[name] = _names(values[name], name)
    if values.get("metadata") is None:
        values.pop("metadata", None)
    return SessionQuery(**values)


def _names(value: Any, name: str) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InvalidError(f"{name} must be a list of texts, not {value!r}.")
    names = tuple(value)
    if not all(isinstance(item, str) for item in names):
        raise InvalidError(f"{name} must be a list of texts.")
    return names


def row_query(core: Core, query: SessionQuery, *, trashed: bool = False) -> RowQuery:
    """The engine's form of a query, for the store's namespace and this moment."""
    _check_types(query)
    return RowQuery(
        namespace=core.namespace,
        now=core.clock.now(),
        trashed=trashed,
        text=None if query.text is None else folded(query.text),
        tags=query.tags,
        any_tags=query.any_tags,
        provider=query.provider,
        model=query.model,
        created_since=_optional(query.created_since, "created_since"),
        created_until=_optional(query.created_until, "created_until", end=True),
        since=_optional(query.since, "since"),
        until=_optional(query.until, "until", end=True),
        min_cost=_cost(query.min_cost, "min_cost"),
        max_cost=_cost(query.max_cost, "max_cost"),
        min_messages=query.min_messages,
        max_messages=query.max_messages,
        metadata=tuple(pair for key, value in query.metadata.items() for pair in _pairs(key, value)),
        pinned=query.pinned,
        forked_from=query.forked_from,
    )


def _pairs(key: str, value: Any) -> tuple[tuple[str, str], ...]:
    return leaves({key: value}) if isinstance(value, dict) and value else ((key, canonical(value)),)


def _check_types(query: SessionQuery) -> None:
    for name in ("text", "provider", "model", "forked_from"):
        value = getattr(query, name)
        if value is not None and not isinstance(value, str):
            raise InvalidError(f"{name} must be text, not {type(value).__name__}.")
    for name in ("min_messages", "max_messages"):
        value = getattr(query, name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise InvalidError(f"{name} must be a whole number, not {value!r}.")
    if query.pinned is not None and not isinstance(query.pinned, bool):
        raise InvalidError(f"pinned must be True or False, not {query.pinned!r}.")
    if not isinstance(query.metadata, dict):
        raise InvalidError("metadata must be a dict of values that must be equal.")


def check_limit(limit: object) -> int:
    """A page size. Raises InvalidError."""
    if not isinstance(limit, int) or isinstance(limit, bool) or not 0 < limit <= MAX_LIMIT:
        raise InvalidError(f"limit must be a whole number from 1 to {MAX_LIMIT}, not {limit!r}.")
    return limit


class Cursor(NamedTuple):
    """Where a page starts: which list it belongs to, and the engine's position."""

    kind: str
    values: list[Any]


def encode_cursor(cursor: Cursor) -> str:
    """A cursor as opaque text."""
    raw = msgspec.json.encode([cursor.kind, *cursor.values])
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode_cursor(text: object, kind: str, shape: type[Any]) -> list[Any]:
    """The position in a cursor this store handed out. Raises InvalidError for anything else."""
    try:
        if not isinstance(text, str):
            raise ValueError
        raw = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        found_kind, *values = msgspec.json.decode(raw, type=list[Any])
        if found_kind != kind:
            raise ValueError
        return list(msgspec.convert(values, type=shape))
    except (ValueError, msgspec.ValidationError):
        raise InvalidError(
            "This is not a cursor of this list.", hint="Give cursor= the .next of a page, unchanged."
        ) from None
