"""Growing old: expiry of single sessions, and cleaning up by a policy that the user wrote."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ..backend import MESSAGE, Commit, Key, RowQuery, SessionRow
from ..errors import ConflictError, InvalidError
from ..model import BlobPart, SessionInfo, SessionQuery
from ..records import Patch, State, to_datetime
from .base import Core, Handle
from .batch import Batch
from .filters import row_query
from .writing import Change, write

_BATCH = 1000
_DAY = 86_400_000_000


class RetentionPolicy(Struct, frozen=True, kw_only=True):
    """Which sessions may go. None and 0 mean no limit, never "all".

    Age first (``max_age`` since the last write), then number, then size, the oldest ``updated_at``
    first. Pinned sessions and those with one of ``keep_tags`` stay; with ``match`` only sessions
    for which it holds are looked at at all.
    """

    max_sessions: int | None = None
    max_age: timedelta | None = None
    max_total_bytes: int | None = None
    keep_pinned: bool = True
    keep_tags: tuple[str, ...] = ()
    match: SessionQuery | None = None


class CleanupResult(Struct, frozen=True):
    """What a cleanup removed, or with ``dry_run`` would remove, and why. ``bytes_freed`` is 0
    unless sessions were purged."""

    sessions_deleted: int
    by_age: int
    by_limit: int
    by_size: int
    bytes_freed: int
    sessions: list[str]
    dry_run: bool

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values."""
        return {name: getattr(self, name) for name in self.__struct_fields__}


async def expire(
    core: Core,
    handle: Handle,
    *,
    after: timedelta | None = None,
    at: datetime | None = None,
    sliding: bool = False,
    expect: int | None = None,
) -> SessionInfo:
    """Let the session expire at a moment or after a time from now; with neither, never.

    From that instant on it is not found on any engine; ``purge`` removes it later, whole. With
    ``sliding`` every write puts the expiry off to ``after`` from then.
    """
    if sliding and after is None:
        raise InvalidError("expire(sliding=True) needs after=.")
    _check_expiry(after, at)

    async def build(row: SessionRow, state: State) -> Change[SessionInfo] | SessionInfo:
        batch = Batch(core, row, state)
        moment = None if at is None else at.astimezone(UTC)
        if after is not None:
            try:
                moment = to_datetime(batch.now) + after
            except OverflowError:
                raise InvalidError(f"{after} from now is beyond the calendar.") from None
        span = after // timedelta(microseconds=1) if sliding and after is not None else 0
        if moment == state.info.expires_at and span == state.sliding:
            return state.info
        batch.update(Patch(expires_at=moment), sliding=span)
        return batch.change(batch.state.info)

    return await write(core, handle, build, expect)


def _check_expiry(after: object, at: object) -> None:
    if after is not None and at is not None:
        raise InvalidError("expire() takes after= or at=, not both.")
    if after is not None and (not isinstance(after, timedelta) or after < timedelta(0)):
        raise InvalidError(f"expire(after=) must be a timedelta from now on, not {after!r}.")
    if at is not None and (not isinstance(at, datetime) or at.tzinfo is None):
        raise InvalidError(f"expire(at=) must be a datetime with a time zone, not {at!r}.")


async def cleanup(
    core: Core, policy: RetentionPolicy, *, dry_run: bool = True, purge: bool = False
) -> CleanupResult:
    """Move what the policy lets go to the trash, or with ``purge`` remove it for good."""
    _check(policy)
    if not dry_run:
        core.writable()
    rows = await _candidates(core, policy)
    reasons = await _chosen(core, policy, rows)
    freed = 0
    done: list[str] = []
    for row in rows:
        if row.key not in reasons:
            continue
        if not dry_run:
            size = await _size(core, row) if purge else 0
            if not await _let_go(core, row, purge):
                continue  # written to meanwhile: it is not old any more
            freed += size
        done.append(row.key.session_id)
    counted = [reasons[row.key] for row in rows if row.key in reasons and row.key.session_id in set(done)]
    return CleanupResult(
        len(done),
        counted.count("age"),
        counted.count("limit"),
        counted.count("size"),
        freed,
        done,
        dry_run,
    )


def _check(policy: RetentionPolicy) -> None:
    for name in ("max_sessions", "max_total_bytes"):
        value = getattr(policy, name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
            raise InvalidError(f"{name} must be a whole number, or None for no limit, not {value!r}.")
    if policy.max_age is not None and (
        not isinstance(policy.max_age, timedelta) or policy.max_age < timedelta(0)
    ):
        raise InvalidError(f"max_age must be a timedelta, or None for no limit, not {policy.max_age!r}.")


async def _candidates(core: Core, policy: RetentionPolicy) -> list[SessionRow]:
    """Every session the policy looks at, oldest first."""
    query = replace(row_query(core, policy.match or SessionQuery()), order="oldest", limit=_BATCH)
    return await _all(core, query)


async def _all(core: Core, query: RowQuery) -> list[SessionRow]:
    rows: list[SessionRow] = []
    while True:
        page = await core.backend.find(query)
        rows += page
        if len(page) < query.limit:
            return rows
        query = replace(query, after=(page[-1].updated_at, page[-1].key.session_id))


async def _chosen(core: Core, policy: RetentionPolicy, rows: list[SessionRow]) -> dict[Key, str]:
    """Why each session that goes does so."""
    keep_tags = frozenset(policy.keep_tags)
    free = [
        row
        for row in rows
        if not (policy.keep_pinned and row.pinned) and not keep_tags.intersection(row.tags)
    ]
    chosen: dict[Key, str] = {}
    if policy.max_age:
        limit = core.clock.now() - policy.max_age // timedelta(microseconds=1)
        chosen.update({row.key: "age" for row in free if row.updated_at < limit})
    if policy.max_sessions:
        excess = len(rows) - len(chosen) - policy.max_sessions
        left = [row for row in free if row.key not in chosen]
        chosen.update({row.key: "limit" for row in left[: max(0, excess)]})
    if policy.max_total_bytes:
        sizes = {row.key: await _size(core, row) for row in rows if row.key not in chosen}
        total = sum(sizes.values())
        for row in free:
            if total <= policy.max_total_bytes:
                break
            if row.key not in chosen:
                chosen[row.key] = "size"
                total -= sizes[row.key]
    return chosen


async def _size(core: Core, row: SessionRow) -> int:
    """Bytes of a session's row, its record bodies and its blobs."""
    total = len(row.body)
    digests: set[str] = set()
    after = 0
    while records := await core.backend.read(row.key, after=after, limit=_BATCH):
        total += sum(len(record[3]) for record in records)
        after = records[-1][0]
        holders = [record for record in records if record[1] == MESSAGE and b'"digest":' in record[3]]
        for message in core.codec.messages(row.key, holders):
            digests |= {part.digest for part in message.parts if isinstance(part, BlobPart) and part.digest}
    for digest in digests:
        total += len(await core.backend.blob(row.key, bytes.fromhex(digest)) or b"")
    return total


async def _let_go(core: Core, row: SessionRow, purge: bool) -> bool:
    """Trash or remove a session, unless somebody wrote to it since it was looked at."""
    commit = Commit(key=row.key, base=row.version, delete=True)
    if not purge:
        batch = Batch(core, row, core.codec.state(row))
        batch.update(Patch(deleted_at=to_datetime(batch.now)))
        commit = batch.change(None).commit
    try:
        await core.backend.commit(commit)
    except ConflictError:
        return False
    return True


async def purge(core: Core, *, trash_days: float = 30) -> list[str]:
    """Remove for good what is past its expiry, and what has been in the trash for ``trash_days``
    (0: the trash is never emptied). Returns the ids."""
    core.writable()
    base = row_query(core, SessionQuery())
    gone: list[SessionRow] = []
    for trashed in (False, True):
        query = replace(base, expired=True, trashed=trashed, order="oldest", limit=_BATCH)
        gone += await _all(core, query)
    if trash_days > 0:
        limit = core.clock.now() - int(trash_days * _DAY)
        binned = await _all(core, replace(base, trashed=True, order="oldest", limit=_BATCH))
        gone += [row for row in binned if row.deleted_at is not None and row.deleted_at < limit]
    return [row.key.session_id for row in gone if await _let_go(core, row, purge=True)]
