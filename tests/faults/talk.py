"""What the writers of these tests say: made from their names, so that every byte can be checked."""

from __future__ import annotations

import hashlib
import random

from recollect import BlobPart, Message, TextPart

BLOB_EVERY = 7


def word(writer: str, number: int) -> str:
    """A word that stands in one turn only."""
    return "w" + hashlib.sha256(f"{writer}/{number}".encode()).hexdigest()[:15]


def turn(writer: str, number: int) -> list[Message]:
    """The turn of that number: a question and an answer, some with a blob."""
    chance = random.Random(f"{writer}/{number}")
    question = f"{word(writer, number)} " + "why " * chance.randrange(40)
    answer = "because ü " * chance.choice((1, 20, 400))
    parts = [TextPart(question)]
    if number % BLOB_EVERY == 3:
        parts.append(BlobPart(content=chance.randbytes(70_000), mime_type="image/png"))
    return [
        Message.user(parts, id=f"{writer}:{number}:q"),
        Message.assistant(answer, id=f"{writer}:{number}:a"),
    ]


def told(messages: list[Message]) -> dict[str, int]:
    """How many turns each writer has in a line that holds whole turns, each writer's in order.

    Fails where a turn is torn, out of order, repeated, or not as it was written.
    """
    counts: dict[str, int] = {}
    assert len(messages) % 2 == 0, "half a turn"
    for at in range(0, len(messages), 2):
        writer, number, _ = messages[at].id.split(":")
        assert int(number) == counts.get(writer, 0), f"turn {number} of {writer} is out of order"
        counts[writer] = int(number) + 1
        for found, said in zip(messages[at : at + 2], turn(writer, int(number)), strict=True):
            assert found.id == said.id
            assert found.role == said.role
            assert [_content(part) for part in found.parts] == [_content(part) for part in said.parts]
    return counts


def _content(part: object) -> object:
    return part.content if isinstance(part, BlobPart) else part
