"""Every engine, sync and async, does what the memory engine does, whatever program runs on them.

``RECOLLECT_SOAK=50`` runs 50 times as many programs.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from recollect import Message, Usage
from recollect.backends.files import FilesBackend
from recollect.backends.memory import MemoryBackend
from recollect.backends.sql.sqlite import SqliteBackend
from recollect.core.drafts import texts_of_body
from recollect.testing import strategies

from .sides import SUPPLIED_IDS, Side

PROGRAMS = 25 * int(os.environ.get("RECOLLECT_SOAK", "1"))
STEPS = 25

WORDS = ("rust", "Ownership", "café", "天气", "don't", "a-b")
session_ids = st.sampled_from(["a", "A", "é", "e\u0301", "../x", "\U0001f600" * 255])
slots = st.integers(0, 1)
maybe_id = st.sampled_from(["", "", "", *SUPPLIED_IDS])
tags = st.lists(st.sampled_from(["x", "X", "y", "é"]), max_size=3)
names = st.sampled_from(["Rust", "rust talk", "CAFÉ", "", "100%", "\ud800", "\x00"])
metadata = st.sampled_from(
    [{}, {"k": 1}, {"k": "1"}, {"k": {"deep": [1, None]}}, {"k": 2**80}, {"a.b": True}]
)
plain = st.builds(
    lambda id_, role, words, cost: Message(
        id=id_,
        role=role,
        parts=Message.user(" ".join(words)).parts,
        usage=None if cost is None else Usage(1, 2, cost_usd=cost),
    ),
    maybe_id,
    st.sampled_from(["user", "assistant", "tool", "system"]),
    st.lists(st.sampled_from(WORDS), max_size=4),
    st.sampled_from([None, None, 0, 1, 2]),
)
messages = plain | plain | plain | strategies.messages(maybe_id)
histories = st.lists(messages, max_size=5)
attributes = st.fixed_dictionaries(
    {},
    optional={
        "name": st.none() | names,
        "provider": st.sampled_from([None, "openai", "OpenAI"]),
        "model": st.sampled_from([None, "m"]),
        "tags": tags,
        "metadata": metadata,
        "pinned": st.booleans(),
        "summary": st.none() | names,
        "nonsense": st.just(1),
        "system_prompt": st.none() | strategies.texts(),
    },
).filter(lambda given_: "nonsense" not in given_ or len(given_) > 3)  # rarely: it is always refused
filters = st.fixed_dictionaries(
    {},
    optional={
        "text": st.sampled_from(["rust", "cafe", "%", "\ud800"]),
        "tags": tags,
        "any_tags": tags,
        "provider": st.sampled_from(["openai", "x"]),
        "pinned": st.booleans(),
        "metadata": metadata,
        "min_messages": st.integers(0, 3),
        "max_messages": st.integers(0, 9),
        "min_cost": st.sampled_from([0, 1, "1.5"]),
        "max_cost": st.sampled_from([0, 2]),
    },
)


def _all_pages(list_page: Any, limit: int, **options: Any) -> list[Any]:
    page = list_page(limit=limit, **options)
    found = list(page)
    while page.next is not None:
        page = list_page(limit=limit, cursor=page.next, **options)
        found += page
    return found


class Engines(RuleBasedStateMachine):
    """Runs each step on every side and compares what came of it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="recollect-agree-"))
        memory = MemoryBackend()
        self.sides = [
            Side("memory", lambda: memory, asynchronous=False),
            Side("sqlite", lambda: SqliteBackend(self.folder / "sync.db"), asynchronous=False),
            Side("sqlite, async", lambda: SqliteBackend(self.folder / "async.db"), asynchronous=True),
            Side("files", lambda: self.files("sync"), asynchronous=False),
            Side("files, async", lambda: self.files("async"), asynchronous=True),
        ]

    def files(self, name: str) -> FilesBackend:
        return FilesBackend(self.folder / name, texts=texts_of_body)

    def teardown(self) -> None:
        for side in self.sides:
            side.close(finally_=True)
        shutil.rmtree(self.folder)

    def agree(self, call: Any) -> tuple[str, Any]:
        """Run ``call(side)`` everywhere; all must come to the same. Time passes after it."""
        outcomes = [(side.name, side.outcome(call)) for side in self.sides]
        expected = outcomes[0][1]
        for name, outcome in outcomes[1:]:
            assert outcome == expected, f"{name} differs from memory"
        for side in self.sides:
            side.clock.advance(0.001)
        return expected

    def on(self, session_id: str, slot: int, call: Any) -> None:
        """Run ``call(handle)`` where there is such a handle."""
        if (session_id, slot) in self.sides[0].handles:
            self.agree(lambda side: call(side.handles[session_id, slot]))

    # Sessions as wholes

    @rule(
        session_id=session_ids,
        slot=slots,
        given_=attributes,
        verb=st.sampled_from(["open", "open", "create"]),
    )
    def begin(self, session_id: str, slot: int, given_: dict[str, Any], verb: str) -> None:
        def call(side: Side) -> Any:
            side.handles[session_id, slot] = getattr(side.store, verb)(session_id, **given_)
            return side.handles[session_id, slot].refresh()

        self.agree(call)

    @rule(session_id=session_ids, slot=slots)
    def get(self, session_id: str, slot: int) -> None:
        def call(side: Side) -> Any:
            side.handles[session_id, slot] = side.store.get(session_id)
            return side.handles[session_id, slot].info

        self.agree(call)

    @rule(session_id=session_ids, verb=st.sampled_from(["delete", "trash", "exists"]))
    def end(self, session_id: str, verb: str) -> None:
        self.agree(lambda side: getattr(side.store, verb)(session_id))

    @rule(session_id=session_ids)
    def restore(self, session_id: str) -> None:
        self.agree(lambda side: side.store.restore(session_id).refresh())

    @rule(session_id=session_ids, history=histories)
    def save(self, session_id: str, history: list[Message]) -> None:
        self.agree(lambda side: side.store.save(session_id, history).messages())

    @rule(session_id=session_ids, extra=histories)
    def save_more(self, session_id: str, extra: list[Message]) -> None:
        self.agree(
            lambda side: side.store.save(
                session_id, [*side.store.get(session_id).messages(), *extra]
            ).messages()
        )

    # Through handles, which may be older than the session

    @rule(session_id=session_ids, slot=slots, added=histories, expect=st.none() | st.integers(0, 6))
    def append(self, session_id: str, slot: int, added: list[Message], expect: int | None) -> None:
        self.on(session_id, slot, lambda session: session.append(*added, expect=expect))

    @rule(session_id=session_ids, slot=slots, changes=attributes, expect=st.none() | st.integers(0, 6))
    def update(self, session_id: str, slot: int, changes: dict[str, Any], expect: int | None) -> None:
        self.on(session_id, slot, lambda session: session.update(expect=expect, **changes))

    @rule(session_id=session_ids, slot=slots, names=tags, verb=st.sampled_from(["tag", "untag"]))
    def retag(self, session_id: str, slot: int, names: list[str], verb: str) -> None:
        self.on(session_id, slot, lambda session: getattr(session, verb)(*names))

    @rule(session_id=session_ids, slot=slots, verb=st.sampled_from(["touch", "clear", "refresh"]))
    def plain_verb(self, session_id: str, slot: int, verb: str) -> None:
        self.on(session_id, slot, lambda session: getattr(session, verb)())

    @rule(
        places=st.lists(st.tuples(session_ids, slots), unique_by=lambda place: place[0], max_size=4),
        data=st.data(),
    )
    def burst(self, places: list[tuple[str, int]], data: st.DataObject) -> None:
        there = [place for place in places if place in self.sides[0].handles]
        calls = [(place, data.draw(st.lists(plain, min_size=1, max_size=3))) for place in there]
        if all(side.store.exists(session_id) for side in self.sides for session_id, _ in there):
            self.agree(lambda side: side.burst(calls))

    # Reading

    @rule(
        session_id=session_ids,
        slot=slots,
        last=st.none() | st.integers(0, 5),
        at=st.none() | st.integers(1, 9),
    )
    def read(self, session_id: str, slot: int, last: int | None, at: int | None) -> None:
        self.on(session_id, slot, lambda session: session.messages(last=last, at=at))

    @rule(session_id=session_ids, slot=slots, place=st.integers(0, 6), limit=st.none() | st.integers(0, 4))
    def read_before(self, session_id: str, slot: int, place: int, limit: int | None) -> None:
        def call(session: Any) -> Any:
            whole = session.messages()
            return session.messages(before=whole[place].id, limit=limit) if place < len(whole) else None

        self.on(session_id, slot, call)

    @rule(options=filters, limit=st.integers(1, 4), trashed=st.booleans())
    def list_sessions(self, options: dict[str, Any], limit: int, trashed: bool) -> None:
        if trashed:
            self.agree(lambda side: _all_pages(side.store.trashed, limit))
        else:
            self.agree(lambda side: _all_pages(side.store.sessions, limit, **options))

    @rule(
        typed=st.sampled_from(
            [*WORDS, "rust -café", "own*", '"rust ownership"', "rust OR 天气", "", '"', "气"]
        ),
        options=filters,
        role=st.sampled_from([None, "user", "tool"]),
        limit=st.integers(1, 5),
        order=st.sampled_from(["newest", "relevance"]),
    )
    def search(self, typed: str, options: dict[str, Any], role: str | None, limit: int, order: str) -> None:
        def call(side: Side) -> Any:
            pages = _all_pages(
                lambda **page: side.store.search(typed, role=role, order=order, **page), limit, **options
            )
            if order == "newest":
                return pages
            return sorted(pages, key=lambda hit: (hit.session.id, hit.position, side.label(hit.message_id)))

        self.agree(call)

    @rule(session_id=session_ids, format_=st.sampled_from(["json", "jsonl"]))
    def export(self, session_id: str, format_: str) -> None:
        def call(side: Side) -> Any:
            side.normal(side.store.get(session_id).messages())  # every id gets its label
            return side.relabelled(side.store.export(session_id, format=format_))

        self.agree(call)

    # The store

    @rule()
    def reopen(self) -> None:
        for side in self.sides:
            side.close()
            side.open()

    @rule()
    def reindex(self) -> None:
        self.agree(lambda side: side.store.reindex())

    @invariant()
    def the_same_is_stored(self) -> None:
        def call(side: Side) -> Any:
            figures = side.store.stats()
            report = side.store.verify()
            listed = list(side.store.sessions(limit=100))
            counted = (figures.sessions, figures.trashed, figures.records, figures.messages, figures.blobs)
            return [report.findings, counted, listed, list(side.store.trashed(limit=100))]

        self.agree(call)


Engines.TestCase.settings = settings(
    max_examples=PROGRAMS,
    stateful_step_count=STEPS,
    deadline=None,
    phases=[phase for phase in Phase if phase is not Phase.explain],  # it takes minutes here
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
TestEnginesAgree = Engines.TestCase
