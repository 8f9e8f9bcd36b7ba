"""recollect keeps conversations with language models: durable, searchable, portable.

import recollect
from recollect import Message

with recollect.Store("sqlite:///chats.db") as store:
    session = store.open("user-123", name="Rust")
    session.append(Message.user("What is Rust?"), Message.assistant("A language …"))
"""

from ._version import __version__
from .aio import AsyncStore
from .aio_session import AsyncSession
from .backend import Backend, Capabilities, Figures
from .core.branching import Branch, Diff, TreeNode
from .core.editing import EraseResult
from .core.forking import Lineage
from .core.history import HistoryEntry
from .core.merging import MergeConflict, MergeResult
from .core.retention import CleanupResult, RetentionPolicy
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
from .session import Session
from .store import Store
from .transfer.importing import Damage, ImportResult

__all__ = [
    "AccessError",
    "AmbiguousError",
    "AsyncSession",
    "AsyncStore",
    "Backend",
    "BlobPart",
    "Branch",
    "BusyError",
    "Capabilities",
    "CleanupResult",
    "ClosedError",
    "ConfigError",
    "ConflictError",
    "CorruptError",
    "Damage",
    "Diff",
    "EraseResult",
    "ExistsError",
    "Figures",
    "FilePart",
    "Finding",
    "ForkedFrom",
    "FullError",
    "HistoryEntry",
    "Hit",
    "ImportResult",
    "InvalidError",
    "Lineage",
    "MergeConflict",
    "MergeResult",
    "Message",
    "MissingExtraError",
    "NotFoundError",
    "OtherPart",
    "Page",
    "ReasoningPart",
    "Report",
    "RetentionPolicy",
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
    "TreeNode",
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
