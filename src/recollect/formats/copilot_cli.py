"""Sessions of GitHub Copilot CLI: ``~/.copilot/session-state/<id>/events.jsonl``.

A file is one session, in one line, as a list of events. What was said stands in ``user.message``
and ``assistant.message``, what tools answered in ``tool.execution_complete``. Messages of a sub-agent
name the call that started it: they are a session of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from .base import Conversation, Damage, Mark, Piece, Restart, Source
from .copilot_cli_session import Session, State, decoder, is_whole
from .recordlines import read_records

NAME = "copilot-cli"

_EVENT = re.compile(
    rb'\{"type"\s*:\s*"(?:session|assistant|user|system|tool|hook|permission|subagent)\.[a-z_]+"\s*,\s*"data"\s*:\s*\{'
)


def detect(head: bytes, name: str) -> float:  # noqa: ARG001  # formats may look at the name
    """By events with dotted types and ``data``."""
    found = _EVENT.match(head.lstrip(b"\xef\xbb\xbf \t\r\n"))
    if found is None:
        return 0.95 if b'"producer":"copilot-agent"' in head else 0.0
    return 0.95 if b'"sessionId"' in head or b'"interactionId"' in head else 0.8


def read(source: Source) -> Iterator[Piece]:
    """The session that the file holds, then those of its sub-agents."""
    folder = source.label.rsplit("/", 2)[-2:-1]
    session = Session(folder[0] if folder and source.name == "events.jsonl" else None)
    yield from _folded(source, session, 0)


def resume(source: Source, mark: Mark) -> Iterator[Piece]:
    """What the session grew by. Raises Restart when a sub-agent began or the mark is another version's."""
    try:
        state = msgspec.convert(mark.state, State)
    except msgspec.ValidationError as error:
        raise Restart from error
    session = Session(None, state)
    pieces = list(_folded(source, session, mark.offset))
    if session.agents:
        raise Restart
    yield from pieces


def _folded(source: Source, session: Session, offset: int) -> Iterator[Piece]:
    after = session.state.last
    found = False
    for piece in read_records(source.read, decoder, offset, is_whole):
        if isinstance(piece, Damage):
            session.damage(piece)
        else:
            session.take(piece)
            found = True
    session.finish()
    if not found and not offset:
        yield from session.main.damages()
        return
    yield Conversation(
        offset=0,
        messages=session.main.spool,
        native_id=session.session_id,
        attributes=session.attributes(),
        after=after,
        mark=session.mark,
    )
    for call_id, agent in session.agents.items():
        yield Conversation(
            offset=agent.offset,
            messages=agent.spool,
            native_id=f"{session.session_id}:{call_id}",
            attributes=agent.attributes(),
            parent=session.session_id,
            relation="subagent",
        )
