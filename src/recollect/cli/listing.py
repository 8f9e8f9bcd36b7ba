"""Lists of sessions: a table for people, tab-separated lines for pipes, JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .escape import one_line, safe
from .figures import ago, dollars, exact

if TYPE_CHECKING:
    from .. import Page, SessionInfo
    from .app import App
    from .screen import Line

SHORT_ID = 8
READABLE_ID = 16
COST_WIDTH = 60
"""On narrower terminals the names need the room that costs would take."""


def show_sessions(app: App, page: Page[SessionInfo], *, nothing: str) -> None:
    """Print a page of sessions; ``nothing`` is said when it is empty."""
    if app.mode == "json":
        app.document({"sessions": [info.to_dict() for info in page], "next": page.next})
        return
    if app.mode == "jsonl":
        app.items(info.to_dict() for info in page)
    elif not page.items:
        app.say(nothing)
    elif app.terminal:
        _table(app, page.items)
    else:
        for info in page:
            app.data(_tabbed(info))
    app.say_next(page.next)


def label(info: SessionInfo) -> str:
    """What a person calls a session: its name, or how it begins."""
    return one_line(info.name or info.preview or info.id)


def short_ids(ids: Sequence[str]) -> list[str]:
    """The ids cut as far as they stay apart from each other; those people can read stay whole."""
    ordered = sorted(set(ids))
    lengths: dict[str, int] = {}
    for index, name in enumerate(ordered):
        neighbours = ordered[max(0, index - 1) : index] + ordered[index + 1 : index + 2]
        lengths[name] = max([SHORT_ID, *(_shared(name, other) + 1 for other in neighbours)])
    return [name if len(name) <= READABLE_ID else name[: lengths[name]] for name in ids]


def _shared(one: str, other: str) -> int:
    """How many characters two ids begin with in common."""
    return next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def _tabbed(info: SessionInfo) -> str:
    fields = (info.id, exact(info.updated_at), str(info.message_count), info.name or info.preview)
    return "\t".join(one_line(field) for field in fields)


def _table(app: App, sessions: Sequence[SessionInfo]) -> None:
    from .screen import Column, show_table, width

    costs = width() >= COST_WIDTH and any(info.usage.cost_usd is not None for info in sessions)
    columns = [Column("ID"), Column("CHANGED"), Column("MSGS", right=True)]
    columns += [Column("COST", right=True)] if costs else []
    columns.append(Column("NAME", shrink=True))
    rows = []
    for info, short in zip(sessions, short_ids([info.id for info in sessions]), strict=True):
        row = [_cell(safe(short), "cyan"), _cell(ago(info.updated_at)), _cell(f"{info.message_count}")]
        if costs:
            row.append(_cell("" if info.usage.cost_usd is None else dollars(info.usage.cost_usd)))
        rows.append([*row, _name(info)])
    show_table(app, columns, rows)


def _cell(text: str, style: str = "") -> Line:
    from .screen import Piece

    return [Piece(text, style)]


def _name(info: SessionInfo) -> Line:
    """Pin, tags, then the name, or in a fainter style how the conversation begins."""
    from .screen import Piece

    pieces = [Piece("* ", "yellow")] if info.pinned else []
    pieces += [Piece(f"#{one_line(tag)} ", "green") for tag in info.tags]
    named = one_line(info.name) if info.name else ""
    return [*pieces, Piece(named, "bold") if named else Piece(one_line(info.preview), "italic")]
