"""Large stores, filled fast: the commits that a store would make, thousands in each transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import apsw

from recollect import Message, Usage
from recollect.backend import Commit
from recollect.backends.sql.sqlite import SqliteBackend
from recollect.backends.sql.text import TextIndex
from recollect.core.attributes import patch_of
from recollect.core.base import Core
from recollect.core.batch import Batch
from recollect.core.drafts import drafts
from recollect.stepping import step

BATCH = 2000
"""About so many records in a transaction."""
Plan = tuple[str, dict[str, Any], list[Message]]
"""A session's id, attributes and messages."""


def fill(path: Path, plans: Iterable[Plan], *, searchable: bool = True) -> None:
    """Write sessions into the store at ``path``, each in one commit; ``index`` has to follow.

    Without ``searchable`` their texts are not kept for an index.
    """
    backend = SqliteBackend(path, durability="relaxed")
    step(backend.open())
    core = Core(backend)
    commits: list[Commit] = []
    records = 0
    for plan in plans:
        commits.append(_commit(core, *plan, searchable))
        records += len(commits[-1].records)
        if records >= BATCH:
            step(_write(backend, commits))
            commits, records = [], 0
    step(_write(backend, commits))
    step(backend.close())


def _commit(
    core: Core, session_id: str, attributes: dict[str, Any], messages: list[Message], searchable: bool
) -> Commit:
    batch = Batch.create(core, core.key(session_id), patch_of(attributes))
    if messages:
        batch.extend(drafts(messages, batch.now))
    if not searchable:
        batch.records = [record._replace(texts=()) for record in batch.records]
    return batch.change(None).commit


async def _write(backend: SqliteBackend, commits: list[Commit]) -> None:
    async with backend.exclusive():
        await backend.commit(*commits)


def index(path: Path) -> int:
    """Index all that waits in the store at ``path``; gives how many messages that were."""
    conn = apsw.Connection(str(path))
    conn.execute("PRAGMA secure_delete = ON; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536")
    TextIndex.prepare(conn)
    total = 0
    while True:
        with conn:
            moved = TextIndex.drain(conn, 4096)
        total += moved
        if not moved:
            conn.close()
            return total


def numbered(count: int, every_cost: int = 2) -> Iterator[Plan]:
    """Sessions of two short messages with the attributes that filters ask for."""
    for i in range(count):
        attributes: dict[str, Any] = {
            "name": f"Session number {i}",
            "model": f"model-{i % 5}",
            "provider": "example",
            "tags": [f"topic-{i % 50}", "all"] if i % 1000 else ["rare", "all"],
            "metadata": {"user": f"u{i % 1000}"},
        }
        usage = Usage(100, 50, cost_usd=f"{i % 1000 / 1000:.3f}") if i % every_cost == 0 else None  # type: ignore[arg-type]  # text is taken too
        messages = [Message.user(f"Question {i}"), Message.assistant(f"Answer {i}", usage=usage)]
        yield f"session-{i:07d}", attributes, messages
