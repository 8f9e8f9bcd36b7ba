"""What both schemas of llm's database share: fragments, attachments, figures of a call."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..model import Part, Usage
from .sqlitefile import Database, Row
from .stored_parts import as_text, attachment, cached_and_reasoning, id_of, json_of
from .values import count_of, present

KEPT = "llm"
"""The metadata key under which stands what only this format knows."""

FIGURES = (
    "id", "model", "resolved_model", "options_json", "schema_id", "input_tokens", "output_tokens",
    "token_details", "duration_ms", "datetime_utc",
)  # fmt: skip
"""What a response of the older schema and a turn of the newer one both say."""


def usage_of(row: Row) -> Usage | None:
    """Tokens of one call, None when it names none."""
    cached, reasoning = cached_and_reasoning(json_of(row["token_details"]))
    usage = Usage(count_of(row, "input_tokens"), count_of(row, "output_tokens"), cached, reasoning)
    return usage if usage != Usage() else None


def figures_of(row: Row, **more: Any) -> dict[str, Any]:
    """What a call says beside its tokens, for a message's metadata."""
    duration = row["duration_ms"]
    resolved = id_of(row["resolved_model"])
    return present(
        resolved_model=resolved if resolved != row["model"] else None,
        options=json_of(row["options_json"]),
        schema_id=id_of(row["schema_id"]),
        duration_ms=duration if isinstance(duration, int) else None,
        token_details=json_of(row["token_details"]),
        **more,
    )


def fragment_text(db: Database, fragment_id: object) -> str:
    """A fragment's text, empty when it is gone."""
    rows = db.beside("fragments", ("content",), ("id", fragment_id))
    return as_text(rows[0]["content"]) if rows else ""


def fragments_named(db: Database, ids: Iterable[object]) -> list[dict[str, Any]]:
    """Where fragments came from: their hashes and sources, without their text."""
    found = []
    for fragment_id in ids:
        for row in db.beside("fragments", ("hash", "source"), ("id", fragment_id))[:1]:
            found.append(present(hash=id_of(row["hash"]), source=id_of(row["source"])))
    return found


def attached(db: Database, attachment_id: object) -> Part:
    """One attachment as a part."""
    rows = db.beside("attachments", ("type", "path", "url", "content"), ("id", attachment_id))
    metadata = {KEPT: {"attachment_id": as_text(attachment_id)}}
    if not rows:
        return attachment(None, None, None, None, metadata=metadata)
    row = rows[0]
    content = row["content"]
    if isinstance(content, str):
        content = content.encode("utf-8", "surrogatepass")
    return attachment(
        content if isinstance(content, bytes) else None,
        id_of(row["url"]),
        id_of(row["path"]),
        id_of(row["type"]),
        metadata=metadata,
    )


def tools_of(db: Database, links: str, column: str, value: object) -> list[str]:
    """The names of the tools that a call could use."""
    names: list[str] = []
    for link in db.beside(links, ("tool_id",), (column, value), ("tool_id",)):
        tools = db.beside("tools", ("name",), ("id", link["tool_id"]))
        names.extend(as_text(tool["name"]) for tool in tools if tool["name"] is not None)
    return names


def schema_of(db: Database, row: Row) -> Any:
    """The JSON schema that a call's answer had to meet, None when there was none."""
    if row["schema_id"] is None:
        return None
    rows = db.beside("schemas", ("content",), ("id", row["schema_id"]))
    return json_of(rows[0]["content"]) if rows else None
