"""Saving behind a chat: order, slow stores, stores that are down, the end of the program."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time

import pytest

from recollect import (
    AccessError,
    AsyncChat,
    AsyncStore,
    ChatWarning,
    InvalidError,
    Message,
    NotFoundError,
    Store,
    ToolCallPart,
    UnavailableError,
)
from recollect.backends.memory import MemoryBackend
from recollect.chat.echo import Echo
from recollect.chat.events import Said
from recollect.testing import FaultyBackend

from .chat_engines import Events, Moody, Shown


def texts(messages: list[Message]) -> list[str]:
    return [message.text for message in messages]


async def until(condition) -> None:
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came about")


def test_the_question_is_durable_before_the_model_is_called():
    class Looks(Shown):
        async def play(self, turn):
            session = await store.get("a")
            self.found = texts(await session.messages())
            async for event in super().play(turn):
                yield event

    store = AsyncStore("memory:")

    async def program():
        model = Looks()
        async with AsyncChat("a", store=store, model=model) as chat:
            await chat.send("one")
            assert model.found == ["one"]
            await chat.send("two")
            assert model.found == ["one", "ok", "two"]

    asyncio.run(program())


@pytest.mark.parametrize("kind", [Store, AsyncStore])
def test_a_slow_store_delays_no_piece(kind):
    moody = Moody()
    told = []

    async def program():
        store = kind(moody.inner)
        chat = AsyncChat(
            "a", store=store, model=Echo(delay=0.01), save_timeout=0.6, on_event=lambda e: told.append(e.kind)
        )
        await chat.send("one")
        stream = chat.stream("two three four")
        pieces = [await anext(stream)]
        moody.slow()
        started, took = time.perf_counter(), []

        async def read():
            async for piece in stream:
                pieces.append(piece)
                took.append(time.perf_counter() - started)

        with pytest.warns(ChatWarning, match=r"did not answer within 0\.6 s.*1 message is kept"):
            await read()
        assert "".join(pieces) == "You said: two three four (message 2)"
        assert took[-1] < 0.5  # the last piece came before any time-out
        assert chat.unsaved_count == 1
        assert told.count("saving_delayed") == 1
        assert (await chat.send("five")).text == "You said: five (message 3)"
        assert chat.unsaved_count == 3
        moody.quick()
        await until(lambda: "saved" in told)
        assert told.count("saving_delayed") == 1
        line = await _line(store)
        assert texts(line)[-4:] == [
            "two three four",
            "You said: two three four (message 2)",
            "five",
            "You said: five (message 3)",
        ]
        await chat.close()

    asyncio.run(program())


async def _line(store):
    return store.get("a").messages() if isinstance(store, Store) else await (await store.get("a")).messages()


def test_a_store_that_is_down_is_told_once_and_caught_up_with():
    moody = Moody()
    told = []

    async def program():
        store = AsyncStore(moody.inner)
        chat = AsyncChat("a", store=store, model="echo", save_timeout=0.3, on_event=told.append)
        await chat.send("zero")
        moody.down = True

        async def talk():
            for number in range(3):
                reply = await chat.send(str(number))
                assert reply.text == f"You said: {number} (message {number + 2})"

        with pytest.warns(ChatWarning, match="The engine is down") as caught:
            await talk()
        assert len(caught) == 1
        with pytest.raises(UnavailableError, match="The engine is down"):
            await chat.save()
        assert chat.unsaved_count == 6
        moody.down = False
        info = await chat.save()
        assert (info.message_count, chat.unsaved_count) == (8, 0)
        assert [e.kind for e in told if e.kind != "step"] == ["saving_delayed", "saved"]
        line = await (await store.get("a")).messages()
        assert texts(line[2::2]) == ["0", "1", "2"]
        assert line == sorted(line, key=lambda m: m.created_at)
        await chat.close()

    asyncio.run(program())


def test_a_store_that_is_down_from_the_start_gets_everything_later():
    moody = Moody()
    moody.down = True

    async def program():
        store = AsyncStore(moody.inner)
        chat = AsyncChat("a", store=store, model="echo", save_timeout=0.2, name="Kept")
        with pytest.warns(ChatWarning, match="without what was said before"):
            reply = await chat.send("one")
        assert reply.success
        assert reply.session is None
        moody.down = False
        info = await chat.save()
        assert (info.message_count, info.name, info.model) == (2, "Kept", "echo")
        await chat.close()

    asyncio.run(program())


@pytest.mark.parametrize("fault", ["lost_reply", "lost_commit", "busy", "error"])
def test_no_message_is_stored_twice_or_lost_whatever_a_commit_does(fault):
    backend = FaultyBackend(MemoryBackend(), rates={fault: 0.4}, seed=7)

    async def program():
        store = AsyncStore(backend)
        async with AsyncChat("a", store=store, model="echo") as chat:
            for number in range(20):
                await chat.send(str(number))
        line = await (await store.get("a")).messages()
        assert texts(line[::2]) == [str(number) for number in range(20)]
        assert len(line) == len({m.id for m in line}) == 40

    asyncio.run(program())
    assert any(call.fault == fault for call in backend.calls)


# What a store will never take


def test_a_message_that_can_never_be_stored_is_refused_before_the_model_is_called():
    async def program():
        model = Shown()
        async with AsyncChat("a", store="memory:", model=model) as chat:
            with pytest.raises(InvalidError, match="metadata"):
                await chat.send(Message.user("x", metadata={"n": float("nan")}))
            assert model.turns == []
            assert (await chat.send("y")).success
            assert texts(await chat.session.messages()) == ["y", "ok"]

    asyncio.run(program())


def test_an_answer_that_can_never_be_stored_holds_up_nothing():
    bad = Message.assistant([ToolCallPart("f", {"n": float("inf")}, "c")])

    async def program():
        told = []
        model = Events(Said(bad), Said(Message.assistant("done")))
        async with AsyncChat("a", store="memory:", model=model, on_event=told.append) as chat:
            reply = await chat.send("x")
            assert reply.text == "done"
            assert texts(await chat.session.messages()) == ["x", "done"]
            assert chat.unsaved_count == 0
            assert "saving_failed" in [event.kind for event in told]

    with pytest.warns(ChatWarning, match="refused"):
        asyncio.run(program())


def test_a_read_only_store_is_said_at_once(tmp_path):
    url = f"sqlite:///{tmp_path}/chats.db"
    with Store(url) as store:
        store.create("a").append(Message.user("before"))

    async def program():
        store = AsyncStore(url, readonly=True)
        model = Shown()
        chat = AsyncChat("a", store=store, model=model)
        with pytest.raises(AccessError, match="read-only"):
            await chat.send("x")
        assert (model.turns, chat.unsaved_count) == ([], 0)
        await chat.close()
        async with AsyncChat("a", store=store, model=model, auto_save=False) as chat:
            await chat.send("x")
            assert model.texts == ["before", "x"]
        await store.close()

    asyncio.run(program())


def test_a_session_that_someone_deleted_is_said_and_can_be_begun_anew():
    async def program():
        store = AsyncStore("memory:")
        chat = AsyncChat("a", store=store, model="echo")
        await chat.send("one")
        await store.delete("a")
        with pytest.raises(NotFoundError):
            await chat.send("two")
        assert chat.unsaved_count == 0
        await chat.close()
        async with AsyncChat("a", store=store, model="echo") as chat:
            assert (await chat.send("three")).text == "You said: three (message 1)"

    asyncio.run(program())


# The end


def test_close_warns_of_what_it_could_not_store():
    moody = Moody()

    async def program():
        store = AsyncStore(moody.inner)
        chat = AsyncChat("a", store=store, model="echo", save_timeout=0.2)
        await chat.send("one")
        moody.down = True
        with pytest.warns(ChatWarning, match="The engine is down"):
            await chat.send("two")
        with pytest.warns(ChatWarning, match="2 messages are not stored yet"):
            await chat.close()
        moody.down = False
        await until(lambda: chat.unsaved_count == 0)  # the writer goes on as long as the loop does

    asyncio.run(program())


EXIT = """
import asyncio, sys, warnings
from recollect import {kind} as Kind, AsyncChat
from recollect.testing import FaultyBackend
warnings.simplefilter("ignore")
from recollect.urls import backend_of, parse_url
backend = FaultyBackend(backend_of(parse_url(sys.argv[1])), rates={{}})

async def program():
    chat = AsyncChat("a", store=Kind(backend), model="echo", save_timeout=0.1)
    await chat.send("one")
    backend.rates = {{"busy": 1.0}}
    await chat.send("two")
    assert chat.unsaved_count == 2

asyncio.run(program())
backend.rates = {{}}
"""


HANGS = """
import sys, threading, warnings
from recollect import Chat, Store
from recollect.testing import FaultyBackend
from recollect.urls import backend_of, parse_url
warnings.simplefilter("ignore")
backend = FaultyBackend(backend_of(parse_url(sys.argv[1])), delay=threading.Event().wait)
chat = Chat("a", store=Store(backend), model="echo", save_timeout=0.2)
chat.send("one")
backend.rates = {"delay": 1.0}
chat.send("two")
assert (chat.unsaved_count, chat.message_count) == (2, 4)
"""


def test_a_store_that_never_answers_does_not_keep_a_program_from_its_end(tmp_path):
    url = f"sqlite:///{tmp_path}/chats.db"
    done = subprocess.run(
        [sys.executable, "-c", HANGS, url], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    with Store(url) as store:
        assert texts(store.get("a").messages())[:1] == ["one"]


@pytest.mark.parametrize("kind", ["Store", "AsyncStore"])
def test_the_end_of_the_program_stores_what_is_left(tmp_path, kind):
    url = f"sqlite:///{tmp_path}/chats.db"
    code = EXIT.format(kind=kind)
    done = subprocess.run([sys.executable, "-c", code, url], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    with Store(url) as store:
        assert texts(store.get("a").messages()) == [
            "one",
            "You said: one (message 1)",
            "two",
            "You said: two (message 2)",
        ]


def test_chats_of_one_program_after_the_other_on_one_object():
    """An event loop ends and another begins, as in tests and notebooks."""
    store = AsyncStore("memory:")
    chat = AsyncChat("a", store=store, model="echo")
    assert asyncio.run(chat.send("one")).success
    assert asyncio.run(chat.send("two")).text == "You said: two (message 2)"
    asyncio.run(chat.close())
