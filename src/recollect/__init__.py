"""recollect keeps conversations with language models: durable, searchable, portable.

import recollect
from recollect import Message

with recollect.Store("sqlite:///chats.db") as store:
    session = store.open("user-123", name="Rust")
    session.append(Message.user("What is Rust?"), Message.assistant("A language …"))
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .aio import AsyncStore
    from .aio_moving import amigrate
    from .aio_session import AsyncSession
    from .backend import Backend, Capabilities, Figures
    from .chat.aio_chat import AsyncChat
    from .chat.replies import ChatEvent, Reply, Step
    from .chat.streams import AsyncReplyStream
    from .chat.sync_chat import Chat, ReplyStream
    from .chat.window import Window
    from .core.branching import Branch, Diff, TreeNode
    from .core.editing import EraseResult
    from .core.forking import Lineage
    from .core.history import HistoryEntry
    from .core.merging import MergeConflict, MergeResult
    from .core.repairing import RepairReport
    from .core.retention import CleanupResult, RetentionPolicy
    from .core.verifying import Finding, Report
    from .errors import (
        AccessError,
        AmbiguousError,
        BusyError,
        ChatError,
        ChatWarning,
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
    from .moving import migrate
    from .session import Session
    from .store import Store
    from .transfer.importing import Damage, ImportResult
    from .transfer.moving.results import (
        BackupResult,
        LogComparison,
        MigrateResult,
        MoveConflict,
        MoveProgress,
    )
    from .transfer.results import SyncedFile, SyncedFolder, SyncResult

# Loaded at first use, so that a program pays for what it uses: AsyncStore brings asyncio along.
_HOMES = {
    "AccessError": ".errors",
    "AmbiguousError": ".errors",
    "AsyncChat": ".chat.aio_chat",
    "AsyncReplyStream": ".chat.streams",
    "AsyncSession": ".aio_session",
    "AsyncStore": ".aio",
    "Backend": ".backend",
    "BackupResult": ".transfer.moving.results",
    "BlobPart": ".model",
    "Branch": ".core.branching",
    "BusyError": ".errors",
    "Capabilities": ".backend",
    "Chat": ".chat.sync_chat",
    "ChatError": ".errors",
    "ChatEvent": ".chat.replies",
    "ChatWarning": ".errors",
    "CleanupResult": ".core.retention",
    "ClosedError": ".errors",
    "ConfigError": ".errors",
    "ConflictError": ".errors",
    "CorruptError": ".errors",
    "Damage": ".transfer.importing",
    "Diff": ".core.branching",
    "EraseResult": ".core.editing",
    "ExistsError": ".errors",
    "Figures": ".backend",
    "FilePart": ".model",
    "Finding": ".core.verifying",
    "ForkedFrom": ".model",
    "FullError": ".errors",
    "HistoryEntry": ".core.history",
    "Hit": ".model",
    "ImportResult": ".transfer.importing",
    "InvalidError": ".errors",
    "Lineage": ".core.forking",
    "LogComparison": ".transfer.moving.results",
    "MergeConflict": ".core.merging",
    "MergeResult": ".core.merging",
    "Message": ".model",
    "MigrateResult": ".transfer.moving.results",
    "MissingExtraError": ".errors",
    "ModelAccessError": ".errors",
    "ModelLimitError": ".errors",
    "ModelUnavailableError": ".errors",
    "MoveConflict": ".transfer.moving.results",
    "MoveProgress": ".transfer.moving.results",
    "NotFoundError": ".errors",
    "OtherPart": ".model",
    "Page": ".model",
    "ReasoningPart": ".model",
    "RepairReport": ".core.repairing",
    "Reply": ".chat.replies",
    "ReplyStream": ".chat.sync_chat",
    "Report": ".core.verifying",
    "RetentionPolicy": ".core.retention",
    "Session": ".session",
    "SessionInfo": ".model",
    "SessionQuery": ".model",
    "SessionRef": ".model",
    "Step": ".chat.replies",
    "Store": ".store",
    "StoreError": ".errors",
    "StoreWarning": ".errors",
    "SyncResult": ".transfer.results",
    "SyncedFile": ".transfer.results",
    "SyncedFolder": ".transfer.results",
    "TextPart": ".model",
    "ToolCallPart": ".model",
    "ToolCallResponsePart": ".model",
    "TrashedError": ".errors",
    "TreeNode": ".core.branching",
    "UnavailableError": ".errors",
    "UnknownOutcomeError": ".errors",
    "UnsupportedError": ".errors",
    "UriPart": ".model",
    "Usage": ".model",
    "Window": ".chat.window",
    "amigrate": ".aio_moving",
    "calculate_cost": ".helpers",
    "count_turns": ".helpers",
    "extract_session_id": ".helpers",
    "migrate": ".moving",
    "total_usage": ".helpers",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__


__all__ = [
    "AccessError",
    "AmbiguousError",
    "AsyncChat",
    "AsyncReplyStream",
    "AsyncSession",
    "AsyncStore",
    "Backend",
    "BackupResult",
    "BlobPart",
    "Branch",
    "BusyError",
    "Capabilities",
    "Chat",
    "ChatError",
    "ChatEvent",
    "ChatWarning",
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
    "LogComparison",
    "MergeConflict",
    "MergeResult",
    "Message",
    "MigrateResult",
    "MissingExtraError",
    "ModelAccessError",
    "ModelLimitError",
    "ModelUnavailableError",
    "MoveConflict",
    "MoveProgress",
    "NotFoundError",
    "OtherPart",
    "Page",
    "ReasoningPart",
    "RepairReport",
    "Reply",
    "ReplyStream",
    "Report",
    "RetentionPolicy",
    "Session",
    "SessionInfo",
    "SessionQuery",
    "SessionRef",
    "Step",
    "Store",
    "StoreError",
    "StoreWarning",
    "SyncResult",
    "SyncedFile",
    "SyncedFolder",
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
    "Window",
    "__version__",
    "amigrate",
    "calculate_cost",
    "count_turns",
    "extract_session_id",
    "migrate",
    "total_usage",
]
