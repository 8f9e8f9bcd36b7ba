"""Chats killed in the middle of a reply: what was asked and every step that was complete are there, and
the conversation goes on."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from recollect import Chat, Message, Store, ToolCallPart, ToolCallResponsePart
from recollect.chat.echo import Echo

from . import chatting
from .conftest import rounds

PER_SESSION = 5
LONGEST = 0.15
"""Seconds; a turn takes about as long."""


@pytest.fixture
def script(tmp_path):
    """A file for ``script:``."""
    path = tmp_path / "script.json"
    chatting.write_script(path)
    return str(path)


class Strict(Echo):
    """An echo that takes no line with a call that nobody answered, as providers do."""

    async def play(self, turn):
        open_calls: set[str | None] = set()
        for message in turn.messages:
            answers = {part.id for part in message.parts if isinstance(part, ToolCallResponsePart)}
            assert answers <= open_calls, "an answer to no call"
            assert answers or not open_calls, "a call without an answer"
            open_calls -= answers
            open_calls |= {part.id for part in message.parts if isinstance(part, ToolCallPart)}
        assert not open_calls, "a call without an answer"
        async for event in super().play(turn):
            yield event


def test_a_killed_chat_keeps_what_was_said(url, nursery, script):
    chance = random.Random(url[:6])
    moments: Counter[str] = Counter()
    before: list[Message] = []
    for number in range(rounds(10, 200)):
        session_id, question = f"s{number // PER_SESSION}", f"Question {number}?"
        if number % PER_SESSION == 0:
            before = []
        order = {"do": "chat", "url": url, "session": session_id, "question": question, "script": script}
        said = nursery.killed(order, chance.random() * LONGEST / (1 + number % 4), wait_for=number % 4)
        with Store(url) as store:
            now = line_of(store, session_id)
            assert now[: len(before)] == before
            moments[check_turn(now[len(before) :], said, question)] += 1
            before = now
            if number % PER_SESSION == PER_SESSION - 1:
                goes_on(store, session_id, now)
    assert moments["streaming"] + moments["calling"] > moments.total() // 5, moments
    with Store(url) as store:
        assert store.verify().clean


def test_killed_chats_of_one_process_keep_what_was_said(url, nursery, script):
    chance = random.Random(url[:7])
    for number in range(rounds(4, 60)):
        names = [f"r{number}-{n}" for n in range(3)]
        order = {"do": "chat_async", "url": url, "sessions": names, "question": "Well?", "script": script}
        said = nursery.killed(order, chance.random() * LONGEST, wait_for=number % 8)
        with Store(url) as store:
            for name in names:
                mine = [words for words in said if words.get("session") == name]
                line = line_of(store, name)
                check_turn(line, mine, "Well?")
                if line:
                    goes_on(store, name, line)


def line_of(store, session_id):
    """The session's messages, once all of it is verified."""
    if not store.exists(session_id):
        return []
    report = store.verify(session_id)
    assert report.clean, report.findings
    messages = store.get(session_id).messages()
    chatting.check(messages)
    return messages


def check_turn(turn, said, question):
    """The turn holds all that its caller saw complete; tells where it was killed."""
    if said or turn:
        assert [turn[0].role, turn[0].text] == ["user", question]
    replies = [message for message in turn if message.role == "assistant"]
    answers = [message for message in turn if message.role == "tool"]
    numbers = [int(message.text.split()[1].rstrip(":")) for message in replies]
    first = next((words["began"] for words in said if "began" in words), None)
    for words in said:
        if "called" in words:
            assert words["called"] in [chatting.key(number) for number in numbers], "a call got lost"
        if "began" in words:
            complete = words["began"] - first
            assert len(replies) >= complete, "a reply got lost"
            assert len(answers) >= complete, "an answer got lost"
    if said and "done" in said[-1]:
        assert chatting.key(numbers[-1]) is None
        return "done"
    last = said[-1] if said else {}
    return "streaming" if "began" in last else "calling" if "called" in last else "asking"


def goes_on(store, session_id, line):
    """The next turn works with another model, and leaves what is there as it is."""
    with Chat(session_id, store=store, model=Strict()) as chat:
        assert chat.message_count == len(line)
        reply = chat.send("Are you there?")
    assert reply.success
    messages = store.get(session_id).messages()
    assert messages[: len(line)] == line
    assert [message.text for message in messages[len(line) :]] == ["Are you there?", reply.text]
