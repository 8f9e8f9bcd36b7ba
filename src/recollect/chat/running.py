"""pydantic-ai's agent loop as an engine: every call of the model and every tool's answer is told as it
happens."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from pydantic_ai import Agent, Tool, UsageLimits
from pydantic_ai import exceptions as ai
from pydantic_ai import messages as parts
from pydantic_ai.agent import AgentRun, CallToolsNode, ModelRequestNode
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings

from ..errors import ChatError, InvalidError, StoreError
from . import toolspecs
from .conversion import from_response, from_return, to_history
from .events import Answered, Delta, Event, Said, Stopped, ToolFunction, Turn
from .failures import Failures


class ModelEngine:
    """A model of pydantic-ai's. Its connections last for a turn."""

    def __init__(
        self,
        model: Model,
        provider: str,
        name: str,
        *,
        settings: Mapping[str, Any] | None = None,
        key_hint: str | None = None,
        secrets: Iterable[str] = (),
    ) -> None:
        self.provider: str | None = provider
        self.model = name
        self._model = model
        self._settings = ModelSettings(**(settings or {}))  # type: ignore[typeddict-item]  # users' own names
        self._failures = Failures(f"{provider}:{name}", key_hint, secrets)

    async def play(self, turn: Turn) -> AsyncIterator[Event]:
        """Answer a turn. The loop runs in a task of its own, because it must be left in the task that
        entered it, and an iterator may be closed from another."""
        tools = [_tool(name, tool) for name, tool in toolspecs.by_name(turn.tools).items()]
        queue: asyncio.Queue[Event | None] = asyncio.Queue()
        task = asyncio.create_task(self._tell(turn, tools, queue))
        task.add_done_callback(lambda _: queue.put_nowait(None))
        try:
            while (event := await queue.get()) is not None:
                yield event
                queue.task_done()
            if task.cancelled():
                raise ChatError("A tool cancelled the reply.")
            task.result()
        finally:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.exception()  # seen: whoever closed the iterator does not want it

    async def _tell(
        self, turn: Turn, tools: Sequence[Tool[None]], queue: asyncio.Queue[Event | None]
    ) -> None:
        try:
            async with aclosing(self._events(turn, tools)) as events:
                async for event in events:
                    queue.put_nowait(event)
                    if not isinstance(event, Delta):
                        await queue.join()  # whoever reads stores a call before the tool runs
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001  # of whatever package: none comes through
            told, cause = self._failures.told(error)
            raise told from cause

    async def _events(self, turn: Turn, tools: Sequence[Tool[None]]) -> AsyncGenerator[Event, None]:
        # A reply without text is an answer too: no other prompt is made up to get one.
        agent = Agent(
            self._model,
            output_type=[str, type(None)],
            instructions=turn.system or None,
            tools=tools,
            retries={"tools": turn.max_iterations, "output": 0},
            model_settings=self._settings,
        )
        history = to_history(turn.messages, self._model.system)
        limits = UsageLimits(request_limit=turn.max_iterations)
        finish: str | None = None
        try:
            async with (
                agent,
                agent.iter(message_history=history, usage_limits=limits, infer_name=False) as run,
            ):
                async for node in run:
                    if Agent.is_model_request_node(node):
                        async for delta in _deltas(node, run):
                            yield delta
                    elif Agent.is_call_tools_node(node):
                        finish = node.model_response.finish_reason
                        yield Said(from_response(node.model_response, self._model.model_name))
                        async for answer in _answers(node, run):
                            yield answer
        except ai.UsageLimitExceeded:
            yield Stopped("max_iterations")
        except ai.OutputTokenLimitExceeded:
            yield Stopped("length")
        except ai.ContentFilterError:
            yield Stopped("refused")
        else:
            if finish in ("length", "content_filter"):
                yield Stopped("length" if finish == "length" else "refused")


async def _deltas(node: ModelRequestNode[None, Any], run: AgentRun[None, Any]) -> AsyncIterator[Delta]:
    """What streams: texts with a line feed where something else stands between, as ``Message.text`` has
    it, and reasoning."""
    spoken = between = False
    async with node.stream(run.ctx) as stream:
        async for event in stream:
            if isinstance(event, parts.PartStartEvent):
                part: Any = event.part
                between = between or not isinstance(part, parts.TextPart)
                piece = part.content if isinstance(part, parts.TextPart | parts.ThinkingPart) else None
            elif isinstance(event, parts.PartDeltaEvent):
                part = event.delta
                text = isinstance(part, parts.TextPartDelta | parts.ThinkingPartDelta)
                piece = part.content_delta if text else None
            else:
                continue
            if not piece:
                continue
            if isinstance(part, parts.ThinkingPart | parts.ThinkingPartDelta):
                yield Delta(piece, "reasoning")
                continue
            yield Delta(f"\n{piece}" if spoken and between else piece)
            spoken, between = True, False


async def _answers(node: CallToolsNode[None, Any], run: AgentRun[None, Any]) -> AsyncIterator[Answered]:
    async with node.stream(run.ctx) as stream:
        async for event in stream:
            if isinstance(event, parts.FunctionToolResultEvent) and isinstance(
                event.part, parts.ToolReturnPart
            ):
                yield Answered(from_return(event.part))


def _tool(name: str, function: ToolFunction) -> Tool[None]:
    """A function as pydantic-ai's tool. What it raises is an answer for the model, as in every engine;
    a plain one runs in a thread that a cancelled turn does not wait for."""

    @functools.wraps(function)
    async def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return await toolspecs.run(functools.partial(function, *args), kwargs)
        except (ai.ModelRetry, ai.ToolFailed):
            raise
        except Exception as error:
            raise ai.ToolFailed(toolspecs.reason(error)) from error

    try:
        return Tool(call, takes_ctx=False, name=name)
    except Exception as error:
        raise InvalidError(
            f"The tool {name!r} cannot be described to a model: {error}",
            hint="Annotate its parameters with types that JSON can say.",
        ) from error
