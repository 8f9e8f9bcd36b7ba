"""A server on loopback that speaks OpenAI's language: it streams what a test tells it to say."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from recollect import ChatError, Message
from recollect.chat.events import Turn

USER = Message.user("Hello there")
KEY = "sk-test-0123456789abcdefghijklmnop"


@dataclass
class Says:
    """One reply: ``pieces`` of text, each after ``delay`` seconds, then ``calls`` (name, arguments)."""

    pieces: tuple[str, ...] = ()
    reasoning: tuple[str, ...] = ()
    calls: tuple[tuple[str, Any], ...] = ()
    finish: str | None = None
    usage: dict[str, Any] | None = field(
        default_factory=lambda: {"prompt_tokens": 11, "completion_tokens": 7}
    )
    delay: float = 0.0
    cut: bool = False
    """The connection is cut behind the pieces."""


@dataclass
class Fails:
    """An error, with the headers of the answer."""

    status: int
    message: str = "It went wrong."
    code: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class ModelServer:
    """``replies`` are given in order; ``requests`` are what was asked, ``closed`` counts who left early."""

    url: str = ""
    replies: list[Says | Fails | bytes] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    closed: int = 0

    def will(self, *replies: Says | Fails | bytes | str) -> None:
        self.replies += [Says((reply,)) if isinstance(reply, str) else reply for reply in replies]

    async def complete(self, request: Request) -> Response:
        asked = await request.json()
        self.requests.append(asked)
        self.headers.append(dict(request.headers))
        reply = self.replies.pop(0)
        if isinstance(reply, bytes):
            return Response(reply, media_type="text/event-stream")
        if isinstance(reply, Fails):
            error = {"message": reply.message, "code": reply.code, "type": "error", "param": None}
            return JSONResponse({"error": error}, reply.status, reply.headers)
        return StreamingResponse(self._stream(reply, asked["model"]), media_type="text/event-stream")

    async def _stream(self, reply: Says, model: str) -> AsyncIterator[bytes]:
        try:
            async for event in _events(reply, model):
                yield event
        except asyncio.CancelledError:
            self.closed += 1
            raise
        if reply.cut:
            raise ConnectionError("cut")


async def _events(reply: Says, model: str) -> AsyncIterator[bytes]:
    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return _event({"choices": [choice]}, model)

    yield chunk({"role": "assistant", "content": ""})
    for thought in reply.reasoning:
        yield chunk({"reasoning_content": thought})
    for piece in reply.pieces:
        await asyncio.sleep(reply.delay)
        yield chunk({"content": piece})
    if reply.cut:
        return
    for number, (name, arguments) in enumerate(reply.calls):
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        function = {"name": name, "arguments": text[: len(text) // 2]}
        call = {"index": number, "id": f"call_{name}_{number}", "type": "function", "function": function}
        yield chunk({"tool_calls": [call]})
        rest = {"index": number, "function": {"arguments": text[len(text) // 2 :]}}
        yield chunk({"tool_calls": [rest]})
    yield chunk({}, reply.finish or ("tool_calls" if reply.calls else "stop"))
    if reply.usage is not None:
        usage = {"total_tokens": sum(v for v in reply.usage.values() if isinstance(v, int)), **reply.usage}
        yield _event({"choices": [], "usage": usage}, model)
    yield b"data: [DONE]\n\n"


def _event(fields: dict[str, Any], model: str) -> bytes:
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1767225600, "model": model}
    return b"data: " + json.dumps({**base, **fields}).encode() + b"\n\n"


@contextmanager
def serving() -> Iterator[ModelServer]:
    """A running server, on a port of its own."""
    server = ModelServer()
    app = Starlette(routes=[Route("/v1/chat/completions", server.complete, methods=["POST"])])
    with running(app) as address:
        server.url = f"{address}/v1"
        yield server


@contextmanager
def running(app: Starlette) -> Iterator[str]:
    """Serves ``app`` from a thread; gives its address."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + 30
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            assert time.monotonic() < deadline, "the server did not start in time"
            time.sleep(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


def events_of(model, *messages, **turn):
    """All events of a turn, and the error that ended it."""

    async def collect():
        events = []
        try:
            async for event in model.play(Turn(messages or (USER,), **turn)):
                events.append(event)
        except ChatError as error:
            return events, error
        return events, None

    return asyncio.run(collect())


def played(model, *messages, **turn):
    """All events of a turn that ends well."""
    events, error = events_of(model, *messages, **turn)
    assert error is None
    return events


def failure(model, *messages, **turn):
    """All events of a turn that fails, and its error."""
    events, error = events_of(model, *messages, **turn)
    assert error is not None
    return events, error


def add(a: int, b: int = 3) -> int:
    """Add two numbers.

    Args:
        a: The first.
        b: The second.
    """
    return a + b
