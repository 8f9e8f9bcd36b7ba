"""The order of the Agents SDK's items: one line, or the branches that its advanced sessions note."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..model import Usage
from .sqlitefile import Database
from .stored_parts import as_text, json_of
from .trees import Layout, lay_out
from .values import count_of, dict_of

_PLACE = ("message_id", "branch_id", "sequence_number", "user_turn_number")
_USAGE = (
    "branch_id", "user_turn_number", "input_tokens", "output_tokens", "input_tokens_details",
    "output_tokens_details",
)  # fmt: skip


class Branches(NamedTuple):
    """Rows of a session as a tree: ``rows`` are their ids, ``turns`` the branch and turn of each."""

    rows: list[Any]
    layout: Layout
    parents: list[int]
    turns: list[tuple[str, int]]


def branches_of(db: Database, session_id: object) -> Branches | None:
    """The session's branches, the one called ``main`` being the main line; None for a plain session."""
    lines: dict[str, list[tuple[Any, int]]] = {}
    places = db.rows("message_structure", _PLACE, key=("session_id", session_id), order=("sequence_number",))
    for place in places:
        branch = as_text(place["branch_id"]) or "main"
        lines.setdefault(branch, []).append((place["message_id"], count_of(place, "user_turn_number")))
    if not lines:
        return None
    numbers: dict[tuple[int, Any], int] = {}
    rows: list[Any] = []
    parents: list[int] = []
    turns: list[tuple[str, int]] = []
    ends: dict[str, int] = {}
    for branch in sorted(lines, key=lambda name: name != "main"):
        behind = -1
        for row_id, turn in lines[branch]:
            number = numbers.get((behind, row_id))
            if number is None:
                number = numbers[behind, row_id] = len(rows)
                rows.append(row_id)
                parents.append(behind)
                turns.append((branch, turn))
            behind = number
        ends[branch] = behind
    head = ends.get("main", next(iter(ends.values())))
    return Branches(rows, lay_out(parents, head), parents, turns)


def usage_of_turns(db: Database, session_id: object) -> dict[tuple[str, int], Usage]:
    """Tokens of each turn of each branch, where the session keeps them."""
    found: dict[tuple[str, int], Usage] = {}
    for row in db.rows("turn_usage", _USAGE, key=("session_id", session_id)):
        place = (as_text(row["branch_id"]) or "main", count_of(row, "user_turn_number"))
        read, thought = json_of(row["input_tokens_details"]), json_of(row["output_tokens_details"])
        usage = Usage(
            count_of(row, "input_tokens"),
            count_of(row, "output_tokens"),
            count_of(dict_of({"it": read}, "it"), "cached_tokens"),
            count_of(dict_of({"it": thought}, "it"), "reasoning_tokens"),
        )
        if usage != Usage():
            found[place] = usage
    return found
