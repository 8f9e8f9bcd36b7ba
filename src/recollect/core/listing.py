"""Lists of sessions, page by page, complete while others write; and finding one by what people type.

The newest come first, so a session that is written to while somebody pages jumps out of the part
that is still to come. The first page therefore fixes a moment; when everything not written to
since then has been shown, a second phase shows what was. Nothing is missed; a session that moved
may be shown twice.
"""

from __future__ import annotations

from msgspec.structs import replace

from ..backend import Figures, RowQuery, SessionRow
from ..errors import AmbiguousError, InvalidError, NotFoundError
from ..model import Page, SessionInfo, SessionQuery
from .base import DEFAULT_NAMESPACE, RESERVED, Core
from .filters import Cursor, check_limit, decode_cursor, encode_cursor, row_query

MIN_PREFIX = 4
_CANDIDATES = 10
_EXPIRED = 1_000_000


async def sessions(
    core: Core, query: SessionQuery, *, limit: int = 50, cursor: str | None = None, trashed: bool = False
) -> Page[SessionInfo]:
    """A page of the sessions for which all filters hold, newest first."""
    rows, following = await session_rows(core, row_query(core, query, trashed=trashed), limit, cursor)
    return Page([core.codec.info(row) for row in rows], following)


async def session_rows(
    core: Core, query: RowQuery, limit: int, cursor: str | None
) -> tuple[list[SessionRow], str | None]:
    """A page of rows and the cursor of the next one."""
    limit = check_limit(limit)
    if cursor is None:
        rows = await core.backend.find(replace(query, limit=limit + 1))
        if len(rows) <= limit:
            return rows, None
        # The moment must not lie before any row that is there already, whatever the clocks say.
        start = max(query.now, rows[0].updated_at)
        last = rows[limit - 1]
        return rows[:limit], _cursor(query, 1, start, 0, (last.updated_at, last.key.session_id))
    kind = "trash" if query.trashed else "list"
    phase, start, end, *position = decode_cursor(cursor, kind, tuple[int, int, int, int, str])
    if phase == 1:
        return await _settled(core, query, start, (position[0], position[1]), limit)
    return await _moved(core, query, start, end, (position[0], position[1]), limit)


async def _settled(
    core: Core, query: RowQuery, start: int, after: tuple[int, str], limit: int
) -> tuple[list[SessionRow], str | None]:
    """Phase 1: what was last written to no later than ``start``, newest first."""
    until = start + 1 if query.until is None else min(query.until, start + 1)
    rows = await core.backend.find(replace(query, until=until, after=after, limit=limit + 1))
    if len(rows) > limit:
        last = rows[limit - 1]
        return rows[:limit], _cursor(query, 1, start, 0, (last.updated_at, last.key.session_id))
    moved, following = await _moved(core, query, start, None, None, limit - len(rows))
    return rows + moved, following


async def _moved(
    core: Core, query: RowQuery, start: int, end: int | None, after: tuple[int, str] | None, room: int
) -> tuple[list[SessionRow], str | None]:
    """Phase 2: what was written to since ``start`` and existed then, oldest change first.

    The phase ends at the moment it began, so that paging comes to an end under steady writes.
    """
    if end is None:
        newest = await core.backend.find(replace(query, limit=1))
        end = newest[0].updated_at if newest else 0
    if end <= start or (query.until is not None and query.until <= start + 1):
        return [], None
    born = start + 1 if query.created_until is None else min(query.created_until, start + 1)
    late = replace(
        query,
        since=max(start + 1, query.since or 0),
        until=end + 1 if query.until is None else min(query.until, end + 1),
        created_until=born,
        order="oldest",
        after=after,
        limit=room + 1,
    )
    rows = await core.backend.find(late)
    if len(rows) <= room:
        return rows, None
    if room == 0:
        return [], _cursor(query, 2, start, end, (start, ""))
    last = rows[room - 1]
    return rows[:room], _cursor(query, 2, start, end, (last.updated_at, last.key.session_id))


def _cursor(query: RowQuery, phase: int, start: int, end: int, position: tuple[int, str]) -> str:
    kind = "trash" if query.trashed else "list"
    return encode_cursor(Cursor(kind, [phase, start, end, *position]))


async def resolve(core: Core, reference: str, *, trashed: bool = False) -> str:
    """The id of the session that a person means: by id, a unique prefix of at least 4 characters
    of it, its name, or ``@last`` for the newest.

    Raises NotFoundError, or AmbiguousError with the candidates.
    """
    query = RowQuery(namespace=core.namespace, now=core.clock.now(), trashed=trashed, limit=_CANDIDATES + 1)
    if reference == "@last":
        rows = await core.backend.find(replace(query, limit=1))
        if not rows:
            raise NotFoundError(f"There are no sessions in namespace {core.namespace!r}.")
        return rows[0].key.session_id
    row = await _exact(core, reference)
    if row is not None and (row.deleted_at is not None) == trashed and (trashed or core.visible(row)):
        return reference
    found: dict[str, SessionInfo] = {}
    if len(reference) >= MIN_PREFIX:
        for candidate in await core.backend.find(replace(query, prefix=reference)):
            found[candidate.key.session_id] = core.codec.info(candidate)
    if reference:
        found.update(await _named(core, query, reference))
    if not found:
        where = "in the trash" if trashed else f"in namespace {core.namespace!r}"
        raise NotFoundError(f"No session {where} has the id, the prefix or the name {reference!r}.")
    if len(found) > 1:
        count = str(len(found)) if len(found) <= _CANDIDATES else f"more than {_CANDIDATES}"
        raise AmbiguousError(
            f"{reference!r} can mean {count} sessions.", candidates=list(found.values())[:_CANDIDATES]
        )
    return next(iter(found))


async def _exact(core: Core, reference: str) -> SessionRow | None:
    try:
        return await core.backend.row(core.key(reference))
    except InvalidError:
        return None  # no possible id: it can still be a name


async def _named(core: Core, query: RowQuery, name: str) -> dict[str, SessionInfo]:
    """Sessions whose name is exactly ``name``."""
    base = row_query(core, SessionQuery(text=name), trashed=query.trashed)
    named: dict[str, SessionInfo] = {}
    after: tuple[int, str] | None = None
    while len(named) <= _CANDIDATES:
        rows = await core.backend.find(replace(base, after=after, limit=100))
        for row in rows:
            info = core.codec.info(row)
            if info.name == name:
                named[info.id] = info
        if len(rows) < 100:
            break
        after = (rows[-1].updated_at, rows[-1].key.session_id)
    return named


async def reachable(core: Core) -> list[str]:
    """The namespaces inside a core's own, itself included; from the default one, all."""
    names = [name for name in await core.backend.namespaces() if not name.startswith(RESERVED)]
    if core.namespace == DEFAULT_NAMESPACE:
        return names
    return [n for n in names if n == core.namespace or n.startswith(core.namespace + "/")]


async def figures(core: Core) -> Figures:
    """Counts and sizes of a core's namespace. Expired sessions are not there, purged or not."""
    found = await core.backend.figures(core.namespace)
    query = RowQuery(namespace=core.namespace, now=core.clock.now(), expired=True, limit=_EXPIRED)
    expired = len(await core.backend.find(query))
    return replace(found, sessions=found.sessions - expired)
