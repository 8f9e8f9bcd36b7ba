"""Each verb of a random program: what it does to the store, and what to the oracle."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from recollect import (
    AccessError,
    ConflictError,
    ExistsError,
    InvalidError,
    Message,
    NotFoundError,
    TrashedError,
    UnsupportedError,
)

from . import oracle_merging as merging
from . import oracle_verbs as verbs
from .oracle import line
from .oracle_verbs import Step
from .programs import BRANCHES, LABELS, SLOTS, TAGS, Numbers, Runner, learn, program

STRATEGIES = ("continuation", "continuation", "rebase", "interleave", "cherry_pick")
MOST = 60
INSIDE = (
    "append",
    "append_aside",
    "save",
    "update",
    "branch",
    "edit",
    "erase",
    "undo",
    "fork",
    "merge",
    "delete",
)
"""What transactions of a program are made of."""


class _OnPurposeError(Exception):
    """What takes a transaction back."""


class VerbRunner(Runner):
    """The steps of programs, by name."""

    def append(self, slot: str, numbers: Numbers) -> None:
        said = self.messages(numbers, 3)
        both = self.both(slot, lambda s: s.append(*said), lambda t, step: verbs.append(t, step, said, None))
        if both:
            learn(both[1], both[0])

    def append_aside(self, slot: str, numbers: Numbers) -> None:
        branch = numbers.of(BRANCHES)
        said = self.messages(numbers, 2)
        both = self.both(
            slot,
            lambda s: s.append(*said, branch=branch),
            lambda t, step: verbs.append(t, step, said, branch),
        )
        if both:
            learn(both[1], both[0])

    def late(self, slot: str, numbers: Numbers) -> None:
        first, second = Message.user("first"), Message.user("second")
        other = self.store.get(slot)
        middle = 0

        def race(session: Any) -> Any:
            nonlocal middle
            session.refresh()
            other.append(first)
            middle = other.version
            return session.append(second, on_conflict="branch")

        both = self.both(slot, race, lambda talk, step: verbs.late(talk, step, second, first, middle))
        learn(both[1], both[0])

    def save(self, slot: str, numbers: Numbers) -> None:
        stored = self.handles[slot].messages()
        kept = stored[: numbers.below(len(stored) + 1)]
        ids = {message.id for message in kept}
        if numbers.one_in(2):
            kept = [Message(role=m.role, parts=m.parts, usage=m.usage, metadata=m.metadata) for m in kept]
        said = [*kept, *(m for m in self.messages(numbers, 2) if not m.id or m.id not in ids)]
        self.both(slot, lambda _: self.store.save(slot, said), lambda t, step: verbs.save(t, step, said))

    def update(self, slot: str, numbers: Numbers) -> None:
        values: dict[str, Any] = numbers.of(
            [
                {"name": "n"},
                {"name": None, "pinned": True},
                {"model": "m", "provider": "p"},
                {"pinned": False, "summary": "s"},
                {"system_prompt": "be brief", "metadata": {"k": {"l": numbers.below(3)}}},
                {},
            ]
        )
        self.both(slot, lambda s: s.update(**values), lambda t, step: verbs.update(t, step, values))

    def retag(self, slot: str, numbers: Numbers) -> None:
        tags = self.talks[slot].now.attributes["tags"]
        tag = numbers.of(TAGS)
        if numbers.one_in(2):
            new = tuple(t for t in tags if t != tag)
            self.both(slot, lambda s: s.untag(tag), lambda t, step: verbs.update(t, step, {"tags": new}))
        else:
            new = tuple(dict.fromkeys((*tags, tag)))
            self.both(slot, lambda s: s.tag(tag), lambda t, step: verbs.update(t, step, {"tags": new}))

    def rename_tag(self, slot: str, numbers: Numbers) -> None:
        old, new = numbers.of(TAGS), numbers.of(TAGS)
        changed = self.store.rename_tag(old, new)
        expected = 0
        for talk in self.talks.values():
            tags = talk.now.attributes["tags"]
            if old in tags and old != new:
                expected += 1
                version = self.handles[talk.id].refresh().version
                renamed = tuple(dict.fromkeys(new if tag == old else tag for tag in tags))
                verbs.update(talk, Step(self.now, version), {"tags": renamed})
            self.touched.add(talk.id)
        assert changed == expected
        counts: dict[str, int] = {}
        for talk in self.talks.values():
            for tag in talk.now.attributes["tags"]:
                counts[tag] = counts.get(tag, 0) + 1
        assert self.store.tags() == counts

    def metadata(self, slot: str, numbers: Numbers) -> None:
        group, key, value = numbers.of("ab"), numbers.of("kl"), numbers.of([1, "1", None, [1, {"x": 2}]])
        old = self.talks[slot].now.attributes["metadata"]
        inner = dict(old.get(group, {}))
        if numbers.one_in(3):
            missing = key not in inner
            inner.pop(key, None)

            def delete(talk: Any, step: Step) -> None:
                if missing:
                    raise NotFoundError("none")
                verbs.update(talk, step, {"metadata": {**old, group: inner}})

            self.both(slot, lambda s: s.delete_metadata(f"{group}.{key}"), delete)
        else:
            new = {**old, group: {**inner, key: value}}
            self.both(
                slot,
                lambda s: s.set_metadata(f"{group}.{key}", value),
                lambda t, step: verbs.update(t, step, {"metadata": new}),
            )

    def touch(self, slot: str, numbers: Numbers) -> None:
        self.both(
            slot,
            lambda s: s.touch(),
            lambda t, step: verbs.change(t, step, lambda new: None, always=True),
        )

    def expire(self, slot: str, numbers: Numbers) -> None:
        after = numbers.of([None, timedelta(days=1000), timedelta(days=2000)])
        sliding = after is not None and numbers.one_in(2)
        self.both(
            slot,
            lambda s: s.expire(after=after, sliding=sliding),
            lambda t, step: verbs.expire(t, step, after, sliding),
        )

    def branch(self, slot: str, numbers: Numbers) -> None:
        name, at = numbers.of(BRANCHES), self.place(slot, numbers)
        self.both(slot, lambda s: s.branch(name, at=at), lambda t, step: verbs.branch(t, step, name, at))

    def checkout(self, slot: str, numbers: Numbers) -> None:
        names = sorted(self.talks[slot].now.heads)
        name = numbers.of([*names, *names, "none"])
        self.both(slot, lambda s: s.checkout(name), lambda t, step: verbs.checkout(t, step, name))

    def label(self, slot: str, numbers: Numbers) -> None:
        id_, name, off = self.id(slot, numbers), numbers.of(LABELS), numbers.one_in(3)
        both = self.both(
            slot,
            lambda s: s.label(id_, name, off=off),
            lambda t, step: verbs.label(t, step, id_, name, off),
        )
        if both:
            assert frozenset(both[0]) == self.talks[slot].now.labels.get(id_, frozenset())

    def rewind(self, slot: str, numbers: Numbers) -> None:
        to = self.id(slot, numbers) if numbers.one_in(2) else None
        turns = None if to else numbers.below(4)
        self.both(
            slot,
            lambda s: s.rewind(to=to, turns=turns),
            lambda t, step: verbs.rewind(t, step, to, turns),
        )

    def pop(self, slot: str, numbers: Numbers) -> None:
        both = self.both(slot, lambda s: [s.pop()], verbs.pop)
        if both:
            learn(both[1], both[0])

    def clear(self, slot: str, numbers: Numbers) -> None:
        self.both(slot, lambda s: s.clear(), lambda t, step: verbs.point(t, step, None))

    def edit(self, slot: str, numbers: Numbers) -> None:
        id_ = self.id(slot, numbers)
        new: str | Message = "edited"
        if numbers.one_in(3):
            new = self.message(numbers)
            new = Message(id=new.id, role=new.role, parts=new.parts, usage=new.usage)
        both = self.both(slot, lambda s: [s.edit(id_, new)], lambda t, step: verbs.edit(t, step, id_, new))
        if both:
            learn(both[1], both[0])

    def erase(self, slot: str, numbers: Numbers) -> None:
        id_ = self.id(slot, numbers)
        both = self.both(
            slot,
            lambda s: s.erase(id_),
            lambda t, step: verbs.erase(t, step, id_, list(self.talks.values())),
        )
        if both:
            assert (both[0].message_id, both[0].forks) == (id_, both[1])

    def undo(self, slot: str, numbers: Numbers) -> None:
        self.both(slot, lambda s: s.undo(), verbs.undo)

    def restore(self, slot: str, numbers: Numbers) -> None:
        version = self.version(slot, numbers)
        self.both(slot, lambda s: s.restore(version), lambda t, step: verbs.restore(t, step, version))

    def fork(self, slot: str, numbers: Numbers) -> None:
        target, at, name = numbers.of(SLOTS), self.place(slot, numbers), numbers.of([None, "forked"])
        talk = self.talks[slot]
        try:
            fork = talk.forked(target, at, name, self.now)
        except (NotFoundError, InvalidError) as error:
            with pytest.raises(type(error)):
                self.handles[slot].fork(target, at=at, name=name)
            return
        if target in self.talks:
            with pytest.raises(ExistsError):
                self.handles[slot].fork(target, at=at, name=name)
            return
        self.handles[target] = self.handles[slot].fork(target, at=at, name=name)
        self.talks[target] = fork
        self.touched |= {slot, target}
        children = {child.id for child in self.handles[slot].lineage().children}
        assert target in children

    def merge(self, slot: str, numbers: Numbers) -> None:
        talk = self.talks[slot]
        if len(line(talk.now.head)) > MOST:
            self.clear(slot, numbers)
            return
        strategy = numbers.of(STRATEGIES)
        source = self._source(slot, numbers)
        theirs = source if isinstance(source, str) else self.handles[source.id]
        ids: list[str] = []
        if strategy == "cherry_pick":
            head = source.now.head if not isinstance(source, str) else talk.now.heads.get(source)
            found = line(head)
            number = numbers.below(1000)
            ids = [str(found[number % len(found)].id)] if found and number % 17 else ["none"] * (number % 2)
        both = self.both(
            slot,
            lambda s: s.merge(theirs, strategy=strategy, message_ids=ids),
            lambda t, step: merging.merge(t, step, source, strategy, ids),
        )
        if both:
            result, expected = both
            learn(line(talk.now.head), self.handles[slot].messages())
            learn(expected.taken, result.taken)
            assert result.skipped == expected.skipped
            conflicts = [(c.message_id, c.ours, c.theirs) for c in result.conflicts]
            assert conflicts == expected.conflicts, f"{conflicts}\n not {expected.conflicts}"

    def _source(self, slot: str, numbers: Numbers) -> Any:
        """A branch or another session to merge from, now and then an impossible one."""
        others = [talk for name, talk in self.talks.items() if name != slot]
        if others and numbers.one_in(2):
            return numbers.of(others)
        names = sorted(set(self.talks[slot].now.heads) - {self.talks[slot].now.branch})
        return numbers.of([*names, *names, *names, "main", "none", self.talks[slot]])

    def trash(self, slot: str, numbers: Numbers) -> None:
        self.store.trash(slot)
        now = self.now
        for call in (self.handles[slot].refresh, lambda: self.store.get(slot), self.handles[slot].undo):
            with pytest.raises(NotFoundError):
                call()
        with pytest.raises(TrashedError):
            self.store.create(slot)
        (trashed,) = self.store.trashed()
        self.clock.advance(0.001)
        self.handles[slot] = self.store.restore(slot)
        version = self.handles[slot].version
        verbs.trash_and_back(self.talks[slot], Step(now, trashed.version), Step(self.now, version))
        self.touched.add(slot)

    def delete(self, slot: str, numbers: Numbers) -> None:
        self.store.delete(slot)
        handle = self.handles.pop(slot)
        del self.talks[slot]
        for call in (handle.messages, handle.undo, handle.pop, lambda: self.store.get(slot)):
            with pytest.raises(NotFoundError):
                call()

    def transaction(self, slot: str, numbers: Numbers) -> None:
        """Some more steps, which become visible together, or else are taken back."""
        rng = random.Random(numbers.below(1000))
        steps = [op._replace(verb=rng.choice(INSIDE)) for op in program(rng, 4)]
        fails = numbers.one_in(2)
        if not self.store.capabilities.transactions:
            with pytest.raises(UnsupportedError):
                self.store.transaction()
            return
        before = {name: talk.twin()[0] for name, talk in self.talks.items()}
        handles, outer = dict(self.handles), self.store
        try:
            with outer.transaction() as tx:
                self.store = tx
                for op in steps:
                    self.step(op)
                    for touched in self.touched:
                        self.check(touched, sum(op.numbers))
                if fails:
                    raise _OnPurposeError
        except _OnPurposeError:
            self.talks, self.handles = before, handles
        finally:
            self.store = outer
        self.touched |= set(self.talks)

    def past(self, slot: str, numbers: Numbers) -> None:
        past = self.store.get(slot, at=1 + numbers.below(self.talks[slot].version))
        for call in (past.undo, past.touch, past.clear, lambda: past.append(Message.user("x"))):
            with pytest.raises(AccessError):
                call()
        self.touched.add(slot)

    def guarded(self, slot: str, numbers: Numbers) -> None:
        session, talk = self.handles[slot], self.talks[slot]
        wrong = talk.version + 1 + numbers.below(3)
        calls = [
            lambda: session.append(Message.user("x"), expect=wrong),
            lambda: session.undo(expect=wrong),
            lambda: session.restore(1, expect=wrong),
            lambda: session.update(name="x", expect=wrong),
            lambda: session.checkout("main", expect=wrong),
        ]
        with pytest.raises(ConflictError):
            numbers.of(calls)()
        self.both(
            slot,
            lambda s: s.append(Message.user("guarded"), expect=talk.version),
            lambda t, step: verbs.append(t, step, [Message.user("guarded")], None),
        )
