"""``recollect sessions tree``: every message of a session, drawn with its branches.

The line that goes on keeps its column and every other one is drawn beside it first. As the line
that goes on is the active one, or else the one with the most messages, each step to the right but
the first at least halves what is left to draw: 10,000 messages take 14 steps at most, however they
branch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import click

from .app import App, pass_app
from .escape import one_line, safe
from .grammar import Command
from .listing import short_ids
from .naming import session_argument

if TYPE_CHECKING:
    from .. import TreeNode
    from .screen import Line, Piece

LEAST_TEXT = 12
"""Columns that a message's beginning gets even where the drawing takes the whole width."""


class Place(NamedTuple):
    """Where a message is drawn: how far to the right, and whether a line begins there."""

    node: TreeNode
    depth: int
    begins: bool


@click.command(
    cls=Command,
    epilog="Example: recollect sessions tree @last",
    short_help="Draw all messages with their branches.",
)
@session_argument()
@pass_app
def tree(app: App, reference: str) -> None:
    """Draw all messages with branches and labels; ● is on the active line, ○ is not."""
    with app.opened() as store:
        nodes = store.get(store.resolve(reference)).tree()
    if app.mode == "json":
        app.document({"tree": [node.to_dict() for node in nodes]})
    elif app.mode == "jsonl":
        app.items(node.to_dict() for node in nodes)
    elif not nodes:
        app.say("There are no messages.")
    elif app.terminal:
        from .screen import show_cut

        show_cut(app, _lines(nodes))
    else:
        for node in nodes:
            app.data(_tabbed(node))


def _tabbed(node: TreeNode) -> str:
    from .conversation import preview

    message = node.message
    fields = [message.id, message.parent_id or "", str(node.position), "*" if node.active else ""]
    fields += [message.role, ",".join(node.branches), ",".join(node.labels), preview(message)]
    return "\t".join(one_line(field) for field in fields)


def placed(nodes: Sequence[TreeNode]) -> Iterator[Place]:
    """The messages in the order in which they are drawn, each with its place."""
    below = _children(nodes)
    sizes = _sizes(nodes, below)

    def goes_on(index: int) -> tuple[bool, int, int]:
        return nodes[index].active, sizes[index], index

    todo = [(-1, 0, False)]
    while todo:
        index, depth, begins = todo.pop()
        if index >= 0:
            yield Place(nodes[index], depth, begins)
        if following := below[index]:
            main = max(following, key=goes_on)
            todo.append((main, depth, False))
            todo += [(child, depth + 1, True) for child in reversed(following) if child != main]


def _children(nodes: Sequence[TreeNode]) -> dict[int, list[int]]:
    """Which messages follow which, by their places in ``nodes``; -1 is before the first."""
    below: dict[int, list[int]] = {number: [] for number in range(-1, len(nodes))}
    seen: dict[str | None, int] = {}
    for number, node in enumerate(nodes):
        below[seen.get(node.message.parent_id, -1)].append(number)
        seen[node.message.id] = number
    return below


def _sizes(nodes: Sequence[TreeNode], below: dict[int, list[int]]) -> list[int]:
    """How many messages each one carries, itself included. Parents come before what follows them."""
    sizes = [1] * len(nodes)
    for number in reversed(range(len(nodes))):
        sizes[number] += sum(sizes[child] for child in below[number])
    return sizes


def _lines(nodes: Sequence[TreeNode]) -> Iterator[Line]:
    from .conversation import ROLE_STYLES, preview
    from .screen import Piece, width

    ids = short_ids([node.message.id for node in nodes])
    short = {id(node): name for node, name in zip(nodes, ids, strict=True)}
    most = max(0, (width() - LEAST_TEXT) // 2 - 1)
    for node, depth, begins in placed(nodes):
        message = node.message
        yield [
            Piece(_drawn(min(depth, most), begins), "dim"),
            Piece("● " if node.active else "○ ", "bold green" if node.active else "dim"),
            Piece(f"{node.position} ", "dim"),
            Piece(message.role, ROLE_STYLES.get(message.role, "bold")),
            Piece(f" {safe(short[id(node)])}", "cyan"),
            *_marks(node),
            Piece(f" {preview(message)}", "" if node.active else "dim"),
        ]


def _drawn(depth: int, begins: bool) -> str:
    return "│ " * (depth - 1) + ("├─" if begins else "│ ") if depth else ""


def _marks(node: TreeNode) -> list[Piece]:
    """The branches that end here and the labels."""
    from .screen import Piece

    branches = [Piece(f" ({one_line(name)})", "bold yellow") for name in node.branches]
    return [*branches, *(Piece(f" [{one_line(name)}]", "magenta") for name in node.labels)]
