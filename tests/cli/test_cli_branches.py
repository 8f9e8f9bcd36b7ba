"""Branches, forks and merges on the command line, and the tree that shows them."""

from __future__ import annotations

import pytest

from recollect import Message
from recollect.cli.tree import placed


@pytest.fixture
def branched(filled):
    """rust-notes with a branch ``idea`` that leaves behind m2, and a label."""
    session = filled.get("rust-notes")
    session.branch("idea", at="m2")
    session.append(
        Message.user("And lifetimes?", id="i1"), Message.assistant("Regions.", id="i2"), branch="idea"
    )
    session.label("m2", "good")
    return filled


def test_branches_are_made_listed_and_switched(run, filled):
    assert "has 2 messages" in run("sessions", "branch", "rust-notes", "idea", "--at", "m2").err
    assert run("--json", "sessions", "branch", "rust-notes", "early", "--at", "2").json == {
        "branch": {"name": "early", "head": "m1", "message_count": 1, "active": False}
    }
    assert run("sessions", "branch", "rust-notes", "idea").code == 5
    assert run("sessions", "branches", "rust-notes").out == (
        "main\t4\tm4\tactive\nearly\t1\tm1\t\nidea\t2\tm2\t\n"
    )
    ran = run("sessions", "checkout", "rust-notes", "idea")
    assert "on branch 'idea': 2 messages" in ran.err
    assert run("--json", "sessions", "checkout", "rust-notes", "main").json["session"]["branch"] == "main"
    assert run("sessions", "checkout", "rust-notes", "absent").code == 3


def test_a_number_is_a_version_if_the_session_has_it(run, store):
    store.open("numbers").append(Message.user("a", id="77"), Message.user("b", id="2"))
    heads = [
        run("--json", "sessions", "branch", "numbers", f"b{at}", "--at", at).json["branch"]["head"]
        for at in ("2", "77", "@2")
    ]
    assert heads == ["77", "77", "2"]


def test_label(run, filled):
    assert run("--json", "sessions", "label", "rust-notes", "@1", "good").json == {
        "message_id": "m1",
        "labels": ["good"],
    }
    assert "good" in run("sessions", "label", "rust-notes", "m1", "good").err
    assert run("--json", "sessions", "label", "rust-notes", "m1", "good", "--off").json["labels"] == []


def test_tree_is_tab_separated_in_a_pipe(run, branched):
    assert run("sessions", "tree", "rust-notes").out.splitlines() == [
        "m1\t\t1\t*\tuser\t\t\tWhat is ownership?",
        "m2\tm1\t2\t*\tassistant\t\tgood\tThey ask about Rust. One owner per value.",
        'm3\tm2\t3\t*\tassistant\t\t\t→ run {"cmd": "cargo"}',
        "m4\tm3\t4\t*\ttool\tmain\t\t← borrow checker says no",
        "i1\tm2\t3\t\tuser\t\t\tAnd lifetimes?",
        "i2\ti1\t4\t\tassistant\tidea\t\tRegions.",
    ]
    branched.open("empty")
    assert "no messages" in run("sessions", "tree", "empty").err
    assert run("--json", "sessions", "tree", "empty").json == {"tree": []}


def test_what_branches_off_is_drawn_before_what_goes_on(branched):
    places = placed(branched.get("rust-notes").tree())
    assert [(place.node.message.id, place.depth, place.begins) for place in places] == [
        ("m1", 0, False),
        ("m2", 0, False),
        ("i1", 1, True),
        ("i2", 1, False),
        ("m3", 0, False),
        ("m4", 0, False),
    ]


def test_several_beginnings_are_drawn_side_by_side(filled):
    session = filled.get("go-notes")
    session.clear()
    session.append(Message.user("again", id="n1"))
    places = placed(session.tree())
    assert [(place.node.message.id, place.depth) for place in places] == [("g1", 1), ("g2", 1), ("n1", 0)]


def test_a_tree_of_any_shape_stays_on_the_screen(store):
    session = store.open("wide")
    session.append(Message.user("0", id="0"))
    for number in range(1, 256):  # a binary tree: message n follows message n // 2
        session.branch(f"b{number}", at=f"{(number - 1) // 2}")
        session.append(Message.user(f"{number}", id=f"{number}"), branch=f"b{number}")
    places = list(placed(session.tree()))
    assert len({place.node.message.id for place in places}) == 256
    assert max(place.depth for place in places) <= 9


def test_diff_of_branches_and_sessions(run, branched):
    ran = run("sessions", "diff", "rust-notes", "idea")
    assert ran.out.splitlines() == [
        "In common up to m2.",
        "--- main (2 messages)",
        '- m3 assistant: → run {"cmd": "cargo"}',
        "- m4 tool: ← borrow checker says no",
        "+++ idea (2 messages)",
        "+ i1 user: And lifetimes?",
        "+ i2 assistant: Regions.",
    ]
    assert "--- idea" in run("sessions", "diff", "rust-notes", "idea", "main").out
    ran = run("sessions", "diff", "rust-notes", "--session", "go-notes")
    assert ran.out.startswith("Nothing in common.\n--- rust-notes (4 messages)\n")
    assert run("sessions", "diff", "rust-notes").code == 2
    assert run("sessions", "diff", "rust-notes", "idea", "--session", "go-notes").code == 2
    assert run("sessions", "diff", "rust-notes", "absent").code == 3


def test_fork_prints_the_new_id_and_lineage_knows_it(run, filled):
    fork = run("sessions", "fork", "rust-notes", "--at", "m2", "--name", "Again").out.strip()
    info = filled.get(fork).info
    assert (info.name, info.message_count, info.forked_from.session_id) == ("Again", 2, "rust-notes")
    assert run("--json", "sessions", "fork", "rust-notes", "--id", "mine").json["session"]["id"] == "mine"
    assert run("sessions", "fork", "rust-notes", "--id", "mine").code == 5
    assert run("sessions", "lineage", "mine").out == "from\trust-notes\tversion 5\n"
    assert set(run("sessions", "lineage", "rust-notes").out.splitlines()) == {
        f"fork\t{fork}\tAgain",
        "fork\tmine\tRust",
    }
    assert "not forked" in run("sessions", "lineage", "go-notes").err


@pytest.mark.parametrize("strategy", ["continuation", "rebase", "interleave"])
def test_merge_of_a_branch(run, branched, strategy):
    ran = run("sessions", "merge", "rust-notes", "idea", "--strategy", strategy)
    assert (ran.code, "Took 2 messages" in ran.err) == (0, True)
    assert branched.get("rust-notes").info.message_count == 6
    assert "here already" in run("sessions", "merge", "rust-notes", "idea").err


def test_merge_picks_single_messages_and_other_sessions(run, branched):
    ran = run("--json", "sessions", "merge", "rust-notes", "go-notes", "--from-session", "--message", "@2")
    assert [message["parts"][0]["content"] for message in ran.json["taken"]] == ["A light thread."]
    ran = run("--json", "sessions", "merge", "go-notes", "rust", "--from-session")
    assert len(ran.json["taken"]) == 4
    assert len(ran.json["skipped"]) == 1
    picked = ["--strategy", "cherry_pick"]
    assert run("sessions", "merge", "rust-notes", "idea", *picked).code == 2
    assert run("sessions", "merge", "rust-notes", "idea", "--strategy", "rebase", "--message", "i1").code == 2
    assert run("sessions", "merge", "rust-notes", "rust-notes", "--from-session").code == 2
    assert run("sessions", "merge", "rust-notes", "absent").code == 3


def test_a_conflict_is_told_even_with_quiet(run, filled):
    fork = filled.get("go-notes").fork("fork")
    filled.get("go-notes").edit("g2", "A green thread.")
    fork.edit("g2", "A coroutine.")
    ran = run("--quiet", "sessions", "merge", "go-notes", "fork", "--from-session")
    assert "Conflict: both sides changed g2" in ran.err
