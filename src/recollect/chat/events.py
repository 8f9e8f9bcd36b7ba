"""What a model does while it answers, told to the chat as it happens.

An ``Engine`` plays one turn: it calls the model, runs the tools that the model asks for, and calls it
again, until there is an answer or the bound is reached. It stores nothing and yields, in order:

- ``Delta``: a piece of text or of reasoning, as it streams;
- ``Said``: the whole reply of one call of the model, what streamed before included;
- ``Answered``: a tool's answer;
- ``Stopped``, at the very end and only when there is no final answer: why.

An engine that fails raises a ``ChatError``; what it yielded before stands.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Literal, Protocol

from msgspec import Struct

from ..model import Message

ToolFunction = Callable[..., Any]
"""A plain or async function; its name, signature and docstring tell the model what it is for."""


class Turn(Struct, frozen=True):
    """What an engine is to answer: the line of messages (the user's newest last, every tool call in it
    answered), the system prompt, the tools, and how often the model may be called."""

    messages: Sequence[Message]
    system: str | None = None
    tools: Sequence[ToolFunction] = ()
    max_iterations: int = 10


class Delta(Struct, frozen=True, gc=False):
    """A piece of a reply, as it comes."""

    text: str
    kind: Literal["text", "reasoning"] = "text"


class Said(Struct, frozen=True):
    """A whole reply: role ``assistant``, with model, usage (and cost, if known) and tool calls."""

    message: Message


class Answered(Struct, frozen=True):
    """A tool's answer: role ``tool``."""

    message: Message


class Stopped(Struct, frozen=True):
    """There is no final answer."""

    reason: Literal["max_iterations", "refused", "length"]


Event = Delta | Said | Answered | Stopped


class Engine(Protocol):
    """A model, and the loop in which it uses tools."""

    @property
    def provider(self) -> str | None:
        """Who runs the model, by its usual name: openai, anthropic, google …; None for offline ones."""

    @property
    def model(self) -> str:
        """The model's name, without the provider's."""

    def play(self, turn: Turn) -> AsyncIterator[Event]:
        """Answer a turn. Closing the iterator stops the model at once."""
