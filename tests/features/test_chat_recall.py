"""The tool by which a model looks into past conversations."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from recollect import AsyncChat, AsyncStore, Message, Store

from .chat_engines import Shown, script


@pytest.fixture(params=[Store, AsyncStore])
def store(request, tmp_path):
    url = f"sqlite:///{tmp_path}/chats.db"
    with Store(url) as filled:
        filled.create("past", name="Pets").append(
            Message.user("My dog is called Waldo"), Message.assistant("A fine name.")
        )
        filled.namespace("bob").create("his").append(Message.user("Waldo is my cat"))
    opened = request.param(url)
    yield opened
    if isinstance(opened, Store):
        opened.close()
    else:
        asyncio.run(opened.close())


def asked(tmp_path, query, **more):
    call = {"name": "search_past_conversations", "arguments": {"query": query, **more}}
    return script(tmp_path, {"tool_calls": [call]}, "Done.")


@pytest.mark.parametrize(
    "query", ["Waldo", "what is the dog Waldo of the user called", '"unclosed Waldo', "waldo OR"]
)
def test_past_conversations_of_the_namespace_are_quoted(store, tmp_path, query):
    async def program():
        async with AsyncChat("now", store=store, model=asked(tmp_path, query), recall=True) as chat:
            reply = await chat.send("Is my dog Waldo?")
            (found,) = [step.result for step in reply.steps if step.kind == "observation"]
            assert [hit["session_id"] for hit in found] == ["past"]
            assert found[0]["quote"] == "My dog is called Waldo"
            assert (found[0]["session_name"], found[0]["role"]) == ("Pets", "user")

    asyncio.run(program())


def test_what_is_not_there_is_not_found(store, tmp_path):
    async def program():
        model = asked(tmp_path, "xylophone", limit=3)
        async with AsyncChat("now", store=store, model=model, recall=True) as chat:
            reply = await chat.send("?")
            assert [step.result for step in reply.steps if step.kind == "observation"] == [[]]

    asyncio.run(program())


def test_a_limit_is_kept_past_the_session_itself(store):
    async def program():
        async with AsyncStore("memory:") as own:
            here = await own.create("now")
            await here.append(*[Message.user(f"word {n}") for n in range(60)])
            for n in range(4):
                await (await own.create(f"old-{n}")).append(Message.user(f"a word of {n}"))
            shown = Shown()
            async with AsyncChat("now", store=own, model=shown, recall=True) as chat:
                await chat.send("?")
                (tool,) = shown.turns[-1].tools
                assert "earlier conversations" in inspect.getdoc(tool)
                assert len(await tool("word", limit=3)) == 3
                assert {hit["session_id"] for hit in await tool("word", limit=50)} == {
                    f"old-{n}" for n in range(4)
                }

    asyncio.run(program())


def test_without_recall_there_is_no_such_tool(store):
    async def program():
        shown = Shown()
        async with AsyncChat("now", store=store, model=shown) as chat:
            await chat.send("?")
            assert shown.turns[-1].tools == ()

    asyncio.run(program())
