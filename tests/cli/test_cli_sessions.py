"""Sessions on the command line: list, show, and every verb that changes one."""

from __future__ import annotations

import pytest

UUID = "7f3a9c52-0000-4000-8000-000000000000"


def listed(run, *args):
    return [info["id"] for info in run("sessions", "list", "--json", *args).json["sessions"]]


def test_an_empty_store_is_no_error(run):
    ran = run("sessions", "list")
    assert (ran.code, ran.out) == (0, "")
    assert "No sessions yet" in ran.err
    assert run("sessions", "list", "--json").json == {"sessions": [], "next": None}
    assert run("sessions", "list", "--jsonl").out == ""


def test_list_is_tab_separated_in_a_pipe(run, filled):
    assert run("sessions", "list").out.splitlines() == [
        f"{UUID}\t2026-01-01T02:00:00Z\t1\tHello there",
        "go-notes\t2026-01-01T01:00:00Z\t2\tGo",
        "rust-notes\t2026-01-01T00:00:00Z\t4\tRust",
    ]


@pytest.mark.parametrize(
    ("flags", "found"),
    [
        (["--text", "ru"], ["rust-notes"]),
        (["--tags", "lang"], ["go-notes", "rust-notes"]),
        (["--tags", "lang,work"], ["rust-notes"]),
        (["--tag", "lang", "--tag", "work"], ["rust-notes"]),
        (["--tags", '"lang,work"'], []),
        (["--any-tags", "work,none"], ["rust-notes"]),
        (["--any-tag", "none"], []),
        (["--provider", "openai"], ["rust-notes"]),
        (["--model", "gpt-4o"], ["rust-notes"]),
        (["--created-since", "2026-01-01T02:00:00Z"], [UUID]),
        (["--created-until", "2026-01-01T00:30:00Z"], ["rust-notes"]),
        (["--since", "2026-01-01T01:30:00Z"], [UUID]),
        (["--until", "2026-01-01T00:30:00Z"], ["rust-notes"]),
        (["--until", "2026-01-01"], [UUID, "go-notes", "rust-notes"]),
        (["--min-cost", "0.01"], ["rust-notes"]),
        (["--min-cost", "0.0126"], []),
        (["--max-cost", "0.01", "--tags", "work"], []),
        (["--min-messages", "2", "--max-messages", "3"], ["go-notes"]),
        (["--metadata", "project.priority=3"], ["rust-notes"]),
        (["--meta", "project.name=x", "--meta", "project.priority=3"], ["rust-notes"]),
        (["--meta", 'project.priority="3"'], []),
        (["--pinned"], ["go-notes"]),
        (["--not-pinned"], [UUID, "rust-notes"]),
        (["--forked-from", "rust-notes"], []),
        (["--limit", "1"], [UUID]),
    ],
)
def test_each_filter_is_a_flag(run, filled, flags, found):
    assert listed(run, *flags) == found


def test_paging_by_cursor_sees_everything_once(run, filled):
    seen, cursor = [], []
    while True:
        page = run("sessions", "list", "--json", "--limit", "1", *cursor).json
        seen += [info["id"] for info in page["sessions"]]
        if page["next"] is None:
            break
        cursor = ["--cursor", page["next"]]
    assert seen == [UUID, "go-notes", "rust-notes"]


def test_a_page_that_is_not_the_last_says_how_to_go_on(run, filled):
    cursor = run("sessions", "list", "--json", "--limit", "2").json["next"]
    ran = run("sessions", "list", "--limit", "2")
    assert "--cursor" in ran.err
    assert cursor is not None
    assert len(ran.out.splitlines()) == 2


@pytest.mark.parametrize("reference", ["rust-notes", "rust", "Rust"])
def test_a_session_is_found_by_id_prefix_or_name(run, filled, reference):
    assert run("sessions", "show", reference, "--json").json["session"]["id"] == "rust-notes"


def test_last_is_the_newest(run, filled):
    assert run("sessions", "show", "@last", "--json").json["session"]["id"] == UUID


def test_show_reads_as_a_conversation(run, filled):
    ran = run("sessions", "show", "rust-notes")
    assert ran.out == (
        "Rust  rust-notes\n"
        "4 messages · 1 turn · openai · gpt-4o · $0.013 · #work · #lang\n"
        "created 2026-01-01T00:00:00Z, changed 2026-01-01T00:00:00Z\n"
        "\n"
        "system prompt\n"
        "Be brief.\n"
        "\n"
        "user  2026-01-01T00:00:00Z\n"
        "What is ownership?\n"
        "\n"
        "assistant  2026-01-01T00:00:00Z · gpt-4o\n"
        "They ask about Rust.\n"
        "One owner per value.\n"
        "\n"
        "assistant  2026-01-01T00:00:00Z\n"
        '→ run {"cmd": "cargo"}\n'
        "\n"
        "tool  2026-01-01T00:00:00Z\n"
        "← borrow checker says no\n"
    )


def test_show_the_last_ones_an_older_version_and_no_tools(run, filled):
    def ids(*flags):
        return [message["id"] for message in run("sessions", "show", "rust-notes", "--jsonl", *flags).lines]

    assert ids() == ["m1", "m2", "m3", "m4"]
    assert ids("--last", "1") == ["m4"]
    assert ids("--at", "3") == ["m1", "m2"]
    assert ids("--no-tools") == ["m1", "m2"]


def test_rename_and_take_the_name_away(run, filled):
    ran = run("sessions", "rename", "rust", "Borrowing")
    assert (ran.code, ran.out) == (0, "")
    assert "Borrowing" in ran.err
    assert filled.get("rust-notes").info.name == "Borrowing"
    run("sessions", "rename", "rust-notes", "")
    assert filled.get("rust-notes").info.name is None


def test_tag_and_untag(run, filled):
    assert run("sessions", "tag", "go-notes", "a", "b,c").code == 0
    assert filled.get("go-notes").info.tags == ("lang", "a", "b,c")
    ran = run("--json", "sessions", "untag", "go-notes", "lang", "a")
    assert ran.json["session"]["tags"] == ["b,c"]


def test_pin_and_unpin(run, filled):
    run("sessions", "pin", "rust", UUID[:4])
    assert filled.get("rust-notes").info.pinned
    assert filled.get(UUID).info.pinned
    run("sessions", "pin", "--off", "rust")
    run("sessions", "unpin", UUID)
    assert not filled.get("rust-notes").info.pinned
    assert not filled.get(UUID).info.pinned


def test_metadata_is_typed_and_dotted(run, filled):
    def meta(*args):
        return run("sessions", "meta", "rust-notes", *args)

    assert meta("get", "project.priority").out == "3\n"
    assert meta("get", "project", "--json").json == {"key": "project", "value": {"name": "x", "priority": 3}}
    for key, value in [
        ("project.done", "true"),
        ("note", "just words"),
        ("text", '"3"'),
        ("a.b.c", "[1]"),
        ("n", "NaN"),
    ]:
        assert meta("set", key, value).code == 0
    assert meta("delete", "project.name").code == 0
    assert filled.get("rust-notes").info.metadata == {
        "project": {"priority": 3, "done": True},
        "note": "just words",
        "text": "3",
        "a": {"b": {"c": [1]}},
        "n": "NaN",
    }
    assert meta("--json").json == {"metadata": filled.get("rust-notes").info.metadata}


def test_metadata_mistakes(run, filled):
    assert run("sessions", "meta", "rust", "get", "absent").code == 3
    assert run("sessions", "meta", "rust", "delete", "project.absent").code == 3
    assert run("sessions", "meta", "rust", "set", "project.name.inner", "1").code == 2
    assert run("sessions", "meta", "rust", "set", "key").code == 2
    assert run("sessions", "meta", "rust", "delete").code == 2
    assert run("sessions", "meta", "rust", "get", "project", "3").code == 2


def test_a_key_with_a_dot_in_it_is_meant_before_an_inner_key(run, filled):
    filled.get("go-notes").update(metadata={"a.b": 1, "a": {"b": 2}})
    run("sessions", "meta", "go-notes", "set", "a.b", "5")
    assert filled.get("go-notes").info.metadata == {"a.b": 5, "a": {"b": 2}}
    run("sessions", "meta", "go-notes", "delete", "a.b")
    run("sessions", "meta", "go-notes", "delete", "a.b")
    assert filled.get("go-notes").info.metadata == {"a": {}}


def test_delete_goes_to_the_trash_and_restore_brings_back(run, filled):
    ran = run("sessions", "delete", "rust", "go-notes")
    assert (ran.code, ran.out) == (0, "")
    assert "recollect sessions restore rust-notes" in ran.err
    assert listed(run) == [UUID]
    trashed = run("sessions", "trash", "--json").json["sessions"]
    assert {info["id"] for info in trashed} == {"rust-notes", "go-notes"}
    assert run("sessions", "show", "rust-notes").code == 3
    ran = run("sessions", "restore", "rust", "--json")
    assert [info["id"] for info in ran.json["sessions"]] == ["rust-notes"]
    assert filled.exists("rust-notes")
    assert run("sessions", "restore", "rust-notes").code == 3


def test_purge_needs_a_yes_where_nobody_can_be_asked(run, filled):
    assert run("sessions", "delete", "rust", "--purge").code == 2
    assert filled.exists("rust-notes")
    assert run("sessions", "delete", "rust", "--purge", "--yes", "--json").json == {"purged": ["rust-notes"]}
    assert not filled.exists("rust-notes")
    assert run("sessions", "trash", "--json").json["sessions"] == []


def test_purge_reaches_into_the_trash(run, filled):
    run("sessions", "delete", "rust-notes")
    assert run("sessions", "delete", "rust-notes", "--purge", "--yes").code == 0
    assert run("sessions", "restore", "rust-notes").code == 3


def test_nothing_is_deleted_when_one_of_several_is_not_there(run, filled):
    assert run("sessions", "delete", "rust-notes", "absent").code == 3
    assert filled.exists("rust-notes")


def test_global_options_stand_anywhere(run, filled, tmp_path):
    other = f"sqlite:///{tmp_path}/other.db"
    for args in (
        ["--store", other, "--json", "sessions", "list"],
        ["sessions", "--store", other, "list", "--json"],
        ["sessions", "list", "--json", "--store", other],
    ):
        assert run(*args).json == {"sessions": [], "next": None}


def test_namespaces_are_apart(run, filled):
    assert run("sessions", "list", "--namespace", "alice", "--json").json["sessions"] == []
    filled.namespace("alice").open("hers")
    assert [i["id"] for i in run("--namespace", "alice", "sessions", "list", "--json").json["sessions"]] == [
        "hers"
    ]


def test_quiet_leaves_only_errors(run, filled):
    assert run("sessions", "list", "--limit", "1", "--quiet").err == ""
    assert run("--quiet", "sessions", "show", "absent").err != ""
