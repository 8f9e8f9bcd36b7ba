"""A script of replies and tool calls as a model."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from decimal import Decimal

import pytest

from recollect import (
    ChatError,
    ConfigError,
    InvalidError,
    Message,
    ModelAccessError,
    ModelLimitError,
    ModelUnavailableError,
    NotFoundError,
    ToolCallPart,
    Usage,
)
from recollect.chat.engines import engine
from recollect.chat.events import Answered, Delta, Said, Stopped, Turn
from recollect.chat.script import Script, ScriptedReply, calls_shown

USER = Message.user("Hello there")


def played(model, *messages, **turn):
    """All events of one turn."""

    async def collect():
        return [event async for event in model.play(Turn(messages or (USER,), **turn))]

    return asyncio.run(collect())


def text_of(events) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta) and event.kind == "text")


@pytest.fixture
def script(tmp_path):
    def write(*replies):
        path = tmp_path / "script.json"
        path.write_text(json.dumps(replies), encoding="utf-8")
        return f"script:{path}"

    return write


def add(a: int, b: int = 3) -> int:
    """Add."""
    return a + b


def test_a_script_plays_its_replies_in_order(script):
    model = engine(script("First.", {"text": "Second.", "reasoning": "I think so"}))
    assert text_of(played(model)) == "First."
    *deltas, said = played(model)
    assert deltas == [
        Delta("I ", "reasoning"),
        Delta("think ", "reasoning"),
        Delta("so", "reasoning"),
        Delta("Second."),
    ]
    assert [type(part).__name__ for part in said.message.parts] == ["ReasoningPart", "TextPart"]


def test_a_script_calls_the_tools_of_the_chat(script):
    async def late(name: str) -> dict:
        return {"name": name, "at": 3}

    def fails():
        raise ValueError("no such place")

    calls = [
        {"name": "add", "arguments": {"a": 1}, "id": "mine"},
        {"name": "late", "arguments": {"name": "x"}},
        {"name": "fails"},
        {"name": "nothing"},
        {"name": "add", "arguments": {"b": 1}},
    ]
    events = played(
        engine(script({"text": "Let me see", "tool_calls": calls}, "Done.")), tools=[add, late, fails]
    )
    said = [event.message for event in events if isinstance(event, Said)]
    answers = [event.message.parts[0] for event in events if isinstance(event, Answered)]
    assert [part.id for part in said[0].parts if isinstance(part, ToolCallPart)] == [a.id for a in answers]
    assert answers[0].id == "mine"
    assert len({answer.id for answer in answers}) == 5
    assert [answer.response for answer in answers] == [
        4,
        {"name": "x", "at": 3},
        "ValueError: no such place",
        "There is no tool called 'nothing'.",
        "TypeError: add() missing 1 required positional argument: 'a'",
    ]
    failed = [bool(answer.metadata.get("is_error")) for answer in answers]
    assert failed == [False, False, True, True, True]
    assert said[-1].text == "Done."
    order = [type(event) for event in events if not isinstance(event, Delta)]
    assert order == [Said, *[Answered] * 5, Said]


def test_a_script_can_give_the_answers_of_tools_itself(script):
    call = {"name": "weather", "arguments": {"city": "Oslo"}, "result": None}
    events = played(engine(script({"tool_calls": [call]}, "Unknown.")))
    [answer] = [event.message.parts[0] for event in events if isinstance(event, Answered)]
    assert answer.response is None
    assert answer.metadata == {"name": "weather"}


def test_the_bound_of_calls_stops_a_script(script):
    call = {"tool_calls": [{"name": "add", "arguments": {"a": 1}}]}
    events = played(engine(script(call, call, call)), tools=[add], max_iterations=2)
    assert [type(event) for event in events] == [Said, Answered, Said, Answered, Stopped]
    assert events[-1].reason == "max_iterations"


def test_usage_and_cost_are_as_the_script_states_them(script):
    usage = {"input_tokens": 5, "output_tokens": 2, "cost_usd": "0.001"}
    [_, said] = played(engine(script({"text": "Hi.", "usage": usage})))
    assert said.message.usage == Usage(5, 2, cost_usd=Decimal("0.001"))
    assert played(engine(script("Hi.")))[-1].message.usage is None


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("It went wrong.", ModelUnavailableError),
        ({"kind": "limit", "message": "It went wrong."}, ModelLimitError),
        ({"kind": "access", "message": "It went wrong."}, ModelAccessError),
        ({"kind": "refused", "message": "It went wrong."}, ChatError),
    ],
)
def test_a_script_can_fail_behind_what_it_said(script, error, kind):
    model = engine(script({"text": "Half a", "error": error}, "Recovered."))
    heard = []

    async def hear():
        async for event in model.play(Turn((USER,))):
            heard.append(event)

    with pytest.raises(ChatError, match=r"^It went wrong\.$") as caught:
        asyncio.run(hear())
    assert type(caught.value) is kind
    assert heard == [Delta("Half "), Delta("a")]
    assert text_of(played(model)) == "Recovered."


@pytest.mark.parametrize("reason", ["length", "refused"])
def test_a_script_can_stop_short(script, reason):
    events = played(engine(script({"text": "And so", "stop": reason})))
    assert events[-1] == Stopped(reason)
    assert events[-2].message.text == "And so"


def test_a_script_waits_as_it_says(script):
    times = []

    async def run():
        loop = asyncio.get_running_loop()
        times.append(loop.time())
        async for _ in engine(script({"text": "a b", "wait": 0.03, "delay": 0.02})).play(Turn((USER,))):
            times.append(loop.time())

    asyncio.run(run())
    assert times[1] - times[0] >= 0.045
    assert times[2] - times[1] >= 0.015


def test_a_new_process_goes_on_behind_what_the_conversation_shows(script):
    spec = script("One.", "Two.", "Three.")
    line = [USER, Message.assistant("One."), USER]
    assert text_of(played(engine(spec), *line)) == "Two."
    unanswered = [USER, Message.assistant("One."), USER, USER]
    assert text_of(played(engine(spec), *unanswered)) == "Three."


def test_calls_that_a_line_shows():
    tool = Message.tool("c", 1)
    assert calls_shown([]) == 0
    assert calls_shown([USER]) == 0
    assert (
        calls_shown([Message.system("S"), USER, Message.assistant("a"), tool, Message.assistant("b"), USER])
        == 2
    )
    assert calls_shown([USER, USER, Message.assistant("b"), USER]) == 2


def test_a_played_script_is_no_surprise(script):
    model = engine(script("Only this."))
    played(model)
    with pytest.raises(ChatError, match="has no reply left; it holds 1"):
        played(model)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b'"text"',
        b"[1]",
        b'[{"txt": "Hi"}]',
        b'[{"text": "Hi", "stop": "now"}]',
        b'["\xff"]',
        b"[" * 100_000,
    ],
)
def test_a_file_that_is_no_script_is_told(tmp_path, content):
    path = tmp_path / "script.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="is no list of replies"):
        engine(f"script:{path}")


def test_a_script_that_is_not_there(tmp_path):
    with pytest.raises(NotFoundError, match="There is no script file"):
        engine(f"script:{tmp_path / 'none.json'}")
    with pytest.raises(NotFoundError):
        engine(f"script:{tmp_path}")
    with pytest.raises(ConfigError, match="cannot be read"):
        engine("script:a\0b")


def test_a_script_names_itself(script):
    spec = script("Hi.")
    assert engine(spec).model == spec
    assert engine(spec).provider is None


def test_closing_the_iterator_stops_a_script(script):
    ran = []

    def slow() -> None:
        ran.append(1)

    async def run():
        events = engine(script({"text": "a b c", "tool_calls": [{"name": "slow"}]})).play(
            Turn((USER,), tools=[slow])
        )
        async with aclosing(events):
            async for _ in events:
                break

    asyncio.run(run())
    assert ran == []


# Tools


def test_tools_need_names_of_their_own():
    with pytest.raises(InvalidError, match="named function"):
        played(_plain(), tools=[lambda: 1])
    with pytest.raises(InvalidError, match="Two tools are called 'add'"):
        played(_plain(), tools=[add, add])


def _plain():
    return Script([ScriptedReply("Hi.")])
