"""Hypothesis strategies for everything a store takes, hazards included."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, get_args

from hypothesis import strategies as st

from ..backend import RowQuery, SessionRow
from ..model import (
    BlobPart,
    FilePart,
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
from . import hazards
from . import making as m

__all__ = [
    "bad_session_ids",
    "bodies",
    "json_values",
    "messages",
    "parts",
    "queries",
    "rows",
    "session_ids",
    "texts",
    "usages",
]

_BIG = 2**200
_MOMENTS = st.datetimes(
    datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)
)  # the strategy adds UTC


def _from(values: Sequence[Any]) -> st.SearchStrategy[Any]:
    """One of many values. By index: hypothesis prints strategies, and the values would flood that."""
    return st.integers(0, len(values) - 1).map(values.__getitem__)


def session_ids() -> st.SearchStrategy[str]:
    """Legal session ids: the corpus of hazards, and arbitrary ones."""
    characters = st.characters(exclude_categories=["Cc", "Cs"])
    return _from(hazards.SESSION_IDS) | st.text(characters, min_size=1, max_size=255)


def bad_session_ids() -> st.SearchStrategy[str]:
    """Strings that no engine takes as a session id."""
    return _from(hazards.BAD_IDS)


def texts(max_size: int = 60) -> st.SearchStrategy[str]:
    """Any Python string: lone surrogates, NUL, U+2028, emoji, controls."""
    return st.text(st.characters(), max_size=max_size) | _from(hazards.TEXTS)


def _keys() -> st.SearchStrategy[str]:
    """Keys of JSON objects: two halves of a surrogate pair would become a character, and collide."""
    return texts(8).map(lambda key: key.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass"))


def bodies() -> st.SearchStrategy[bytes]:
    """Opaque bytes, valid UTF-8 or not."""
    return st.binary(max_size=100) | _from(hazards.BODIES)


def json_values(max_leaves: int = 12) -> st.SearchStrategy[Any]:
    """What JSON can carry: integers of any size, finite floats, any string, nesting, odd keys."""
    leaves = (
        st.none()
        | st.booleans()
        | st.integers(-_BIG, _BIG)
        | st.floats(allow_nan=False, allow_infinity=False)
        | texts(20)
    )
    nested = st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_keys(), inner, max_size=4),
        max_leaves=max_leaves,
    )
    return nested | st.integers(20, 60).map(_deep)


def _deep(levels: int) -> Any:
    value: Any = "bottom"
    for level in range(levels):
        value = [value] if level % 2 else {"k": value}
    return value


def _metadata() -> st.SearchStrategy[dict[str, Any] | None]:
    return st.none() | st.dictionaries(_keys(), json_values(4), min_size=1, max_size=3)


def parts() -> st.SearchStrategy[Part]:
    """Every kind of part."""
    name = texts(12)
    maybe = st.none() | name
    return st.one_of(
        st.builds(TextPart, texts(), _metadata()),
        st.builds(ReasoningPart, texts(), _metadata()),
        st.builds(ToolCallPart, name, json_values(), maybe, _metadata()),
        st.builds(ToolCallResponsePart, json_values(), maybe, _metadata()),
        st.builds(BlobPart, bodies(), maybe, maybe, st.none(), _metadata()),
        st.builds(FilePart, name, maybe, maybe, _metadata()),
        st.builds(UriPart, name, maybe, maybe, _metadata()),
        st.builds(OtherPart, name, json_values(), _metadata()),
    )


def usages() -> st.SearchStrategy[Usage]:
    """Tokens and exact costs down to a billionth of a dollar."""
    tokens = st.integers(0, 10**9)
    cost = st.none() | st.integers(0, 10**12).map(lambda billionths: Decimal(billionths).scaleb(-9))
    return st.builds(Usage, tokens, tokens, tokens, tokens, cost)


def messages(ids: st.SearchStrategy[str] | None = None) -> st.SearchStrategy[Message]:
    """Messages of every role; without ``ids`` the store has to make them."""
    return st.builds(
        Message,
        id=ids if ids is not None else st.just(""),
        role=st.sampled_from(get_args(Role)),
        parts=st.lists(parts(), max_size=3).map(tuple),
        created_at=st.none() | _MOMENTS,
        model=st.none() | texts(12),
        usage=st.none() | usages(),
        metadata=_metadata(),
    )


_NAMES = ("x", "X", "é", "e\u0301", "%", "a b", "\U0001f600")
_moment = st.integers(m.NOW - 3, m.NOW + 3)
_cost = st.none() | st.integers(-2, 3) | st.integers(-(2**62), 2**62)


def rows(namespace: str = m.NS, max_size: int = 12) -> st.SearchStrategy[list[SessionRow]]:
    """Rows of distinct sessions whose columns collide often."""
    name = st.none() | st.sampled_from(_NAMES)
    leaf = st.tuples(st.sampled_from(["k", "K", "a.b"]), st.sampled_from(["1", '"1"', "null", "true"]))
    row = st.builds(
        m.row,
        session_ids().map(lambda id_: m.key(id_, namespace)),
        created_at=_moment,
        updated_at=_moment,
        body=bodies(),
        name=name,
        provider=name,
        model=name,
        tags=st.lists(st.sampled_from(_NAMES), unique=True, max_size=3).map(lambda tags: tuple(sorted(tags))),
        metadata=st.lists(leaf, unique_by=lambda pair: pair[0], max_size=2).map(lambda m_: tuple(sorted(m_))),
        cost=_cost,
        message_count=st.integers(0, 3),
        pinned=st.booleans(),
        forked_from=name,
        expires_at=st.none() | _moment,
        deleted_at=st.none() | _moment,
    )
    return st.lists(row, max_size=max_size, unique_by=lambda row: row.key)


def queries(namespace: str, among: Sequence[SessionRow] = ()) -> st.SearchStrategy[RowQuery]:
    """Queries with few filters, pages that start behind rows of ``among``, prefixes of their ids."""
    name = st.sampled_from(_NAMES)
    starts = [(row.updated_at, row.key.session_id) for row in among] or [(m.NOW, "x")]
    prefixes = [row.key.session_id[:size] for row in among for size in (1, 2)] or ["x"]
    several = st.lists(name, unique=True, max_size=2).map(tuple)
    optional: dict[str, st.SearchStrategy[Any]] = {
        "trashed": st.booleans(),
        "expired": st.booleans(),
        "prefix": st.sampled_from(prefixes),
        "text": name,
        "tags": several,
        "any_tags": several,
        "provider": name,
        "model": name,
        "created_since": _moment,
        "created_until": _moment,
        "since": _moment,
        "until": _moment,
        "min_cost": _cost,
        "max_cost": _cost,
        "min_messages": st.integers(0, 4),
        "max_messages": st.integers(0, 4),
        "metadata": st.tuples(st.tuples(st.sampled_from(["k", "a.b"]), st.sampled_from(["1", "null"]))),
        "pinned": st.booleans(),
        "forked_from": name,
        "after": st.sampled_from(starts),
        "order": st.sampled_from(["newest", "oldest"]),
        "limit": st.integers(0, 15),
        "now": _moment,
    }
    chosen = st.lists(st.sampled_from(sorted(optional)), unique=True, max_size=4)
    filters = chosen.flatmap(lambda names: st.fixed_dictionaries({name: optional[name] for name in names}))
    return filters.map(lambda given: m.query(namespace, **given))
