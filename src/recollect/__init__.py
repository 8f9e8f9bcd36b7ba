"""recollect keeps conversations with language models: durable, searchable, portable.

import recollect
from recollect import Message

with recollect.Store("sqlite:///chats.db") as store:
    session = store.open("user-123", name="Rust")
    session.append(Message.user("What is Rust?"), Message.assistant("A language …"))
"""

from ._version import __version__
from .aio import AsyncSession, AsyncStore
from .backend import Backend, Capabilities, Figures
from .core.verifying import Finding, Report
from .errors import (
    AccessError,
    AmbiguousError,
    BusyError,
    ClosedError,
    ConfigError,
    ConflictError,
    CorruptError,
    ExistsError,
    FullError,
    InvalidError,
    MissingExtraError,
    NotFoundError,
    StoreError,
    StoreWarning,
    TrashedError,
    UnavailableError,
    UnknownOutcomeError,
    UnsupportedError,
)
from .helpers import calculate_cost, count_turns, extract_session_id, total_usage
from .model import (
    BlobPart,
    FilePart,
    ForkedFrom,
    Hit,
    Message,
    OtherPart,
    Page,
    ReasoningPart,
    SessionInfo,
    SessionQuery,
    SessionRef,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    UriPart,
    Usage,
)
from .store import Session, Store
from .transfer.importing import Damage, ImportResult

__all__ = [
    "AccessError",
    "AmbiguousError",
    "AsyncSession",
    "AsyncStore",
    "Backend",
    "BlobPart",
    "BusyError",
    "Capabilities",
    "ClosedError",
    "ConfigError",
    "ConflictError",
    "CorruptError",
    "Damage",
    "ExistsError",
    "Figures",
    "FilePart",
    "Finding",
    "ForkedFrom",
    "FullError",
    "Hit",
    "ImportResult",
    "InvalidError",
    "Message",
    "MissingExtraError",
    "NotFoundError",
    "OtherPart",
    "Page",
    "ReasoningPart",
    "Report",
    "Session",
    "SessionInfo",
    "SessionQuery",
    "SessionRef",
    "Store",
    "StoreError",
    "StoreWarning",
    "TextPart",
    "ToolCallPart",
    "ToolCallResponsePart",
    "TrashedError",
    "UnavailableError",
    "UnknownOutcomeError",
    "UnsupportedError",
    "UriPart",
    "Usage",
    "__version__",
    "calculate_cost",
    "count_turns",
    "extract_session_id",
    "total_usage",
]
