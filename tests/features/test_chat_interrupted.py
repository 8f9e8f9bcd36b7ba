"""Replies that are cut: what came is kept and marked, and the conversation goes on."""

from __future__ import annotations

import asyncio
import gc

import pytest

from recollect import (
    AsyncChat,
    AsyncStore,
    ChatError,
    Message,
    ModelLimitError,
    ModelUnavailableError,
    ReasoningPart,
    TextPart,
    ToolCallPart,
)
from recollect.chat.echo import Echo
from recollect.chat.events import Delta, Said

from .chat_engines import Events, Shown, script


@pytest.fixture
def run(tmp_path):
    """Run a program on a chat of a SQLite store, then check what was kept of its reply."""

    def run(model, program, **options):
        async def whole():
            async with AsyncStore(f"sqlite:///{tmp_path}/chats.db") as store:
                chat = AsyncChat("a", store=store, model=model, **options)
                await program(chat)
                await chat.close()
                return await (await store.get("a")).messages()

        return asyncio.run(whole())

    return run


def test_an_error_keeps_what_came(run):
    model = Events(Delta("Hm", "reasoning"), Delta("Half "), Delta("a re"), ModelUnavailableError("Cut."))

    async def program(chat):
        with pytest.raises(ModelUnavailableError, match="Cut") as caught:
            await chat.send("Go")
        reply = caught.value.reply
        assert (reply.text, reply.success, reply.reason, reply.error) == (
            "Half a re",
            False,
            "error",
            caught.value,
        )
        assert [step.kind for step in reply.steps] == ["thought"]

    line = run(model, program)
    assert [m.role for m in line] == ["user", "assistant"]
    assert line[1].parts == (ReasoningPart("Hm"), TextPart("Half a re"))
    assert (line[1].metadata, line[1].model) == ({"interrupted": "error"}, "events")


def test_an_error_before_the_first_word_keeps_the_question_only(run):
    async def program(chat):
        with pytest.raises(ModelLimitError):
            await chat.send("Go")
        chat.use("echo")
        assert (await chat.send("Go on")).text == "You said: Go on (message 2)"

    line = run(Events(ModelLimitError("Too many.")), program)
    assert [m.text for m in line] == ["Go", "Go on", "You said: Go on (message 2)"]


def test_what_is_no_error_of_a_model_is_raised_as_it_is(run):
    async def program(chat):
        with pytest.raises(ZeroDivisionError):
            await chat.send("Go")

    line = run(Events(Delta("Hal"), ZeroDivisionError()), program)
    assert line[1].metadata == {"interrupted": "error"}


def test_a_stream_raises_behind_its_pieces(run):
    async def program(chat):
        pieces = []
        stream = chat.stream("Go")

        async def read():
            async for piece in stream:
                pieces.append(piece)

        with pytest.raises(ChatError, match="Cut"):
            await read()
        assert pieces == ["Half"]
        assert (stream.reply.text, stream.reply.reason) == ("Half", "error")

    run(Events(Delta("Half"), ChatError("Cut.")), program)


def test_steps_before_an_error_are_kept_whole(run, tmp_path):
    model = script(
        tmp_path,
        {"text": "First.", "tool_calls": [{"name": "f", "result": 1}]},
        {"text": "Th", "error": "Gone."},
    )

    async def program(chat):
        with pytest.raises(ChatError, match="Gone"):
            await chat.send("Go")

    line = run(model, program)
    assert [m.role for m in line] == ["user", "assistant", "tool", "assistant"]
    assert [(m.metadata or {}).get("interrupted") for m in line] == [None, None, None, "error"]


def test_orphan_calls_are_answered_for_the_model_and_not_in_the_log(run):
    call = Message.assistant([ToolCallPart("f", {}, "c1")])
    shown = Shown()

    async def program(chat):
        with pytest.raises(ChatError):
            await chat.send("Go")
        chat.use(shown)
        await chat.send("Go on")

    line = run(Events(Said(call), ChatError("The tool took the program with it.")), program)
    assert [m.role for m in line] == ["user", "assistant", "user", "assistant"]
    assert [m.role for m in shown.turns[-1].messages] == ["user", "assistant", "tool", "user"]
    assert shown.turns[-1].messages[2].metadata == {"synthetic": True}


def test_a_time_out_keeps_what_came(run):
    async def program(chat):
        with pytest.raises(
            ModelUnavailableError, match=r"echo did not end its reply within 0\.3 s"
        ) as caught:
            await chat.send("one two three four five six seven")
        assert caught.value.reply.reason == "timeout"
        assert (await chat.send("x", timeout=5)).success

    line = run(Echo(delay=0.1), program, timeout=0.3)
    assert line[1].metadata == {"interrupted": "timeout"}
    assert "You said: one two three four five six seven".startswith(line[1].text.strip())
    assert len(line) == 4


def test_a_cancelled_send_keeps_what_came(run):
    async def program(chat):
        task = asyncio.create_task(chat.send("one two three four"))
        while chat.message_count == 0:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    line = run(Echo(delay=0.05), program)
    assert line[1].metadata == {"interrupted": "cancelled"}
    assert line[1].text.startswith("You ")


def test_a_stream_that_is_closed_keeps_what_came(run):
    async def program(chat):
        async with chat.stream("one two three four") as stream:
            async for _ in stream:
                break
        assert stream.reply.reason == "closed"
        assert stream.reply.text.startswith("You ")
        assert [piece async for piece in stream] == []

    line = run(Echo(delay=0.01), program)
    assert line[1].metadata == {"interrupted": "closed"}


def test_a_stream_that_is_let_go_of_ends_and_makes_room_for_the_next_turn(run):
    async def program(chat):
        async for _ in chat.stream("one two three four"):
            break
        gc.collect()
        assert (await chat.send("next")).text == "You said: next (message 2)"

    line = run(Echo(delay=0.05), program)
    assert line[1].metadata == {"interrupted": "closed"}
    assert [m.role for m in line] == ["user", "assistant"] * 2


def test_a_stream_whose_reader_is_cancelled_stops_the_model(run):
    async def program(chat):
        stream = chat.stream("one two three four five")

        async def reader():
            async for _ in stream:
                pass

        task = asyncio.create_task(reader())
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await stream.aclose()

    line = run(Echo(delay=0.1), program)
    assert line[1].metadata["interrupted"] in ("cancelled", "closed")


def test_close_stops_a_stream_and_waits_for_what_was_sent(run):
    async def program(chat):
        stream = chat.stream("one two three four five six seven eight")
        await anext(stream)
        sent = asyncio.create_task(chat.send("and this"))
        await asyncio.sleep(0.05)
        await chat.close()
        assert (await sent).text == "You said: and this (message 2)"
        assert [piece async for piece in stream][-1:] != ["1)"]
        assert stream.reply.reason == "closed"

    line = run(Echo(delay=0.05), program)
    assert [m.metadata for m in line[1::2]] == [{"interrupted": "closed"}, None]


def test_a_stream_that_was_never_read_says_nothing(run):
    async def program(chat):
        chat.stream("never sent")
        await chat.stream("nor this").aclose()
        await chat.send("sent")

    assert [m.text for m in run("echo", program)] == ["sent", "You said: sent (message 1)"]


def test_turns_of_one_chat_take_their_turns(run):
    async def program(chat):
        replies = await asyncio.gather(*(chat.send(str(n)) for n in range(8)))
        assert [r.text for r in replies] == [f"You said: {n} (message {n + 1})" for n in range(8)]

    line = run("echo", program)
    assert [m.role for m in line] == ["user", "assistant"] * 8


def test_a_listener_that_fails_stops_nothing(run, caplog):
    def listener(event):
        raise ValueError("no")

    async def program(chat):
        assert (await chat.send("x")).success

    run("echo", program, on_event=listener)
    assert "on_event failed" in caplog.text


@pytest.mark.parametrize("verb", ["save", "load", "clear_history", "delete"])
def test_what_a_reader_does_between_two_pieces_never_waits_for_itself(verb):
    async def main():
        async with AsyncStore("memory:") as store, asyncio.timeout(20):
            chat = AsyncChat("a", store=store, model="echo")
            stream = chat.stream("one two three")
            first = await anext(stream)
            await getattr(chat, verb)()
            rest = [piece async for piece in stream]
            await chat.close()
            return first, "".join(rest), chat.message_count

    first, rest, count = asyncio.run(main())
    assert first == "You "
    if verb == "save":
        assert rest == "said: one two three (message 1)"
        assert count == 2
    else:
        assert rest == ""  # the reply was ended: what came of it is marked as such, or gone
        assert count == (2 if verb == "load" else 0)
