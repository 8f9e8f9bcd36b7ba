"""What may go: cleanup, the trash, and ``[retention]`` in the configuration."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

UUID = "7f3a9c52-0000-4000-8000-000000000000"
"""The newest of the three sessions; go-notes is pinned, rust-notes the oldest."""

ALL = {UUID, "go-notes", "rust-notes"}


@pytest.fixture
def configured(tmp_path, monkeypatch):
    """Write a configuration file with a table ``[retention]`` and have it read."""

    def write(*lines):
        file = tmp_path / "mine.toml"
        file.write_text("\n".join(["[retention]", *lines]))
        monkeypatch.setenv("RECOLLECT_CONFIG", str(file))

    return write


def live(store):
    return {info.id for info in store.sessions()}


def trashed(store):
    return {info.id for info in store.trashed()}


def since(hour, minute):
    """The time that has passed since then on the first of January, as an option takes it."""
    passed = datetime.now(UTC) - datetime(2026, 1, 1, hour, minute, tzinfo=UTC)
    return f"{int(passed.total_seconds())}s"


def test_cleanup_says_what_would_go_and_changes_nothing(run, filled):
    ran = run("cleanup", "--max-sessions", "2")
    assert ran.out == "rust-notes\ttoo many\t2026-01-01T00:00:00Z\tRust\n"
    assert "1 session would go to the trash" in ran.err
    assert "--apply" in ran.err
    assert live(filled) == ALL
    assert "Nothing is to go" in run("cleanup", "--max-sessions", "3").err


def test_cleanup_by_age_then_by_number_and_only_the_trash(run, filled):
    ran = run("cleanup", "--max-age", since(0, 30), "--max-sessions", "1", "--apply")
    assert ran.out == f"rust-notes\ttoo old\n{UUID}\ttoo many\n"
    assert "Moved 2 sessions to the trash" in ran.err
    assert (live(filled), trashed(filled)) == ({"go-notes"}, {"rust-notes", UUID})


def test_cleanup_keeps_what_is_to_be_kept(run, filled):
    def gone(*flags):
        return set(run("--json", "cleanup", "--max-age", "1h", *flags).json["sessions"])

    assert gone() == {"rust-notes", UUID}
    assert gone("--no-keep-pinned") == ALL
    assert gone("--keep-tag", "work", "--keep-tag", "none") == {UUID}
    assert gone("--tags", "lang", "--no-keep-pinned") == {"rust-notes", "go-notes"}
    assert gone("--meta", "project.name=x") == {"rust-notes"}
    assert gone("--any-tags", "work,none") == {"rust-notes"}
    assert gone("--min-cost", "1") == set()


def test_cleanup_by_size(run, filled):
    result = run("--json", "cleanup", "--max-total-bytes", "1b", "--no-keep-pinned").json
    assert (result["by_size"], set(result["sessions"])) == (3, ALL)
    assert run("--json", "cleanup", "--max-total-bytes", "1GB").json["sessions"] == []


def test_cleanup_purge(run, filled):
    result = run("--json", "cleanup", "--max-age", "1d", "--apply", "--purge").json
    assert (result["sessions_deleted"], result["bytes_freed"] > 0) == (2, True)
    assert (live(filled), trashed(filled)) == ({"go-notes"}, set())


def test_no_limit_never_means_all(run, filled):
    assert run("cleanup", "--apply").code == 2
    assert run("cleanup", "--apply", "--tags", "work").code == 2
    for flags in (["--max-sessions", "0"], ["--max-age", "0d"], ["--max-total-bytes", "0"]):
        assert run("--json", "cleanup", "--apply", "--no-keep-pinned", *flags).json["sessions"] == []
    for flags in (["--max-sessions", "-1"], ["--max-age", "-1d"], ["--max-total-bytes", "1 loaf"]):
        assert run("cleanup", "--apply", *flags).code == 2
    assert live(filled) == ALL


def test_cleanup_takes_its_limits_from_the_configuration(run, filled, configured):
    configured('max_age = "1d"', 'keep_tags = ["work"]')
    assert run("--json", "cleanup").json["sessions"] == [UUID]
    # A limit on the line stands alone; what is to be kept stays kept.
    assert run("--json", "cleanup", "--max-sessions", "3").json["sessions"] == []
    assert run("--json", "cleanup", "--max-sessions", "1").json["sessions"] == [UUID]
    configured('max_age = "1d"', "keep_pinned = false")
    assert set(run("--json", "cleanup").json["sessions"]) == ALL
    assert "go-notes" not in run("--json", "cleanup", "--keep-pinned").json["sessions"]


def test_auto_cleans_before_a_command_that_reads(run, filled, configured):
    configured("max_sessions = 2", "auto = true")
    ran = run("--json", "sessions", "list")
    assert ran.err.splitlines()[0] == "Retention: moved 1 session to the trash."
    assert len(ran.json["sessions"]) == 2
    assert trashed(filled) == {"rust-notes"}
    assert run("sessions", "list").err == ""


def test_auto_cleans_after_a_command_that_writes(run, filled, configured):
    configured("max_sessions = 2", "auto = true")
    ran = run("sessions", "tag", "go-notes", "new")
    assert ran.err.splitlines()[0] == "Retention: moved 1 session to the trash."
    assert trashed(filled) == {"rust-notes"}
    assert "Retention" not in run("sessions", "tag", "go-notes", "newer").err


def test_auto_empties_the_trash_and_can_be_silent(run, filled, configured):
    filled.trash("rust-notes")
    configured("auto = true", "trash_days = 0")
    run("sessions", "pin", "go-notes")
    assert trashed(filled) == {"rust-notes"}
    configured("auto = true", "trash_days = 7")
    ran = run("--quiet", "--json", "sessions", "pin", "go-notes")
    assert (ran.err, len(ran.json["sessions"])) == ("", 1)
    assert trashed(filled) == set()


def test_auto_spares_what_the_command_saves(run, filled, configured):
    configured("max_sessions = 2", "auto = true")
    run("sessions", "pin", "rust-notes")
    assert trashed(filled) == {UUID}
    filled.trash("go-notes")  # in January, by the clock of the test's own store
    configured("trash_days = 7", "auto = true")
    assert run("sessions", "restore", "go-notes").code == 0
    assert "go-notes" in live(filled)


def test_auto_does_nothing_after_a_command_that_failed(run, filled, configured):
    configured("max_sessions = 1", "auto = true")
    assert run("sessions", "tag", "absent", "new").code == 3
    assert live(filled) == ALL


def test_auto_is_off_unless_it_is_on(run, filled, configured):
    configured("max_sessions = 1")
    run("sessions", "tag", "go-notes", "new")
    assert live(filled) == ALL


def test_a_folder_one_is_in_does_not_clean_another_store(run, filled, here):
    (here / "recollect.toml").write_text("[retention]\nmax_sessions = 1\nauto = true")
    run("sessions", "tag", "go-notes", "new")
    assert live(filled) == ALL


def test_a_failure_of_auto_does_not_stop_the_command(run, filled, configured, monkeypatch):
    from recollect import BusyError, Store

    def busy(self, policy, **_):
        raise BusyError("The store is busy.")

    monkeypatch.setattr(Store, "cleanup", busy)
    configured("max_sessions = 1", "auto = true")
    ran = run("sessions", "tag", "go-notes", "new")
    assert ran.code == 0
    assert "could not be cleaned up: The store is busy." in ran.err
    assert "new" in filled.get("go-notes").info.tags


def test_what_is_wrong_with_the_table_is_said(run, configured):
    configured("max_sesions = 1")
    ran = run("sessions", "list")
    assert ran.code == 2
    assert "mine.toml, line 2" in ran.err


def test_config_show_tells_the_retention(run, configured, tmp_path):
    configured('max_age = "90d"', "trash_days = 0")
    ran = run("config", "show")
    assert f"retention.max_age = 90 days, 0:00:00  ({tmp_path}/mine.toml)\n" in ran.out
    assert "retention.max_sessions = no limit" in ran.out
    assert "retention.trash_days = 0 (for ever)" in ran.out
    shown = run("--json", "config", "show").json["retention"]
    assert shown["value"]["max_age"] == 7776000
    assert shown["origin"] == str(tmp_path / "mine.toml")


def test_trash_list_and_empty(run, filled, clock):
    filled.trash("rust-notes")
    run("sessions", "delete", "go-notes")
    assert {info["id"] for info in run("--json", "trash", "list").json["sessions"]} == {
        "rust-notes",
        "go-notes",
    }
    assert run("--json", "trash", "empty", "--days", "30").json == {"purged": ["rust-notes"]}
    assert "long enough" in run("trash", "empty").err
    assert trashed(filled) == {"go-notes"}
    assert run("trash", "empty", "--all").code == 2
    assert run("trash", "empty", "--all", "--days", "3").code == 2
    assert run("trash", "empty", "--days", "0").code == 2
    assert "Removed 1 session" in run("trash", "empty", "--all", "--yes").err
    assert "The trash is empty." in run("trash", "list").err


def test_trash_days_come_from_the_configuration(run, filled, configured):
    filled.trash("rust-notes")
    configured("trash_days = 0")
    assert run("--json", "trash", "empty").json == {"purged": []}
    configured("trash_days = 0.5")
    assert run("--json", "trash", "empty").json == {"purged": ["rust-notes"]}


def test_tags_with_counts_and_renaming(run, filled):
    assert run("tags").out == run("tags", "list").out == "lang\t2\nwork\t1\n"
    assert run("tags", "--json").json == {"tags": {"lang": 2, "work": 1}}
    assert run("--jsonl", "tags").lines == [{"tag": "lang", "sessions": 2}, {"tag": "work", "sessions": 1}]
    assert "'work' is now 'job' in 1 session." in run("tags", "rename", "work", "job").err
    assert run("--json", "tags", "rename", "job", "lang").json == {"changed": 1}
    assert run("--json", "tags").json == {"tags": {"lang": 2}}
    assert "No session has the tag 'job'" in run("tags", "rename", "job", "x").err
    assert run("tags", "rename", "job").code == 2


def test_no_tags(run, store):
    ran = run("tags")
    assert (ran.out, "No session has a tag." in ran.err) == ("", True)


def test_repair_puts_right_what_verify_found(run, damaged, here):
    assert run("verify").code == 6
    ran = run("--json", "repair", "rust-notes", "--quarantine", "aside.jsonl")
    assert ran.code == 0
    assert (ran.json["repaired"], ran.json["quarantined"]) == (["rust-notes"], 1)
    assert (ran.json["quarantine"], ran.json["unrepaired"]) == ("aside.jsonl", [])
    moved = [json.loads(line) for line in (here / "aside.jsonl").read_text().splitlines()]
    assert [record["session_id"] for record in moved] == ["rust-notes"]
    assert run("verify").code == 0
    assert "0 problems left" in run("repair").err


def test_repair_names_the_file_it_made(run, damaged, here):
    ran = run("--quiet", "repair")
    assert ran.out == "rust-notes\n"
    (file,) = here.glob("*.jsonl")
    assert ran.err.startswith("1 damaged record moved to ")
    assert ran.err.endswith(f"{file.name}.\n")


def test_verify_shows_tool_calls_without_an_answer(run, filled):
    filled.get("rust-notes").pop()
    ran = run("verify", "rust-notes")
    assert ran.code == 0
    assert "session 'rust-notes': the tool call 'c1' has no answer\n" in ran.out
    assert "1 tool call without an answer" in ran.err
    report = run("--json", "verify").json
    assert (report["findings"], len(report["orphans"])) == ([], 1)
