"""Session files of llm_fusion and actorus: a bare array of ``role`` and ``content``.

They look like plain OpenAI messages; what gives them away is the agent's own JSON in the content (a
thought, an action, whether it is final) and results that come back as a user's ``Observation: ``. Where
neither is to be seen the file counts as openai-chat unless this format is asked for by name. The file's
stem is the session's id, its time of change the only time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..model import (
    Message,
    OtherPart,
    Part,
    ReasoningPart,
    Role,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    timestamp,
)
from .base import Piece, Source, derived_uuid
from .jsonstream import decode
from .openai_parts import canonical, read_piece
from .stored_arrays import NoMessage, read_array
from .values import bool_of, present

NAME = "actorus"
KEPT = "actorus"
"""The metadata key under which stands what only this format knows."""

_OBSERVATION = "Observation: "
_BARE = re.compile(rb'\[\s*\{\s*"(?:role|content)"\s*:')
_STEP = re.compile(
    rb'"content"\s*:\s*"\s*(?:\\n|\\t|\s)*\{(?:\\n|\\t|\s)*\\"(?:thought|action|is_final|final_answer)\\"'
)
_FIELD = re.compile(rb'\\"(?:thought|is_final|final_answer)\\"\s*:')
_SEEN = re.compile(rb'"content"\s*:\s*"Observation: ')
_ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
_STEP_KEYS = frozenset(("thought", "action", "is_final", "final_answer"))


def detect(head: bytes, name: str) -> float:  # noqa: ARG001  # formats may look at the name
    """By an assistant's step in JSON, and by observations, in a bare array."""
    if not _BARE.match(head.removeprefix(b"\xef\xbb\xbf").lstrip()):
        return 0.0
    step = _STEP.search(head)
    if step is None or not _FIELD.search(head, step.start()):
        return 0.0
    return 0.9 if _SEEN.search(head) else 0.75


def read(source: Source) -> Iterator[Piece]:
    """The file's session, and what is damaged."""
    metadata = present(updated_at=timestamp(source.modified))
    yield from read_array(
        source, lambda: _Reader().read, attributes={"metadata": metadata} if metadata else {}
    )


class _Reader:
    """Reads the messages of one session in order, pairing actions and observations."""

    def __init__(self) -> None:
        self._count = 0
        self._open: tuple[str, str] | None = None
        """The id and tool of the action that has no observation yet."""

    def read(self, value: Any) -> Iterator[Message]:
        """The next message. Raises NoMessage."""
        self._count += 1
        if not isinstance(value, dict):
            raise NoMessage(f"message {self._count} is not an object")
        stated, content = value.get("role"), value.get("content")
        role = _ROLES.get(stated) if isinstance(stated, str) else None
        parts: list[Part]
        if role == "user" and isinstance(content, str) and content.startswith(_OBSERVATION):
            role, parts = "tool", [self._answer(content.removeprefix(_OBSERVATION))]
        elif role == "tool":
            parts = [self._answer(content)]
        elif isinstance(content, str):
            step = _step(content) if role == "assistant" else None
            parts = [TextPart(content)] if step is None else self._step(step)
            self._open = self._open if role == "assistant" else None
        else:
            pieces = content if isinstance(content, list) else [] if content is None else [content]
            parts = [read_piece(piece) for piece in pieces]
        own = present(
            role=stated if role is None and isinstance(stated, str) else None,
            keys={key: item for key, item in value.items() if key not in ("role", "content")},
        )
        message_id = derived_uuid(b"actorus\0%d\0" % self._count, canonical(value))
        yield Message(message_id, None, role or "user", tuple(parts), metadata={KEPT: own} if own else None)

    def _answer(self, response: Any) -> ToolCallResponsePart:
        call_id, name = self._open or (None, None)
        self._open = None
        return ToolCallResponsePart(response, call_id, {"name": name} if name else None)

    def _step(self, step: dict[str, Any]) -> list[Part]:
        """A step of the agent: what it thought, the tool it called, what it answered in the end."""
        parts: list[Part] = []
        if isinstance(step.get("thought"), str) and step["thought"]:
            parts.append(ReasoningPart(step["thought"]))
        action = step.get("action")
        if isinstance(action, dict) and isinstance(action.get("tool"), str):
            call_id = f"call_{self._count}"
            self._open = (call_id, action["tool"])
            parts.append(
                ToolCallPart(action["tool"], action.get("input"), call_id, {KEPT: {"made_id": True}})
            )
        elif action is not None:
            parts.append(OtherPart("action", action))
        answer = step.get("final_answer")
        if isinstance(answer, str):
            about = {KEPT: {"is_final": True}} if bool_of(step, "is_final") else None
            parts.append(TextPart(answer, about))
        elif answer is not None:
            parts.append(OtherPart("final_answer", answer))
        return parts


def _step(content: str) -> dict[str, Any] | None:
    """The content as an agent's step, None when it is anything else."""
    if not content.lstrip().startswith("{"):
        return None
    try:
        value = decode(content.encode("utf-8", "surrogatepass"))
    except ValueError:
        return None
    if not isinstance(value, dict) or not value.keys() & _STEP_KEYS or value.keys() - _STEP_KEYS:
        return None
    return value
