"""Every error that recollect raises, drawn as one tree.

    StoreError                      base of all: code, hint, retryable
    ├── NotFoundError               no such session, message, version (LookupError)
    ├── ExistsError                 the id is taken: a session, or a message with other content
    │   └── TrashedError            … by a session in the trash
    ├── ConflictError               the version moved under a guarded write
    ├── InvalidError                a value that can never be stored (ValueError)
    │   ├── AmbiguousError          a reference that several sessions answer to
    │   └── ConfigError             a setting, flag or URL that makes no sense
    ├── CorruptError                stored data that cannot be read back; names its place
    ├── UnsupportedError            this engine or format cannot do that
    │   └── MissingExtraError       … until an extra is installed (ImportError)
    ├── AccessError                 read-only, or not permitted
    ├── ClosedError                 the store was closed before the call
    ├── BusyError                   others held the lock past the deadline
    ├── FullError                   no room left on the device
    ├── UnavailableError            the engine did not answer, or failed while it worked
    │   └── UnknownOutcomeError     … after the commit was sent: it may or may not be stored
    └── ChatError                   a model gave no answer; what it had said before is kept
        ├── ModelAccessError        no API key, a refused one, or one whose quota is spent
        ├── ModelLimitError         too many requests for now
        └── ModelUnavailableError   no connection, a cut one, a time-out, or the provider failed

Backends map driver errors to this tree at one boundary each and keep the cause. A message says
what happened and where; ``hint`` says what to do next; ``retryable`` says whether the same call
can succeed later without anything else being changed. What is worth knowing but stops nothing is a
``StoreWarning``, in a chat a ``ChatWarning``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

__all__ = [
    "AccessError",
    "AmbiguousError",
    "BusyError",
    "ChatError",
    "ChatWarning",
    "ClosedError",
    "ConfigError",
    "ConflictError",
    "CorruptError",
    "ExistsError",
    "FullError",
    "InvalidError",
    "MissingExtraError",
    "ModelAccessError",
    "ModelLimitError",
    "ModelUnavailableError",
    "NotFoundError",
    "StoreError",
    "StoreWarning",
    "TrashedError",
    "UnavailableError",
    "UnknownOutcomeError",
    "UnsupportedError",
]


class StoreError(Exception):
    """Base of every error raised by recollect.

    ``message`` is one sentence about what happened and where, ``hint`` one about what to do.
    """

    code: ClassVar[str] = "store"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions with keyword-only arguments do not pickle by default; process pools need it.
        return (_rebuild, (type(self), self.message, self.hint), self.__dict__)


def _rebuild(kind: type[StoreError], message: str, hint: str | None) -> StoreError:
    error = kind.__new__(kind)
    StoreError.__init__(error, message, hint=hint)
    return error


class NotFoundError(StoreError, LookupError):
    """There is no such session, message, version or file."""

    code = "not_found"


class ExistsError(StoreError):
    """The id is taken: by another session, or by a message with other content."""

    code = "exists"


class TrashedError(ExistsError):
    """The id belongs to a session in the trash; restore it or purge it first."""

    code = "trashed"


class ConflictError(StoreError):
    """Another writer moved the session past the version this write was based on."""

    code = "conflict"
    retryable = True


class InvalidError(StoreError, ValueError):
    """A value that can never be stored or understood; nothing was written."""

    code = "invalid"


class AmbiguousError(InvalidError):
    """A reference that several sessions answer to; ``candidates`` holds their SessionInfo."""

    code = "ambiguous"

    def __init__(self, message: str, *, candidates: Sequence[object] = (), hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.candidates = list(candidates)


class ConfigError(InvalidError):
    """A setting, flag or URL that makes no sense."""

    code = "config"


class CorruptError(StoreError):
    """Stored data cannot be read back. ``place`` names the session, record, file or offset."""

    code = "corrupt"

    def __init__(self, message: str, *, place: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.place = place


class UnsupportedError(StoreError):
    """This engine or format cannot do what was asked, and does not pretend to."""

    code = "unsupported"


class MissingExtraError(UnsupportedError, ImportError):
    """A feature needs an optional dependency that is not installed."""

    code = "missing_extra"


class AccessError(StoreError, PermissionError):
    """The store is read-only, or the operating system or server refused."""

    code = "access"


class ClosedError(StoreError):
    """The store was closed before the call."""

    code = "closed"


class BusyError(StoreError):
    """Other writers held the store's lock until the deadline passed."""

    code = "busy"
    retryable = True


class FullError(StoreError):
    """There is no room left on the device or in the quota; nothing was written."""

    code = "full"
    retryable = True


class UnavailableError(StoreError):
    """The engine did not answer, or failed while it worked."""

    code = "unavailable"
    retryable = True


class UnknownOutcomeError(UnavailableError):
    """The engine failed after the commit was sent: it may or may not be stored."""

    code = "unknown_outcome"


class ChatError(StoreError):
    """A model gave no answer: the provider refused the request, or the reply made no sense.

    What the model had said before is kept, marked ``interrupted``, and the conversation can go on.
    ``status`` is the HTTP status of the provider's answer, None when there was none. ``reply`` is the
    Reply with what came, once a chat has raised it.
    """

    code = "chat"

    def __init__(self, message: str, *, status: int | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.reply: object | None = None

    def __reduce__(self) -> tuple[object, ...]:
        # A reply leads to its chat and store, which do not leave their process.
        return (_rebuild, (type(self), self.message, self.hint), {**self.__dict__, "reply": None})


class ModelAccessError(ChatError):
    """There is no API key for the model, or the provider refused it, or its quota is spent."""

    code = "model_access"


class ModelLimitError(ChatError):
    """Too many requests for now. ``retry_after``: seconds until the next, if the provider said."""

    code = "model_limit"
    retryable = True

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, status=status, hint=hint)
        self.retry_after = retry_after


class ModelUnavailableError(ChatError):
    """No connection to the provider, a cut one, a time-out, or a failure on its side."""

    code = "model_unavailable"
    retryable = True


class StoreWarning(UserWarning):
    """The call works, but the user should know: wide file permissions, an index being rebuilt."""


class ChatWarning(StoreWarning):
    """The conversation goes on, but the user should know: it cannot be saved now, a secret was replaced."""
