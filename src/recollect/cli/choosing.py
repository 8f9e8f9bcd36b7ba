"""Which session a chat goes on with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import AmbiguousError, NotFoundError

if TYPE_CHECKING:
    from .. import Store

NEWEST = "@last"


def session_meant(store: Store, reference: str | None, *, newest: bool, create: bool) -> str | None:
    """The id of the session to go on with; None for a new one. Raises NotFoundError, AmbiguousError.

    With ``create`` a reference that is neither an id nor a name is the id of a new session: the
    beginning of another one's id does not count, or ``al`` could never be made beside ``alice``.
    """
    if newest:
        return _newest(store)
    if reference is None:
        return None
    if not create or reference == NEWEST:
        return _there(store, reference)
    try:
        found = store.resolve(reference)
    except NotFoundError:
        return reference
    except AmbiguousError as error:
        if reference in [getattr(info, "name", None) for info in error.candidates]:
            raise
        return reference
    return found if reference in (found, store.get(found).info.name) else reference


def _newest(store: Store) -> str:
    try:
        return store.resolve(NEWEST)
    except NotFoundError as error:
        raise NotFoundError(
            "There is no session to continue.", hint='Begin one: recollect "Hello there"'
        ) from error


def _there(store: Store, reference: str) -> str:
    try:
        return store.resolve(reference)
    except NotFoundError as error:
        hint = "--create makes a new one." if reference != NEWEST else error.hint
        raise NotFoundError(error.message, hint=hint) from error
