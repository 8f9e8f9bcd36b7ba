"""Providers' models through the real classes of pydantic-ai, against a server on loopback."""

from __future__ import annotations

import json
import threading
from decimal import Decimal

import pytest

import recollect
from recollect import (
    InvalidError,
    Message,
    TextPart,
    ToolCallPart,
    Usage,
)
from recollect.chat.engines import engine
from recollect.chat.events import Answered, Delta, Said, Stopped

from .model_server import USER, Says, add, played, serving


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


# The whole


def test_a_chat_keeps_what_a_provider_says(server, tmp_path):
    spec, url = f"openai:gpt-5-mini@{server.url}", f"sqlite:///{tmp_path / 'chats.db'}"
    server.will(
        Says(("Let me see",), calls=(("add", {"a": 1}),)), "Four.", Says(("Half ", "a"), cut=True), "Whole."
    )
    with recollect.Store(url) as store, recollect.Chat("sums", store=store, model=spec, tools=[add]) as chat:
        assert chat.send("1 + 3?").text == "Four."
        with pytest.raises(recollect.ModelUnavailableError):
            list(chat.stream("And?"))
    with recollect.Store(url) as store, recollect.Chat("sums", store=store, model=spec) as chat:
        assert list(chat.stream("Go on")) == ["Whole."]
    with recollect.Store(url) as store:
        session = store.get("sums")
        kept = session.messages()
        info = session.info
    assert [(m.role, m.text) for m in kept] == [
        ("user", "1 + 3?"),
        ("assistant", "Let me see"),
        ("tool", ""),
        ("assistant", "Four."),
        ("user", "And?"),
        ("assistant", "Half a"),
        ("user", "Go on"),
        ("assistant", "Whole."),
    ]
    assert kept[5].metadata == {"interrupted": "error"}
    assert (info.provider, info.model) == ("openai", f"gpt-5-mini@{server.url}")
    assert info.usage == Usage(33, 21, cost_usd=3 * kept[3].usage.cost_usd)
    assert [message["role"] for message in server.requests[-1]["messages"]] == [m.role for m in kept[:-1]]
