"""Servers on loopback that speak the languages of Anthropic, Google and OpenAI's Responses: each gives
the streams of events that a test hands it, one a request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from .model_server import running


class EventServer:
    """``streams`` are given in order; ``requests`` and ``headers`` are what came."""

    def __init__(self) -> None:
        self.url = ""
        self.streams: list[list[dict[str, Any]]] = []
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []

    async def answer(self, request: Request) -> StreamingResponse:
        self.requests.append(await request.json())
        self.headers.append(dict(request.headers))
        body = "".join(_sse(event) for event in self.streams.pop(0))
        return StreamingResponse(iter([body.encode()]), media_type="text/event-stream")


def _sse(event: dict[str, Any]) -> str:
    name = f"event: {event['type']}\n" if "type" in event else ""
    return f"{name}data: {json.dumps(event)}\n\n"


@contextmanager
def speaking() -> Iterator[EventServer]:
    """A running server that takes every path."""
    server = EventServer()
    app = Starlette(routes=[Route("/{path:path}", server.answer, methods=["POST"])])
    with running(app) as address:
        server.url = address
        yield server


def anthropic(*blocks: dict[str, Any], stop: str = "end_turn") -> list[dict[str, Any]]:
    """A reply of Anthropic's: blocks of text, thinking (with its signature) and tool_use."""
    usage = {"input_tokens": 20, "output_tokens": 1, "cache_read_input_tokens": 5}
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5-5",
        "content": [],
    }
    start = {**message, "stop_reason": None, "stop_sequence": None, "usage": usage}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": start}]
    for index, block in enumerate(blocks):
        empty, deltas = _anthropic_block(block)
        events.append({"type": "content_block_start", "index": index, "content_block": empty})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    delta = {"stop_reason": stop, "stop_sequence": None}
    events.append({"type": "message_delta", "delta": delta, "usage": {**usage, "output_tokens": 9}})
    return [*events, {"type": "message_stop"}]


def _anthropic_block(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    match block["type"]:
        case "text":
            return {**block, "text": ""}, [{"type": "text_delta", "text": block["text"]}]
        case "thinking":
            return {**block, "thinking": "", "signature": ""}, [
                {"type": "thinking_delta", "thinking": block["thinking"]},
                {"type": "signature_delta", "signature": block["signature"]},
            ]
        case _:
            text = json.dumps(block["input"])
            return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": text}]


def google(*parts: dict[str, Any], finish: str = "STOP") -> list[dict[str, Any]]:
    """A reply of Google's, in one event."""
    content = {"role": "model", "parts": list(parts)}
    usage = {
        "promptTokenCount": 12,
        "candidatesTokenCount": 4,
        "thoughtsTokenCount": 3,
        "totalTokenCount": 19,
    }
    candidate = {"content": content, "finishReason": finish, "index": 0}
    return [
        {
            "candidates": [candidate],
            "usageMetadata": usage,
            "modelVersion": "gemini-2.5-flash",
            "responseId": "r1",
        }
    ]


def responses(*items: dict[str, Any]) -> list[dict[str, Any]]:
    """A reply of OpenAI's Responses: items of the types message, reasoning and function_call."""
    usage = {
        "input_tokens": 30,
        "input_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 0},
        "output_tokens": 15,
        "output_tokens_details": {"reasoning_tokens": 6},
        "total_tokens": 45,
    }
    base = {
        "id": "resp_1", "object": "response", "created_at": 1767225600, "model": "gpt-5-mini", "tools": [],
        "parallel_tool_calls": True, "tool_choice": "auto", "output": [], "status": "in_progress",
    }  # fmt: skip
    events: list[dict[str, Any]] = [{"type": "response.created", "response": base}]
    for index, item in enumerate(items):
        events.append({"type": "response.output_item.added", "output_index": index, "item": _begun(item)})
        if item["type"] == "message":
            part = {"type": "output_text", "text": "", "annotations": []}
            place = {"item_id": item["id"], "output_index": index, "content_index": 0}
            text = item["content"][0]["text"]
            events.append({"type": "response.content_part.added", **place, "part": part})
            events.append({"type": "response.output_text.delta", **place, "delta": text, "logprobs": []})
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    done = {**base, "status": "completed", "output": list(items), "usage": usage}
    events.append({"type": "response.completed", "response": done})
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


def _begun(item: dict[str, Any]) -> dict[str, Any]:
    return {**item, "content": [], "status": "in_progress"} if item["type"] == "message" else item
