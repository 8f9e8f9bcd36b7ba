"""The values users hold: messages and their parts, usage, sessions, queries, pages.

All are frozen msgspec structs without I/O. Parts follow the OpenTelemetry GenAI message schema
(https://opentelemetry.io/docs/specs/semconv/gen-ai/): ``text reasoning tool_call
tool_call_response blob file uri``, and ``other`` for whatever a source holds beside them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Generic, Literal, TypeVar, overload

from msgspec import Struct, to_builtins
from msgspec.structs import force_setattr

from .errors import InvalidError

__all__ = [
    "BlobPart",
    "FilePart",
    "ForkedFrom",
    "Hit",
    "Message",
    "OtherPart",
    "Page",
    "Part",
    "ReasoningPart",
    "Role",
    "SessionInfo",
    "SessionQuery",
    "SessionRef",
    "TextPart",
    "ToolCallPart",
    "ToolCallResponsePart",
    "UriPart",
    "Usage",
]

Role = Literal["system", "developer", "user", "assistant", "tool"]
T = TypeVar("T")


def timestamp(moment: datetime | None) -> str | None:
    """A moment as recollect writes it: RFC 3339, UTC, six digits, ``Z``."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class _Part(Struct, frozen=True, gc=False, omit_defaults=True, tag_field="type"):
    """What all parts share: a ``type`` tag in JSON and optional metadata."""

    def to_dict(self) -> dict[str, Any]:
        """The part as JSON values; what is at its default is left out, bytes are base64."""
        return dict(to_builtins(self))


class TextPart(_Part, frozen=True, gc=False, omit_defaults=True, tag="text"):
    """Words said by the message's role."""

    content: str
    metadata: dict[str, Any] | None = None


class ReasoningPart(_Part, frozen=True, gc=False, omit_defaults=True, tag="reasoning"):
    """A model's thinking. Signatures and the like go to ``metadata``."""

    content: str
    metadata: dict[str, Any] | None = None


class ToolCallPart(_Part, frozen=True, gc=False, omit_defaults=True, tag="tool_call"):
    """A model's request to run a tool; ``arguments`` is any JSON value."""

    name: str
    arguments: Any = None
    id: str | None = None
    metadata: dict[str, Any] | None = None


class ToolCallResponsePart(_Part, frozen=True, gc=False, omit_defaults=True, tag="tool_call_response"):
    """A tool's answer to the call with the same ``id``; ``response`` is any JSON value."""

    response: Any = None
    id: str | None = None
    metadata: dict[str, Any] | None = None


class BlobPart(_Part, frozen=True, gc=False, omit_defaults=True, tag="blob"):
    """Bytes inside the message (base64 in JSON), such as an image.

    Contents over 64 KiB are stored once per session beside the log; ``digest`` is then their
    SHA-256 in hex, and ``content`` is filled in when the message is read.
    """

    content: bytes = b""
    mime_type: str | None = None
    modality: str | None = None
    digest: str | None = None
    metadata: dict[str, Any] | None = None


class FilePart(_Part, frozen=True, gc=False, omit_defaults=True, tag="file"):
    """A file known to a provider by its id."""

    file_id: str
    mime_type: str | None = None
    modality: str | None = None
    metadata: dict[str, Any] | None = None


class UriPart(_Part, frozen=True, gc=False, omit_defaults=True, tag="uri"):
    """Something referred to by its address."""

    uri: str
    mime_type: str | None = None
    modality: str | None = None
    metadata: dict[str, Any] | None = None


class OtherPart(_Part, frozen=True, gc=False, omit_defaults=True, tag="other"):
    """A piece that no other part describes, kept whole: ``kind`` is the source's name for it."""

    kind: str
    value: Any = None
    metadata: dict[str, Any] | None = None


Part = (
    TextPart | ReasoningPart | ToolCallPart | ToolCallResponsePart | BlobPart | FilePart | UriPart | OtherPart
)


def _decimal(value: object) -> Decimal:
    """An exact decimal from what users write: ``0.1`` means 0.1, not its binary neighbour."""
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value))
    except InvalidOperation:
        raise InvalidError(f"cost_usd must be a number, not {value!r}.") from None
    if not number.is_finite():
        raise InvalidError(f"cost_usd must be finite, not {value!r}.")
    return number


class Usage(Struct, frozen=True, gc=False, omit_defaults=True):
    """Tokens and money spent. ``cost_usd`` is an exact decimal in US dollars, None when unknown."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    cost_usd: Decimal | None = None

    def __post_init__(self) -> None:
        if self.cost_usd is not None and self.cost_usd.__class__ is not Decimal:
            force_setattr(self, "cost_usd", _decimal(self.cost_usd))

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON values; the cost as text, exact."""
        return {
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cached_tokens": self.cached_tokens,
            "reasoning_tokens": self.reasoning_tokens,
            "cost_usd": None if self.cost_usd is None else format(self.cost_usd, "f"),
        }

    def __add__(self, other: Usage) -> Usage:
        if self.cost_usd is None or other.cost_usd is None:
            cost = self.cost_usd if other.cost_usd is None else other.cost_usd
        else:
            cost = self.cost_usd + other.cost_usd
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cached_tokens + other.cached_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            cost,
        )


def _parts(content: str | Part | Sequence[Part]) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (TextPart(content),)
    if isinstance(content, _Part):
        return (content,)
    if not isinstance(content, Iterable):
        raise InvalidError(f"A message takes text, a part or parts, not {type(content).__name__}.")
    return tuple(content)


class Message(Struct, frozen=True, gc=False, omit_defaults=True):
    """One utterance.

    ``id`` is empty until the message is stored, unless the caller supplies one: a supplied id is
    an idempotency key. ``parent_id`` and, when None, ``created_at`` (UTC) are set by the store.
    """

    id: str = ""
    parent_id: str | None = None
    role: Role = "user"
    parts: tuple[Part, ...] = ()
    created_at: datetime | None = None
    model: str | None = None
    usage: Usage | None = None
    metadata: dict[str, Any] | None = None

    @classmethod
    def user(cls, content: str | Part | Sequence[Part], **fields: Any) -> Message:
        """A message by the person: text, a part, or parts."""
        return cls(role="user", parts=_parts(content), **fields)

    @classmethod
    def assistant(cls, content: str | Part | Sequence[Part], **fields: Any) -> Message:
        """A message by the model: text, a part, or parts."""
        return cls(role="assistant", parts=_parts(content), **fields)

    @classmethod
    def system(cls, content: str | Part | Sequence[Part], **fields: Any) -> Message:
        """An instruction by the application: text, a part, or parts."""
        return cls(role="system", parts=_parts(content), **fields)

    @classmethod
    def developer(cls, content: str | Part | Sequence[Part], **fields: Any) -> Message:
        """An instruction by the developer role of newer providers."""
        return cls(role="developer", parts=_parts(content), **fields)

    @classmethod
    def tool(cls, call_id: str | None, response: Any, **fields: Any) -> Message:
        """A tool's answer to the call ``call_id``; ``response`` is any JSON value."""
        return cls(role="tool", parts=(ToolCallResponsePart(response, call_id),), **fields)

    @property
    def text(self) -> str:
        """All text parts, joined by line feeds; empty when there are none."""
        return "\n".join([part.content for part in self.parts if part.__class__ is TextPart])

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON values."""
        return {
            "id": self.id,
            "parent_id": self.parent_id,
            "role": self.role,
            "parts": [part.to_dict() for part in self.parts],
            "created_at": timestamp(self.created_at),
            "model": self.model,
            "usage": None if self.usage is None else self.usage.to_dict(),
            "metadata": {} if self.metadata is None else self.metadata,
        }


class ForkedFrom(Struct, frozen=True, gc=False):
    """Where a fork started: the parent session and its version at that moment."""

    session_id: str
    version: int


class SessionInfo(Struct, frozen=True, gc=False, omit_defaults=True):
    """A session's attributes and figures as of ``version``.

    ``preview`` is the first 50 characters of the first user message. Counts describe the active
    line; ``usage`` is all that was ever spent. Times are UTC.
    """

    id: str
    namespace: str
    version: int
    created_at: datetime
    updated_at: datetime
    name: str | None = None
    provider: str | None = None
    model: str | None = None
    system_prompt: str | None = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] = {}
    branch: str = "main"
    head: str | None = None
    preview: str = ""
    summary: str | None = None
    message_count: int = 0
    turn_count: int = 0
    usage: Usage = Usage()
    forked_from: ForkedFrom | None = None
    pinned: bool = False
    expires_at: datetime | None = None
    deleted_at: datetime | None = None

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON values."""
        forked = self.forked_from
        return {
            "id": self.id,
            "namespace": self.namespace,
            "version": self.version,
            "name": self.name,
            "provider": self.provider,
            "model": self.model,
            "system_prompt": self.system_prompt,
            "tags": list(self.tags),
            "metadata": self.metadata,
            "branch": self.branch,
            "head": self.head,
            "preview": self.preview,
            "summary": self.summary,
            "message_count": self.message_count,
            "turn_count": self.turn_count,
            "usage": self.usage.to_dict(),
            "forked_from": None
            if forked is None
            else {"session_id": forked.session_id, "version": forked.version},
            "pinned": self.pinned,
            "created_at": timestamp(self.created_at),
            "updated_at": timestamp(self.updated_at),
            "expires_at": timestamp(self.expires_at),
            "deleted_at": timestamp(self.deleted_at),
        }


When = datetime | date | str
"""A moment: an aware datetime (naive means UTC), a date, or RFC 3339 / ISO 8601 text."""


class SessionQuery(Struct, frozen=True, kw_only=True):
    """Filters over sessions, all of which must hold. Dates alone mean whole UTC days."""

    text: str | None = None
    tags: tuple[str, ...] = ()
    any_tags: tuple[str, ...] = ()
    provider: str | None = None
    model: str | None = None
    created_since: When | None = None
    created_until: When | None = None
    since: When | None = None
    until: When | None = None
    min_cost: Decimal | float | None = None
    max_cost: Decimal | float | None = None
    min_messages: int | None = None
    max_messages: int | None = None
    metadata: dict[str, Any] = {}
    pinned: bool | None = None
    forked_from: str | None = None


class SessionRef(Struct, frozen=True, gc=False):
    """Which session something belongs to."""

    id: str
    name: str | None


class Hit(Struct, frozen=True, gc=False):
    """A message found by search.

    ``position`` is the message's place on its line, counted from 1. ``snippet`` marks matches
    with ``**``; ``score`` is larger for better matches, and 0 when ordered by time.
    """

    session: SessionRef
    message_id: str
    role: str
    position: int
    snippet: str
    score: float
    created_at: datetime | None = None

    def to_dict(self) -> dict[str, Any]:
        """The hit as JSON values."""
        return {
            "session": {"id": self.session.id, "name": self.session.name},
            "message_id": self.message_id,
            "role": self.role,
            "position": self.position,
            "snippet": self.snippet,
            "score": self.score,
        }


class Page(Generic[T]):
    """Some of a list: ``items``, and ``next``, an opaque cursor for the rest or None at the end."""

    __slots__ = ("items", "next")

    def __init__(self, items: list[T], next: str | None = None) -> None:
        self.items = items
        self.next = next

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        return self.items[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Page) and (self.items, self.next) == (other.items, other.next)

    __hash__ = None  # type: ignore[assignment]  # a page holds a list

    def __repr__(self) -> str:
        return f"Page({self.items!r}, next={self.next!r})"
