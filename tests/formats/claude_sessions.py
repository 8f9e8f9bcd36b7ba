"""Builds small sessions as Claude Code writes them."""

from __future__ import annotations

import json
from typing import Any

SESSION = "5e55104e-0000-4000-8000-000000000001"
BEGINNING = "2026-03-01T10:00:"


def uid(name: str) -> str:
    """A UUID that a reader of a failing test can tell: the name in hex."""
    return (
        f"{name.encode().hex().ljust(8, '0')[:8]}-0000-4000-8000-{name.encode().hex().rjust(12, '0')[-12:]}"
    )


class Log:
    """Records one after the other; each lies under the one before it unless it says otherwise."""

    def __init__(self, session: str = SESSION, **common: Any) -> None:
        self.records: list[dict[str, Any]] = []
        self.session = session
        self.common = {"isSidechain": False, "userType": "external", "cwd": "/srv/shop", **common}
        self.last: str | None = None

    def add(self, kind: str, name: str, under: str | None = "", **more: Any) -> Log:
        parent = self.last if under == "" else under and uid(under)
        self.records.append(
            {
                "parentUuid": parent,
                **self.common,
                "sessionId": self.session,
                "version": "2.1.0",
                "gitBranch": "main",
                "type": kind,
                "uuid": uid(name),
                "timestamp": f"{BEGINNING}{len(self.records) % 60:02}.000Z",
                **more,
            }
        )
        self.last = uid(name)
        return self

    def user(self, name: str, content: Any, **more: Any) -> Log:
        return self.add("user", name, message={"role": "user", "content": content}, **more)

    def reply(self, name: str, reply: str, *blocks: Any, output: int = 5, **more: Any) -> Log:
        message = {
            "id": reply,
            "type": "message",
            "role": "assistant",
            "model": more.pop("model", "claude-opus-4-6"),
            "content": list(blocks),
            "stop_reason": more.pop("stop_reason", None),
            "usage": {
                "input_tokens": 3,
                "output_tokens": output,
                "cache_creation_input_tokens": 7,
                "cache_read_input_tokens": 11,
            },
        }
        return self.add("assistant", name, message=message, requestId=f"req_{reply}", **more)

    def result(self, name: str, *calls: str, content: Any = "done", **more: Any) -> Log:
        blocks = [{"tool_use_id": call, "type": "tool_result", "content": content} for call in calls]
        return self.user(name, blocks, **more)

    def fact(self, kind: str, **more: Any) -> Log:
        self.records.append({"type": kind, **more})
        return self

    def lines(self) -> list[bytes]:
        return [json.dumps(record, separators=(",", ":")).encode() for record in self.records]

    def bytes(self) -> bytes:
        return b"".join(line + b"\n" for line in self.lines())


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def call(call_id: str, name: str = "Bash", **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}
