"""Writes Codex rollouts for tests."""

from __future__ import annotations

import json
from typing import Any

from recollect.formats import codex
from recollect.formats.base import Conversation

from .format_sources import Source, conversations

OWN = "019d7e2f-0041-7310-951c-94020254dfc9"
PARENT = "019d7d08-46c9-7f73-affe-4e6ca9852d56"


class Rollout:
    """Writes the lines of a rollout, one second after the other."""

    def __init__(self, **meta: Any) -> None:
        self.lines: list[str] = []
        self.second = 0
        self.spent = [0, 0, 0, 0]
        self.meta(id=OWN, **meta)

    def add(self, kind: str, *, pause: bool = True, **payload: Any) -> Rollout:
        self.second += pause
        at = f"2026-04-11T20:{self.second // 60:02}:{self.second % 60:02}.000Z"
        self.lines.append(json.dumps({"timestamp": at, "type": kind, "payload": payload}))
        return self

    def meta(self, **payload: Any) -> Rollout:
        return self.add("session_meta", **payload)

    def turn(self, turn_id: str = "019d7e2f-0042-7310-951c-000000000000", model: str = "gpt-9") -> Rollout:
        self.add("event_msg", type="task_started", turn_id=turn_id)
        return self.add("turn_context", turn_id=turn_id, cwd="/tea/ann", model=model)

    def item(self, kind: str, **fields: Any) -> Rollout:
        return self.add("response_item", type=kind, **fields)

    def event(self, kind: str, **fields: Any) -> Rollout:
        return self.add("event_msg", type=kind, **fields)

    def told(self, text: str, role: str = "user") -> Rollout:
        return self.item("message", role=role, content=[{"type": "input_text", "text": text}])

    def typed(self, text: str) -> Rollout:
        return self.told(text).event("user_message", message=text, images=[])

    def said(self, text: str) -> Rollout:
        return self.item("message", role="assistant", content=[{"type": "output_text", "text": text}])

    def call(self, call_id: str, command: str = "ls") -> Rollout:
        return self.item(
            "function_call", name="shell", arguments=json.dumps({"cmd": command}), call_id=call_id
        )

    def answer(self, call_id: str, output: Any = "a.txt") -> Rollout:
        return self.item("function_call_output", call_id=call_id, output=output)

    def count(self, *spent: int) -> Rollout:
        names = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens")
        self.spent = [a + b for a, b in zip(self.spent, spent or (0, 0, 0, 0), strict=True)]
        total = dict(zip(names, self.spent, strict=True))
        return self.event("token_count", info={"total_token_usage": total, "last_token_usage": total})

    @property
    def text(self) -> str:
        return "".join(line + "\n" for line in self.lines)


def read(rollout: Rollout | str, name: str = "rollout.jsonl") -> Conversation:
    text = rollout if isinstance(rollout, str) else rollout.text
    [conversation] = conversations(codex, Source(text, name))
    return conversation
