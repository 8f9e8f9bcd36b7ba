"""How a provider's reply ends, and what goes wrong; keys are sent and shown where they belong."""

from __future__ import annotations

import asyncio
import pickle
import time
import traceback
from contextlib import aclosing

import pytest

from recollect import (
    ChatError,
    ModelAccessError,
    ModelLimitError,
    ModelUnavailableError,
)
from recollect.chat.engines import engine
from recollect.chat.events import Answered, Delta, Said, Stopped, Turn

from .model_server import KEY, USER, Fails, Says, add, failure, played, serving


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


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>Hello there</html>",
        b"data: {nonsense of Hello there\n\n",
        b'data: {"choices": "Hello there"}\n\n',
        b'data: ["Hello there"]\n\n',
        b"data: \xff\xfe\n\n",
    ],
)
def test_nonsense_is_an_error_that_quotes_no_text(server, model, answer):
    server.will(answer)
    events, error = failure(model)
    assert events == []
    assert "Hello there" not in str(error)


def test_an_error_within_the_stream(server, model):
    server.will(b'data: {"error": {"message": "Overloaded", "code": 503, "type": "server_error"}}\n\n')
    events, error = failure(model)
    assert events == []
    assert "Overloaded" in str(error)


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
