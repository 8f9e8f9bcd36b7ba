"""The waist: what a storage engine does for recollect, and nothing more.

A backend stores commits. It never learns what a message is: bodies are opaque bytes that come
back byte for byte. Everything else in a ``Record`` or ``SessionRow`` serves lookup only.

Every method is ``async``. A backend whose ``capabilities.blocking`` is true never suspends in one,
so that a synchronous caller can step it without an event loop; it must be safe to call from
several threads at once. All errors are those of ``recollect.errors``; no driver exception escapes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from msgspec import Struct

__all__ = [
    "ERASE",
    "HEAD",
    "KINDS",
    "MESSAGE",
    "ROLES",
    "SOURCE",
    "TEXT_KINDS",
    "UPDATE",
    "Backend",
    "Capabilities",
    "Commit",
    "CountsTexts",
    "Exclusive",
    "Figures",
    "KeepsRaw",
    "Key",
    "Record",
    "RowHit",
    "RowQuery",
    "Scrubs",
    "SearchesText",
    "SessionRow",
    "StoredRecord",
    "Term",
    "TextMatch",
    "TextQuery",
    "Watches",
]

MESSAGE, UPDATE, HEAD, ERASE, SOURCE = 1, 2, 3, 4, 5
KINDS = {MESSAGE: "message", UPDATE: "update", HEAD: "head", ERASE: "erase", SOURCE: "source"}
"""Record kinds as numbers (stored) and names (shown)."""

ROLES = ("", "system", "developer", "user", "assistant", "tool")
"""Roles of messages; the empty one belongs to records that are no messages."""

TEXT_KINDS = ("text", "reasoning", "tool")
"""What ``Record.texts`` holds, in this order: words, a model's thinking, tool calls and answers."""

StoredRecord = tuple[int, int, int, bytes]
"""What ``read`` returns for a record: seq, kind, parent, body."""


class Key(NamedTuple):
    """A session's full name. Namespaces and ids are compared by code point."""

    namespace: str
    session_id: str


class Capabilities(Struct, frozen=True, kw_only=True):
    """What an engine can do, as data. Core and the conformance kit ask here, never by type."""

    name: str
    blocking: bool
    """Its coroutines never suspend."""
    durable: bool = True
    """A commit survives the process and the machine once it has returned."""
    shared: bool = True
    """Several processes may have the same data open."""
    transactions: bool = False
    """``commit`` takes commits of several sessions, all or nothing, and ``Exclusive`` is there."""
    text_search: bool = False
    native_expiry: bool = False
    watch: bool = False
    max_body: int = 512 * 1024 * 1024
    """Largest record body in bytes."""


class Record(NamedTuple):
    """One entry of a session's log, to be written.

    ``parent`` is the seq of the parent message (0: none). ``message_id`` is empty unless the
    record is a message. ``at`` is in microseconds since 1970 UTC: the message's own time, else the
    commit's. ``texts`` is what an index may see (see ``TEXT_KINDS``; empty: nothing) and is handed
    over, not kept as it is.
    """

    seq: int
    kind: int
    parent: int
    message_id: bytes
    at: int
    role: str
    body: bytes
    texts: tuple[str, ...] = ()


class SessionRow(Struct, frozen=True, gc=False):
    """A session's summary: lookup columns and an opaque ``body``. Times in microseconds UTC."""

    key: Key
    version: int
    created_at: int
    updated_at: int
    body: bytes
    name: str | None = None
    """The name as filters see it: case and accents folded."""
    provider: str | None = None
    model: str | None = None
    tags: tuple[str, ...] = ()
    metadata: tuple[tuple[str, str], ...] = ()
    """(dotted path, canonical JSON) of every leaf that equality filters may ask for."""
    cost: int | None = None
    """Billionths of a US dollar."""
    message_count: int = 0
    pinned: bool = False
    forked_from: str | None = None
    expires_at: int | None = None
    deleted_at: int | None = None


class Commit(Struct, frozen=True, gc=False, kw_only=True):
    """Changes of one session that become visible together or not at all.

    ``base`` is the version the session must have (0: it must not exist); else ConflictError.
    ``attributes=False`` promises that the row differs from the stored one in nothing but
    ``version``, ``updated_at``, ``cost``, ``message_count`` and ``body``: engines may then leave
    other lookup data alone. With ``delete`` the session goes, whole, and all else is ignored.
    """

    key: Key
    base: int
    row: SessionRow | None = None
    records: Sequence[Record] = ()
    blobs: dict[bytes, bytes] = {}
    """Contents by SHA-256 digest; storing one that is there already changes nothing."""
    erased: Sequence[tuple[int, bytes]] = ()
    """(seq, tombstone): the old body and its index entry are physically removed."""
    amended: Sequence[tuple[int, bytes, tuple[str, ...]]] = ()
    """(seq, body, texts): a message that was not complete when it was stored; body and index entry
    are replaced. Nothing private goes, so nothing has to be scrubbed."""
    drop_blobs: Sequence[bytes] = ()
    delete: bool = False
    attributes: bool = True
    bulk: bool = False
    """One of many in a row, as in an import: an engine may do at once what it leaves for later else."""


class RowQuery(Struct, frozen=True, kw_only=True):
    """Filters over sessions of one namespace, all of which must hold, normalised.

    Lower bounds include, upper bounds exclude; times in microseconds UTC, costs in billionths of
    a dollar. ``after`` is the (updated_at, session_id) of the row the page starts behind.
    Newest means ``updated_at`` descending, then ``session_id`` descending by code point.
    """

    namespace: str
    now: int
    """Sessions with ``expires_at <= now`` are not there."""
    trashed: bool = False
    """Sessions in the trash instead of those outside."""
    expired: bool = False
    """Sessions past their ``expires_at`` instead of those alive (for the purge)."""
    prefix: str | None = None
    text: str | None = None
    """Folded substring of the name."""
    tags: tuple[str, ...] = ()
    any_tags: tuple[str, ...] = ()
    provider: str | None = None
    model: str | None = None
    created_since: int | None = None
    created_until: int | None = None
    since: int | None = None
    until: int | None = None
    min_cost: int | None = None
    max_cost: int | None = None
    """Inclusive, unlike the times. A session without a cost is outside any cost bound."""
    min_messages: int | None = None
    max_messages: int | None = None
    metadata: tuple[tuple[str, str], ...] = ()
    pinned: bool | None = None
    forked_from: str | None = None
    order: Literal["newest", "oldest"] = "newest"
    after: tuple[int, str] | None = None
    limit: int = 50


class Term(NamedTuple):
    """One word, or several in a row (a phrase); with ``prefix`` the last one may go on."""

    words: tuple[str, ...]
    prefix: bool = False


class TextMatch(Struct, frozen=True):
    """A parsed query: of every group in ``all_of`` some term, and no term of ``none_of``."""

    all_of: tuple[tuple[Term, ...], ...]
    none_of: tuple[Term, ...] = ()


class TextQuery(Struct, frozen=True, kw_only=True):
    """A search for messages. ``rows`` filters their sessions (its order and limit are not used)."""

    rows: RowQuery
    match: TextMatch
    session_id: str | None = None
    roles: tuple[str, ...] = ()
    kinds: tuple[str, ...] = TEXT_KINDS
    """Which texts may match."""
    since: int | None = None
    until: int | None = None
    """Bounds on the record's ``at``."""
    order: Literal["relevance", "newest"] = "relevance"
    after: tuple[float, int, int, str] | None = None
    """The ``position`` of the hit the page starts behind."""
    limit: int = 20


class RowHit(Struct, frozen=True, gc=False):
    """A record that matched. ``score`` is larger for better matches; 0 when ordered by time."""

    row: SessionRow
    seq: int
    at: int
    role: str
    body: bytes
    score: float = 0.0

    @property
    def position(self) -> tuple[float, int, int, str]:
        """What to give as ``TextQuery.after`` for the hits behind this one."""
        return (self.score, self.at, self.seq, self.row.key.session_id)


class Figures(Struct, frozen=True, kw_only=True):
    """What a store holds, in one namespace or in all."""

    sessions: int
    trashed: int
    records: int
    messages: int
    blobs: int
    body_bytes: int
    """Bytes of record bodies and blobs."""
    stored_bytes: int
    """Bytes on disk or on the server, indexes included, of the whole store."""
    unindexed: int = 0
    """Messages that wait to be indexed (searches see them all the same)."""


class Backend(Protocol):
    """A storage engine, or a layer over one."""

    @property
    def capabilities(self) -> Capabilities: ...

    async def open(self) -> None:
        """Connect, create or migrate the schema. Idempotent."""

    async def close(self) -> None:
        """Release everything. Idempotent; nothing acknowledged depends on it."""

    async def commit(self, *commits: Commit) -> None:
        """Write all commits, all or nothing, durable on return.

        Raises ConflictError when a stored version is not its commit's base.
        """

    async def row(self, key: Key) -> SessionRow | None:
        """The session's row, trashed and expired ones included; None when there is none."""

    async def read(
        self,
        key: Key,
        *,
        after: int = 0,
        before: int | None = None,
        limit: int | None = None,
        last: int | None = None,
        kinds: Sequence[int] | None = None,
    ) -> list[StoredRecord]:
        """Records with ``after < seq < before`` in ascending order: the first ``limit`` or the
        last ``last`` of them, of the given kinds only. Empty for a session that is not there."""

    async def seqs(self, key: Key, ids: Sequence[bytes]) -> dict[bytes, int]:
        """The seq of each of these message ids that is stored (the newest, should one repeat)."""

    async def find(self, query: RowQuery) -> list[SessionRow]:
        """At most ``query.limit`` rows in the query's order."""

    async def blob(self, key: Key, digest: bytes) -> bytes | None:
        """A blob of this session, or None."""

    async def figures(self, namespace: str | None = None) -> Figures:
        """Counts and sizes, of one namespace or of all."""

    async def namespaces(self) -> list[str]:
        """The namespaces that hold sessions, sorted by code point."""


@runtime_checkable
class SearchesText(Protocol):
    """An engine with ``capabilities.text_search``."""

    async def search(self, query: TextQuery) -> list[RowHit]:
        """At most ``query.limit`` hits, best or newest first, complete as of the last commit."""

    async def reindex(self) -> None:
        """Forget the whole index; until ``indexed`` is called searches warn that they miss hits."""

    async def index(self, key: Key, entries: Iterable[tuple[int, tuple[str, ...]]]) -> None:
        """Hand over the texts of existing records again: (seq, texts)."""

    async def indexed(self) -> None:
        """Every text has been handed over: the index is whole again."""


@runtime_checkable
class KeepsRaw(Protocol):
    """An engine that can show a session as it holds it, for the quarantine of a repair."""

    async def raw(self, key: Key) -> bytes:
        """Everything stored of the session's log, damage included."""


@runtime_checkable
class CountsTexts(Protocol):
    """An engine whose text index can disagree with its logs, and can be asked."""

    async def texts(self, key: Key) -> int:
        """How many records of a session the index holds, those that wait for it included."""


@runtime_checkable
class Scrubs(Protocol):
    """An engine that takes erased text out of its files behind the commit."""

    async def scrub(self) -> None:
        """Do it now, for a few seconds at most; inside a transaction it stays behind the commit."""


@runtime_checkable
class Watches(Protocol):
    """An engine with ``capabilities.watch``."""

    def watch(self, key: Key) -> AsyncIterator[int]:
        """Yields the session's version after each commit from now on."""


@runtime_checkable
class Exclusive(Protocol):
    """An engine with ``capabilities.transactions``."""

    def exclusive(self) -> AbstractAsyncContextManager[None]:
        """One write transaction of the calling thread: reads inside see its writes, each
        ``commit`` inside is a savepoint, and leaving without an exception makes all durable at
        once. Entering it again inside joins the outer one."""
