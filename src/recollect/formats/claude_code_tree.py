"""The tree of one Claude Code conversation, built record by record and held in arrays.

Where a record hangs depends on nothing behind it, so that a file that grew gives the tree it gave
before and more. Chains are often broken: a record whose parent is not known hangs under the one
before it. Parallel tool calls look like forks: a reply and the results of its calls are a *group*,
lie on one line in the order they came, and whatever hangs under any of them hangs under the last.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..model import Message
from .base import Restart, derived_uuid
from .claude_code_blocks import KEY
from .claude_code_injected import is_real
from .claude_code_messages import calls_in, count_in, from_reply, from_user, message_id, results_in
from .claude_code_records import Kept, Record
from .trees import lay_out

RECENT = 1 << 16
REMEMBERED = 64
"""How many of the newest records a mark can name as parents of what comes."""
MESSAGES = frozenset(("user", "assistant"))


class Numbers:
    """The number of each of many names: new ones in a dict, older ones in sorted arrays."""

    def __init__(self) -> None:
        self._recent: dict[int, int] = {}
        self._older: list[tuple[array[int], array[int]]] = []

    def __setitem__(self, name: str, number: int) -> None:
        self._recent[hash(name)] = number
        if len(self._recent) >= RECENT:
            keys = array("q", sorted(self._recent))
            self._older.append((keys, array("i", (self._recent[key] for key in keys))))
            self._recent = {}

    def get(self, name: str) -> int | None:
        """The number that the name was given last."""
        key = hash(name)
        number = self._recent.get(key)
        if number is not None or not self._older:
            return number
        for keys, numbers in reversed(self._older):
            place = bisect_left(keys, key)
            if place < len(keys) and keys[place] == key:
                return numbers[place]
        return None


class Anchor(NamedTuple):
    """A place in the file behind which everything hangs under the message ``node`` or what follows."""

    offset: int
    node: int
    recent: tuple[tuple[str, int], ...]


class Seed(NamedTuple):
    """What resumed reading knows of the tree before: its last message, the records under which
    others would hang below it, the calls it may answer, and the reply that must not grow."""

    after: str
    uuids: list[str]
    calls: list[str]
    reply: str | None


class Order(NamedTuple):
    """A tree's nodes as they are handed out, the main line's ``main`` first, and its fork points."""

    order: array[int]
    main: int
    forks: set[int]


def _content(record: Record) -> object:
    return None if record.message is None else record.message.content


class Tree:
    """One conversation's messages: node ``n`` lies under ``parents[n]``."""

    def __init__(self, kept: Kept, seed: Seed | None = None) -> None:
        self._kept = kept
        self._seed = seed
        self.parents = array("i")
        self._group = array("i")
        self._tail = array("i")  # of a group, at its first node
        self._inner = bytearray()  # whether something hangs below that is not of its group
        self._first = array("i")  # a node's (first) record, by its place in _records
        self._newest = array("i")  # a reply's last record so far
        self._nth = array("i")
        self._models = array("H")
        self.model_names: list[str] = []
        self._records = array("i")  # numbers in kept
        self._following = array("i")  # the next record of the same reply, 0 for none
        self._made: dict[int, str] = {}  # uuids of records that have none, or that of another
        self._repeats: dict[int, int] = {}
        self._shared: tuple[int, Record] | None = None  # a record of several messages, while they are made
        self._nodes = Numbers()
        self._replies = Numbers()
        self._calls = Numbers()
        self._previous = -1
        self._last = -1
        self._recent: deque[tuple[str, int]] = deque(maxlen=REMEMBERED)
        self._anchor: Anchor | None = None
        if seed is not None:
            self._plant(seed)

    def _plant(self, seed: Seed) -> None:
        self._node(-1, -1, 0, 0)
        for uuid in seed.uuids:
            self._nodes[uuid] = 0
            self._recent.append((uuid, 0))
        for call in seed.calls:
            self._calls[call] = 0
        self._previous = self._last = 0

    def __len__(self) -> int:
        return len(self.parents) - (self._seed is not None)

    def knows(self, uuid: str) -> bool:
        """Whether a record of this name is here."""
        return self._nodes.get(uuid) is not None

    def add(self, raw: bytes, record: Record, offset: int) -> bool:
        """Put a record that has or needs a place into the tree; False when it was there before.

        Raises Restart where resumed reading knows too little.
        """
        uuid = record.uuid or derived_uuid(b"claude-code\0%d\0" % offset, raw)
        known = self._nodes.get(uuid)
        if known is not None and self._says_else(known, record):
            uuid = derived_uuid(b"claude-code\0", uuid.encode("utf-8", "surrogatepass"), b"\0", raw)
            known = self._nodes.get(uuid)
        if known is not None:
            self._repeat(known, record)
            return False
        node = self._above(record)
        if record.type in MESSAGES:
            place = self._keep(raw, record, uuid)
            if record.type == "assistant":
                node = self._reply(record, node, place, offset)
            else:
                node = self._user(record, node, place)
            self._last = node
        self._nodes[uuid] = node
        self._recent.append((uuid, node))
        self._previous = node
        return True

    def _says_else(self, node: int, record: Record) -> bool:
        """Whether a message with the uuid of another, which is in ``node``, does not say the same."""
        if record.type not in MESSAGES or (self._seed is not None and node == 0):
            return False
        place = self._first[node] if node >= 0 else 0
        while node >= 0:
            first = self._kept[self._records[place]]
            if self._uuid(place, first) == record.uuid:
                return _content(first) != _content(record)
            if not (place := self._following[place]):
                break
        return True  # what has the uuid is no message

    def _repeat(self, node: int, record: Record) -> None:
        """A record stands there once more: the first one counts."""
        if record.type in MESSAGES:
            if self._seed is not None and node == 0:
                raise Restart
            self._repeats[node] = self._repeats.get(node, 0) + 1
            self._changed(node)

    def _above(self, record: Record) -> int:
        """The message that the record hangs under, walking through what is no message."""
        named = record.parent_uuid or record.logical_parent_uuid
        if named is None:
            if self._seed is not None and record.type in MESSAGES:
                raise Restart  # perhaps the file's first record once more
            return self._previous
        node = self._nodes.get(named)
        if node is not None:
            return node
        if self._seed is not None:
            raise Restart
        return self._previous

    def _keep(self, raw: bytes, record: Record, uuid: str) -> int:
        place = len(self._records)
        self._records.append(self._kept.add(raw, record))
        self._following.append(0)
        if record.uuid != uuid:
            self._made[place] = uuid
        return place

    def _node(self, parent: int, group: int, place: int, nth: int) -> int:
        """A new node, of a group of its own when ``group`` is -1."""
        node = len(self.parents)
        self.parents.append(parent)
        self._group.append(node if group < 0 else group)
        self._tail.append(node)
        self._inner.append(0)
        self._first.append(place)
        self._newest.append(place)
        self._nth.append(nth)
        self._models.append(0)
        if parent >= 0 and self._group[parent] != self._group[node]:
            self._inner[parent] = 1
        self._guard(parent)
        return node

    def _guard(self, node: int) -> None:
        """Something was added below ``node``: no anchor behind that holds any more."""
        if self._anchor is not None and node < self._anchor.node:
            self._anchor = None

    def _changed(self, node: int) -> None:
        """The message of ``node`` itself is another now: it must not lie before the anchor."""
        if self._anchor is not None and node <= self._anchor.node:
            self._anchor = None

    def _hang(self, node: int) -> int:
        """The end of the group that ``node`` is in."""
        return self._tail[self._group[node]] if node >= 0 else -1

    def _reply(self, record: Record, above: int, place: int, offset: int) -> int:
        body = record.message
        name = None if body is None else body.id
        name = name or record.request_id
        node = None if name is None else self._replies.get(name)
        if node is not None:
            self._follow(node, place)
            self._changed(node)
        else:
            if self._seed is not None and name is not None and name == self._seed.reply:
                raise Restart
            at = self._hang(above)
            if at == len(self.parents) - 1 == self._hang(self._previous) and at >= 0:
                self._anchor = Anchor(offset, at, tuple(self._recent))
            node = self._node(at, -1, place, 0)
            if name is not None:
                self._replies[name] = node
        for call in calls_in(record):
            self._calls[call] = node
        if body is not None and body.model is not None:
            self._models[node] = self._model(body.model)
        return node

    def _follow(self, node: int, place: int) -> None:
        """Put a record behind the others of its reply."""
        self._following[self._newest[node]] = place
        self._newest[node] = place

    def _model(self, name: str) -> int:
        if name not in self.model_names:
            if len(self.model_names) >= 0xFFFF:
                return 0
            self.model_names.append(name)
        return self.model_names.index(name) + 1

    def _user(self, record: Record, above: int, place: int) -> int:
        answered = results_in(record)
        group = self._answered(answered, above) if answered else -1
        if group < 0:
            at = self._hang(above)
        else:
            at = self._tail[group]
            if self._inner[at]:  # it came late: the conversation has gone on meanwhile
                at = self._hang(self._last)
        for nth in range(count_in(record)):
            node = self._node(at, group, place, nth)
            if group >= 0:
                self._tail[group] = node
                self._tail[self._group[at]] = node
                self._guard(group)
            at = node
        return at

    def _answered(self, calls: Iterable[str | None], above: int) -> int:
        """The group of the reply whose calls are answered: where they are not known (yet), the one
        that the record hangs under."""
        for call in calls:
            node = None if call is None else self._calls.get(call)
            if node is not None:
                return self._group[node]
        if self._seed is not None:
            raise Restart
        return self._group[above] if above >= 0 else -1

    # What was built

    def layout(self) -> Order:
        """The order of all messages; the main line ends with the newest one's group."""
        laid = lay_out(self.parents, self._hang(self._last))
        return Order(array("i", laid.order), laid.main, laid.forks)

    def name(self, node: int) -> str:
        """A node's message id."""
        if self._seed is not None and node == 0:
            return self._seed.after
        place = self._first[node]
        return message_id(self._uuid(place, self._kept[self._records[place]]), self._nth[node])

    def _uuid(self, place: int, record: Record) -> str:
        return self._made[place] if record.uuid is None else self._made.get(place, record.uuid)

    def messages(self, layout: Order, *, of_agent: bool) -> Iterator[Message]:
        """All messages in this order; a sub-agent's prompts come from another agent."""
        before, above = -1, None
        for node in layout.order:
            if self._seed is not None and node == 0:
                before, above = 0, self._seed.after
                continue
            parent = self.parents[node]
            if parent != before:
                above = None if parent < 0 else self.name(parent)
            message = self._message(node, above, of_agent)
            if (repeated := self._repeats.get(node)) is not None and message.metadata is not None:
                message.metadata[KEY]["repeated"] = repeated
            yield message
            before, above = node, message.id

    def _message(self, node: int, parent: str | None, of_agent: bool) -> Message:
        place = self._first[node]
        if self._shared is not None and self._shared[0] == place:
            record = self._shared[1]
        else:
            record = self._kept[self._records[place]]
            self._shared = (place, record) if self._nth[node] else None
        uuid = self._uuid(place, record)
        if record.type != "assistant":
            return from_user(record, uuid, self._nth[node], parent, of_agent)
        records, uuids = [record], [uuid]
        while place := self._following[place]:
            records.append(self._kept[self._records[place]])
            uuids.append(self._uuid(place, records[-1]))
        return from_reply(records, uuids, parent)

    def last_model(self, node: int | None = None) -> str | None:
        """The model that answered last on the line that ends in ``node``: by itself the main line."""
        node = self._hang(self._last) if node is None else node
        while node >= 0:
            number = self._models[node]
            if number and is_real(self.model_names[number - 1]):
                return self.model_names[number - 1]
            node = self.parents[node]
        return None

    def anchor(self) -> tuple[int, Seed, str | None] | None:
        """The last place before which nothing can change any more, what to know of it, and the
        model that answered last before it."""
        if self._anchor is None:
            return None
        return self._anchor.offset, self._seed_at(self._anchor), self.last_model(self._anchor.node)

    def _seed_at(self, anchor: Anchor) -> Seed:
        _, node, recent = anchor
        group = self._group[node]
        uuids = [uuid for uuid, at in recent if self._group[at] == group]
        if group == 0 and self._seed is not None:
            return Seed(self.name(node), uuids, self._seed.calls, self._seed.reply)
        first = self._kept[self._records[self._first[group]]]
        calls: list[str] = []
        reply = None
        if first.type == "assistant" and first.message is not None:
            reply = first.message.id or first.request_id
            place = self._first[group]
            while True:
                calls += calls_in(self._kept[self._records[place]])
                if not (place := self._following[place]):
                    break
        return Seed(self.name(node), uuids, calls, reply)
