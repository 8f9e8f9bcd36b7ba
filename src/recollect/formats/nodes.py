"""Conversations whose messages name their parents: from nodes to messages in a tree's order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from msgspec.structs import force_setattr

from ..model import Message
from .base import Damage, derived_uuid, session_id_from
from .openai_parts import canonical
from .trees import lay_out
from .values import chosen

Build = Callable[[int], Iterable[Message]]
_NEVER = datetime.min.replace(tzinfo=UTC)


class Arranged(NamedTuple):
    """What a Conversation needs of a tree; ``head`` is None when it is one line."""

    messages: Iterable[Message | Damage]
    head: str | None
    forks: frozenset[str]


def arranged(
    tips: Sequence[str], parents: Sequence[int], head: int, build: Build, lost: Sequence[Damage] = ()
) -> Arranged:
    """The messages of nodes in a tree's order, made whenever they are asked for.

    Node ``n`` lies under node ``parents[n]`` (-1: under none). ``build(n)`` makes its messages, at
    least one, each under the one before; ``tips[n]`` is the id of the last of them. ``head`` is the
    node that the main line ends in (-1 only without nodes). ``lost`` is what could not be read.
    """
    layout = lay_out(parents, head)
    linear = layout.main == len(layout.order)
    forks = frozenset() if linear else frozenset(tips[node] for node in layout.forks)
    messages = _Messages(layout.order, None if linear else parents, tips, build, lost)
    return Arranged(messages, None if linear else tips[head], forks)


class _Messages:
    def __init__(
        self,
        order: Sequence[int],
        parents: Sequence[int] | None,
        tips: Sequence[str],
        build: Build,
        lost: Sequence[Damage],
    ) -> None:
        self._order = order
        self._parents = parents
        self._tips = tips
        self._build = build
        self._lost = lost

    def __iter__(self) -> Iterator[Message | Damage]:
        yield from self._lost
        if self._parents is None:
            for node in self._order:
                yield from self._build(node)
            return
        placed = bytearray(len(self._tips))
        for node in self._order:
            parent = self._parents[node]
            # a parent behind its child closes a circle that was cut open
            behind = self._tips[parent] if parent >= 0 and placed[parent] else None
            placed[node] = 1
            for message in self._build(node):
                force_setattr(message, "parent_id", behind)  # built for this reading alone
                behind = message.id
                yield message


def newest_leaf(parents: Sequence[int], times: Sequence[datetime | None]) -> int:
    """The node without children that has the latest time, the last of those; -1 without nodes."""
    inner = set(parents)
    leaves = [node for node in range(len(parents)) if node not in inner] or range(len(parents))
    return max(leaves, key=lambda node: (times[node] or _NEVER, node), default=-1)


def real_parents(parents: Sequence[int], real: Sequence[bool]) -> list[int]:
    """For each node the nearest one above it that is real, -1 where there is none."""
    found = [-2] * len(parents)
    for first in range(len(parents)):
        way = []
        node = first
        while node >= 0 and found[node] == -2:
            found[node] = -1  # also what a circle of unreal nodes comes to
            way.append(node)
            node = parents[node]
        above = -1 if node < 0 else node if real[node] else found[node]
        for passed in reversed(way):
            found[passed] = above
            if real[passed]:
                above = passed
    return found


def unique_ids(keys: Sequence[str | None], content: Callable[[int], bytes]) -> list[str]:
    """Ids of messages from the source's own, of which the first bearer keeps each; the others are
    derived from their place and ``content(place)``, which has to be the same at every reading."""
    taken: set[str] = set()
    found = []
    for place, key in enumerate(keys):
        message_id = session_id_from(key) if key else ""
        if not message_id or message_id in taken:
            message_id = derived_uuid(b"%d\0" % place, message_id.encode(), b"\0", content(place))
        taken.add(message_id)
        found.append(message_id)
    return found


def lost_among(items: Iterable[object], offset: int) -> list[Damage]:
    """What stands among a conversation's messages and is none; ``null`` is nothing, and Damage was
    told when it was put there."""
    return [
        Damage(offset, "a message is not an object")
        for item in items
        if not isinstance(item, dict | Damage | None)
    ]


def behind_lost(items: Iterable[object]) -> set[int]:
    """The places, among the messages that can be read, of those right behind one that cannot."""
    found: set[int] = set()
    place, is_lost = 0, False
    for item in items:
        if isinstance(item, dict):
            if is_lost:
                found.add(place)
            place += 1
        if item is not None:
            is_lost = isinstance(item, Damage)
    return found


def linked(keys: Sequence[str | None], wanted: Sequence[str | None], behind: set[int]) -> list[int]:
    """For each message the place of the one it names, -1 where there is none; one that names a
    message that was lost right before it, as ``behind`` tells, goes on behind what is left."""
    named = places_of(keys, wanted)
    return [
        place - 1 if at < 0 and wanted[place] is not None and place in behind else at
        for place, at in enumerate(named)
    ]


def places_of(keys: Sequence[str | None], wanted: Iterable[str | None]) -> list[int]:
    """For each wanted key the place of its first bearer, -1 where there is none."""
    places: dict[str | None, int] = {None: -1}
    for place, key in enumerate(keys):
        places.setdefault(key, place)
    return [places.get(key, -1) for key in wanted]


def said_by(value: object, *keys: str) -> bytes:
    """What these keys of an object say, to tell messages without ids from each other."""
    try:
        return canonical(chosen(value, *keys))
    except (RecursionError, ValueError):  # nested too deep for this stack; their places differ
        return b""
