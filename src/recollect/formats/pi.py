"""Sessions of pi: ``~/.pi/agent/sessions/--<path>--/<time>_<id>.jsonl``.

A header, then one entry a line. In version 1 entries have no ids and are one line; from version 2 on
each names its parent, and the tool goes on from the last entry of the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from .base import Conversation, Damage, Mark, Piece, Restart, Source
from .pi_messages import decoder, is_whole
from .pi_session import Session, State
from .recordlines import read_records

NAME = "pi"

_HEADER = re.compile(rb'\{\s*"type"\s*:\s*"session"\s*,')
_ENTRY = re.compile(
    rb'\{\s*"type"\s*:\s*"(?:message|model_change|thinking_level_change|compaction|branch_summary|custom|custom_message'
    rb'|label|session_info)"\s*,[^{]{0,200}"timestamp"\s*:'
)
_NAMED = re.compile(r"[\dTZ-]+_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.jsonl")


def detect(head: bytes, name: str) -> float:
    """By the header, which names session and folder; entries alone convince less."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if _HEADER.match(start):
        first = start.partition(b"\n")[0]
        return 0.9 if b'"id"' in first and b'"cwd"' in first else 0.3
    if _ENTRY.match(start):
        return 0.7 if _NAMED.fullmatch(name) else 0.4
    return 0.0


def read(source: Source) -> Iterator[Piece]:
    """The session that the file holds."""
    named = _NAMED.fullmatch(source.name)
    yield from _folded(source, Session(named[1] if named else None), 0)


def resume(source: Source, mark: Mark) -> Iterator[Piece]:
    """What the session grew by. Raises Restart when that goes on from elsewhere than the end."""
    try:
        state = msgspec.convert(mark.state, State)
    except msgspec.ValidationError as error:
        raise Restart from error
    yield from _folded(source, Session(None, state), mark.offset)


def _folded(source: Source, session: Session, offset: int) -> Iterator[Piece]:
    after = session.state.last
    found = False
    for piece in read_records(source.read, decoder, offset, is_whole):
        if isinstance(piece, Damage):
            session.damage(piece)
        else:
            session.take(piece)
            found = True
    arranged = session.arranged()
    if not found and not offset:
        yield from arranged.messages  # type: ignore[misc]  # there is nothing but damage
        return
    state = session.state
    yield Conversation(
        offset=0,
        messages=arranged.messages,
        native_id=state.id,
        attributes=session.attributes(),
        head=arranged.head,
        forks=arranged.forks,
        parent=state.parent,
        relation="fork" if state.parent else None,
        after=after,
        mark=session.mark,
    )
