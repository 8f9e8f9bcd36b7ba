"""Messages of a Codex rollout while they may still change."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from msgspec import Struct, to_builtins

from ..model import Message, Part, Role, TextPart, ToolCallResponsePart, Usage
from .values import count_of

_TAG = re.compile(r"\s*<([A-Za-z][\w-]{0,40})[\s>]")
_KNOWN = frozenset(
    (
        *("environment_context", "user_instructions", "turn_aborted", "subagent_notification", "skill"),
        *("user_shell_command", "user_action", "permissions", "collaboration_mode"),
    )
)
_AGENTS = "# AGENTS.md instructions"


class Draft:
    """A message that is being put together."""

    __slots__ = ("at", "id", "injected", "metadata", "model", "offset", "parts", "role", "typed", "usage")

    def __init__(self, offset: int, message_id: str, role: Role, at: datetime | None) -> None:
        self.offset = offset
        self.id = message_id
        self.role: Role = role
        self.at = at
        self.parts: list[Part] = []
        self.model: str | None = None
        self.usage: Usage | None = None
        self.metadata: dict[str, Any] = {}
        self.injected: str | None = None
        self.typed = False
        """Whether the client shows it as typed by the person."""

    @property
    def text(self) -> str:
        """Its texts, as the client would show them."""
        return "\n".join([part.content for part in self.parts if isinstance(part, TextPart)])

    def note(self, facts: dict[str, Any]) -> None:
        """Take over how the tool fared whose answer this is."""
        facts = dict(facts)
        failed = facts.pop("failed", False)
        self.metadata.update(facts)
        answer = self.parts[0]
        if failed and isinstance(answer, ToolCallResponsePart):
            self.parts[0] = ToolCallResponsePart(answer.response, answer.id, {"is_error": True})

    def spend(self, usage: Usage) -> None:
        """Count a call of the API on this message."""
        self.usage = usage if self.usage is None else self.usage + usage

    def message(self, echoes: bool) -> Message:
        """The message; ``echoes`` says whether the file tells what the person typed."""
        injected = self.injected
        if self.role == "user" and injected is None and not self.typed:
            injected = injected_kind(self.text, echoes)
        if injected is not None:
            self.metadata["injected"] = injected
        return Message(
            self.id,
            None,
            self.role,
            tuple(self.parts),
            self.at,
            self.model,
            self.usage,
            self.metadata or None,
        )


def injected_kind(text: str, echoes: bool) -> str | None:
    """What a user's message that the client did not show as typed is; None for the person's own.

    Files without echoes leave only the marks that the client is known to write.
    """
    if text.startswith(_AGENTS):
        return "agents_md"
    tag = _TAG.match(text)
    name = tag[1].lower().replace("-", "_") if tag else None
    if echoes:
        return name or "client"
    return name if name in _KNOWN else None


class Totals(Struct, frozen=True, gc=False, array_like=True):
    """Tokens counted since the thread began, as the source adds them up."""

    input: int = 0
    cached: int = 0
    output: int = 0
    reasoning: int = 0

    @classmethod
    def of(cls, value: object) -> Totals:
        """From ``total_token_usage``."""
        return cls(
            count_of(value, "input_tokens"),
            count_of(value, "cached_input_tokens"),
            count_of(value, "output_tokens"),
            count_of(value, "reasoning_output_tokens"),
        )

    def since(self, before: Totals) -> Usage | None:
        """What was spent in between; None for nothing. Totals that fell were counted anew."""
        if self == before:
            return None
        if any(a < b for a, b in zip(to_builtins(self), to_builtins(before), strict=True)):
            before = Totals()
        return Usage(
            self.input - before.input,
            self.output - before.output,
            self.cached - before.cached,
            self.reasoning - before.reasoning,
        )
