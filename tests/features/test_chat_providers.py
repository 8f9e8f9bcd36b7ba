"""Providers' models through the real classes of pydantic-ai, against a server on loopback."""

from __future__ import annotations

import asyncio
import json
import pickle
import threading
import time
import traceback
from contextlib import aclosing
from decimal import Decimal

import pytest

from recollect import (
    ChatError,
    InvalidError,
    Message,
    ModelAccessError,
    ModelLimitError,
    ModelUnavailableError,
    TextPart,
    ToolCallPart,
    Usage,
)
from recollect.chat.engines import engine
from recollect.chat.events import Answered, Delta, Said, Stopped, Turn

from .model_server import KEY, Fails, Says, serving

USER = Message.user("Hello there")


@pytest.fixture(scope="module")
def _server():
    with serving() as server:
        yield server


@pytest.fixture
def server(_server, monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "RECOLLECT_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for each in (_server.replies, _server.requests, _server.headers):
        each.clear()
    _server.closed = 0
    return _server


@pytest.fixture
def model(server):
    return engine(f"openai:gpt-5-mini@{server.url}", retries=0)


def events_of(model, *messages, **turn):
    """All events of a turn, and the error that ended it."""

    async def collect():
        events = []
        try:
            async for event in model.play(Turn(messages or (USER,), **turn)):
                events.append(event)
        except ChatError as error:
            return events, error
        return events, None

    return asyncio.run(collect())


def played(model, *messages, **turn):
    events, error = events_of(model, *messages, **turn)
    assert error is None
    return events


def failure(model, *messages, **turn):
    events, error = events_of(model, *messages, **turn)
    assert error is not None
    return events, error


def add(a: int, b: int = 3) -> int:
    """Add two numbers.

    Args:
        a: The first.
        b: The second.
    """
    return a + b


# What is said


def test_a_reply_streams_and_is_told_whole(server, model):
    server.will(Says(("Hel", "lo ", "you")))
    *deltas, said = played(model)
    assert deltas == [Delta("Hel"), Delta("lo "), Delta("you")]
    assert said.message.role == "assistant"
    assert said.message.parts == (TextPart("Hello you"),)
    assert said.message.model == "gpt-5-mini"
    assert said.message.metadata == {"provider": "openai-compatible", "response_id": "chatcmpl-1"}


def test_the_line_and_the_system_prompt_are_sent(server, model):
    server.will("Fine.")
    line = [
        Message.user("Hi"),
        Message.assistant("Hello"),
        Message.system("Be brief."),
        Message.user("Well?"),
    ]
    played(model, *line, system="You are kind.")
    [asked] = server.requests
    assert asked["messages"] == [
        {"role": "system", "content": "You are kind."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Well?"},
    ]
    assert asked["stream"] is True
    assert "tools" not in asked


def test_reasoning_streams_apart_from_text(server, model):
    server.will(Says(("So:", " four"), reasoning=("two and ", "two")))
    *deltas, said = played(model)
    assert [(delta.kind, delta.text) for delta in deltas] == [
        ("reasoning", "two and "), ("reasoning", "two"), ("text", "So:"), ("text", " four"),
    ]  # fmt: skip
    assert [part.content for part in said.message.parts] == ["two and two", "So: four"]
    assert said.message.text == "So: four"


def test_usage_and_cost_come_with_a_reply(server, model):
    usage = {
        "prompt_tokens": 1000,
        "completion_tokens": 200,
        "prompt_tokens_details": {"cached_tokens": 400},
        "completion_tokens_details": {"reasoning_tokens": 50},
    }
    server.will(Says(("Hi",), usage=usage))
    assert played(model)[-1].message.usage == Usage(1000, 200, 400, 50, Decimal("0.00056"))


def test_an_unknown_price_is_none_and_never_zero(server):
    server.will("Hi", Says(("Hi",), usage=None))
    model = engine(f"openai:our-own-model@{server.url}")
    assert played(model)[-1].message.usage == Usage(11, 7)
    assert played(model)[-1].message.usage is None


def test_settings_reach_the_model(server):
    server.will("Hi")
    played(engine("openai:m", base_url=server.url, settings={"temperature": 0.25, "max_tokens": 9}))
    assert server.requests[0]["temperature"] == 0.25
    assert 9 in (server.requests[0].get("max_tokens"), server.requests[0].get("max_completion_tokens"))


# Tools


def test_tools_are_run_and_every_step_is_told(server, model):
    server.will(Says(("Let me see",), calls=(("add", {"a": 1}), ("add", {"a": 5, "b": 5}))), "Four and ten.")
    events = played(model, tools=[add])
    kinds = [type(event) for event in events]
    assert kinds == [Delta, Said, Answered, Answered, Delta, Said]
    said = events[1].message
    assert said.parts[1:] == (
        ToolCallPart("add", {"a": 1}, "call_add_0"),
        ToolCallPart("add", {"a": 5, "b": 5}, "call_add_1"),
    )
    answers = {event.message.parts[0].id: event.message.parts[0].response for event in events[2:4]}
    assert answers == {"call_add_0": 4, "call_add_1": 10}
    described = server.requests[0]["tools"][0]["function"]
    assert described["name"] == "add"
    assert "Add two numbers." in described["description"]
    assert described["parameters"]["properties"]["a"] == {"description": "The first.", "type": "integer"}
    assert described["parameters"]["required"] == ["a"]
    sent = server.requests[1]["messages"][-2:]
    assert [(m["role"], m["tool_call_id"], m["content"]) for m in sent] == [
        ("tool", "call_add_0", "4"),
        ("tool", "call_add_1", "10"),
    ]


def test_what_a_tool_raises_is_its_answer(server, model):
    async def look_up(word: str) -> str:
        raise LookupError(f"no {word}")

    server.will(
        Says(calls=(("look_up", {"word": "x"}), ("missing", {}), ("look_up", {"wrong": 1}))), "Sorry."
    )
    events = played(model, tools=[look_up])
    answers = [event.message.parts[0] for event in events if isinstance(event, Answered)]
    assert all(answer.metadata["is_error"] for answer in answers)
    by_id = {answer.id: answer.response for answer in answers}
    assert by_id["call_look_up_0"] == "LookupError: no x"
    assert "missing" in by_id["call_missing_1"]
    assert "word" in json.dumps(by_id["call_look_up_2"])
    assert events[-1].message.text == "Sorry."


def test_a_plain_tool_does_not_hold_up_the_loop(server, model):
    here = threading.get_ident()
    threads = []

    def where() -> str:
        threads.append(threading.get_ident())
        return "there"

    server.will(Says(calls=(("where", {}),)), "Done.")
    played(model, tools=[where])
    assert threads
    assert here not in threads


def test_the_bound_stops_the_loop_with_what_there_is(server, model):
    call = Says(("Again",), calls=(("add", {"a": 1}),))
    server.will(call, call, call)
    events = played(model, tools=[add], max_iterations=2)
    assert [type(e) for e in events if not isinstance(e, Delta)] == [Said, Answered, Said, Answered, Stopped]
    assert events[-1].reason == "max_iterations"
    assert len(server.requests) == 2


def test_tools_that_fail_over_and_over_reach_the_bound_only(server, model):
    server.will(*[Says(calls=(("add", {"a": "x"}),))] * 4)
    events = played(model, tools=[add], max_iterations=4)
    assert len([event for event in events if isinstance(event, Answered)]) == 4
    assert events[-1] == Stopped("max_iterations")


def test_a_conversation_goes_on_from_what_is_kept(server, model):
    server.will(Says(calls=(("add", {"a": 1}),)), "Four.", "Still four.")
    events = played(model, tools=[add])
    kept = [event.message for event in events if isinstance(event, Said | Answered)]
    played(model, USER, *kept, Message.user("Sure?"))
    roles = [message["role"] for message in server.requests[-1]["messages"]]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]
    call = server.requests[-1]["messages"][1]["tool_calls"][0]
    assert call["function"] == {"name": "add", "arguments": '{"a":1}'}
    assert call["id"] == server.requests[-1]["messages"][2]["tool_call_id"]


def test_a_tool_that_cannot_be_described(server, model):
    class Odd:
        pass

    def use(odd: Odd) -> None: ...

    with pytest.raises(InvalidError, match="'use' cannot be described"):
        played(model, tools=[use])
    assert server.requests == []


# How it ends


@pytest.mark.parametrize(("finish", "reason"), [("length", "length"), ("content_filter", "refused")])
@pytest.mark.parametrize("pieces", [(), ("Once upon",)])
def test_replies_that_are_cut_by_the_provider(server, model, finish, reason, pieces):
    server.will(Says(pieces, finish=finish))
    *_, said, stopped = played(model)
    assert stopped == Stopped(reason)
    assert said.message.text == "".join(pieces)
    assert said.message.metadata["finish_reason"] == finish


def test_a_reply_of_nothing_is_a_reply(server, model):
    server.will(Says())
    [said] = played(model)
    assert said.message.text == ""
    assert len(server.requests) == 1


def test_too_many_requests(server, model):
    server.will(Fails(429, "Slow down", "rate_limit_exceeded", {"retry-after": "7"}))
    events, error = failure(model)
    assert events == []
    assert type(error) is ModelLimitError
    assert (error.status, error.retry_after, error.retryable) == (429, 7.0, True)
    assert "Slow down" in str(error)
    assert "Try again in 7 s." in str(error)
    again = pickle.loads(pickle.dumps(error))
    assert (again.status, again.retry_after, str(again)) == (429, 7.0, str(error))


def test_a_failing_call_is_made_again_before_its_first_word(server):
    model = engine(f"openai:gpt-5-mini@{server.url}", retries=1)
    server.will(Fails(429, headers={"retry-after-ms": "1"}), "Hello")
    assert played(model)[-1].message.text == "Hello"
    server.will(Fails(500, headers={"retry-after-ms": "1"}), Fails(500))
    assert type(failure(model)[1]) is ModelUnavailableError
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (Fails(500, "Oh no"), ModelUnavailableError, "failed (HTTP 500): Oh no."),
        (Fails(503, "Overloaded"), ModelUnavailableError, "failed (HTTP 503): Overloaded."),
        (Fails(401, "Who are you?"), ModelAccessError, "refused the API key: Who are you?"),
        (Fails(403, "No"), ModelAccessError, "refused the API key: No."),
        (Fails(429, "Pay", "insufficient_quota"), ModelAccessError, "the quota is spent: Pay."),
        (Fails(404, "No such model", "model_not_found"), ChatError, "(HTTP 404): No such model."),
        (Fails(400, "Too long", "context_length_exceeded"), ChatError, "too long for openai:gpt-5-mini"),
        (Fails(400, "Bad"), ChatError, "refused the request (HTTP 400): Bad."),
    ],
)
def test_errors_of_the_provider(server, model, reply, kind, words):
    server.will(reply)
    events, error = failure(model)
    assert events == []
    assert type(error) is kind
    assert words in str(error)
    assert error.status == reply.status
    assert error.__cause__ is not None


def test_a_cut_connection_keeps_what_came_before(server, model):
    server.will(Says(("Half ", "a"), cut=True))
    events, error = failure(model)
    assert events == [Delta("Half "), Delta("a")]
    assert type(error) is ModelUnavailableError
    assert error.retryable


def test_an_error_after_a_tool_keeps_the_steps(server, model):
    server.will(Says(("Wait",), calls=(("add", {"a": 1}),)), Fails(500))
    events, error = failure(model, tools=[add])
    assert [type(event) for event in events] == [Delta, Said, Answered]
    assert type(error) is ModelUnavailableError


def test_nobody_listens():
    with serving() as gone:
        url = gone.url
    _, error = failure(engine(f"openai:m@{url}", retries=0))
    assert type(error) is ModelUnavailableError
    assert "The connection to openai:m@http://127.0.0.1" in str(error)


def test_closing_the_iterator_hangs_up(server, model):
    server.will(Says(("tick ",) * 1000, delay=0.01))

    async def run():
        async with aclosing(model.play(Turn((USER,)))) as events:
            async for _ in events:
                break

    started = time.monotonic()
    asyncio.run(run())
    assert time.monotonic() - started < 5
    deadline = time.monotonic() + 5
    while not server.closed and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.closed == 1


def test_cancelling_the_reader_stops_a_tool_that_never_ends(server, model):
    stopped = []

    async def forever() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            stopped.append(1)

    server.will(Says(calls=(("forever", {}),)))

    async def run():
        async with asyncio.timeout(1):
            async for _ in model.play(Turn((USER,), tools=[forever])):
                pass

    with pytest.raises(TimeoutError):
        asyncio.run(run())
    assert stopped == [1]


def test_a_tool_that_cancels_itself_ends_the_reply(server, model):
    async def quits() -> None:
        raise asyncio.CancelledError

    server.will(Says(calls=(("quits", {}),)))
    _, error = failure(model, tools=[quits])
    assert "cancelled" in str(error)


def test_many_chats_share_a_model(server, model):
    server.will(*[Says(("a", "b", "c"))] * 16)

    async def one():
        return "".join([e.text async for e in model.play(Turn((USER,))) if isinstance(e, Delta)])

    async def run():
        return await asyncio.gather(*[one() for _ in range(16)])

    assert asyncio.run(run()) == ["abc"] * 16
    assert len(server.requests) == 16


# Keys


def test_a_key_is_sent_only_where_it_belongs(server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server.will("1", "2", "3", "4")
    played(engine(f"openai:m@{server.url}"))
    played(engine("openai:m", base_url=server.url, api_key="given"))
    monkeypatch.setenv("RECOLLECT_API_KEY", "other")
    played(engine("openai:m", base_url=server.url))
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    model = engine("openai:m")
    played(model)
    sent = [headers["authorization"].removeprefix("Bearer ") for headers in server.headers]
    assert KEY not in sent[0]
    assert sent[1:] == ["given", "other", KEY]
    assert (model.provider, model.model) == ("openai", f"m@{server.url}")


def test_a_key_that_the_provider_repeats_is_never_shown(server):
    server.will(Fails(401, f"Incorrect API key provided: {KEY}"))
    model = engine(f"openai:m@{server.url}", api_key=KEY, retries=0)
    _, error = failure(model)
    assert "Incorrect API key provided: [redacted]" in str(error)
    assert KEY not in "".join(traceback.format_exception(error))
    assert KEY not in repr(vars(error))
