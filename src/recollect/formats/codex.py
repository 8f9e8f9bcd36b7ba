"""Rollouts of OpenAI Codex: ``~/.codex/sessions/YYYY/MM/DD/rollout-<time>-<id>.jsonl``.

One file is one session, in one line. ``response_item`` records are what the model was told and what
it said; events mostly repeat them and add facts. History that a fork copied from its parent is left
out: it is the parent's, which the session is linked to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from .base import Conversation, Damage, Mark, Piece, Restart, Source
from .codex_records import decoder, is_whole
from .codex_session import Session, State
from .recordlines import read_records
from .values import present

NAME = "codex"

_NAMED = re.compile(r"rollout-[\dT:-]*-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.jsonl")
_ENVELOPE = re.compile(
    rb'"type"\s*:\s*"(?:session_meta|turn_context|response_item|event_msg|compacted)"\s*,\s*"payload"\s*:\s*\{'
)
_BARE_META = re.compile(
    rb'\s*\{\s*"id"\s*:\s*"[0-9a-f-]{36}"\s*,\s*"timestamp"\s*:\s*"[^"]*"\s*,\s*"instructions"\s*:'
)
_BARE_MESSAGE = re.compile(
    rb'\{\s*"timestamp"\s*:\s*"[^"]*"\s*,\s*"role"\s*:\s*"(?:user|assistant|system)"\s*,\s*"content"\s*:'
)


def detect(head: bytes, name: str) -> float:
    """By envelopes of records; in the oldest layout by the header without a type."""
    head = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if head[:1] != b"{":
        return 0.0
    if _ENVELOPE.search(head):
        return 0.95
    if _BARE_META.match(head):
        return 0.9
    if _BARE_MESSAGE.match(head):
        return 0.5
    return 0.5 if _NAMED.fullmatch(name) and b'"type"' in head else 0.0


def read(source: Source) -> Iterator[Piece]:
    """The session that the file holds."""
    named = _NAMED.fullmatch(source.name)
    session = Session(named[1] if named else None)
    yield from _folded(source, session, 0)


def resume(source: Source, mark: Mark) -> Iterator[Piece]:
    """The session from its last reply on. Raises Restart when the mark is another version's."""
    try:
        state = msgspec.convert(mark.state, State)
    except msgspec.ValidationError as error:
        raise Restart from error
    session = Session(None, state)
    yield from _folded(source, session, mark.offset)


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
        yield from session.spool  # type: ignore[misc]  # there is nothing but damage
        return
    meta = session.state.meta
    yield Conversation(
        offset=0,
        messages=session.spool,
        native_id=session.session_id,
        attributes=_attributes(session),
        parent=meta.parent if meta else None,
        relation=meta.relation if meta else None,
        after=after,
        mark=session.mark,
    )


def _attributes(session: Session) -> dict[str, Any]:
    state, meta = session.state, session.state.meta
    own = present(copied=state.copied)
    if state.carry is not None:
        own["usage"] = state.carry.to_dict()  # spent, but no message tells on what
    facts = meta.facts if meta else {}
    return present(
        name=state.title or state.first,
        provider=meta.provider if meta else "openai",
        model=state.model,
        system_prompt=meta.system_prompt if meta else None,
        metadata={**facts, **present(codex=own)},
    )
