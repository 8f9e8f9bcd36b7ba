"""Many chats at once on one store: every piece in order, every message stored, however the store behaves."""

from __future__ import annotations

import asyncio
import time
import warnings

import pytest

from recollect import AsyncChat, AsyncStore, ChatWarning
from recollect.backends.sql.sqlite import SqliteBackend
from recollect.chat.echo import pieces
from recollect.testing import FaultyBackend

AT_ONCE, CHATS, TURNS = 64, 100, 3
WORDS = " ".join(f"word{n}" for n in range(30))


def question(chat, turn):
    return f"{WORDS} {chat} {turn}"


def answer(chat, turn):
    return f"You said: {question(chat, turn)} (message {turn + 1})"


async def talk(store, number):
    async with AsyncChat(f"c{number}", store=store, model="echo", save_timeout=60) as chat:
        for turn in range(TURNS):
            got = [piece async for piece in chat.stream(question(number, turn))]
            assert got == list(pieces(answer(number, turn)))


@pytest.mark.parametrize("fault", ["none", "delay", "busy", "lost_reply"])
def test_many_streamed_replies(tmp_path, fault):
    backend = FaultyBackend(
        SqliteBackend(tmp_path / "chats.db"),
        seed=1,
        rates={fault: 1.0 if fault == "delay" else 0.05},
        delay=lambda: time.sleep(0.003),
    )

    async def program():
        async with AsyncStore(backend) as store:
            numbers = iter(range(CHATS))

            async def work():
                for number in numbers:
                    await talk(store, number)

            await asyncio.gather(*(work() for _ in range(AT_ONCE)))
            for number in range(CHATS):
                stored = [message.text for message in await (await store.get(f"c{number}")).messages()]
                assert stored == [f(number, turn) for turn in range(TURNS) for f in (question, answer)]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ChatWarning)  # of failures; what matters is that nothing is lost
        asyncio.run(program())
    assert any(call.fault == fault for call in backend.calls)
