"""docs/reference/api.md: every public name, from the source."""

from __future__ import annotations

import inspect

import recollect
from recollect import errors, options

from . import source
from .writing import block, field_table, page

SECTIONS: dict[str, tuple[str, ...]] = {
    "Stores": ("Store", "AsyncStore"),
    "Sessions": ("Session", "AsyncSession"),
    "Chats": (
        "AsyncChat",
        "Chat",
        "AsyncReplyStream",
        "ReplyStream",
        "Reply",
        "Step",
        "Window",
        "ChatEvent",
    ),
    "Messages": (
        "Message",
        "TextPart",
        "ReasoningPart",
        "ToolCallPart",
        "ToolCallResponsePart",
        "BlobPart",
        "FilePart",
        "UriPart",
        "OtherPart",
        "Usage",
    ),
    "What stores return": (
        "SessionInfo",
        "ForkedFrom",
        "Page",
        "Hit",
        "SessionRef",
        "ImportResult",
        "Damage",
        "SyncResult",
        "SyncedFolder",
        "SyncedFile",
        "Report",
        "Finding",
        "RepairReport",
        "Figures",
    ),
    "Moving": (
        "migrate",
        "amigrate",
        "MigrateResult",
        "MoveConflict",
        "LogComparison",
        "MoveProgress",
        "BackupResult",
    ),
    "History and branches": (
        "HistoryEntry",
        "Branch",
        "TreeNode",
        "Diff",
        "MergeResult",
        "MergeConflict",
        "Lineage",
        "EraseResult",
    ),
    "Retention": ("RetentionPolicy", "CleanupResult"),
    "Queries": ("SessionQuery",),
    "Helpers": ("count_turns", "total_usage", "calculate_cost", "extract_session_id"),
    "Engines": ("Backend", "Capabilities"),
}
MADE_BY_STORES = {
    "Session",
    "AsyncSession",
    "Page",
    "AsyncReplyStream",
    "ReplyStream",
    "Reply",
    "Step",
    "ChatEvent",
}
TWINS = {"AsyncStore": "Store", "AsyncSession": "Session", "Chat": "AsyncChat"}
"""Classes with the same verbs as another one (a test holds them together)."""


def api() -> str:
    """The page."""
    named = {name for names in SECTIONS.values() for name in names}
    missing = set(recollect.__all__) - named - set(errors.__all__) - {"__version__"}
    if missing:
        raise LookupError(f"Put these names into a section of the API page: {sorted(missing)}")
    parts = [
        "Everything is imported from `recollect`. Nothing else is public, except the conformance kit"
        " `recollect.testing` for authors of engines. Errors have [a page of their own](errors.md).",
    ]
    for title, names in SECTIONS.items():
        parts.append(f"## {title}")
        parts += [entry(name) for name in names]
        if title == "Sessions":
            parts.append(keywords())
    return page("Python API", *parts)


def entry(name: str) -> str:
    """One public name."""
    thing = getattr(recollect, name)
    node = source.node_of(thing)
    parts = [f"### {name}"]
    if not inspect.isclass(thing):
        parts += [block(source.signature(node), "text"), source.doc_of(node)]  # type: ignore[arg-type]  # a function
        return "\n\n".join(parts)
    if name not in MADE_BY_STORES and (made := source.initializer(thing)):
        parts.append(block(made))
    parts.append(source.doc_of(node))
    if name in TWINS:
        parts.append(f"Verbs: as [{TWINS[name]}](#{TWINS[name].lower()}), each awaited.")
        own = [member for member in source.methods(thing) if not member.doc.startswith("See ")]
        parts += [f"`{member.signature}`\n\n{member.doc}" for member in own]
        return "\n\n".join(parts)
    if data := source.fields(thing):
        parts.append(field_table(data))
    for member in source.methods(thing):
        parts.append(block(member.signature))
        parts.append(member.doc)
    return "\n\n".join(parts)


def keywords() -> str:
    """The keyword arguments that several verbs share."""
    return "\n\n".join(
        [
            "### Attributes",
            source.doc_of(source.node_of(options.Attributes)),
            field_table(field._replace(default="") for field in source.fields(options.Attributes)),
            "### Filters",
            source.doc_of(source.node_of(options.Filters)),
            field_table(field._replace(default="") for field in source.fields(options.Filters)),
        ]
    )
