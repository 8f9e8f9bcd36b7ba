"""Functions as tools: their names, running them, and answers that can be stored."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ..errors import InvalidError
from ..model import Message, ToolCallResponsePart
from .events import ToolFunction

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What all providers take as the name of a tool."""


def by_name(tools: Sequence[ToolFunction]) -> dict[str, ToolFunction]:
    """Tools by what the model calls them. Raises InvalidError for what no model could call."""
    named: dict[str, ToolFunction] = {}
    for tool in tools:
        name = getattr(tool, "__name__", None)
        if not callable(tool) or not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InvalidError(
                f"A tool must be a named function, not {tool!r}.",
                hint="Write it with def: its name, signature and docstring tell the model what it is for.",
            )
        if name in named:
            raise InvalidError(f"Two tools are called {name!r}.", hint="Rename one of them.")
        named[name] = tool
    return named


async def run(tool: ToolFunction, arguments: Mapping[str, Any]) -> Any:
    """What ``tool`` returns: awaited when it is async, else run in a thread."""
    if inspect.iscoroutinefunction(tool) or inspect.iscoroutinefunction(getattr(tool, "__call__", None)):  # noqa: B004  # not whether it is callable: whether its call is async
        return await tool(**arguments)
    result = await asyncio.to_thread(tool, **arguments)
    return await result if inspect.isawaitable(result) else result


async def answer(tools: Mapping[str, ToolFunction], name: str, arguments: Any, call_id: str) -> Message:
    """The message with a tool's answer. What a tool raises is its answer, marked ``is_error``: the model
    is told and goes on."""
    tool = tools.get(name)
    if tool is None:
        return failure(f"There is no tool called {name!r}.", name, call_id)
    if not isinstance(arguments, Mapping):
        return failure(f"The arguments of {name!r} must be an object.", name, call_id)
    try:
        result = await run(tool, arguments)
    except Exception as error:  # noqa: BLE001  # whatever a tool raises is an answer for the model
        return failure(reason(error), name, call_id)
    return success(result, name, call_id)


def success(result: Any, name: str, call_id: str) -> Message:
    """A message with what a tool returned."""
    return Message(role="tool", parts=(ToolCallResponsePart(storable(result), call_id, {"name": name}),))


def failure(text: str, name: str, call_id: str) -> Message:
    """A message that tells why a tool has no answer."""
    metadata = {"name": name, "is_error": True}
    return Message(role="tool", parts=(ToolCallResponsePart(text, call_id, metadata),))


def reason(error: BaseException) -> str:
    """An exception in one line."""
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def storable(value: Any) -> Any:
    """``value`` as JSON values: models and dataclasses as objects, bytes as base64, what has no other
    form as text."""
    try:
        plain = msgspec.to_builtins(value, enc_hook=_dumped)
        msgspec.json.encode(plain)
    except UnicodeEncodeError:
        return plain  # lone surrogates, which the store takes
    except (TypeError, ValueError, OverflowError, RecursionError):
        return str(value)
    return plain


def _dumped(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    return dump(mode="json") if callable(dump) else str(value)
