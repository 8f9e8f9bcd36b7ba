"""A model without a network: it answers with what it was told."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator

from ..model import Message, TextPart, Usage
from .events import Delta, Event, Said, Turn

_WORD = re.compile(r"\S+\s*|\s+")


class Echo:
    """Repeats the user's message and says which of the user's messages it is, of those it was shown:
    ``You said: Hello (message 1)``. It streams word by word, ``delay`` seconds apart, and counts words
    as tokens."""

    provider: str | None = None
    model: str = "echo"

    def __init__(self, delay: float = 0.0) -> None:
        self.delay = delay

    async def play(self, turn: Turn) -> AsyncIterator[Event]:
        """Answer the newest user message."""
        asked = [message for message in turn.messages if message.role == "user"]
        text = f"You said: {_words_of(asked[-1]) if asked else ''} (message {len(asked)})"
        count = 0
        for word in pieces(text):
            await asyncio.sleep(self.delay)
            count += 1
            yield Delta(word)
        shown = sum(len(part.split()) for m in turn.messages for part in _texts(m))
        yield Said(Message.assistant(text, model=self.model, usage=Usage(shown, count)))


def pieces(text: str) -> Iterator[str]:
    """``text`` in words, each with the blanks behind it."""
    return (match.group() for match in _WORD.finditer(text))


def _texts(message: Message) -> list[str]:
    return [part.content for part in message.parts if isinstance(part, TextPart)]


def _words_of(message: Message) -> str:
    """The message as text, with a word in brackets for each picture, file and the like."""
    words = [
        part.content
        if isinstance(part, TextPart)
        else f"[{getattr(part, 'modality', None) or part.__struct_config__.tag}]"
        for part in message.parts
    ]
    return " ".join(words)
