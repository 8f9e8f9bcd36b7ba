"""Exit codes, and which error means which."""

from __future__ import annotations

from ..errors import (
    AccessError,
    AmbiguousError,
    BusyError,
    ChatError,
    ClosedError,
    ConfigError,
    ConflictError,
    CorruptError,
    ExistsError,
    FullError,
    InvalidError,
    MissingExtraError,
    ModelAccessError,
    ModelLimitError,
    ModelUnavailableError,
    NotFoundError,
    StoreError,
    TrashedError,
    UnavailableError,
    UnknownOutcomeError,
    UnsupportedError,
)

OK = 0
FAILURE = 1
USAGE = 2
NOT_FOUND = 3
ACCESS = 4
CONFLICT = 5
CORRUPT = 6
BUSY = 7
PARTIAL = 8
INTERRUPTED = 130

EXIT_CODES: dict[type[StoreError], int] = {
    StoreError: FAILURE,
    NotFoundError: NOT_FOUND,
    ExistsError: CONFLICT,
    TrashedError: CONFLICT,
    ConflictError: CONFLICT,
    InvalidError: USAGE,
    AmbiguousError: USAGE,
    ConfigError: USAGE,
    CorruptError: CORRUPT,
    UnsupportedError: FAILURE,
    MissingExtraError: FAILURE,
    AccessError: ACCESS,
    ClosedError: FAILURE,
    BusyError: BUSY,
    FullError: FAILURE,
    UnavailableError: FAILURE,
    UnknownOutcomeError: FAILURE,
    ChatError: FAILURE,
    ModelAccessError: ACCESS,
    ModelLimitError: FAILURE,
    ModelUnavailableError: FAILURE,
}


def exit_code(error: StoreError) -> int:
    """The exit code for an error: that of its class, or of the nearest class it derives from."""
    return next(EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES)
