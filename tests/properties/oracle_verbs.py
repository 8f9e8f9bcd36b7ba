"""The verbs over the oracle's sessions: each raises what the library should raise, or makes the
change and returns what the library should return. ``version`` is the one the library came to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from recollect import ExistsError, InvalidError, Message, NotFoundError

from .oracle import Node, Snapshot, Talk, line


class Step:
    """Where a verb of the library led: the time it ran at and the version after it."""

    def __init__(self, now: datetime, version: int) -> None:
        self.now = now
        self.version = version


def append(talk: Talk, step: Step, said: list[Message], branch: str | None) -> list[Node]:
    found: list[Node | None] = []
    for message in said:
        node = talk.known(message.id) if message.id else None
        if node and not node.erased and node.content() != Node(None, message, step.now).content():
            raise ExistsError("other content")
        found.append(node)
    if branch is not None and branch not in talk.now.heads:
        raise NotFoundError("no branch")
    fresh = [message for message, node in zip(said, found, strict=True) if node is None]
    if not fresh:
        return [node for node in found if node]
    if branch is None or branch == talk.now.branch:
        assert step.version == talk.version + len(fresh)
        made = talk.grow(step.version, talk.now, talk.now.head, fresh, step.now)
    else:
        made = talk.grow_aside(step.version, branch, talk.now.heads[branch], fresh, step.now)
    return [node or made.pop(0) for node in found]


def late(talk: Talk, step: Step, message: Message, first: Message, middle: int) -> list[Node]:
    """Two writers that both saw the same head; the second one keeps its message on a branch."""
    behind = talk.now.head
    talk.grow(middle, talk.now, behind, [first], step.now)
    return talk.grow_aside(step.version, talk.free_name(talk.now), behind, [message], step.now)


def save(talk: Talk, step: Step, said: list[Message]) -> None:
    stored = line(talk.now.head)
    common = 0
    for node, message in zip(stored, said, strict=False):
        if message.id and message.id != node.id:
            break
        redated = message.created_at is not None and message.created_at != node.at
        if not node.erased and (redated or node.content() != Node(None, message, step.now).content()):
            break
        common += 1
    fresh = [m for m in said[common:] if not (m.id and (node := talk.known(m.id)) and node.erased)]
    if common == len(stored) and not fresh:
        return
    behind = stored[common - 1] if common else None
    if fresh:
        talk.grow(step.version, talk.now, behind, fresh, step.now)
    else:
        new = talk.now.changed()
        new.heads[new.branch] = behind
        talk.keep(step.version, new, step.now)


def change(talk: Talk, step: Step, edit: Callable[[Snapshot], None], *, always: bool = False) -> None:
    """Let ``edit`` change the present, if it does."""
    new = talk.now.changed()
    edit(new)
    if always or not new.same(talk.now):
        talk.keep(step.version, new, step.now)


def update(talk: Talk, step: Step, values: dict[str, Any]) -> None:
    def edit(new: Snapshot) -> None:
        new.attributes.update(values)

    change(talk, step, edit)


def expire(talk: Talk, step: Step, after: timedelta | None, sliding: bool) -> None:
    new = talk.now.changed()
    new.attributes["expires_at"] = None if after is None else step.now + after
    new.sliding = after if sliding else None
    if (new.sliding, new.attributes) != (talk.now.sliding, talk.now.attributes):
        talk.keep(step.version, new, step.now)


def point(talk: Talk, step: Step, head: Node | None) -> None:
    """The active branch ends elsewhere."""

    def edit(new: Snapshot) -> None:
        new.heads[new.branch] = head

    change(talk, step, edit)


def rewind(talk: Talk, step: Step, to: str | None, turns: int | None) -> None:
    if to is not None:
        return point(talk, step, talk.find(to))
    users = [node for node in line(talk.now.head) if node.role == "user"]
    if turns is None or turns < 1 or turns > len(users):
        raise InvalidError("turns")
    return point(talk, step, users[-turns].parent)


def pop(talk: Talk, step: Step) -> list[Node]:
    head = talk.now.head
    if head is None:
        raise NotFoundError("empty")
    point(talk, step, head.parent)
    return [head]


def branch(talk: Talk, step: Step, name: str, at: str | int | None) -> None:
    if name in talk.now.heads:
        raise ExistsError("taken")
    head = talk.now.head
    if at is not None:
        head = talk.find(at) if isinstance(at, str) else talk.at(at).head

    def edit(new: Snapshot) -> None:
        new.heads[name] = head

    change(talk, step, edit)


def checkout(talk: Talk, step: Step, name: str) -> None:
    if name not in talk.now.heads:
        raise NotFoundError("no branch")

    def edit(new: Snapshot) -> None:
        new.branch = name

    change(talk, step, edit)


def label(talk: Talk, step: Step, message_id: str, name: str, off: bool) -> None:
    talk.find(message_id)

    def edit(new: Snapshot) -> None:
        old = new.labels.pop(message_id, frozenset())
        kept = old - {name} if off else old | {name}
        if kept:
            new.labels[message_id] = kept

    change(talk, step, edit)


def edit(talk: Talk, step: Step, message_id: str, new: str | Message) -> list[Node]:
    old = talk.find(message_id)
    if old.erased:
        raise InvalidError("erased")
    message = Message(role=old.role, parts=Message.user(new).parts) if isinstance(new, str) else new
    if message.id and talk.known(message.id):
        raise ExistsError("taken")
    after = talk.now.changed()
    on_line = old in line(talk.now.head)
    for kept in [talk.now.head] if on_line else [talk.now.head, old]:
        others = [head for name, head in after.heads.items() if name != after.branch]
        if kept is not None and kept not in others:
            after.heads[talk.free_name(after)] = kept
    metadata = {**(message.metadata or {}), "edit_of": old.edited}
    renewed = Message(
        id=message.id, role=message.role, parts=message.parts, usage=message.usage, metadata=metadata
    )
    return talk.grow(step.version, after, old.parent, [renewed], step.now)


def erase(talk: Talk, step: Step, message_id: str, others: list[Talk]) -> list[str]:
    """Returns the forks that still hold it."""
    message = talk.find(message_id)
    same = {message_id, message.origin}
    gone = [n for n in talk.nodes if not n.erased and (n.id in same or n.origin in same)]
    for node in gone:
        node.parts = ()
        merged = (node.metadata or {}).get("merged_from")
        node.metadata = {"erased": True} | ({"merged_from": merged} if merged else {})
    if gone:
        talk.keep(step.version, talk.now.changed(), step.now)
    holders = []
    for other in others:
        copy = other.known(message_id)
        if other is not talk and other.now.forked_from and copy and not copy.erased:
            holders.append(other.id)
    return sorted(holders)


def _back(talk: Talk, version: int) -> Snapshot:
    """The past as a new present: what no going back changes is kept."""
    then, now = talk.at(version).changed(), talk.now
    then.created_at, then.forked_from, then.deleted_at = now.created_at, now.forked_from, now.deleted_at
    return then


def restore(talk: Talk, step: Step, version: int) -> None:
    then = _back(talk, version)
    if not then.same(talk.now):
        talk.keep(step.version, then, step.now)


def undo(talk: Talk, step: Step) -> None:
    assert talk.now.past is not None
    before = talk.now.past[1]
    if before is None:
        raise NotFoundError("nothing to undo")
    then = _back(talk, before[0])
    then.past = before
    talk.keep(step.version, then, step.now, back=True)


def trash_and_back(talk: Talk, trashed: Step, restored: Step) -> None:
    for step, deleted_at in ((trashed, trashed.now), (restored, None)):
        new = talk.now.changed()
        new.deleted_at = deleted_at
        talk.keep(step.version, new, step.now)
