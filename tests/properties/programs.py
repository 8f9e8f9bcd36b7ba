"""Random programs over all verbs, run on a store and on the oracle, compared after every step.

A program is plain data: (verb, six numbers). The numbers are read modulo whatever there is to
choose from when the step runs, so that every part of a program is a program too: a failing one is
cut down by leaving steps out.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from recollect import Message, Store, StoreError, ToolCallPart, Usage
from recollect.records import to_datetime
from recollect.testing import Clock

from .oracle import Node, Talk, line
from .oracle_verbs import Step

SLOTS = ("a", "b", "c", "d")
BRANCHES = ("main", "idea", "main-1", "é", "idea-1")
LABELS = ("good", "bad")
TAGS = ("x", "y", "z")
IDS = ("", "", "", "", "m1", "m2", "m3")
WEIGHTS = {
    "append": 14,
    "append_aside": 5,
    "late": 2,
    "save": 4,
    "update": 4,
    "retag": 3,
    "metadata": 3,
    "rename_tag": 1,
    "touch": 1,
    "expire": 2,
    "branch": 5,
    "checkout": 5,
    "label": 3,
    "rewind": 3,
    "pop": 3,
    "clear": 1,
    "edit": 6,
    "erase": 2,
    "undo": 7,
    "restore": 4,
    "fork": 3,
    "merge": 8,
    "trash": 1,
    "delete": 1,
    "past": 2,
    "guarded": 2,
    "transaction": 2,
}
_VERBS, _CUMULATED = list(WEIGHTS), [sum(list(WEIGHTS.values())[: n + 1]) for n in range(len(WEIGHTS))]


class Op(NamedTuple):
    """One step of a program."""

    verb: str
    numbers: tuple[int, ...]


def program(rng: random.Random, steps: int) -> list[Op]:
    """A random program."""
    verbs = rng.choices(_VERBS, cum_weights=_CUMULATED, k=steps)
    return [Op(verb, tuple(rng.randrange(1000) for _ in range(6))) for verb in verbs]


class Numbers:
    """The numbers of a step, one by one."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self._left = list(numbers)

    def below(self, count: int) -> int:
        return self._left.pop(0) % count

    def of(self, things: Sequence[Any]) -> Any:
        return things[self.below(len(things))]

    def one_in(self, count: int) -> bool:
        return self.below(count) == 0


class Runner:
    """A store, the oracle, and the steps that keep them side by side."""

    def __init__(self, make_backend: Callable[[], Any]) -> None:
        self.clock = Clock()
        self.store = Store(make_backend(), clock=self.clock)
        self.talks: dict[str, Talk] = {}
        self.handles: dict[str, Any] = {}
        self.touched: set[str] = set()

    def run(self, ops: Sequence[Op]) -> None:
        """Run a whole program. Raises AssertionError where the two part."""
        for op in ops:
            self.clock.advance(0.001)
            self.touched = set()
            self.step(op)
            for touched in self.touched:
                self.check(touched, sum(op.numbers))

    def step(self, op: Op) -> None:
        """Run one step; the session that it is about is made if it is not there."""
        numbers = Numbers(op.numbers)
        slot = numbers.of(SLOTS)
        if slot not in self.talks:
            self._create(slot)
        getattr(self, op.verb)(slot, numbers)

    @property
    def now(self) -> Any:
        return to_datetime(self.clock.time)

    def _create(self, slot: str) -> None:
        self.handles[slot] = self.store.create(slot, name=slot, tags=["x"])
        self.talks[slot] = Talk(slot, {"name": slot, "tags": ("x",)}, self.now)
        self.touched.add(slot)

    def both(self, slot: str, real: Callable[[Any], Any], model: Callable[[Talk, Step], Any]) -> Any:
        """Run a verb on both sides: both return, or both raise the same. Returns (result, expected),
        or None after an error."""
        self.touched.add(slot)
        talk, session = self.talks[slot], self.handles[slot]
        before = talk.version
        result, raised = outcome(lambda: real(session))
        step = Step(self.now, session.version)
        expected, refused = outcome(lambda: model(talk, step))
        assert type(raised) is type(refused), f"raised {raised!r}, not {refused!r}"
        if raised is not None:
            assert step.version == before, "a refused verb wrote something"
            return None
        assert step.version == talk.version, "what changes nothing must not write, and the other way round"
        return result, expected

    # Comparing

    def check(self, slot: str, number: int) -> None:
        """Compare everything there is to see of a session, and of its past at one version."""
        talk, session = self.talks.get(slot), self.handles.get(slot)
        if talk is None:
            return
        learn(line(talk.now.head), session.messages())
        assert session.info == talk.info()
        shown = [(b.name, b.head, b.message_count, b.active) for b in session.branches()]
        assert shown == talk.branches(talk.now)
        tree = [(n.message, n.position, n.active, n.branches, frozenset(n.labels)) for n in session.tree()]
        assert tree == talk.tree()
        entries = session.history(limit=1000)
        assert [entry.version for entry in entries] == talk.commits[::-1]
        versions = sorted(talk.snapshots)
        at = versions[number % len(versions)]
        past = self.store.get(slot, at=at)
        then = talk.snapshots[at]
        assert past.info == talk.info(at)
        messages = [node.message() for node in line(then.head)]
        assert past.messages() == session.messages(at=at) == messages
        shown = [(b.name, b.head, b.message_count, b.active) for b in past.branches()]
        assert shown == talk.branches(then)

    def finish(self, again: Store, folder: Path) -> None:
        """At the end all is sound, and a copy made by export and import is the same."""
        report = self.store.verify()
        assert report.clean, report.findings
        for slot in self.talks:
            self.check(slot, 7)
            text = self.store.export(slot)
            path = folder / "export.json"
            self.store.export(slot, to=path)
            again.import_(path)
            assert again.export(slot) == text
            assert again.get(slot).info == self.store.get(slot).info
            assert [n.labels for n in again.get(slot).tree()] == [
                n.labels for n in self.store.get(slot).tree()
            ]
        report = again.verify()
        assert report.clean, report.findings
        assert {info.id for info in self.store.sessions(limit=100)} == set(self.talks)

    # Choosing

    def message(self, numbers: Numbers) -> Message:
        number = numbers.below(1000)
        id_ = IDS[number % len(IDS)]
        kind = number // 7 % 8
        if kind == 0:
            return Message.assistant([ToolCallPart("f", None, f"c{number % 3}")], id=id_)
        if kind == 1:
            return Message.tool(f"c{number % 3}", number % 2, id=id_)
        role = ("user", "assistant")[kind % 2]
        usage = Usage(1, number % 5) if number % 3 == 0 else None
        at = to_datetime(self.clock.time - 1_000_000 * (number % 5)) if number % 4 == 0 else None
        text = f"{role} {number % 11}"
        return Message(id=id_, role=role, parts=Message.user(text).parts, usage=usage, created_at=at)  # type: ignore[arg-type]  # one of two roles

    def messages(self, numbers: Numbers, count: int) -> list[Message]:
        """Some messages, with no id twice."""
        made = [self.message(numbers) for _ in range(numbers.below(count + 1))]
        seen: dict[str, Message] = {}
        return [m for m in made if not m.id or seen.setdefault(m.id, m) is m]

    def id(self, slot: str, numbers: Numbers) -> str:
        """The id of some message, now and then of none."""
        nodes = self.talks[slot].nodes
        number = numbers.below(1000)
        if not nodes or number % 29 == 0:
            return "none"
        return str(nodes[-1 - number % min(len(nodes), 12 if number % 2 else 1000)].id)

    def version(self, slot: str, numbers: Numbers) -> int:
        """Some version, now and then one that is not there."""
        talk = self.talks[slot]
        number = numbers.below(1000)
        if number % 29 == 0:
            return (0, talk.version + 1)[number % 2]
        return sorted(talk.snapshots)[number % len(talk.snapshots)]

    def place(self, slot: str, numbers: Numbers) -> str | int | None:
        kind = numbers.below(3)
        if kind == 0:
            return None
        return self.id(slot, numbers) if kind == 1 else self.version(slot, numbers)


def outcome(call: Callable[[], Any]) -> tuple[Any, StoreError | None]:
    """What the call returned, and what it raised."""
    try:
        return call(), None
    except StoreError as error:
        return None, error


def learn(nodes: Sequence[Node], messages: Sequence[Message]) -> None:
    """Take over the ids that the library made; all else must be as expected."""
    assert len(nodes) == len(messages)
    for node, message in zip(nodes, messages, strict=True):
        if node.id is None:
            node.id = message.id
        assert message == node.message()


def run(make_backend: Callable[[], Any], again: Callable[[], Any], folder: Path, ops: Sequence[Op]) -> None:
    """Run a program from beginning to end on a fresh store."""
    from .program_verbs import VerbRunner

    runner = VerbRunner(make_backend)
    try:
        runner.run(ops)
        with Store(again(), clock=runner.clock) as copy:
            runner.finish(copy, folder)
    finally:
        runner.store.close()


def cut_down(fails: Callable[[Sequence[Op]], bool], ops: Sequence[Op]) -> list[Op]:
    """The smallest program to be found that still fails, by leaving out ever smaller stretches."""
    kept = list(ops)
    size = len(kept) // 2
    while size:
        start = 0
        while start < len(kept):
            fewer = kept[:start] + kept[start + size :]
            if fails(fewer):
                kept = fewer
            else:
                start += size
        size //= 2
    return kept
