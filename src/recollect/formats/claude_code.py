"""Sessions of Claude Code: JSON lines of records that form a tree, with sub-agents beside or in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Any

import msgspec
from msgspec.structs import replace

from .base import Beside, Damage, Mark, Piece, Restart, Source
from .claude_code_reading import Reading, State
from .claude_code_writing import write
from .jsonstream import decode

NAME = "claude-code"

_AGENT_FILE = re.compile(r"agent-([\w.-]+)\.jsonl")
_SESSION_FOLDER = re.compile(r"(?:^|/)([^/]+)/subagents/[^/]*$")
_LINE = re.compile(rb'\s*\{\s*"')
_TREE = re.compile(rb'"(?:parentUuid|isSidechain|leafUuid|isSnapshotUpdate)"\s*:')
_SESSION = re.compile(rb'"sessionId"\s*:\s*"')
_FACT = re.compile(
    rb'"type"\s*:\s*"(?:summary|ai-title|custom-title|agent-name|last-prompt|permission-mode|mode'
    rb'|queue-operation|file-history-snapshot|pr-link|bridge-session)"'
)


def detect(head: bytes, name: str) -> float:  # noqa: ARG001  # formats may look at the name
    """By records that name their parents and sessions as only this client does."""
    if not _LINE.match(head.removeprefix(b"\xef\xbb\xbf")[:1024].lstrip(b"\0")):
        return 0.0
    if _TREE.search(head):
        return 0.95 if b'"parentUuid"' in head and _SESSION.search(head) else 0.8
    return 0.7 if _FACT.search(head[:4096]) and _SESSION.search(head) else 0.0


def read(source: Source) -> Iterator[Piece]:
    """The session, then its sub-agents: those whose records stand in the file, those beside it."""
    reading = _reading(source, None)
    yield from reading.take(source.read)
    yield from _found(source, reading, known=())


def resume(source: Source, mark: Mark) -> Iterator[Piece]:
    """What the session grew by, and the sub-agents whose files are new beside it: those known go
    on in files of their own. Raises Restart where the mark knows too little."""
    try:
        state = msgspec.convert(mark.state, State)
    except msgspec.ValidationError as error:
        raise Restart from error
    reading = _reading(source, state)
    yield from list(reading.take(source.read, mark.offset))
    yield from _found(source, reading, known=state.agents)


def _reading(source: Source, state: State | None) -> Reading:
    stem = source.name.removesuffix(".jsonl")
    agent = _AGENT_FILE.fullmatch(source.name)
    if agent is None:
        return Reading(stem, state=state)
    folder = _SESSION_FOLDER.search(source.label.replace("\\", "/"))
    reading = Reading(stem, agent[1], None if folder is None else folder[1], state)
    if source.beside is not None:
        reading.described = _described(source.beside, f"{stem}.meta.json")
    return reading


def _found(source: Source, reading: Reading, known: Iterable[str]) -> Iterator[Piece]:
    """The conversations of a file that was read, and those beside it except the ``known``."""
    beside, session = source.beside, reading.session
    stem = source.name.removesuffix(".jsonl")
    if beside is not None and session == stem and not reading.is_agent:
        reading.agents = [name for name in beside.names(f"{stem}/subagents") if _AGENT_FILE.fullmatch(name)]
    yield from reading.conversations()
    if beside is None:
        return
    for name in reading.agents:
        if name not in known:
            yield from _agent(beside, stem, name)


def _agent(beside: Beside, session: str, name: str) -> Iterator[Piece]:
    """The sub-agent whose file is ``name``."""
    content = beside.read(f"{session}/subagents/{name}")
    agent = _AGENT_FILE.fullmatch(name)
    if content is None or agent is None:
        return
    reading = Reading(name.removesuffix(".jsonl"), agent[1], session)
    reading.described = _described(beside, f"{session}/subagents/agent-{agent[1]}.meta.json")
    stream = BytesIO(content)
    del content
    for damage in reading.take(stream.read):
        yield Damage(damage.offset, f"in the file of sub-agent {agent[1]}: {damage.reason}")
    for conversation in reading.conversations():
        yield replace(conversation, mark=None)


def _described(beside: Beside, name: str) -> dict[str, Any]:
    """What the file beside a sub-agent's says of it; nothing where that says nothing."""
    try:
        found = decode(beside.read(name) or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


__all__ = ["NAME", "detect", "read", "resume", "write"]
