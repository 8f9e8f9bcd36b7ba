"""Tags across a store, and metadata by dotted keys."""

from __future__ import annotations

from collections import Counter
from typing import Any

from msgspec.structs import replace

from ..backend import RowQuery, SessionRow
from ..errors import InvalidError, NotFoundError
from ..model import SessionInfo, SessionQuery
from ..records import Patch, State
from .attributes import check_tags
from .base import Core, Handle
from .batch import Batch
from .drafts import check_json
from .filters import row_query
from .writing import Change, write

_BATCH = 1000


async def tags(core: Core) -> dict[str, int]:
    """Every tag with the number of sessions that have it, the most used first."""
    counts: Counter[str] = Counter()
    query = replace(row_query(core, SessionQuery()), limit=_BATCH)
    while True:
        rows = await core.backend.find(query)
        for row in rows:
            counts.update(row.tags)
        if len(rows) < _BATCH:
            return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
        query = replace(query, after=(rows[-1].updated_at, rows[-1].key.session_id))


async def rename_tag(core: Core, old: str, new: str) -> int:
    """Give a tag another name in every session, the trash included; where a session has both, they
    become one. Returns how many sessions changed."""
    check_tags((old, new))
    changed = 0
    for trashed in (False, True):
        query = replace(row_query(core, SessionQuery(tags=(old,)), trashed=trashed), limit=_BATCH)
        for row in await _all(core, query):
            changed += await _renamed(core, row, old, new)
    return changed


async def _all(core: Core, query: RowQuery) -> list[SessionRow]:
    rows: list[SessionRow] = []
    while True:
        page = await core.backend.find(query)
        rows += page
        if len(page) < query.limit:
            return rows
        query = replace(query, after=(page[-1].updated_at, page[-1].key.session_id))


async def _renamed(core: Core, row: SessionRow, old: str, new: str) -> bool:
    if old == new:
        return False

    async def build(row: SessionRow, state: State) -> Change[bool] | bool:
        if old not in state.info.tags:
            return False
        tags = tuple(dict.fromkeys(new if tag == old else tag for tag in state.info.tags))
        batch = Batch(core, row, state)
        batch.update(Patch(tags=tags))
        return batch.change(True)

    try:
        return await write(core, Handle(row.key, row, core.codec.state(row)), build)
    except NotFoundError:
        return False  # deleted or trashed meanwhile


def dotted(metadata: dict[str, Any], path: str) -> Any:
    """The value at a dotted path; a key that itself holds the dots wins. Raises NotFoundError."""
    holder, key = _holder(metadata, path, create=False)
    if holder is None or key not in holder:
        raise NotFoundError(f"There is no metadata {path!r}.")
    return holder[key]


def _holder(metadata: dict[str, Any], path: str, *, create: bool) -> tuple[dict[str, Any] | None, str]:
    """The dict that holds a path's last key, and that key."""
    if not path:
        raise InvalidError("A metadata key must not be empty.")
    if path in metadata:
        return metadata, path
    *outer, key = path.split(".")
    holder = metadata
    for name in outer:
        inner = holder.get(name)
        if inner is None and create:
            inner = holder[name] = {}
        if not isinstance(inner, dict):
            if create:
                raise InvalidError(f"Metadata {name!r} of {path!r} is a value, not a group.")
            return None, key
        holder = inner
    return holder, key


async def set_metadata(
    core: Core, handle: Handle, path: str, value: Any, *, expect: int | None = None
) -> SessionInfo:
    """Set one value of the metadata, by dotted path; groups on the way are made."""
    checked = check_json(value, path)

    def change(metadata: dict[str, Any]) -> None:
        holder, key = _holder(metadata, path, create=True)
        assert holder is not None
        holder[key] = checked

    return await _change(core, handle, change, expect)


async def delete_metadata(core: Core, handle: Handle, path: str, *, expect: int | None = None) -> SessionInfo:
    """Remove one value of the metadata, by dotted path. Raises NotFoundError."""

    def change(metadata: dict[str, Any]) -> None:
        holder, key = _holder(metadata, path, create=False)
        if holder is None or key not in holder:
            raise NotFoundError(f"There is no metadata {path!r}.")
        del holder[key]

    return await _change(core, handle, change, expect)


async def _change(core: Core, handle: Handle, change: Any, expect: int | None) -> SessionInfo:
    async def build(row: SessionRow, state: State) -> Change[SessionInfo] | SessionInfo:
        metadata = _copied(state.info.metadata)
        change(metadata)
        if metadata == state.info.metadata:
            return state.info
        batch = Batch(core, row, state)
        batch.update(Patch(metadata=metadata))
        return batch.change(batch.state.info)

    return await write(core, handle, build, expect)


def _copied(value: Any) -> Any:
    """A copy whose dicts may be changed; lists and scalars are only ever replaced whole."""
    return {key: _copied(inner) for key, inner in value.items()} if isinstance(value, dict) else value
