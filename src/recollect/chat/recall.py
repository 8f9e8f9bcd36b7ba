"""The tool by which a model looks into past conversations."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from .storage import AnyStore, call

if TYPE_CHECKING:
    from .. import Hit, Page

MOST = 20
Tool = Callable[..., Coroutine[Any, Any, list[dict[str, Any]]]]


def recall_tool(store: AnyStore, session_id: str) -> Tool:
    """``search_past_conversations`` over a store's namespace, without the session ``session_id``."""

    async def search_past_conversations(query: str, limit: int = 5) -> list[dict[str, Any]]:
        """Search what was said in earlier conversations with this user.

        Use it when the user refers to something said before that is not in this conversation. Give
        a few telling words. Each result quotes a message with the id of its session; name that id
        when you rely on it.
        """
        wanted = max(1, min(limit, MOST))
        found = await _hits(store, query, session_id, wanted)
        words = query.split()
        if not found and len(words) > 1:
            found = await _hits(store, " OR ".join(_quoted(word) for word in words), session_id, wanted)
        return found

    return search_past_conversations


def _quoted(word: str) -> str:
    return '"' + word.replace('"', "") + '"'


async def _hits(store: AnyStore, query: str, session_id: str, wanted: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while len(found) < wanted:
        page: Page[Hit] = await call(store.search, query, limit=MOST, cursor=cursor, kinds=("text",))
        found += [_quotation(hit) for hit in page if hit.session.id != session_id]
        if page.next is None:
            break
        cursor = page.next
    return found[:wanted]


def _quotation(hit: Hit) -> dict[str, Any]:
    said = None if hit.created_at is None else hit.created_at.date().isoformat()
    return {
        "session_id": hit.session.id,
        "session_name": hit.session.name,
        "role": hit.role,
        "date": said,
        "quote": hit.snippet.replace("**", ""),
    }
