"""Messages as a table, one row each, for spreadsheets and data tools. Written only.

RFC 4180: commas, quotes doubled, CRLF. A cell that a spreadsheet would take for a formula gets an
apostrophe before it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import Any

from ..model import Message, SessionInfo, ToolCallPart, timestamp
from .base import Write
from .showing import safe

NAME = "csv"

COLUMNS = (
    "session_id",
    "position",
    "id",
    "role",
    "created_at",
    "model",
    "text",
    "tools",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "cost_usd",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def write(info: SessionInfo, messages: Iterable[Message], write: Write) -> None:
    """A row for every message below a row of names."""
    csv.writer(_Cells(write), lineterminator="\r\n").writerow(COLUMNS)
    write_next(info, messages, write)


def write_next(info: SessionInfo, messages: Iterable[Message], write: Write) -> None:
    """The rows of one more session behind others."""
    rows = csv.writer(_Cells(write), lineterminator="\r\n")
    for position, message in enumerate(messages, 1):
        rows.writerow([_cell(value) for value in _values(info.id, position, message)])


def _values(session_id: str, position: int, message: Message) -> list[Any]:
    usage = message.usage
    spent: list[Any] = [None] * 5
    if usage is not None:
        cost = None if usage.cost_usd is None else format(usage.cost_usd, "f")
        spent = [usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.reasoning_tokens, cost]
    return [
        session_id,
        position,
        message.id,
        message.role,
        timestamp(message.created_at),
        message.model,
        message.text,
        " ".join(part.name for part in message.parts if isinstance(part, ToolCallPart)),
        *spent,
    ]


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = safe(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


class _Cells:
    """The file that the csv module wants, over a function."""

    def __init__(self, write: Write) -> None:
        self.write = write
