"""Chats over asyncio: what is said, what is stored, what the model is shown."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from recollect import (
    AsyncChat,
    AsyncStore,
    ConfigError,
    InvalidError,
    Message,
    NotFoundError,
    Store,
    TextPart,
    UriPart,
    Window,
)
from recollect.chat.events import Said, Stopped

from .chat_engines import Events, Shown, script


@pytest.fixture(params=["sqlite", "file", "memory"])
def url(request, tmp_path):
    return {
        "sqlite": f"sqlite:///{tmp_path}/chats.db",
        "file": f"file:///{tmp_path}/chats",
        "memory": "memory:",
    }[request.param]


@pytest.fixture(params=[Store, AsyncStore], ids=["store", "async store"])
def store(request, url):
    """Both kinds of store over every engine."""
    opened = request.param(url)
    yield opened
    if isinstance(opened, Store):
        opened.close()
    else:
        asyncio.run(opened.close())


async def stored(store, session_id: str) -> list[Message]:
    if isinstance(store, Store):
        return store.get(session_id).messages()
    return await (await store.get(session_id)).messages()


def test_a_message_and_its_answer_are_stored(store):
    async def program():
        async with AsyncChat("alice", store=store, model="echo", name="Greeting", tags=["x"]) as chat:
            reply = await chat.send("Hello there")
            assert reply.text == str(reply) == "You said: Hello there (message 1)"
            assert reply.success
            assert reply.reason is None
            assert (reply.provider, reply.model) == (None, "echo")
            assert [step.kind for step in reply.steps] == ["answer"]
            assert reply.session.id == reply.session_id == "alice"
            assert reply.chat is chat
            line = await stored(store, "alice")
            assert [m.id for m in line] == [m.id for m in reply.messages]
            assert [m.text for m in line] == ["Hello there", reply.text]
            assert reply.usage == line[1].usage
            assert chat.message_count == 2
            assert chat.unsaved_count == 0
            assert (chat.info.name, chat.info.tags, chat.info.model) == ("Greeting", ("x",), "echo")

    asyncio.run(program())


def test_another_chat_goes_on_where_the_first_ended(store):
    async def program():
        async with AsyncChat("alice", store=store, model="echo") as chat:
            await chat.send("My name is Alice")
        shown = Shown()
        async with AsyncChat("alice", store=store, model=shown) as chat:
            await chat.send("What is my name?")
        assert shown.texts == [
            "My name is Alice",
            "You said: My name is Alice (message 1)",
            "What is my name?",
        ]

    asyncio.run(program())


def test_pieces_come_in_order_and_make_up_the_reply(store):
    async def program():
        async with AsyncChat(store=store, model="echo") as chat:
            stream = chat.stream("one two three")
            with pytest.raises(InvalidError, match="not ended"):
                stream.reply  # noqa: B018  # the look-up is what is tested
            pieces = [piece async for piece in stream]
            assert len(pieces) > 3
            assert "".join(pieces) == stream.reply.text == "You said: one two three (message 1)"
            assert [piece async for piece in stream] == []
            assert [m.text for m in await stored(store, chat.session_id)] == [
                "one two three",
                stream.reply.text,
            ]

    asyncio.run(program())


def test_text_that_did_not_stream_is_streamed_whole():
    async def program():
        async with AsyncChat(store="memory:", model=Events(Said(Message.assistant("All at once")))) as chat:
            assert [piece async for piece in chat.stream("?")] == ["All at once"]

    asyncio.run(program())


def test_tools_are_called_and_every_step_is_told_and_stored(store, tmp_path):
    def weather(city: str) -> str:
        """The weather in a city."""
        return f"sunny in {city}"

    model = script(
        tmp_path,
        {
            "reasoning": "A question.",
            "text": "Let me see.",
            "tool_calls": [{"name": "weather", "arguments": {"city": "Rome"}}],
        },
        "It is sunny.",
    )
    told = []

    async def program():
        async with AsyncChat("a", store=store, model=model, tools=[weather], on_event=told.append) as chat:
            reply = await chat.send("Weather in Rome?")
            assert [step.kind for step in reply.steps] == [
                "thought",
                "thought",
                "action",
                "observation",
                "answer",
            ]
            action, seen, answer = reply.steps[2:]
            assert (action.name, action.arguments) == ("weather", {"city": "Rome"})
            assert (seen.name, seen.result, seen.call_id) == ("weather", "sunny in Rome", action.call_id)
            assert answer.text == reply.text == "It is sunny."
            assert [event.step for event in told if event.kind == "step"] == reply.steps
            line = await stored(store, "a")
            assert [m.role for m in line] == ["user", "assistant", "tool", "assistant"]
            assert [m.id for m in line] == [m.id for m in reply.messages]
            assert {step.message_id for step in reply.steps} == {m.id for m in line[1:]}
            assert reply.to_dict()["steps"][2]["arguments"] == {"city": "Rome"}

    asyncio.run(program())


def test_a_loop_at_its_bound_has_no_success_and_what_there_is(tmp_path):
    call = {"text": "Once more.", "tool_calls": [{"name": "again", "result": 1}]}

    async def program():
        async with AsyncChat(store="memory:", model=script(tmp_path, *[call] * 9), max_iterations=3) as chat:
            reply = await chat.send("Go")
            assert (reply.success, reply.reason) == (False, "max_iterations")
            assert reply.text == "Once more."
            assert sum(step.kind == "observation" for step in reply.steps) == 3
            assert len((await chat.send("Go", max_iterations=1)).messages) == 3
            with pytest.raises(InvalidError, match="max_iterations"):
                await chat.send("Go", max_iterations=0)

    asyncio.run(program())


def test_a_refusal_is_told_by_its_reason():
    async def program():
        model = Events(Said(Message.assistant("I cannot")), Stopped("refused"))
        async with AsyncChat(store="memory:", model=model) as chat:
            reply = await chat.send("?")
            assert (reply.success, reply.reason, reply.text) == (False, "refused", "I cannot")

    asyncio.run(program())


def test_costs_are_summed_on_the_session(store):
    async def program():
        async with AsyncChat("a", store=store, model=Shown()) as chat:
            await chat.send("1")
            reply = await chat.send("2")
            assert reply.usage.cost_usd == Decimal("0.5")
            info = await chat.load()
            assert (info.usage.cost_usd, info.usage.input_tokens) == (Decimal("1.0"), 6)
            assert (info.provider, info.model) == ("tests", "shown")

    asyncio.run(program())


def test_a_price_that_is_not_known_is_none_and_not_nothing():
    async def program():
        async with AsyncChat(store="memory:", model="echo") as chat:
            reply = await chat.send("x")
            assert reply.usage.cost_usd is None
            assert chat.info.usage.cost_usd is None

    asyncio.run(program())


def test_messages_of_several_parts():
    async def program():
        shown = Shown()
        async with AsyncChat("a", store="memory:", model=shown) as chat:
            await chat.send([TextPart("Look:"), UriPart("https://example.org/a.png", modality="image")])
            await chat.send(Message.user("whole", id="mine", metadata={"k": 1}))
            line = await chat.session.messages()
            assert line[0].parts[1] == UriPart("https://example.org/a.png", modality="image")
            assert (line[2].id, line[2].metadata) == ("mine", {"k": 1})
            with pytest.raises(InvalidError, match="role 'assistant'"):
                await chat.send(Message.assistant("no"))

    asyncio.run(program())


# The system prompt


def test_the_system_prompt_is_kept_and_can_be_changed(store):
    async def program():
        shown = Shown()
        async with AsyncChat("a", store=store, model=shown, system="Be brief.") as chat:
            await chat.send("1")
            assert shown.turns[-1].system == "Be brief."
        async with AsyncChat("a", store=store, model=shown) as chat:
            await chat.send("2")
            assert shown.turns[-1].system == chat.system == "Be brief."
            chat.system = "Be long."
            await chat.send("3")
            assert shown.turns[-1].system == "Be long."
            await chat.load()
            assert chat.info.system_prompt == "Be long."
            chat.system = None
            await chat.send("4")
            assert shown.turns[-1].system is None
            assert (await chat.load()).system_prompt is None
        async with AsyncChat("a", store=store, model=shown, system="Rhyme.") as chat:
            await chat.send("5")
            assert (await chat.load()).system_prompt == "Rhyme."

    asyncio.run(program())


def test_the_window_bounds_what_is_shown_and_not_what_is_kept(store):
    async def program():
        shown = Shown()
        async with AsyncChat("a", store=store, model=shown, context=Window(messages=3)) as chat:
            for number in range(5):
                await chat.send(str(number))
            assert shown.texts == ["3", "ok", "4"]
            assert len(await stored(store, "a")) == 10

    asyncio.run(program())


# Which model


def test_the_model_of_the_environment_is_taken(monkeypatch):
    monkeypatch.setenv("RECOLLECT_MODEL", "echo")

    async def program():
        async with AsyncChat(store="memory:") as chat:
            assert chat.model == "echo"
            assert (await chat.send("x")).model == "echo"

    asyncio.run(program())


def test_without_a_model_nothing_is_stored():
    async def program():
        async with AsyncChat("a", store="memory:") as chat:
            with pytest.raises(ConfigError, match=r"No model is chosen.*--model.*RECOLLECT_MODEL"):
                await chat.send("x")
            assert await chat.load() is None

    asyncio.run(program())


def test_the_model_can_be_changed_and_the_session_says_so():
    async def program():
        async with AsyncChat("a", store="memory:", model="echo") as chat:
            await chat.send("x")
            chat.use(Shown())
            assert chat.model == "tests:shown"
            await chat.send("y")
            info = await chat.load()
            assert (info.provider, info.model) == ("tests", "shown")
            assert [m.model for m in await chat.session.messages()] == [None, "echo", None, "shown"]
            with pytest.raises(ConfigError, match="names no model"):
                chat.use("nonsense")

    asyncio.run(program())


# Resume, save, load, clear, delete


def test_resume_goes_on_with_a_session_that_is_there(store):
    async def program():
        async with AsyncChat("a", store=store, model="echo") as chat:
            await chat.send("one")
        reply = await AsyncChat.resume("a", "two", store=store, model="echo")
        assert reply.text == "You said: two (message 2)"
        assert (await reply.chat.send("three")).text == "You said: three (message 3)"
        await reply.chat.close()
        with pytest.raises(NotFoundError, match="'b'"):
            await AsyncChat.resume("b", "two", store=store, model="echo")
        with pytest.raises(NotFoundError, match="'b'"):
            await AsyncChat("b", store=store, model="echo", create=False).send("two")

    asyncio.run(program())
    if isinstance(store, Store):
        assert not store.exists("b")


def test_without_auto_save_nothing_is_stored_until_save(store):
    async def program():
        async with AsyncChat("a", store=store, model="echo", auto_save=False, tags=["t"]) as chat:
            await chat.send("one")
            assert (await chat.send("two")).text == "You said: two (message 2)"
            assert (chat.message_count, chat.unsaved_count) == (4, 4)
            with pytest.raises(NotFoundError):
                await stored(store, "a")
            info = await chat.save()
            assert (info.message_count, info.tags, chat.unsaved_count) == (4, ("t",), 0)
            await chat.send("three")
            assert len(await stored(store, "a")) == 4
            await chat.load()  # what was not saved is dropped
            assert chat.message_count == 4
            assert (await chat.send("four")).text == "You said: four (message 3)"
        assert len(await stored(store, "a")) == 4

    asyncio.run(program())


def test_a_cleared_chat_begins_anew_and_its_past_stays(store):
    async def program():
        shown = Shown()
        async with AsyncChat("a", store=store, model=shown) as chat:
            await chat.send("one")
            before = chat.info.version
            await chat.clear_history()
            assert chat.message_count == 0
            await chat.send("two")
            assert shown.texts == ["two"]
            session = store.get("a") if isinstance(store, Store) else await store.get("a")
            past = session.messages(at=before)
            past = past if isinstance(store, Store) else await past
            assert [m.text for m in past] == ["one", "ok"]

    asyncio.run(program())


def test_a_purged_chat_leaves_the_files(store, tmp_path):
    def holding(word: str) -> list[str]:
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        return [path.name for path in files if word.encode() in path.read_bytes()]

    async def program():
        options = {"name": "Zanzibarian trip", "tags": ["kept"], "system": "Be kind."}
        async with AsyncChat("a", store=store, model="echo", **options) as chat:
            await chat.send("My Zanzibarian trip with the xylophonist")
            await chat.send("More")
            if store.capabilities.name != "memory":
                assert holding("xylophonist")
            await chat.clear_history(purge=True)
            assert holding("xylophon") == []
            info = await chat.load()
            assert (info.message_count, info.preview, info.name) == (0, "", None)
            assert (info.tags, info.system_prompt, info.model) == (("kept",), "Be kind.", "echo")
            assert (await chat.send("Anew")).text == "You said: Anew (message 1)"

    asyncio.run(program())


def test_a_deleted_chat_begins_anew(store):
    async def program():
        async with AsyncChat("a", store=store, model="echo") as chat:
            with pytest.raises(NotFoundError):
                await chat.delete()
            await chat.send("one")
            await chat.delete()
            with pytest.raises(NotFoundError):
                await stored(store, "a")
            assert (await chat.send("two")).text == "You said: two (message 1)"

    asyncio.run(program())


def test_a_session_of_ones_own_can_be_used_beside(store):
    async def program():
        async with AsyncChat("a", store=store, model="echo") as chat:
            with pytest.raises(InvalidError, match="not been opened"):
                chat.session  # noqa: B018  # the look-up is what is tested
            await chat.send("one")
            tagged = chat.session.tag("mine")
            info = tagged if isinstance(store, Store) else await tagged
            assert info.tags == ("mine",)

    asyncio.run(program())


def test_namespaces_are_kept_apart(store):
    async def program():
        async with AsyncChat("a", store=store, model="echo", namespace="alice") as chat:
            await chat.send("one")
            assert chat.info.namespace == "alice"
        with pytest.raises(NotFoundError):
            await stored(store, "a")

    asyncio.run(program())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"context": 40}, "Window"),
        ({"redact": "yes"}, "redact"),
        ({"max_iterations": True}, "max_iterations"),
        ({"on_conflict": "fail"}, "on_conflict"),
        ({"store": 3}, "store="),
        ({"timeout": 0}, "timeout"),
        ({"save_timeout": None}, "save_timeout"),
    ],
)
def test_what_makes_no_sense_is_refused(options, said):
    with pytest.raises(InvalidError, match=said):
        AsyncChat("a", model="echo", **{"store": "memory:", **options})


def test_a_closed_chat_says_so():
    async def program():
        chat = AsyncChat("a", store="memory:", model="echo")
        await chat.close()
        await chat.aclose()
        with pytest.raises(InvalidError, match="closed"):
            await chat.send("x")

    asyncio.run(program())
