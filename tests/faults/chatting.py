"""What the chats of these tests say: a script that can go on anywhere, so that any line can be checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from recollect import Message, TextPart, ToolCallPart, ToolCallResponsePart

REPLIES = 100
CALLS = 3
"""Of so many replies all but the last call a tool."""


def text(number: int) -> str:
    """What the model says in its reply of that number."""
    return f"Reply {number}: " + "and so on, word by word, " * 2 + f"until {number} ends."


def key(number: int) -> str | None:
    """What the model looks up in that reply; None where it answers."""
    return f"key-{number}" if number % CALLS != CALLS - 1 else None


def value(wanted: str) -> str:
    """What it finds."""
    return f"what stands under {wanted}"


def write_script(path: Path) -> None:
    """The file that ``script:`` plays."""
    replies: list[dict[str, Any]] = []
    for number in range(REPLIES):
        wanted = key(number)
        reply: dict[str, Any] = {"text": text(number), "delay": 0.0005}
        if wanted is not None:
            call = {"name": "look_up", "arguments": {"wanted": wanted}, "id": f"call-{number}"}
            reply["tool_calls"] = [call]
        replies.append(reply)
    path.write_text(json.dumps(replies), encoding="utf-8")


def check(messages: list[Message], *, whole: bool = True) -> None:
    """Fails unless each message is as it was said and stands where it may.

    A turn is a question, then calls and their answers, then a reply; it may end anywhere. With
    ``whole`` no reply may be a part of one.
    """
    before: Message | None = None
    for message in messages:
        if message.role == "user":
            pass
        elif message.role == "assistant":
            assert before is not None
            assert before.role in ("user", "tool"), f"a reply behind {before.role}"
            _check_reply(message, whole)
        else:
            assert message.role == "tool"
            assert before is not None
            (call,) = [part for part in before.parts if isinstance(part, ToolCallPart)]
            (answer,) = message.parts
            assert isinstance(answer, ToolCallResponsePart)
            assert (answer.id, answer.response) == (call.id, value(call.arguments["wanted"]))
        before = message


def _check_reply(message: Message, whole: bool) -> None:
    first = message.parts[0]
    assert isinstance(first, TextPart)
    number = int(first.content.split()[1].rstrip(":"))
    if message.metadata and "interrupted" in message.metadata:
        assert not whole
        assert text(number).startswith(first.content)
        return
    assert first.content == text(number)
    calls = [part.arguments["wanted"] for part in message.parts if isinstance(part, ToolCallPart)]
    assert calls == [wanted for wanted in [key(number)] if wanted is not None]
