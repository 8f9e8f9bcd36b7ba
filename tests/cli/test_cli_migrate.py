"""``migrate``, ``backup`` and ``restore`` on the command line: figures, conflicts, exit codes."""

import os
import re

import pytest

from recollect import BlobPart, Message, Store


@pytest.fixture
def urls(filled, tmp_path):
    return os.environ["RECOLLECT_STORE"], f"file://{tmp_path}/other"


def test_a_store_is_copied_and_compared(urls, run):
    first = run("migrate", *urls, "--verify")
    assert first.code == 0
    assert re.fullmatch(r"3 logs compared: 10 records, 0 attachments, .*B; all equal\.\n", first.out)
    assert "3 sessions: 3 created, 0 continued, 0 there already." in first.err
    assert "10 records, 0 attachments" in first.err
    assert "records/s" in first.err
    again = run("migrate", *urls)
    assert (again.code, again.out) == (0, "")
    assert "0 created, 0 continued, 3 there already." in again.err
    with Store(urls[1]) as copy:
        assert copy.get("rust-notes").messages()[3].parts[0].response == "borrow checker says no"


def test_filters_names_and_dry_runs(urls, run, tmp_path):
    planned = run("migrate", *urls, "--tags", "work", "--dry-run")
    assert planned.code == 0
    assert "1 session: 1 would be created" in planned.err
    assert not (tmp_path / "other").exists()
    assert run("migrate", *urls, "--session", "go-notes", "--session", "rust-notes").code == 0
    with Store(urls[1]) as copy:
        assert sorted(info.id for info in copy.sessions()) == ["go-notes", "rust-notes"]
    assert run("migrate", *urls, "--session", "go-notes", "--tags", "x").code == 2
    assert run("migrate", *urls, "--session", "nobody").code == 3
    assert run("--namespace", "x", "migrate", *urls).code == 2


def test_json_is_one_document(urls, run):
    done = run("migrate", *urls, "--verify", "--json").json
    names = ("sessions", "created", "updated", "unchanged", "records", "messages", "complete", "dry_run")
    assert [done[name] for name in names] == [3, 3, 0, 0, 10, 7, True, False]
    assert done["verified"]["different"] == done["conflicts"] == done["damaged"] == []
    assert done["seconds"] >= 0


def test_conflicts_are_listed_and_partly_done(urls, run, filled):
    assert run("migrate", *urls).code == 0
    filled.get("go-notes").append(Message.user("here"))
    with Store(urls[1]) as copy:
        copy.get("go-notes").append(Message.user("there"))
    left = run("migrate", *urls)
    assert left.code == 8
    assert "Conflict: go-notes has another history from record 4 on (skipped)." in left.err
    assert run("migrate", *urls, "--on-conflict", "branch").err.count("(branched: main-1)") == 1
    renamed = run("migrate", *urls, "--on-conflict", "rename", "--json")
    assert renamed.code == 0
    (conflict,) = renamed.json["conflicts"]
    assert conflict == {
        "namespace": "",
        "session": "go-notes",
        "record": 4,
        "outcome": "renamed",
        "to": "go-notes~2",
    }


def test_a_copy_that_ends_earlier_is_continued_or_left(urls, run, filled):
    run("migrate", *urls)
    filled.get("go-notes").append(Message.user("more"))
    assert run("migrate", *urls, "--no-resume").code == 8
    assert "1 continued" in run("migrate", *urls, "--resume").err


def test_differences_have_an_exit_code_of_their_own(urls, run, tmp_path, filled):
    filled.get("go-notes").append(Message.user([BlobPart(b"\1" * 70_000)]))
    assert run("migrate", *urls).code == 0
    (blob,) = [path for path in (tmp_path / "other").rglob("*") if path.is_file() and is_blob(path)]
    blob.chmod(0o600)
    blob.write_bytes(b"\2" * 70_000)
    assert run("migrate", *urls).code == 0
    done = run("migrate", *urls, "--verify")
    assert done.code == 6
    assert done.out.endswith("; 1 different.\n")
    assert "Different: session 'go-notes' in namespace 'default': The blob" in done.err


def is_blob(path):
    return path.read_bytes() == b"\1" * 70_000


def test_wrong_urls_are_errors(urls, run, tmp_path):
    assert run("migrate", f"sqlite:///{tmp_path}/none.db", urls[1]).code == 3
    assert run("migrate", "nonsense", urls[1]).code == 2
    assert run("migrate", urls[0]).code == 2
    assert not (tmp_path / "none.db").exists()


def test_a_backup_goes_out_and_in(urls, run, here, filled):
    out = run("backup", "all.backup")
    assert out.code == 0
    assert out.err.startswith("3 sessions (10 records, 0 attachments) written to all.backup: ")
    assert run("backup", "work.backup", "--tags", "work", "--json").json["sessions"] == 1
    back = run("--store", urls[1], "restore", "all.backup")
    assert back.code == 0
    assert "3 sessions: 3 created" in back.err
    assert "3 there already" in run("--store", urls[1], "restore", "all.backup").err
    assert run("--store", urls[1], "verify").code == 0
    filled.delete("go-notes")
    assert "1 would be created" in run("restore", "all.backup", "--dry-run").err
    assert not filled.exists("go-notes")
    assert run("restore", "all.backup").code == 0
    assert [message.text for message in filled.get("go-notes").messages()][1] == "A light thread."
    assert sorted(path.name for path in here.iterdir()) == ["all.backup", "work.backup"]


def test_a_damaged_backup_is_partly_done(urls, run, here):
    run("backup", "all.backup")
    content = (here / "all.backup").read_bytes()
    (here / "cut.backup").write_bytes(content[:3000])
    done = run("--store", urls[1], "restore", "cut.backup")
    assert done.code == 8
    assert "Damaged: manifest.jsonl: it is missing" in done.err
    assert run("restore", "nobody.backup").code == 3
    (here / "text").write_text("hello")
    assert run("restore", "text").code == 2
