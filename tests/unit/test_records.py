"""The fold: what a log says, step by step, and what the row says after it."""

from __future__ import annotations

from decimal import Decimal

from recollect import Message, Usage
from recollect.backend import Key
from recollect.records import (
    HeadBody,
    Line,
    Patch,
    created,
    extended,
    leaves,
    pointed,
    preview_of,
    to_datetime,
    to_microseconds,
    updated,
)

KEY = Key("default", "s")
START = created(KEY, 1_000_000, Patch(name="first"))


def test_a_session_begins_with_version_one() -> None:
    assert START.version == 1
    assert START.info.name == "first"
    assert START.info.created_at == START.info.updated_at == to_datetime(1_000_000)
    assert START.frame(1_000_000).tip == 0


def test_times_keep_every_microsecond() -> None:
    for value in (0, 1, -1, 1_767_225_600_000_001, -62_135_596_800_000_000):
        assert to_microseconds(to_datetime(value)) == value


def test_growing_counts_messages_turns_and_usage() -> None:
    usage = Usage(10, 5, cost_usd=Decimal("0.1"))
    messages = [
        Message.system("be brief", id="a"),
        Message.user("  What\n is  Rust? " + "x" * 100, id="b"),
        Message.assistant("A language", id="c", usage=usage),
        Message.user("More", id="d"),
        Message.assistant("No", id="e", usage=usage),
    ]
    state, placed = extended(START, 2_000_000, messages)
    assert [(p.seq, p.parent) for p in placed] == [(2, 0), (3, 2), (4, 3), (5, 4), (6, 5)]
    assert [(p.frame.depth, p.frame.turn, p.frame.origin) for p in placed] == [
        (1, 0, 0),
        (2, 1, 3),
        (3, 1, 3),
        (4, 2, 3),
        (5, 2, 3),
    ]
    info = state.info
    assert (info.version, info.message_count, info.turn_count, info.head) == (6, 5, 2, "e")
    assert info.preview == ("What is Rust? " + "x" * 100)[:50]
    assert info.usage == Usage(20, 10, cost_usd=Decimal("0.2"))
    one_by_one = START
    for message in messages:
        one_by_one, _ = extended(one_by_one, 2_000_000, [message])
    assert one_by_one == state


def test_updates_set_only_what_they_name() -> None:
    state = updated(START, 2_000_000, Patch(tags=("x",), pinned=True))
    assert (state.info.name, state.info.tags, state.info.pinned, state.version) == ("first", ("x",), True, 2)
    assert updated(state, 3_000_000, Patch(name=None)).info.name is None


def test_pointing_back_keeps_what_was_spent() -> None:
    state, _ = extended(START, 2, [Message.user("q", id="q"), Message.assistant("a", id="a", usage=Usage(1))])
    cleared = pointed(state, 3, HeadBody("main", 0), Line())
    assert (cleared.tip, cleared.info.head, cleared.info.message_count, cleared.info.preview) == (
        0,
        None,
        0,
        "",
    )
    assert cleared.info.usage == Usage(1)
    grown, placed = extended(cleared, 4, [Message.user("again", id="b")])
    assert (placed[0].parent, grown.info.preview) == (0, "again")


def test_another_branch_becomes_active_and_the_old_one_keeps_its_head() -> None:
    state, _ = extended(START, 2, [Message.user("q", id="q"), Message.assistant("a", id="a")])
    idea = pointed(state, 3, HeadBody("idea", 2, head="q"), Line(1, 1, 2, "q"))
    assert (idea.info.branch, idea.tip, idea.heads) == ("idea", 2, {"main": 3})
    back = pointed(idea, 4, HeadBody("main", 3, head="a"), Line(2, 1, 2, "q"))
    assert (back.info.branch, back.tip, back.heads) == ("main", 3, {"idea": 2})
    aside = pointed(back, 5, HeadBody("other", 2, active=False), Line(1, 1, 2, "q"))
    assert (aside.info.branch, aside.tip, aside.heads) == ("main", 3, {"idea": 2, "other": 2})


def test_previews_are_short_and_on_one_line() -> None:
    assert preview_of(Message.user("a\n\tb" + "\N{GRINNING FACE}" * 100)) == "a b" + "\N{GRINNING FACE}" * 47
    assert preview_of(Message.user([])) == ""


def test_metadata_has_a_leaf_for_every_value() -> None:
    metadata = {"a": {"b": {"c": 1}}, "l": [1, {"x": 2}], "e": {}, "n": None, "t": "x"}
    assert dict(leaves(metadata)) == {
        "a.b.c": "1",
        "l": '[1,{"x":2}]',
        "e": "{}",
        "n": "null",
        "t": '"x"',
    }
