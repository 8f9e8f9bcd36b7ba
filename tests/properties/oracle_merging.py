"""Merging over the oracle's sessions."""

from __future__ import annotations

from typing import NamedTuple

from recollect import InvalidError, Message, NotFoundError, ToolCallPart, ToolCallResponsePart

from .oracle import Node, Talk, line
from .oracle_verbs import Step


class Merged(NamedTuple):
    """What the library should return; ``taken`` by their place on the new line."""

    taken: list[Node]
    skipped: list[str | None]
    conflicts: list[tuple[str | None, str | None, str | None]]


def merge(talk: Talk, step: Step, source: str | Talk, strategy: str, ids: list[str]) -> Merged:
    if (strategy == "cherry_pick") != bool(ids):
        raise InvalidError("message_ids")
    theirs = _their_line(talk, source)
    ours = line(talk.now.head)
    common = 0
    while common < min(len(ours), len(theirs)) and ours[common].id == theirs[common].id:
        common += 1
    conflicts = _conflicts(ours[common:], theirs[common:])
    candidates = _picked(theirs, ids) if ids else theirs[common:]
    here = {node.id for node in ours} | {node.origin for node in ours}
    skipped = [n.id for n in candidates if n.id in here or n.origin in here]
    added = [n for n in candidates if n.id not in skipped]
    if not added:
        return Merged([], skipped, conflicts)
    other = talk.id if isinstance(source, str) else source.id
    if strategy == "rebase" and isinstance(source, str):
        taken = _onto(talk, step, added, ours[common:])
        return Merged(taken, skipped, conflicts)
    copies = [_copy(node, other) for node in added]
    base = ours[common - 1] if common else None
    again = [_copy(node, talk.id) for node in ours[common:]]
    if strategy in ("continuation", "cherry_pick"):
        base, said = talk.now.head, copies
    elif strategy == "rebase":
        said = copies + again
    else:
        said = _by_time(again, copies)
    made = talk.grow(step.version, talk.now, base, said, step.now)
    chosen = {id(message) for message in copies}
    taken = [node for node, message in zip(made, said, strict=True) if id(message) in chosen]
    return Merged(taken, skipped, conflicts)


def _their_line(talk: Talk, source: str | Talk) -> list[Node]:
    if isinstance(source, Talk):
        if source is talk:
            raise InvalidError("itself")
        return line(source.now.head)
    if source == talk.now.branch:
        raise InvalidError("itself")
    if source not in talk.now.heads:
        raise NotFoundError("no branch")
    return line(talk.now.heads[source])


def _onto(talk: Talk, step: Step, added: list[Node], ours: list[Node]) -> list[Node]:
    there = {node.origin for node in line(added[-1])}
    again = [_copy(node, talk.id) for node in ours if node.origin not in there]
    if again:
        talk.grow(step.version, talk.now, added[-1], again, step.now)
    else:
        new = talk.now.changed()
        new.heads[new.branch] = added[-1]
        talk.keep(step.version, new, step.now)
    return added


def _copy(node: Node, session_id: str) -> Message:
    metadata = dict(node.metadata or {})
    metadata.setdefault("merged_from", {"session_id": session_id, "message_id": node.id})
    return Message(role=node.role, parts=node.parts, created_at=node.at, metadata=metadata)


def _conflicts(ours: list[Node], theirs: list[Node]) -> list[tuple[str | None, str | None, str | None]]:
    """Messages that both sides edited differently."""
    mine = {node.edited: node for node in ours}
    found = []
    for node in theirs:
        other = mine.get(node.edited)
        if other is None or _words(node) == _words(other):
            continue
        two_edits = node.edited != node.id and other.edited != other.id and node.origin != other.origin
        if node.id == other.id or two_edits:
            found.append((node.edited, other.id, node.id))
    return found


def _words(node: Node) -> tuple[object, ...]:
    """What a message says, wherever it was copied from; copies leave out what was spent."""
    metadata = {name: value for name, value in (node.metadata or {}).items() if name != "merged_from"}
    return (node.role, node.parts, metadata)


def _calls(node: Node | Message) -> set[str]:
    parts = (part for part in node.parts if isinstance(part, ToolCallPart | ToolCallResponsePart))
    return {part.id for part in parts if part.id}


def _picked(theirs: list[Node], ids: list[str]) -> list[Node]:
    """The chosen ones, and all that shares a tool call with one of them."""
    if not set(ids) <= {node.id for node in theirs}:
        raise NotFoundError("not on that line")
    chosen = [node.id in ids for node in theirs]
    for _ in theirs:
        calls = {call for node, there in zip(theirs, chosen, strict=True) if there for call in _calls(node)}
        chosen = [there or bool(_calls(node) & calls) for node, there in zip(theirs, chosen, strict=True)]
    return [node for node, there in zip(theirs, chosen, strict=True) if there]


def _by_time(ours: list[Message], theirs: list[Message]) -> list[Message]:
    """Two lines merged by time, in pieces that hold tool calls and their answers together."""
    left, right = _pieces(ours), _pieces(theirs)
    merged: list[Message] = []
    while left or right:
        if not right or (left and _began(left[0]) <= _began(right[0])):
            merged += left.pop(0)
        else:
            merged += right.pop(0)
    return merged


def _began(piece: list[Message]) -> float:
    assert piece[0].created_at is not None
    return piece[0].created_at.timestamp()


def _pieces(said: list[Message]) -> list[list[Message]]:
    """Cut wherever no tool call has one end before the cut and another behind it."""
    cuts = [
        place
        for place in range(1, len(said))
        if not set().union(*map(_calls, said[:place])) & set().union(*map(_calls, said[place:]))
    ]
    return [said[a:b] for a, b in zip([0, *cuts], [*cuts, len(said)], strict=True)] if said else []
