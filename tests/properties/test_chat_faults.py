"""Chats on a store that fails at random, cut at random: what was said is there, once and in order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import warnings

import pytest

from recollect import AsyncChat, AsyncStore, ChatWarning, Message, Store
from recollect.backends.memory import MemoryBackend
from recollect.chat.echo import Echo
from recollect.testing import FaultyBackend

ROUNDS = 5 * int(os.environ.get("RECOLLECT_SOAK", "1"))
RATES = {"error": 0.1, "busy": 0.1, "lost_reply": 0.1, "lost_commit": 0.1}


async def talk(chat: AsyncChat, chance: random.Random) -> list[tuple[str, str, str]]:
    """Some turns, some of them cut: what was done, what was said, what was seen of the answer."""
    seen = []
    for number in range(chance.randint(3, 12)):
        said = f"message {number} with some words"
        what = chance.choice(["send", "stream", "close", "cancel"])
        pieces: list[str] = []
        if what == "send":
            pieces.append((await chat.send(said)).text)
        elif what == "cancel":
            task = asyncio.create_task(chat.send(said))
            await asyncio.sleep(chance.random() * 0.01)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        else:
            stop = chance.randint(1, 6) if what == "close" else 99
            async with chat.stream(said) as stream:
                async for piece in stream:
                    pieces.append(piece)
                    if len(pieces) == stop:
                        break
        seen.append((what, said, "".join(pieces)))
    return seen


def check(line: list[Message], seen: list[tuple[str, str, str]]) -> None:
    """Questions stand in order, each once, but for those cancelled before they were stored; behind each
    is its answer: whole, or as much of it as was seen, and marked."""
    assert len({message.id for message in line}) == len(line)
    left = list(line)
    for what, said, answer in seen:
        if what == "cancel" and (not left or left[0].text != said):
            continue
        assert left.pop(0).text == said
        reply = left.pop(0) if left and left[0].role == "assistant" else None
        if what == "cancel":
            assert reply is None or reply.metadata in (None, {"interrupted": "cancelled"})
        elif what == "close":
            assert reply is not None
            assert reply.text.startswith(answer)
            assert reply.metadata == {"interrupted": "closed"} or reply.text.endswith(")")
        else:
            assert reply is not None
            assert (reply.text, reply.metadata) == (answer, None)
            assert answer.startswith(f"You said: {said} (message ")
    assert left == []


@pytest.mark.parametrize("kind", [Store, AsyncStore])
@pytest.mark.parametrize("seed", range(ROUNDS))
def test_what_was_said_is_there_once_and_in_order(seed, kind):
    chance = random.Random(seed)
    backend = FaultyBackend(MemoryBackend(), rates=RATES, seed=seed, verbs=("commit", "row", "read", "seqs"))

    async def program():
        backend.rates = {}
        store = kind(backend)
        chat = AsyncChat("a", store=store, model=Echo(0.0005), save_timeout=0.5)
        backend.rates = RATES
        seen = await talk(chat, chance)
        backend.rates = {}
        await chat.save()
        assert chat.unsaved_count == 0
        line = store.get("a").messages() if kind is Store else await (await store.get("a")).messages()
        check(line, seen)
        assert len(line) == chat.message_count
        await chat.close()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ChatWarning)
        asyncio.run(program())
