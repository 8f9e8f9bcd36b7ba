"""Messages of a tree in the order in which conversations hand them out: the main line, then the rest."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import NamedTuple


class Layout(NamedTuple):
    """``order``: the nodes' numbers, the main line's ``main`` first, then run after run, parents always
    before children. ``forks``: the nodes that runs other than the first begin behind."""

    order: list[int]
    main: int
    forks: set[int]


def lay_out(parents: Sequence[int], head: int) -> Layout:
    """Order a forest whose node ``n`` lies under ``parents[n]`` (-1: under nothing).

    The main line ends in ``head`` (-1: there is none). Every other run goes from where it leaves
    an earlier one along the first child to a leaf. Where parents form a circle it is cut open at its
    first node. No recursion: depth does not matter.
    """
    parents = _without_circles(parents)
    order = line_to(parents, head)
    main = len(order)
    placed = bytearray(len(parents))
    for node in order:
        placed[node] = 1
    children: dict[int, list[int]] = {}
    for node, parent in enumerate(parents):
        if not placed[node]:
            children.setdefault(parent, []).append(node)
    forks: set[int] = set()
    if children:
        for place in range(main):
            _runs(order[place], children, order, forks)
        _runs(-1, children, order, forks)
    return Layout(order, main, forks)


def line_to(parents: Sequence[int], head: int) -> list[int]:
    """The nodes from the root to ``head``."""
    line = []
    while head >= 0:
        line.append(head)
        head = parents[head]
    line.reverse()
    return line


def _runs(start: int, children: dict[int, list[int]], order: list[int], forks: set[int]) -> None:
    """Put all runs that begin behind ``start`` into ``order``, one leaf each."""
    waiting = [start]
    while waiting:
        behind = waiting.pop()
        below = children.get(behind)
        if not below:
            continue
        if behind >= 0:
            forks.add(behind)
        node = below.pop(0)
        if below:
            waiting.append(behind)  # its other children begin runs of their own, after this one
        passed = []
        while True:
            order.append(node)
            below = children.get(node)
            if not below:
                break
            following = below.pop(0)
            if below:
                passed.append(node)
            node = following
        waiting.extend(passed)


def _without_circles(parents: Sequence[int]) -> array[int]:
    """The parents with every circle cut open."""
    safe = array("i", parents)
    state = bytearray(len(safe))  # 1: on the way being walked, 2: known to end
    for first in range(len(safe)):
        way = []
        node = first
        while node >= 0 and not state[node]:
            state[node] = 1
            way.append(node)
            node = safe[node]
        if node >= 0 and state[node] == 1:
            safe[node] = -1
        for passed in way:
            state[passed] = 2
    return safe
