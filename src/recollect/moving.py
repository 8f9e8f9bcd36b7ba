"""``migrate``: whole sessions from one store into another, whatever their engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, Unpack

from .driven import driven
from .errors import ClosedError, InvalidError, NotFoundError
from .model import SessionQuery
from .options import Filters
from .stepping import step
from .store import Store, merged
from .transfer.moving.mover import Mover
from .transfer.moving.origins import Selected, StoreOrigin, selected
from .transfer.moving.results import MigrateResult, MoveProgress, OnConflict
from .urls import parse_url

if TYPE_CHECKING:
    from .core.base import Core


def migrate(
    src: Store | str,
    dst: Store | str,
    query: SessionQuery | None = None,
    *,
    sessions: Sequence[str] | None = None,
    all_namespaces: bool = True,
    dry_run: bool = False,
    verify: bool = False,
    resume: bool = True,
    on_conflict: OnConflict = "skip",
    progress: Callable[[MoveProgress], None] | None = None,
    **filters: Unpack[Filters],
) -> MigrateResult:
    """Copy sessions from one store, or URL, into another: whole logs, to the byte.

    All versions, branches, blobs, kept sources, attributes and times go along, sessions in the trash
    and past their expiry, too: all, those named in ``sessions``, or those for which all filters hold.
    The namespaces inside the source's own become those of the destination's own, unless
    ``all_namespaces=False`` leaves them out. Without a choice of sessions, what is known of imported
    files goes along. The source is only read.

    Again moves only what is new: a session that the destination has is compared record by record,
    skipped where it is equal, continued where its log ends earlier (``resume=False``: counted as a
    conflict), so a move that was killed simply runs again. What was erased in the source is
    erased in the destination. Sessions written to meanwhile are caught up with at the end.

    A session whose id has another history in the destination is a conflict: listed, never overwritten.
    ``on_conflict="rename"`` puts it beside, as ``id~2``; ``"branch"`` adds its messages as branches of
    the session that is there, where both logs begin alike, else it renames.

    ``verify`` compares a hash of every log, records and blobs, on both sides. With ``dry_run`` nothing
    is written. ``progress`` is called as it goes, at the end of each session at the latest. See
    ``amigrate`` for an AsyncStore.
    """
    chosen = selected(merged(query, filters), sessions, all_namespaces)
    how = How(on_conflict, resume, dry_run, verify, progress)
    with source(src) as here, destination(dst, dry_run) as there:
        return step(move(here, there, chosen, how))


class How(NamedTuple):
    """How to move."""

    on_conflict: OnConflict
    resume: bool
    dry_run: bool
    verify: bool
    progress: Callable[[MoveProgress], None] | None


async def move(src: Core, dst: Core, chosen: Selected, how: How) -> MigrateResult:
    """Move sessions from one core into another; neither's engine suspends."""
    mover = Mover(
        StoreOrigin(src, chosen),
        dst,
        on_conflict=how.on_conflict,
        resume=how.resume,
        dry_run=how.dry_run,
        progress=how.progress,
    )
    return await mover.run(verify=how.verify)


@contextmanager
def source(place: Store | str) -> Iterator[Core]:
    """The core of a store; one that a URL names is open, read-only, for as long."""
    if isinstance(place, str):
        with Store(place, readonly=True) as opened:
            yield steppable(opened)
    else:
        yield steppable(place)


@contextmanager
def destination(place: Store | str, dry_run: bool) -> Iterator[Core]:
    """The same of a store to write to. A dry run makes none where there is none."""
    if not isinstance(place, str):
        yield steppable(place)
        return
    try:
        opened = Store(place, readonly=dry_run)
    except NotFoundError:
        if not dry_run:
            raise
        opened = Store("memory:", namespace=parse_url(place).namespace)
    with opened:
        yield steppable(opened)


def steppable(store: Store) -> Core:
    """A store's core, for a caller without an event loop."""
    if not isinstance(store, Store):
        raise InvalidError(
            f"migrate() takes a Store or a URL, not {type(store).__name__}.",
            hint="An AsyncStore goes with 'await recollect.amigrate(…)'.",
        )
    if store._opened.closed:
        raise ClosedError("The store is closed.", hint="Open it again.")
    return store._core if store._loop is None else driven(store._core, store._loop.run)
