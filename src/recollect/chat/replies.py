"""What a chat hands back: replies and their steps, and what it tells while it works."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ..model import Message, ReasoningPart, TextPart, ToolCallPart, ToolCallResponsePart, Usage

if TYPE_CHECKING:
    from .. import AsyncSession, Session
    from .aio_chat import AsyncChat
    from .sync_chat import Chat

Interruption = Literal["error", "timeout", "cancelled", "closed"]
Reason = Literal["max_iterations", "refused", "length"] | Interruption


@dataclass(frozen=True)
class Step:
    """One step towards a reply.

    ``thought``: what the model said or reasoned on the way (``text``); ``action``: a tool it called
    (``name``, ``arguments``); ``observation``: the tool's answer (``result``, and ``failed`` when the
    tool raised an error); ``answer``: the reply itself (``text``). ``call_id`` joins an action with
    its observation, ``message_id`` is the message that holds the step.
    """

    kind: Literal["thought", "action", "observation", "answer"]
    message_id: str
    text: str | None = None
    name: str | None = None
    arguments: Any = None
    result: Any = None
    failed: bool = False
    call_id: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The step as JSON values, with what its kind has."""
        step: dict[str, Any] = {"kind": self.kind, "message_id": self.message_id}
        if self.kind == "action":
            step |= {"name": self.name, "arguments": self.arguments, "call_id": self.call_id}
        elif self.kind == "observation":
            step |= {"name": self.name, "result": self.result, "failed": self.failed, "call_id": self.call_id}
        else:
            step["text"] = self.text
        return step


@dataclass(frozen=True)
class Reply:
    """What a model answered to one message.

    ``messages`` are all that the turn added, the user's first. Without an answer ``success`` is
    False, ``reason`` says why, and ``text`` is what there is. ``usage`` sums the turn's calls of the model.
    ``session`` is the session as a handle, None when nothing is stored yet; ``chat`` goes on.
    """

    text: str
    success: bool
    steps: list[Step] = field(repr=False)
    usage: Usage
    messages: list[Message] = field(repr=False)
    session_id: str
    session: Session | AsyncSession | None = field(repr=False)
    chat: Chat | AsyncChat = field(repr=False)
    provider: str | None = None
    model: str | None = None
    reason: Reason | None = None
    error: BaseException | None = None

    def to_dict(self) -> dict[str, Any]:
        """The reply as JSON values."""
        return {
            "session_id": self.session_id,
            "text": self.text,
            "success": self.success,
            "reason": self.reason,
            "error": None if self.error is None else str(self.error),
            "provider": self.provider,
            "model": self.model,
            "usage": self.usage.to_dict(),
            "steps": [step.to_dict() for step in self.steps],
            "messages": [message.to_dict() for message in self.messages],
        }

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class ChatEvent:
    """What ``on_event`` is called with.

    ``step``: a step was taken (``step``). ``saving_delayed``: the store is slow or down, ``waiting``
    messages are kept in memory and tried again. ``saving_failed``: the store refused (``error``).
    ``saved``: everything is stored, after one of these. ``redacted``: secrets in a message were
    replaced before it was stored. ``text`` says it for people.
    """

    kind: Literal["step", "saving_delayed", "saving_failed", "saved", "redacted"]
    text: str
    step: Step | None = None
    error: BaseException | None = None
    waiting: int = 0


def steps_of(message: Message, names: dict[str, str]) -> list[Step]:
    """The steps that a message of the model, or a tool's answer, holds; ``names`` (call id → tool) is
    added to by calls and read for answers."""
    found: list[Step] = []
    calls = any(isinstance(part, ToolCallPart) for part in message.parts)
    for part in message.parts:
        if isinstance(part, ReasoningPart) or (isinstance(part, TextPart) and calls):
            if part.content:
                found.append(Step("thought", message.id, text=part.content))
        elif isinstance(part, ToolCallPart):
            if part.id:
                names[part.id] = part.name
            found.append(
                Step("action", message.id, name=part.name, arguments=part.arguments, call_id=part.id)
            )
        elif isinstance(part, ToolCallResponsePart):
            found.append(
                Step(
                    "observation",
                    message.id,
                    name=names.get(part.id or ""),
                    result=part.response,
                    failed=bool((part.metadata or {}).get("is_error")),
                    call_id=part.id,
                )
            )
    interrupted = bool(message.metadata and message.metadata.get("interrupted"))
    if message.role == "assistant" and not calls and message.text and not interrupted:
        found.append(Step("answer", message.id, text=message.text))
    return found
