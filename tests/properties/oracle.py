"""What a session should be, written a second time and the simple way.

No log and no fold: a session is a list of whole snapshots, one for each version, over a tree of
message nodes. Going back is taking an old snapshot. Nothing here uses the library but its values
and its error classes.
"""

from __future__ import annotations

from copy import copy
from datetime import datetime, timedelta
from typing import Any

from recollect import (
    ConflictError,
    ForkedFrom,
    InvalidError,
    Message,
    NotFoundError,
    SessionInfo,
    Usage,
)

PLAIN: dict[str, Any] = {
    "name": None,
    "provider": None,
    "model": None,
    "system_prompt": None,
    "tags": (),
    "metadata": {},
    "summary": None,
    "pinned": False,
    "expires_at": None,
}


class Node:
    """A message in a session's tree. ``id`` is None until the library has said what it made."""

    def __init__(self, parent: Node | None, message: Message, at: datetime) -> None:
        self.parent = parent
        self.id: str | None = message.id or None
        self.role = message.role
        self.parts = message.parts
        self.usage = message.usage
        self.metadata = message.metadata
        self.at = message.created_at or at
        self.version = 0

    def message(self) -> Message:
        """How the library should show it."""
        assert self.id is not None
        return Message(
            id=self.id,
            parent_id=self.parent.id if self.parent else None,
            role=self.role,
            parts=self.parts,
            created_at=self.at,
            usage=self.usage,
            metadata=self.metadata,
        )

    @property
    def erased(self) -> bool:
        return not self.parts and (self.metadata or {}).get("erased") is True

    @property
    def origin(self) -> str | None:
        """The id under which it was said first."""
        merged = (self.metadata or {}).get("merged_from")
        return merged["message_id"] if merged else self.id

    @property
    def edited(self) -> str | None:
        """The id of what it is a new version of."""
        return (self.metadata or {}).get("edit_of", self.id)

    def content(self) -> tuple[Any, ...]:
        return (self.role, self.parts, self.usage, self.metadata or None)


def line(node: Node | None) -> list[Node]:
    """The messages that lead to ``node``."""
    found: list[Node] = []
    while node is not None:
        found.append(node)
        node = node.parent
    return found[::-1]


class Snapshot:
    """A whole session at one version, the messages' contents apart."""

    def __init__(self, attributes: dict[str, Any], now: datetime) -> None:
        self.attributes = {**PLAIN, **attributes}
        self.branch = "main"
        self.heads: dict[str, Node | None] = {"main": None}
        self.labels: dict[str, frozenset[str]] = {}
        self.sliding: timedelta | None = None
        self.forked_from: ForkedFrom | None = None
        self.created_at = self.updated_at = now
        self.deleted_at: datetime | None = None
        self.past: tuple[int, Any] | None = None
        """The versions that undo goes through, newest first, as a linked list."""

    def changed(self) -> Snapshot:
        """A copy that may be changed."""
        new = copy(self)
        new.attributes = dict(self.attributes)
        new.heads = dict(self.heads)
        new.labels = dict(self.labels)
        return new

    @property
    def head(self) -> Node | None:
        return self.heads[self.branch]

    def same(self, other: Snapshot) -> bool:
        """Whether going from one to the other would change anything."""
        mine, theirs = dict(self.attributes), dict(other.attributes)
        if self.sliding is not None:
            mine.pop("expires_at"), theirs.pop("expires_at")
        return (mine, self.branch, self.heads, self.labels, self.sliding) == (
            theirs,
            other.branch,
            other.heads,
            other.labels,
            other.sliding,
        )


class Talk:
    """A session: its snapshots by version, the newest of which is the present."""

    def __init__(self, session_id: str, attributes: dict[str, Any], now: datetime) -> None:
        self.id = session_id
        self.nodes: list[Node] = []
        self.snapshots: dict[int, Snapshot] = {}
        self.commits: list[int] = []
        self.version = 0
        self.keep(1, Snapshot(attributes, now), now)

    @property
    def now(self) -> Snapshot:
        return self.snapshots[self.version]

    def keep(self, version: int, snapshot: Snapshot, now: datetime, *, back: bool = False) -> None:
        """A change has led to ``snapshot``; with ``back`` it only took others back."""
        assert version > self.version, "a change makes a new version"
        self._put(version, snapshot, now, back=back)
        self.version = version
        self.commits.append(version)

    def _put(self, version: int, snapshot: Snapshot, now: datetime, *, back: bool = False) -> None:
        snapshot.updated_at = now
        if snapshot.sliding is not None:
            snapshot.attributes["expires_at"] = now + snapshot.sliding
        if not back:
            snapshot.past = (version, self.now.past if self.version else None)
        self.snapshots[version] = snapshot

    def grow(
        self, version: int, snapshot: Snapshot, behind: Node | None, said: list[Message], now: datetime
    ) -> list[Node]:
        """The active branch went on from ``behind`` with messages that are the change's last
        records; each of them is a version of its own."""
        nodes = []
        for place, message in enumerate(said):
            behind = self._node(behind, message, version - len(said) + place + 1, now)
            snapshot = snapshot.changed()
            snapshot.heads[snapshot.branch] = behind
            if place < len(said) - 1:
                self._put(behind.version, snapshot, now)
            nodes.append(behind)
        self.keep(version, snapshot, now)
        return nodes

    def grow_aside(
        self, version: int, branch: str, behind: Node | None, said: list[Message], now: datetime
    ) -> list[Node]:
        """Another branch than the active one went on; its pointer is the change's last record."""
        nodes = []
        for place, message in enumerate(said):
            behind = self._node(behind, message, version - len(said) + place, now)
            self._put(behind.version, self.now.changed(), now)
            nodes.append(behind)
        snapshot = self.now.changed()
        snapshot.heads[branch] = behind
        self.keep(version, snapshot, now)
        return nodes

    def _node(self, parent: Node | None, message: Message, version: int, now: datetime) -> Node:
        node = Node(parent, message, now)
        node.version = version
        self.nodes.append(node)
        return node

    def find(self, message_id: str) -> Node:
        """The newest message of that id."""
        for node in reversed(self.nodes):
            if node.id == message_id:
                return node
        raise NotFoundError("no such message")

    def known(self, message_id: str) -> Node | None:
        return next((n for n in reversed(self.nodes) if n.id == message_id), None)

    def at(self, version: int) -> Snapshot:
        if version < 1:
            raise InvalidError("no version")
        if version > self.version:
            raise NotFoundError("no such version")
        return self.snapshots[version]

    def expect(self, version: int | None) -> None:
        if version is not None and version != self.version:
            raise ConflictError("moved")

    def free_name(self, snapshot: Snapshot) -> str:
        number = 1
        while f"{snapshot.branch}-{number}" in snapshot.heads:
            number += 1
        return f"{snapshot.branch}-{number}"

    # What the library should say

    def info(self, version: int | None = None) -> SessionInfo:
        version = self.version if version is None else version
        then = self.snapshots[version]
        said = line(then.head)
        users = [node for node in said if node.role == "user"]
        usage = Usage()
        for node in self.nodes:
            if node.version <= version and node.usage is not None:
                usage = usage + node.usage
        return SessionInfo(
            id=self.id,
            namespace="default",
            version=version,
            created_at=then.created_at,
            updated_at=then.updated_at,
            branch=then.branch,
            head=then.head.id if then.head else None,
            preview=" ".join(users[0].message().text.split())[:50] if users else "",
            message_count=len(said),
            turn_count=len(users),
            usage=usage,
            forked_from=then.forked_from,
            deleted_at=then.deleted_at,
            **then.attributes,
        )

    def branches(self, snapshot: Snapshot) -> list[tuple[str, str | None, int, bool]]:
        names = [snapshot.branch, *sorted(set(snapshot.heads) - {snapshot.branch})]
        found = []
        for name in names:
            head = snapshot.heads[name]
            found.append((name, head.id if head else None, len(line(head)), name == snapshot.branch))
        return found

    def tree(self) -> list[tuple[Any, ...]]:
        """(message, position, active, branches, labels) of every message."""
        now = self.now
        active = set(line(now.head))
        ends: dict[Node, list[str]] = {}
        for name, head in now.heads.items():
            if head is not None:
                ends.setdefault(head, []).append(name)
        return [
            (
                node.message(),
                len(line(node)),
                node in active,
                tuple(sorted(ends.get(node, ()))),
                now.labels.get(node.id or "", frozenset()),
            )
            for node in self.nodes
        ]

    def twin(self, version: int | None = None) -> tuple[Talk, dict[Node, Node]]:
        """A copy of its past up to a version, which shares nothing that changes; and each message's copy."""
        version = self.version if version is None else version
        talk = copy(self)
        twins: dict[Node, Node] = {}
        for node in self.nodes:
            if node.version <= version:
                twins[node] = copy(node)
                twins[node].parent = twins[node.parent] if node.parent else None
        talk.nodes = list(twins.values())
        talk.snapshots = {}
        for number, snapshot in self.snapshots.items():
            if number <= version:
                same = talk.snapshots[number] = snapshot.changed()
                same.heads = {b: twins[n] if n else None for b, n in snapshot.heads.items()}
        talk.version = version
        talk.commits = [*(c for c in self.commits if c < version), version]
        return talk, twins

    def forked(self, session_id: str, at: str | int | None, name: str | None, now: datetime) -> Talk:
        """A new session with this one's past."""
        tip = self.find(at) if isinstance(at, str) else None
        version = tip.version if tip else self.version if at is None else at
        assert isinstance(version, int)
        self.at(version)
        fork, twins = self.twin(version)
        fork.id = session_id
        new = fork.now.changed()
        new.created_at, new.deleted_at = now, None
        new.forked_from = ForkedFrom(self.id, version)
        marks = 1
        if tip is not None and new.head is not twins[tip]:
            new.heads[new.branch] = twins[tip]
            marks = 2
        if name is not None:
            new.attributes["name"] = name
        fork.keep(version + marks, new, now)
        return fork
