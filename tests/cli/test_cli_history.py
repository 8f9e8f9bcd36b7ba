"""Going back on the command line: history, undo, restore-version, edit, rewind, pop, erase, expire."""

from __future__ import annotations

import pytest

from recollect import Message


def ids(run, *flags):
    return [message["id"] for message in run("sessions", "show", "rust-notes", "--jsonl", *flags).lines]


def test_history_is_the_newest_change_first(run, filled):
    filled.get("rust-notes").tag("new")
    ran = run("sessions", "history", "rust-notes")
    lines = [line.split("\t") for line in ran.out.splitlines()]
    assert [(line[0], line[2], line[3]) for line in lines] == [
        ("6", "update", "tags +new"),
        ("5", "append", "+4 messages"),
        ("1", "create", "created"),
    ]
    assert ran.err == ""


def test_history_pages_meet(run, filled):
    for number in range(5):
        filled.get("go-notes").tag(f"t{number}")
    whole = run("--json", "sessions", "history", "go-notes").json
    assert whole["next"] is None
    seen, before = [], []
    while True:
        page = run("--json", "sessions", "history", "go-notes", "--limit", "2", *before).json
        seen += page["history"]
        if page["next"] is None:
            break
        before = ["--before", str(page["next"])]
    assert seen == whole["history"]
    assert "--before" in run("sessions", "history", "go-notes", "--limit", "2").err


def test_history_leaves_nothing_out_when_a_page_ends_within_a_change(run, filled):
    filled.get("rust-notes").tag("new")
    first = run("--json", "sessions", "history", "rust-notes", "--limit", "2").json
    assert (first["history"][-1]["summary"], first["next"]) == ("+4 messages", 2)
    rest = run("--json", "sessions", "history", "rust-notes", "--before", "2").json
    assert [entry["kind"] for entry in rest["history"]] == ["create"]


def test_undo_takes_back_one_change_after_the_other(run, filled):
    filled.get("rust-notes").update(name="Renamed")
    ran = run("sessions", "undo", "rust-notes")
    assert (ran.code, ran.out) == (0, "")
    assert "Undone" in ran.err
    assert filled.get("rust-notes").info.name == "Rust"
    assert run("--json", "sessions", "undo", "rust-notes").json["session"]["message_count"] == 0
    assert run("sessions", "undo", "rust-notes").code == 3


def test_restore_version_and_back(run, filled):
    assert (
        run("--json", "sessions", "restore-version", "rust-notes", "3").json["session"]["message_count"] == 2
    )
    assert ids(run) == ["m1", "m2"]
    run("sessions", "undo", "rust-notes")
    assert ids(run) == ["m1", "m2", "m3", "m4"]
    assert run("sessions", "restore-version", "rust-notes", "99").code == 3
    assert run("sessions", "restore-version", "rust-notes", "0").code == 2


def test_show_at_a_version_has_the_attributes_of_then(run, filled):
    filled.get("rust-notes").update(name="Renamed", tags=["new"])
    then = run("--json", "sessions", "show", "rust-notes", "--at", "3").json
    assert (then["session"]["name"], then["session"]["tags"]) == ("Rust", ["work", "lang"])
    assert (then["session"]["version"], then["session"]["message_count"]) == (3, 2)
    assert [message["id"] for message in then["messages"]] == ["m1", "m2"]
    assert "as it was at version 3\n" in run("sessions", "show", "rust-notes", "--at", "3").out
    assert run("sessions", "show", "rust-notes", "--at", "99").code == 3


@pytest.mark.parametrize("reference", ["m1", "@1"])
def test_edit_keeps_the_old_text_on_a_branch(run, filled, reference):
    ran = run("sessions", "edit", "rust-notes", reference, "What is a lifetime?")
    assert ids(run) == [ran.out.strip()]
    assert "recollect sessions branches rust-notes" in ran.err
    branches = run("--json", "sessions", "branches", "rust-notes").json["branches"]
    assert [(branch["message_count"], branch["active"]) for branch in branches] == [(1, True), (4, False)]


def test_edit_reads_stdin_and_never_opens_an_editor_for_a_program(run, filled):
    message = run("--json", "sessions", "edit", "go-notes", "@last", "-", input="two\nlines\n").json[
        "message"
    ]
    assert message["parts"] == [{"type": "text", "content": "two\nlines"}]
    assert message["role"] == "assistant"
    assert run("sessions", "edit", "go-notes", "@last").code == 2
    assert run("sessions", "edit", "go-notes", "@last", "-", input=b"\xff").code == 2


def test_rewind(run, filled):
    assert "3 messages" in run("sessions", "rewind", "rust-notes", "--to", "m3").err
    assert ids(run) == ["m1", "m2", "m3"]
    assert run("--json", "sessions", "rewind", "go-notes", "--turns", "1").json["session"]["head"] is None
    assert run("sessions", "rewind", "rust-notes").code == 2
    assert run("sessions", "rewind", "rust-notes", "--to", "m1", "--turns", "1").code == 2
    assert run("sessions", "rewind", "rust-notes", "--to", "absent").code == 3


def test_pop_prints_what_it_took(run, filled):
    assert run("sessions", "pop", "rust-notes").out == (
        "tool  2026-01-01T00:00:00Z\n← borrow checker says no\n"
    )
    assert run("--json", "sessions", "pop", "rust-notes").json["message"]["id"] == "m3"
    assert ids(run) == ["m1", "m2"]
    filled.open("empty")
    assert run("sessions", "pop", "empty").code == 3


def test_erase_asks_and_then_is_final(run, filled, tmp_path):
    assert run("sessions", "erase", "rust-notes", "m2").code == 2
    assert "m2" in ids(run)
    fork = filled.get("rust-notes").fork("fork")
    result = run("--json", "sessions", "erase", "rust-notes", "m2", "--yes").json
    assert result == {"message_id": "m2", "blobs": 0, "forks": [fork.id]}
    assert "One owner per value" not in run("sessions", "show", "rust-notes").out
    assert "[erased]" in run("sessions", "show", "rust-notes").out
    ran = run("sessions", "erase", "rust-notes", "m1", "--yes")
    assert (ran.out, "copies" in ran.err) == ("fork\n", True)


def test_expire(run, filled):
    def expiry(*flags):
        return run("--json", "sessions", "expire", "go-notes", *flags).json["session"]["expires_at"]

    assert expiry("--at", "2999-01-31") == "2999-01-31T00:00:00.000000Z"
    assert expiry("--at", "2999-01-31T12:00:00+02:00") == "2999-01-31T10:00:00.000000Z"
    assert "expires 2999-01-01" in run("sessions", "expire", "go-notes", "--at", "2999-01-01").err
    assert expiry("--never") is None
    assert expiry("--after", "30d", "--sliding") is not None
    assert run("sessions", "expire", "go-notes", "--after", "1s").code == 0
    for flags in ([], ["--after", "30d", "--never"], ["--never", "--sliding"], ["--after", "30 moons"]):
        assert run("sessions", "expire", "rust-notes", *flags).code == 2
    assert run("sessions", "expire", "rust-notes", "--at", "tomorrow").code == 2
    assert run("sessions", "expire", "rust-notes", "--after", "999999999d").code == 2


def test_messages_are_named_by_the_start_of_their_id_and_by_place(run, filled):
    session = filled.open("ids")
    session.append(*[Message.user(f"{n}", id=f"0197a3c1-{n}") for n in range(12)], Message.user("x", id="@1"))

    def last(reference):
        return run("--json", "sessions", "rewind", "ids", "--to", reference).json["session"]["head"]

    assert last("@12") == "0197a3c1-11"
    assert last("0197a3c1-10") == "0197a3c1-10"
    assert last("0197a3c1-9") == "0197a3c1-9"
    assert last("0197a3c1-1") == "0197a3c1-1"
    assert last("@1") == "@1"
    assert run("sessions", "rewind", "ids", "--to", "").code == 3
    assert run("sessions", "rewind", "ids", "--to", "@99").code == 3
    ran = run("sessions", "rewind", "ids", "--to", "0197")
    assert (ran.code, "0197a3c1-0, 0197a3c1-1" in ran.err) == (2, True)
    assert run("--json", "sessions", "rewind", "ids", "--to", "0197").error["kind"] == "ambiguous"
