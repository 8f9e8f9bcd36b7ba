"""How commands fail: exit codes, one sentence, one JSON object."""

from __future__ import annotations

import pytest

from recollect import errors
from recollect.cli import codes


def test_every_error_has_an_exit_code():
    kinds = {getattr(errors, name) for name in errors.__all__} - {errors.StoreWarning, errors.ChatWarning}
    assert set(codes.EXIT_CODES) == kinds


def test_an_error_of_a_later_version_ends_like_its_nearest_kin():
    class Newer(errors.CorruptError):
        pass

    assert codes.exit_code(Newer("x")) == 6
    assert codes.exit_code(errors.AccessError("x")) == 4
    assert codes.exit_code(errors.BusyError("x")) == 7
    assert codes.exit_code(errors.TrashedError("x")) == 5


@pytest.mark.parametrize(
    ("args", "code", "kind"),
    [
        (["sessions", "show", "absent"], 3, "not_found"),
        (["sessions", "list", "--since", "tomorrow"], 2, "invalid"),
        (["sessions", "list", "--min-cost", "NaN"], 2, "usage"),
        (["sessions", "list", "--meta", "novalue"], 2, "usage"),
        (["sessions", "list", "--limit", "0"], 2, "usage"),
        (["sessions", "list", "--cursor", "nonsense"], 2, "invalid"),
        (["sessions", "list", "--nonsense"], 2, "usage"),
        (["sessions", "lst"], 2, "usage"),
        (["nonsense"], 2, "usage"),
        (["sessions", "show"], 2, "usage"),
        (["--store", "nonsense", "stats"], 2, "config"),
        (["--store", "ftp://x", "stats"], 2, "config"),
        (["--config", "absent.toml", "stats"], 2, "config"),
        (["sessions", "tag", "rust-notes", "a\x07b"], 2, "invalid"),
        (["search", "x", "--rol", "user"], 2, "usage"),
    ],
)
def test_code_and_kind(run, filled, args, code, kind):
    ran = run("--json", *args)
    assert ran.code == code
    assert ran.err == ""
    assert ran.error["code"] == code
    assert ran.error["kind"] == kind
    assert set(ran.error) == {"code", "kind", "message", "hint", "retryable"}
    spoken = run(*args)
    assert (spoken.code, spoken.out) == (code, "")
    assert spoken.err.startswith("recollect: ")
    assert "Traceback" not in spoken.err


def test_json_behind_the_mistake_counts_too(run):
    assert run("sessions", "list", "--nonsense", "--json").error["kind"] == "usage"
    assert run("nonsense", "--jsonl").error["kind"] == "usage"


def test_what_stands_behind_two_dashes_is_no_option(run, filled):
    ran = run("search", "--", "--json")
    assert (ran.code, ran.out) == (2, "")


def test_ambiguous_names_the_candidates(run, store):
    for number in range(3):
        store.open(f"same-{number}", name=f"Name {number}")
    ran = run("sessions", "show", "same")
    assert (ran.code, ran.out) == (2, "")
    assert all(f"same-{number}  Name {number}" in ran.err for number in range(3))
    error = run("sessions", "show", "same", "--json").error
    assert error["kind"] == "ambiguous"
    assert sorted(c["id"] for c in error["candidates"]) == ["same-0", "same-1", "same-2"]


@pytest.mark.parametrize(
    ("typed", "meant"), [(["serch", "x"], "search"), (["sessions", "lsit"], "list"), (["confg"], "config")]
)
def test_a_mistyped_command_is_answered_with_what_is_near(run, typed, meant):
    ran = run(*typed)
    assert ran.code == 2
    assert f"Did you mean {meant}?" in ran.err


def test_damage_is_code_6(run, damaged):
    ran = run("sessions", "show", "rust-notes")
    assert (ran.code, ran.out) == (6, "")
    assert run("sessions", "show", "rust-notes", "--json").error["kind"] == "corrupt"
    assert run("sessions", "show", "go-notes").code == 0


def test_verify_reports_damage_as_data(run, damaged):
    ran = run("verify", "--json")
    assert ran.code == 6
    assert ran.json["sessions"] == 3
    assert len(ran.json["findings"]) == 1
    assert "rust-notes" in ran.json["findings"][0]["place"]
    assert "rust-notes" in run("verify").out
    assert run("verify", "go-notes").code == 0


def test_verify_of_a_sound_store(run, filled):
    ran = run("verify", "--json")
    assert ran.code == 0
    assert ran.json == {
        "sessions": 3,
        "records": 10,
        "messages": 7,
        "blobs": 0,
        "findings": [],
        "orphans": [],
    }
    assert "Nothing is wrong." in run("verify").err


def test_a_conflict_is_tried_again_when_metadata_is_set(run, filled, monkeypatch):
    from recollect import Session

    set_metadata, races = Session.set_metadata, []

    def raced(self, path, value):
        if not races:
            races.append(True)
            filled.get("rust-notes").tag("meanwhile")
        return set_metadata(self, path, value)

    monkeypatch.setattr(Session, "set_metadata", raced)
    assert run("sessions", "meta", "rust-notes", "set", "k", "1").code == 0
    info = filled.get("rust-notes").info
    assert info.metadata["k"] == 1
    assert "meanwhile" in info.tags


def test_a_bug_is_one_sentence_without_the_text_of_the_exception(run, filled, monkeypatch):
    from recollect import Store

    def broken(self):
        raise RuntimeError("what somebody said in confidence")

    monkeypatch.setattr(Store, "stats", broken)
    ran = run("stats", "--json")
    assert ran.code == 1
    assert ran.error["kind"] == "internal"
    assert "RuntimeError" in ran.error["message"]
    assert "confidence" not in ran.out + ran.err
    monkeypatch.setenv("RECOLLECT_DEBUG", "1")
    assert "Traceback" in run("stats").err


@pytest.mark.parametrize("group", [[], ["sessions"], ["config"]])
def test_without_a_command_a_person_sees_what_there_is(run, group):
    ran = run(*group)
    assert (ran.code, ran.out) == (2, "")
    assert "Commands:" in ran.err
    assert "..." not in ran.err.partition("Commands:")[2].replace("ARGS]...", "")
    assert run("--json", *group).error["message"] == "Missing command."
