"""Windows: how much of a line is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recollect import BlobPart, InvalidError, Message, ReasoningPart, ToolCallPart, Window
from recollect.chat.window import estimated_tokens
from recollect.core.toolcalls import orphans, repaired


def user(text: str = "u") -> Message:
    return Message.user(text)


def answer(text: str = "a") -> Message:
    return Message.assistant(text)


def call(*ids: str) -> Message:
    return Message.assistant([ToolCallPart("f", {}, name) for name in ids])


def result(call_id: str) -> Message:
    return Message.tool(call_id, "r")


def one_each(message: Message) -> int:
    return 1


LONG_TURN = [user("1"), answer("1"), user("2"), call("a"), result("a"), call("b"), result("b"), answer("2")]


@pytest.mark.parametrize(
    ("messages", "places"),
    [
        (20, [0, 1, 2, 3, 4, 5, 6, 7, 8]),
        (9, [0, 1, 2, 3, 4, 5, 6, 7, 8]),
        (8, [2, 3, 4, 5, 6, 7, 8]),
        (7, [2, 3, 4, 5, 6, 7, 8]),
        (6, [2, 5, 6, 7, 8]),  # the turn is kept by its first message and its end
        (5, [2, 5, 6, 7, 8]),
        (4, [2, 7, 8]),
        (3, [2, 7, 8]),
        (2, [8]),
        (1, [8]),
    ],
)
@pytest.mark.parametrize("by", ["messages", "tokens"])
def test_no_call_is_split_from_its_answer_and_the_user_begins(by, messages, places):
    line = [*LONG_TURN, user("3")]
    window = Window(messages=messages) if by == "messages" else Window(tokens=messages, counter=one_each)
    shown = window.fit(line)
    assert [next(i for i, m in enumerate(line) if m is one) for one in shown] == places


def test_the_newest_message_is_shown_even_alone_over_the_bound():
    line = [user("x" * 400), answer(), user("y" * 4000)]
    assert Window(tokens=10).fit(line) == line[2:]


def test_the_system_prompt_counts_towards_the_tokens():
    line = [user("x" * 40), answer("y" * 40), user("z" * 40)]
    assert Window(tokens=42).fit(line) == line
    assert Window(tokens=42).fit(line, "s" * 40) == line[2:]


def test_a_system_message_at_the_start_of_the_line_is_always_shown():
    line = [Message.system("Be kind."), Message.developer("Rhyme."), user("1"), answer("1"), user("2")]
    assert Window(messages=3).fit(line) == [*line[:2], line[4]]
    assert Window(messages=1).fit(line) == [*line[:2], line[4]]
    assert Window(messages=5).fit(line) == line


def test_both_bounds_hold():
    line = [user("x" * 100), answer("y" * 100), user("z")]
    assert Window(messages=3, tokens=20).fit(line) == line[2:]
    assert Window(messages=2, tokens=2000).fit(line) == line[2:]


def test_a_line_without_the_user_is_shown_from_where_it_fits():
    line = [answer("1"), answer("2"), answer("3")]
    assert Window(messages=2).fit(line) == line[1:]
    assert Window(messages=2).fit([]) == []


def test_estimates():
    assert estimated_tokens(user("x" * 40)) == 14
    assert estimated_tokens(Message.assistant([ReasoningPart("x" * 8), ToolCallPart("name", {"a": 1})])) > 6
    assert estimated_tokens(Message.user([BlobPart(b"x" * 10**6)])) == 1004
    assert estimated_tokens(Message.tool("c", {"k": "x" * 40})) > 10


@pytest.mark.parametrize("bad", [{}, {"messages": 0}, {"tokens": -1}, {"messages": True}, {"tokens": 1.5}])
def test_what_is_no_window(bad):
    with pytest.raises(InvalidError, match="Window"):
        Window(**bad)


turns = st.lists(
    st.tuples(st.integers(0, 3), st.booleans()).map(
        lambda drawn: [
            user(),
            *[m for n in range(drawn[0]) for m in (call(f"{id(drawn)}-{n}"), result(f"{id(drawn)}-{n}"))],
            *([answer()] if drawn[1] else []),
        ]
    ),
    min_size=1,
    max_size=6,
).map(lambda drawn: [message for turn in drawn for message in turn])


@given(line=turns, count=st.integers(1, 30))
def test_whatever_the_line(line, count):
    line = [*line, user("newest")]
    shown = Window(messages=count).fit(line)
    assert shown[-1] is line[-1]
    assert shown[0].role == "user"
    assert len(shown) <= count or len(shown) == 1
    assert orphans(shown) == []
    assert repaired(shown) == shown
    places = [next(i for i, m in enumerate(line) if m is one) for one in shown]
    assert places == sorted(places)
