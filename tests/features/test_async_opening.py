"""An AsyncStore that many tasks use at once before anybody opened it."""

from __future__ import annotations

import asyncio

import pytest

from recollect import AsyncStore, Message


@pytest.mark.parametrize("url", ["memory:", "sqlite:///{}/chats.db", "file://{}/chats"])
def test_many_tasks_may_be_the_first(url, tmp_path):
    async def program():
        store = AsyncStore(url.format(tmp_path))

        async def one(number: int) -> None:
            session = await store.open(f"s{number}")
            await session.append(Message.user("x"))

        await asyncio.gather(*map(one, range(30)))
        assert (await store.stats()).sessions == 30
        await store.close()

    asyncio.run(program())


def test_a_first_verb_that_was_cancelled_is_no_matter():
    async def program():
        store = AsyncStore("memory:")
        first = [asyncio.create_task(store.open(f"a{n}")) for n in range(5)]
        await asyncio.sleep(0)
        for task in first:
            task.cancel()
        await asyncio.gather(*first, return_exceptions=True)
        assert (await store.open("b")).id == "b"
        await store.close()

    asyncio.run(program())
