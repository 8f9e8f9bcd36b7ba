"""One file of Claude Code, record by record: its own conversation and the side chains in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import msgspec
from msgspec import Struct

from ..model import Message
from .base import Conversation, Damage, Mark, Restart
from .claude_code_facts import Facts, provider_of
from .claude_code_records import Kept, Record, records
from .claude_code_tree import MESSAGES, Numbers, Order, Seed, Tree


class State(Struct):
    """What resumed reading has to know."""

    facts: Facts
    seed: Seed
    agent: str | None
    native_id: str | None
    model: str | None
    agents: list[str]
    """The sub-agents' files that were beside."""


class Strand:
    """A conversation in the making; ``agent`` is whose it is, None for the session itself."""

    def __init__(self, tree: Tree, facts: Facts, offset: int, agent: str | None = None) -> None:
        self.tree = tree
        self.facts = facts
        self.offset = offset
        self.agent = agent

    def take(self, raw: bytes, record: Record, offset: int) -> None:
        """Take a record that has a place in the tree."""
        if self.tree.add(raw, record, offset):
            self.facts.take_place(record)
            if record.type in MESSAGES:
                self.facts.take_message(record)


class Sides:
    """The side chains inside a file: one for each agent; where records name none (older versions
    did not) one for each root."""

    def __init__(self, kept: Kept) -> None:
        self.strands: list[Strand] = []
        self._kept = kept
        self._by_agent: dict[str, int] = {}
        self._by_uuid = Numbers()
        self._last = -1

    def take(self, raw: bytes, record: Record, offset: int) -> None:
        """Take a record of a side chain."""
        number = self._number(record)
        if number is None:
            number = len(self.strands)
            name = f"agent-{record.agent_id}" if record.agent_id else f"side-{record.uuid or offset}"
            self.strands.append(Strand(Tree(self._kept), Facts(), offset, name))
            if record.agent_id:
                self._by_agent[record.agent_id] = number
        if record.uuid is not None:
            self._by_uuid[record.uuid] = number
        self._last = number
        self.strands[number].take(raw, record, offset)

    def _number(self, record: Record) -> int | None:
        if record.agent_id:
            return self._by_agent.get(record.agent_id)
        parent = record.parent_uuid or record.logical_parent_uuid
        if parent is None:
            return None
        number = self._by_uuid.get(parent)
        if number is None and self._last >= 0:
            return self._last
        return number


class Reading:
    """A file being read. ``stem`` is its name, ``agent`` the sub-agent whose file it is, ``session``
    the session that one belongs to, where the file's place says so."""

    def __init__(
        self, stem: str, agent: str | None = None, session: str | None = None, state: State | None = None
    ) -> None:
        self._stem = stem
        self._session = session
        self._state = state
        self._kept = Kept()
        facts, seed = (Facts(), None) if state is None else (state.facts, state.seed)
        agent = f"agent-{agent}" if agent is not None else None
        self._main = Strand(Tree(self._kept, seed), facts, 0, agent if state is None else state.agent)
        self._sides = Sides(self._kept)
        self._begun = state is not None
        self.agents: list[str] = []
        """The sub-agents' files beside it."""
        self.described: dict[str, Any] = {}
        """What a file beside a sub-agent's says of it."""

    def take(self, read: Callable[[int], bytes], offset: int = 0) -> Iterator[Damage]:
        """Read to the end. Raises Restart where resumed reading knows too little."""
        tree, facts = self._main.tree, self._main.facts
        for found in records(read, offset):
            if isinstance(found, Damage):
                yield found
                continue
            at, raw, record = found
            if record.uuid is None and record.type not in MESSAGES:
                leaf = record.leaf_uuid
                facts.take_fact(record, leaf is not None and tree.knows(leaf))
            elif not record.is_sidechain or self._is_own(record):
                self._begun = True
                self._main.take(raw, record, at)
            elif self._state is not None:
                raise Restart
            else:
                self._begun = True
                self._sides.take(raw, record, at)
            del found, raw, record  # a large one must not be held while more is read

    def _is_own(self, record: Record) -> bool:
        """Whether a side chain's record belongs to this file's own conversation: a sub-agent's."""
        if not self._begun and self._main.agent is None and record.session_id != self._stem:
            agent = record.agent_id  # such a file under another name
            self._main.agent = None if agent is None else f"agent-{agent}"
        return self._main.agent is not None and record.agent_id in (None, self._main.agent[len("agent-") :])

    @property
    def session(self) -> str | None:
        """The session that this file is, or is a part of."""
        main = self._main
        if main.agent is None:
            return main.facts.session_id(self._stem)
        found = self._session or main.facts.last_session_id
        return None if found is None or found.startswith("agent-") else found

    @property
    def is_agent(self) -> bool:
        """Whether the file is a sub-agent's."""
        return self._main.agent is not None

    def conversations(self) -> Iterator[Conversation]:
        """What was read: the file's own conversation first."""
        if self._state is not None and self._native_id(self._main) != self._state.native_id:
            raise Restart
        sides = [strand for strand in self._sides.strands if len(strand.tree)]
        if len(self._main.tree) or not sides:
            yield self._conversation(self._main)
        for strand in sides:
            yield self._conversation(strand)

    def _native_id(self, strand: Strand) -> str | None:
        session = self.session
        if strand.agent is None:
            return session
        return strand.agent if session is None else f"{session}.{strand.agent}"

    def _conversation(self, strand: Strand) -> Conversation:
        tree, state = strand.tree, self._state
        layout = tree.layout()
        model = tree.last_model() or (None if state is None else state.model)
        parent, relation = self._link(strand)
        return Conversation(
            offset=strand.offset,
            messages=_Messages(tree, layout, of_agent=strand.agent is not None),
            native_id=self._native_id(strand),
            attributes=self._attributes(strand, model),
            head=tree.name(layout.order[layout.main - 1]) if layout.main else None,
            forks=frozenset(map(tree.name, layout.forks)),
            parent=parent,
            relation=relation,
            after=None if state is None else state.seed.after,
            mark=self._mark if strand is self._main else None,
        )

    def _link(self, strand: Strand) -> tuple[str | None, Literal["fork", "subagent"] | None]:
        """The session that a conversation began in, and what it is to that."""
        own = self.session
        if strand.agent is not None:
            return own, "subagent"
        for origin in (strand.facts.forked_from, strand.facts.first_id):
            if origin is not None and origin != own:
                return origin, "fork"
        return None, None

    def _attributes(self, strand: Strand, model: str | None) -> dict[str, Any]:
        facts = strand.facts
        described = self.described if strand is self._main else {}
        kind, about = described.get("agentType"), described.get("description")
        agent = {"agent_type": kind} if isinstance(kind, str) else {}
        found: dict[str, Any] = {
            "name": about if isinstance(about, str) and about else facts.title(),
            "provider": provider_of(model),
            "model": model,
            "metadata": facts.metadata() | agent,
        }
        return {key: value for key, value in found.items() if value}

    def _mark(self) -> Mark | None:
        """Where reading can go on; not with side chains in the file, which could go on as well."""
        anchor = None if self._sides.strands else self._main.tree.anchor()
        if anchor is None:
            return None
        offset, seed, model = anchor
        if model is None and self._state is not None:
            model = self._state.model
        main = self._main
        state = State(main.facts, seed, main.agent, self._native_id(main), model, self.agents)
        return Mark(offset, msgspec.to_builtins(state))


class _Messages:
    """A conversation's messages, made whenever they are asked for."""

    def __init__(self, tree: Tree, layout: Order, *, of_agent: bool) -> None:
        self._tree = tree
        self._layout = layout
        self._of_agent = of_agent

    def __iter__(self) -> Iterator[Message]:
        return self._tree.messages(self._layout, of_agent=self._of_agent)
