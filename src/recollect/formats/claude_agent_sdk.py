"""Session files of the Claude Agent SDK for Elixir: the frames of Claude Code's stream, in two layouts.

A frame's ``raw`` is what came over the wire and is read first. The frames of one reply are one message.
Tokens and cost are counted once: a ``result`` frame's figures are those of its whole run and stand on
the run's last reply; what the replies say themselves counts only in a run that has no result.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..model import Message, timestamp
from .base import Conversation, Damage, Piece, Source
from .claude_agent_sdk_blocks import KEPT
from .claude_agent_sdk_frames import Frames
from .stored_json import values
from .times import from_iso
from .values import dict_of, list_of, name_of, number_of, present, text_of, texts_of, value_of

NAME = "claude-agent-sdk"

_KEYS = re.compile(rb'"(session_id|messages|metadata)"\s*:')
_FRAME = re.compile(rb'"(?:data|raw|subtype)"\s*:\s*(?:\{|null|")')
_META = re.compile(rb'"(?:message_count|total_cost|created_at)"\s*:')


def detect(head: bytes, name: str) -> float:  # noqa: ARG001  # formats may look at the name
    """By a session id and messages that are frames: with ``data``, ``raw`` and ``subtype``."""
    start = head.lstrip()[:200]
    if not start.startswith(b"{") or not re.match(
        rb'\{\s*"(?:session_id|messages|metadata|created_at|updated_at)"', start
    ):
        return 0.0
    keys = set(_KEYS.findall(head))
    if b"messages" not in keys or b"session_id" not in keys:
        return 0.0
    if re.search(rb'"messages"\s*:\s*\[\s*\{\s*"(?:data|raw|subtype|type)"\s*:', head) and _FRAME.search(
        head
    ):
        return 0.9
    empty = re.search(rb'"messages"\s*:\s*\[\s*\]', head)
    return 0.7 if empty and b"metadata" in keys and _META.search(head) else 0.0


def read(source: Source) -> Iterator[Piece]:
    """The file's session, its sub-agents' conversations, and what is damaged."""
    found = False
    for value in values(source, ("metadata",), ("messages",)):
        yield from value.damage
        session = value.value
        if isinstance(session, dict) and isinstance(session.get("messages"), list):
            found = True
            yield from _conversations(session, value.offset)
        elif not value.damage and not found:
            yield Damage(value.offset, "this is no session of the Claude Agent SDK")


def _conversations(session: dict[str, Any], offset: int) -> Iterator[Conversation]:
    frames = Frames(list_of(session, "messages"))
    native_id = (
        name_of(session, "session_id") or name_of(session, "metadata", "session_id") or frames.session_id
    )
    yield Conversation(
        offset=offset,
        messages=_Messages(frames, None),
        native_id=native_id,
        attributes=_attributes(session, frames),
    )
    for call_id in frames.agents:
        yield Conversation(
            offset=offset,
            messages=_Messages(frames, call_id),
            native_id=f"{native_id}:{call_id}" if native_id else call_id,
            attributes={"provider": "anthropic", "metadata": {KEPT: {"parent_tool_use_id": call_id}}},
            parent=native_id,
            relation="subagent" if native_id else None,
        )


class _Messages:
    """The messages of the main line, or of the sub-agent that a call started."""

    def __init__(self, frames: Frames, agent: str | None) -> None:
        self._frames = frames
        self._agent = agent

    def __iter__(self) -> Iterator[Message | Damage]:
        return self._frames.messages(self._agent)


def _attributes(session: dict[str, Any], frames: Frames) -> dict[str, Any]:
    about = dict_of(session, "metadata")
    init = frames.init
    created = from_iso(value_of(about, "created_at")) or from_iso(session.get("created_at"))
    updated = from_iso(value_of(about, "updated_at")) or from_iso(session.get("updated_at"))
    known = ("session_id", "created_at", "updated_at", "message_count", "total_cost", "tags", "description",
             "model", "summary")  # fmt: skip
    own = present(
        **{key: item for key, item in about.items() if key not in known and key.isidentifier()},
        total_cost=number_of(about, "total_cost"),
        results=frames.results,
    )
    metadata = present(
        created_at=timestamp(created),
        updated_at=timestamp(updated),
        cwd=name_of(init, "cwd"),
        tool_version=name_of(init, "claude_code_version"),
        permission_mode=name_of(init, "permissionMode") or name_of(init, "permission_mode"),
        tools=texts_of(init, "tools"),
        summary=text_of(about, "summary"),
    )
    return present(
        name=name_of(about, "description"),
        provider="anthropic",
        model=name_of(about, "model") or name_of(init, "model") or frames.model,
        tags=list(dict.fromkeys(tag for tag in texts_of(about, "tags") if tag)),
        metadata={**metadata, KEPT: own} if own else metadata,
    )
