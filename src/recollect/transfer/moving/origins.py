"""Where logs that are moved come from: what a mover asks for, and the answer of a store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Container, Sequence
from typing import NamedTuple, Protocol

from msgspec.structs import replace

from ...backend import RowQuery, SessionRow
from ...core.base import DEFAULT_NAMESPACE, Core
from ...core.blobs import load_blob
from ...core.filters import row_query
from ...core.listing import reachable, session_rows
from ...core.log import LogEntry, digests_of, entries
from ...errors import InvalidError
from ...model import SessionQuery
from ..ledger import Entry, Ledger

_PAGE = 500


class Log(Protocol):
    """A session's whole log."""

    @property
    def namespace(self) -> str:
        """The namespace, seen from the origin's own one; empty for that one."""

    @property
    def session_id(self) -> str:
        """The session's id."""

    @property
    def version(self) -> int:
        """How many records there are."""

    @property
    def stamp(self) -> tuple[int, int]:
        """What changes whenever the session is written to."""

    def entries(self) -> AsyncIterator[LogEntry]:
        """The records in order; may be asked for again. Raises CorruptError."""

    async def blobs(self, entry: LogEntry, known: Container[str]) -> dict[str, bytes]:
        """The blobs that the record given out last refers to, by digest in hex, without those known."""

    def digests(self, entry: LogEntry) -> list[str]:
        """The digests in hex of the blobs that a record refers to."""


class Origin(Protocol):
    """Sessions to be moved, and what is known of imports."""

    @property
    def live(self) -> bool:
        """Whether somebody may write to it meanwhile."""

    def logs(self) -> AsyncIterator[Log]:
        """The sessions; one that is written to meanwhile may come twice."""

    async def taken(self, namespace: str, session_id: str) -> bool:
        """Whether a session of that id is here."""

    def imports(self) -> AsyncIterator[tuple[str, list[Entry]]]:
        """What each namespace knows of imported files."""


class StoredLog(NamedTuple):
    """A session of a store."""

    core: Core
    row: SessionRow
    namespace: str

    @property
    def session_id(self) -> str:
        return self.row.key.session_id

    @property
    def version(self) -> int:
        return self.row.version

    @property
    def stamp(self) -> tuple[int, int]:
        return (self.row.version, self.row.updated_at)

    def entries(self) -> AsyncIterator[LogEntry]:
        return entries(self.core, self.row.key, self.row.version)

    async def blobs(self, entry: LogEntry, known: Container[str]) -> dict[str, bytes]:
        key = self.row.key
        wanted = [digest for digest in self.digests(entry) if digest not in known]
        return {digest: await load_blob(self.core, key, entry.seq, digest) for digest in wanted}

    def digests(self, entry: LogEntry) -> list[str]:
        return digests_of(self.core, self.row.key, entry)


class Selected(NamedTuple):
    """Which sessions of a store are meant."""

    query: SessionQuery = SessionQuery()
    sessions: tuple[str, ...] | None = None
    all_namespaces: bool = True

    @property
    def whole(self) -> bool:
        """Whether nothing is left out of a namespace."""
        return self.sessions is None and self.query == SessionQuery()


def selected(query: SessionQuery, sessions: Sequence[str] | None, all_namespaces: bool) -> Selected:
    """The choice that a caller made. Raises InvalidError."""
    if sessions is None:
        return Selected(query, None, all_namespaces)
    if query != SessionQuery():
        raise InvalidError("Name the sessions or give filters, not both.")
    return Selected(query, tuple(dict.fromkeys(sessions)), False)


class StoreOrigin:
    """The sessions of a store: those in the trash and past their expiry, too."""

    live = True

    def __init__(self, core: Core, chosen: Selected) -> None:
        self._core = core
        self._chosen = chosen

    async def cores(self) -> list[tuple[str, Core]]:
        """The namespaces that are meant, each with its name as seen from the store's own."""
        if not self._chosen.all_namespaces:
            return [("", self._core)]
        names = await reachable(self._core)
        return [(inside(self._core.namespace, name), self._core.confined(name)) for name in names]

    async def logs(self) -> AsyncIterator[StoredLog]:
        for namespace, core in await self.cores():
            async for row in self._rows(core):
                yield StoredLog(core, row, namespace)

    async def _rows(self, core: Core) -> AsyncIterator[SessionRow]:
        if self._chosen.sessions is not None:
            for session_id in self._chosen.sessions:
                row = await core.backend.row(core.key(session_id))
                yield row if row is not None else await core.load(core.key(session_id))
            return
        for trashed in (False, True):
            base = row_query(core, self._chosen.query, trashed=trashed)
            cursor: str | None = None
            while True:
                rows, cursor = await session_rows(core, base, _PAGE, cursor)
                for row in rows:
                    yield row
                if cursor is None:
                    break
            async for row in _expired(core, replace(base, expired=True)):
                yield row

    async def taken(self, namespace: str, session_id: str) -> bool:
        core = self._core.confined(outside(self._core.namespace, namespace))
        return await core.backend.row(core.key(session_id)) is not None

    async def imports(self) -> AsyncIterator[tuple[str, list[Entry]]]:
        if self._chosen.whole:
            for namespace, core in await self.cores():
                yield namespace, await Ledger(core).entries()


async def _expired(core: Core, query: RowQuery) -> AsyncIterator[SessionRow]:
    """Sessions past their expiry; nobody writes to them, so plain paging misses none."""
    query = replace(query, order="oldest", limit=_PAGE)
    while True:
        rows = await core.backend.find(query)
        for row in rows:
            yield row
        if len(rows) < _PAGE:
            return
        query = replace(query, after=(rows[-1].updated_at, rows[-1].key.session_id))


def inside(own: str, name: str) -> str:
    """A namespace's name as seen from another one that it lies in; empty for that one itself."""
    if name == own:
        return ""
    return name if own == DEFAULT_NAMESPACE else name.removeprefix(own + "/")


def outside(own: str, namespace: str) -> str:
    """The full name of what ``inside`` gave."""
    if not namespace:
        return own
    if namespace == own == DEFAULT_NAMESPACE:
        raise InvalidError(
            f"Two namespaces would become {DEFAULT_NAMESPACE!r}.", hint="Give the destination a namespace."
        )
    return namespace if own == DEFAULT_NAMESPACE else f"{own}/{namespace}"
