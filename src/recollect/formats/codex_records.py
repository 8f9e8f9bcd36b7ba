"""The lines of Codex rollouts as structs: only what is looked at is decoded.

Newer files wrap each record into ``timestamp``, ``type`` and ``payload``; the oldest hold the bare
records, messages without a type among them. Every field may be anything: its type is checked where
it is used.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from .recordlines import RecordDecoder

ENVELOPES = frozenset(
    ("session_meta", "turn_context", "response_item", "event_msg", "compacted", "world_state")
)


class Payload(Struct, gc=False):
    """What a record says: the fields of all kinds of records that matter here."""

    type: Any = None
    id: Any = None
    timestamp: Any = None
    turn_id: Any = None
    # Items: what the model was told and what it said.
    role: Any = None
    content: Any = None
    summary: Any = None
    encrypted_content: Any = None
    name: Any = None
    namespace: Any = None
    arguments: Any = None
    input: Any = None
    action: Any = None
    call_id: Any = None
    output: Any = None
    tools: Any = None
    phase: Any = None
    author: Any = None
    recipient: Any = None
    revised_prompt: Any = None
    function: Any = None
    # Sessions and turns.
    cwd: Any = None
    originator: Any = None
    cli_version: Any = None
    source: Any = None
    git: Any = None
    base_instructions: Any = None
    instructions: Any = None
    model_provider: Any = None
    forked_from_id: Any = None
    parent_thread_id: Any = None
    agent_nickname: Any = None
    agent_role: Any = None
    model: Any = None
    # Events and compactions.
    message: Any = None
    text: Any = None
    info: Any = None
    thread_name: Any = None
    reason: Any = None
    exit_code: Any = None
    duration: Any = None
    success: Any = None
    status: Any = None
    result: Any = None
    item: Any = None
    error: Any = None
    window_id: Any = None
    previous_window_id: Any = None


class Line(Payload, gc=False):
    """A line: an envelope, or a bare record."""

    payload: Payload | None = None


decoder = RecordDecoder(Line)


def kind_and_payload(line: Line) -> tuple[str, Payload]:
    """Which kind of record a line is, and what it says; an empty kind for what is not looked at."""
    if line.payload is not None:
        return line.type if isinstance(line.type, str) else "", line.payload
    if line.type is None and isinstance(line.role, str):
        return "response_item", line
    if isinstance(line.type, str):
        return ("" if line.type in ENVELOPES else "response_item"), line
    return ("session_meta" if isinstance(line.id, str) else ""), line


def is_whole(line: Line) -> bool:
    """Whether this is a record and not a piece of one: payloads look like the oldest records."""
    return line.payload is not None
