"""The one boundary where errors of apsw become errors of recollect."""

from __future__ import annotations

import apsw

from ...errors import (
    AccessError,
    BusyError,
    ClosedError,
    CorruptError,
    FullError,
    InvalidError,
    StoreError,
    UnavailableError,
    UnknownOutcomeError,
)

__all__ = ["DRIVER_ERRORS", "translated"]

DRIVER_ERRORS = (apsw.Error, UnicodeEncodeError, OverflowError)
"""What a call into apsw may raise: its own errors, and what it says of values SQLite cannot hold."""

_KINDS: tuple[
    tuple[type[Exception] | tuple[type[Exception], ...], type[StoreError], str, str | None], ...
] = (
    (
        apsw.FullError,
        FullError,
        "The disk holding {path} is full; nothing was written.",
        "Free some space, then try again.",
    ),
    (
        (apsw.BusyError, apsw.LockedError),
        BusyError,
        "Another program kept {path} locked.",
        "Close other tools that have a transaction open on it, or raise the timeout.",
    ),
    (
        (apsw.CorruptError, apsw.NotADBError),
        CorruptError,
        "{path} is not a readable SQLite database ({detail}).",
        "If it was one, restore it from a copy, or recover it with the sqlite3 tool's .recover.",
    ),
    (
        (apsw.ReadOnlyError, apsw.PermissionsError, apsw.CantOpenError, apsw.AuthError),
        AccessError,
        "{path} cannot be opened or written ({detail}).",
        "Check the permissions of the file, its -wal and -shm files and the folder.",
    ),
    (apsw.IOError, UnavailableError, "The disk failed while {path} was in use ({detail}).", None),
    (
        (apsw.TooBigError, apsw.ConstraintError, apsw.MismatchError, UnicodeEncodeError, OverflowError),
        InvalidError,
        "A value cannot be stored in {path} ({detail}).",
        None,
    ),
    (apsw.ConnectionClosedError, ClosedError, "The store {path} was closed during the call.", None),
    (apsw.SQLError, CorruptError, "The tables of {path} are not as expected ({detail}).", None),
)


def translated(error: Exception, path: str, *, committing: bool = False) -> StoreError:
    """The typed error for what apsw raised; raise it ``from`` the original.

    ``committing`` says that COMMIT itself failed: what was written may surface after a crash.
    """
    detail = f"{type(error).__name__}: {error}"
    if isinstance(error, UnicodeEncodeError):
        detail = "text with a lone surrogate"  # the error's own words quote the text
    if committing and isinstance(error, apsw.IOError):
        return UnknownOutcomeError(
            f"The disk failed while a commit to {path} was being made durable ({detail}).",
            hint="Read the session again to see whether it is there.",
        )
    for kinds, kind, text, hint in _KINDS:
        if isinstance(error, kinds):
            return kind(text.format(path=path, detail=detail), hint=hint)
    return UnavailableError(f"SQLite failed on {path} ({detail}).")
