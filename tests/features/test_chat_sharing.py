"""Several chats on one session, and many chats on one store."""

from __future__ import annotations

import asyncio

import pytest

from recollect import AsyncChat, AsyncStore, Store
from recollect.chat.echo import Echo

from .chat_engines import Shown


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/chats.db"


def test_each_chat_sees_what_the_other_said(url):
    async def program():
        async with AsyncStore(url) as one, AsyncStore(url) as two:
            first, second = Shown(), Shown()
            async with (
                AsyncChat("a", store=one, model=first) as ours,
                AsyncChat("a", store=two, model=second) as theirs,
            ):
                await ours.send("1")
                await theirs.send("2")
                await ours.send("3")
                assert second.texts == ["1", "ok", "2"]
                assert first.texts == ["1", "ok", "2", "ok", "3"]

    asyncio.run(program())


def test_both_are_kept_in_order_of_commit(url):
    """Each chat's own messages stay in their order; none is lost."""

    async def program():
        async with AsyncStore(url) as store:
            chats = [AsyncChat("a", store=store, model=Echo()) for _ in range(6)]

            async def talk(number: int) -> None:
                for turn in range(5):
                    await chats[number].send(f"{number}.{turn}")

            await asyncio.gather(*map(talk, range(6)))
            for chat in chats:
                await chat.close()
            line = await (await store.get("a")).messages()
            assert len(line) == 60
            asked = [m.text for m in line if m.role == "user"]
            for number in range(6):
                mine = [text for text in asked if text.startswith(f"{number}.")]
                assert mine == [f"{number}.{turn}" for turn in range(5)]

    asyncio.run(program())


def test_a_chat_that_asks_for_branches_goes_on_on_its_own(url):
    async def program():
        async with AsyncStore(url) as store:
            slow = Shown()
            async with AsyncChat("a", store=store, model=slow, on_conflict="branch") as ours:
                await ours.send("ours 1")

                async def meanwhile(turn):
                    other = await store.get("a")
                    from recollect import Message

                    await other.append(Message.user("theirs"), Message.assistant("theirs too"))
                    async for event in Shown.play(slow, turn):
                        yield event

                slow.play = meanwhile
                await ours.send("ours 2")
                del slow.play
                await ours.send("ours 3")
                assert slow.texts == ["ours 1", "ok", "ours 2", "ok", "ours 3"]
                session = await store.get("a")
                line = [m.text for m in await session.messages()]
                assert line == ["ours 1", "ok", "ours 2", "theirs", "theirs too"]
                assert len(await session.branches()) == 2

    asyncio.run(program())


def test_many_chats_stream_at_a_time_on_one_store(url):
    async def program():
        async with AsyncStore(url) as store:

            async def one(number: int) -> None:
                async with AsyncChat(f"user-{number}", store=store, model="echo") as chat:
                    stream = chat.stream(f"I am number {number}")
                    pieces = [piece async for piece in stream]
                    assert "".join(pieces) == f"You said: I am number {number} (message 1)"

            await asyncio.gather(*map(one, range(64)))
            assert (await store.stats()).sessions == 64
            assert (await store.stats()).messages == 128

    asyncio.run(program())
    with Store(url) as store:
        assert store.verify().clean
