"""Search over messages: the query as typed in, ranked hits with snippets out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

from msgspec.structs import replace

from ..backend import MESSAGE, ROLES, TEXT_KINDS, RowHit, SearchesText, TextMatch, TextQuery
from ..errors import InvalidError, UnsupportedError
from ..index.query import parse
from ..index.snippets import snippets
from ..model import Hit, Page, Part, SessionQuery, SessionRef, TextPart
from ..records import to_datetime
from .base import RESERVED, Core
from .drafts import texts_of
from .filters import Cursor, check_limit, decode_cursor, encode_cursor, moment, row_query
from .listing import session_rows

Order = Literal["relevance", "newest"]
_BATCH = 500


async def search(
    core: Core,
    text: str,
    query: SessionQuery,
    *,
    session_id: str | None = None,
    role: str | Sequence[str] | None = None,
    kinds: Sequence[str] | None = None,
    order: Order = "relevance",
    limit: int = 20,
    cursor: str | None = None,
) -> Page[Hit]:
    """A page of messages that match. ``since`` and ``until`` of ``query`` bound the message's time.

    An empty query finds nothing; no query is a syntax error.
    """
    if not isinstance(text, str):
        raise InvalidError(f"A search takes text, not {type(text).__name__}.")
    engine = _engine(core)
    limit = check_limit(limit)
    match = parse(text)
    if order not in ("relevance", "newest"):
        raise InvalidError(f"order must be 'relevance' or 'newest', not {order!r}.")
    after = None if cursor is None else decode_cursor(cursor, f"hits-{order}", tuple[float, int, int, str])
    asked = _text_query(core, match or TextMatch(()), query, role, kinds, order)
    if match is None:
        return Page([])
    if session_id is not None:
        core.key(session_id)
    position = None if after is None else (after[0], after[1], after[2], after[3])
    asked = replace(asked, session_id=session_id, after=position, limit=limit + 1)
    hits = await engine.search(asked)
    following = None
    if len(hits) > limit:
        hits = hits[:limit]
        following = encode_cursor(Cursor(f"hits-{order}", list(hits[-1].position)))
    return Page(_hits(core, hits, match, asked.kinds), following)


def _engine(core: Core) -> SearchesText:
    if core.backend.capabilities.text_search:
        return cast(SearchesText, core.backend)
    raise UnsupportedError(f"The {core.backend.capabilities.name} engine has no text search.")


def _text_query(
    core: Core,
    match: TextMatch,
    query: SessionQuery,
    role: str | Sequence[str] | None,
    kinds: Sequence[str] | None,
    order: Order,
) -> TextQuery:
    roles = (role,) if isinstance(role, str) else tuple(role or ())
    for item in roles:
        if item not in ROLES[1:]:
            raise InvalidError(f"There is no role {item!r}.", hint=f"There are {', '.join(ROLES[1:])}.")
    wanted = TEXT_KINDS if kinds is None else tuple(kinds)
    for item in wanted:
        if item not in TEXT_KINDS:
            raise InvalidError(f"There is no kind {item!r}.", hint=f"There are {', '.join(TEXT_KINDS)}.")
    return TextQuery(
        rows=row_query(core, replace(query, since=None, until=None)),
        match=match,
        roles=roles,
        kinds=wanted,
        since=None if query.since is None else moment(query.since, "since"),
        until=None if query.until is None else moment(query.until, "until", end=True),
        order=order,
    )


def _hits(core: Core, hits: Sequence[RowHit], match: TextMatch, kinds: Sequence[str]) -> list[Hit]:
    """Hits as users see them; bodies and rows are decoded all at once."""
    glances = core.codec.glances([(hit.row.key, (hit.seq, MESSAGE, 0, hit.body)) for hit in hits])
    cut = snippets([_shown(glance.parts, kinds) for glance in glances], match)
    rows = {hit.row.key: hit.row for hit in hits}
    names = core.codec.names(list(rows.values()))
    sessions = {key: SessionRef(key.session_id, name) for key, name in zip(rows, names, strict=True)}
    return [
        Hit(
            sessions[hit.row.key],
            glance.id,
            glance.role,
            glance.frame.depth,
            line,
            hit.score,
            to_datetime(hit.at),
        )
        for hit, glance, line in zip(hits, glances, cut, strict=True)
    ]


def _shown(parts: Sequence[Part], kinds: Sequence[str]) -> str:
    """The text a snippet is cut from: what was searched."""
    if len(parts) == 1 and "text" in kinds:
        part = parts[0]
        if isinstance(part, TextPart):
            return part.content
    texts = texts_of(parts) or ("", "", "")
    return "\n".join(t for kind, t in zip(TEXT_KINDS, texts, strict=True) if t and kind in kinds)


async def reindex(core: Core) -> dict[str, int]:
    """Build the text index of the whole store anew, whichever namespace asks; returns how many
    sessions and messages it holds."""
    core.writable()
    engine = _engine(core)
    namespaces = [name for name in await core.backend.namespaces() if not name.startswith(RESERVED)]
    counts = {"sessions": 0, "messages": 0}
    await engine.reindex()
    for namespace in namespaces:
        confined = core if namespace == core.namespace else core.confined(namespace)
        for trashed in (False, True):
            await _reindex_sessions(confined, engine, trashed, counts)
    await engine.indexed()
    return counts


async def _reindex_sessions(core: Core, engine: SearchesText, trashed: bool, counts: dict[str, int]) -> None:
    cursor: str | None = None
    while True:
        query = row_query(core, SessionQuery(), trashed=trashed)
        rows, cursor = await session_rows(core, query, _BATCH, cursor)
        for row in rows:
            counts["sessions"] += 1
            after = 0
            while records := await core.backend.read(row.key, after=after, limit=_BATCH, kinds=(MESSAGE,)):
                messages = core.codec.messages(row.key, records)
                entries = [
                    (record[0], texts)
                    for record, message in zip(records, messages, strict=True)
                    if (texts := texts_of(message.parts))
                ]
                await engine.index(row.key, entries)
                counts["messages"] += len(entries)
                after = records[-1][0]
        if cursor is None:
            return
