"""A model without a network: it plays replies and tool calls from a file.

The file is a JSON list with a reply for each call of the model. A reply is a text, or an object with
any of:

=============== ==========================================================================
``text``        what the model says
``reasoning``   what it thinks before
``tool_calls``  a list of ``{"name": …, "arguments": {…}}``; ``id`` may be given; the tools of the
                chat are run, unless ``result`` gives the answer
``usage``       ``{"input_tokens": …, "output_tokens": …, "cost_usd": …}``
``wait``        seconds before the reply begins
``delay``       seconds before each word
``stop``        ``"length"`` or ``"refused"``: the reply ends there
``error``       the call fails behind ``text`` and ``reasoning``: a text, or ``{"kind": …,
                "message": …}`` with kind ``access``, ``limit``, ``unavailable`` or ``refused``
=============== ==========================================================================

A script belongs to one conversation. Within a process each call plays the next reply; a new process
goes on behind the calls that the conversation shows: the model's messages, and the user's messages that
got no answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from ..errors import (
    ChatError,
    ConfigError,
    ModelAccessError,
    ModelLimitError,
    ModelUnavailableError,
    NotFoundError,
)
from ..model import Message, Part, ReasoningPart, TextPart, ToolCallPart, Usage
from . import toolspecs
from .echo import pieces
from .events import Answered, Delta, Event, Said, Stopped, ToolFunction, Turn

_ERRORS: dict[str, type[ChatError]] = {
    "access": ModelAccessError,
    "limit": ModelLimitError,
    "unavailable": ModelUnavailableError,
    "refused": ChatError,
}


class Call(Struct, frozen=True, forbid_unknown_fields=True):
    """A tool call; ``result`` is its answer, else the chat's tool is run."""

    name: str
    arguments: dict[str, Any] = {}
    id: str | None = None
    result: Any = msgspec.UNSET


class Failure(Struct, frozen=True, forbid_unknown_fields=True):
    """How a call of the model fails."""

    message: str = "The script says that this call fails."
    kind: Literal["access", "limit", "unavailable", "refused"] = "unavailable"


class ScriptedReply(Struct, frozen=True, forbid_unknown_fields=True):
    """What one call of the model gives; see the module's text."""

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[Call, ...] = ()
    usage: Usage | None = None
    wait: float = 0.0
    delay: float = 0.0
    stop: Literal["length", "refused"] | None = None
    error: str | Failure | None = None


class Script:
    """Plays replies in order. ``model`` is ``script:FILE``, so that the name alone opens it again."""

    provider: str | None = None

    def __init__(self, replies: Sequence[ScriptedReply], name: str = "") -> None:
        self.model = f"script:{name}" if name else "script"
        self._replies = replies
        self._played = 0

    @classmethod
    def load(cls, path: str) -> Script:
        """The script in a file. Raises NotFoundError, and ConfigError for what is no script."""
        try:
            raw = Path(path).expanduser().read_bytes()
        except (FileNotFoundError, IsADirectoryError) as error:
            raise NotFoundError(f"There is no script file {path!r}.") from error
        except (OSError, ValueError) as error:
            raise ConfigError(f"The script file {path!r} cannot be read: {error}.") from error
        try:
            replies = msgspec.json.decode(raw, type=list[str | ScriptedReply])
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"The script file {path!r} is no list of replies: {error}.",
                hint='It looks like ["Hello.", {"text": "Sunny."}].',
            ) from error
        return cls([ScriptedReply(r) if isinstance(r, str) else r for r in replies], path)

    async def play(self, turn: Turn) -> AsyncIterator[Event]:
        """Play replies until one calls no tool."""
        tools = toolspecs.by_name(turn.tools)
        self._played = max(self._played, calls_shown(turn.messages))
        for _ in range(turn.max_iterations):
            number, reply = self._next()
            await asyncio.sleep(reply.wait)
            for delta in _deltas(reply):
                await asyncio.sleep(reply.delay)
                yield delta
            if reply.error is not None:
                raise _failed(reply.error)
            calls = [
                msgspec.structs.replace(c, id=c.id or f"call_{number}_{i}")
                for i, c in enumerate(reply.tool_calls)
            ]
            yield Said(self._said(reply, calls))
            for call in calls:
                yield Answered(await _answer(call, tools))
            if reply.stop is not None:
                yield Stopped(reply.stop)
            if reply.stop is not None or not calls:
                return
        yield Stopped("max_iterations")

    def _next(self) -> tuple[int, ScriptedReply]:
        if self._played >= len(self._replies):
            raise ChatError(
                f"{self.model} has no reply left; it holds {len(self._replies)}.",
                hint="Add replies to the file, or use another model.",
            )
        self._played += 1
        return self._played, self._replies[self._played - 1]

    def _said(self, reply: ScriptedReply, calls: Sequence[Call]) -> Message:
        parts: list[Part] = []
        if reply.reasoning:
            parts.append(ReasoningPart(reply.reasoning))
        if reply.text or not calls:
            parts.append(TextPart(reply.text))
        parts += [ToolCallPart(call.name, call.arguments, call.id) for call in calls]
        return Message.assistant(parts, model=self.model, usage=reply.usage)


def calls_shown(messages: Sequence[Message]) -> int:
    """How often the model was called for this line, as far as it shows: each message of the model's was
    a call, and so was each of the user's that the model never answered."""
    calls, open_turn = 0, False
    for message in messages:
        if message.role == "assistant":
            calls, open_turn = calls + 1, False
        elif message.role == "user":
            calls, open_turn = calls + open_turn, True
    return calls


def _deltas(reply: ScriptedReply) -> Iterator[Delta]:
    for piece in pieces(reply.reasoning):
        yield Delta(piece, "reasoning")
    for piece in pieces(reply.text):
        yield Delta(piece)


async def _answer(call: Call, tools: Mapping[str, ToolFunction]) -> Message:
    if call.result is msgspec.UNSET:
        return await toolspecs.answer(tools, call.name, call.arguments, call.id or "")
    return toolspecs.success(call.result, call.name, call.id or "")


def _failed(error: str | Failure) -> ChatError:
    failure = Failure(error) if isinstance(error, str) else error
    return _ERRORS[failure.kind](failure.message)
