"""``recollect config`` and ``recollect completion``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from recollect.config import default_store, user_file


def test_show_says_where_each_value_comes_from(run, here, monkeypatch):
    monkeypatch.delenv("RECOLLECT_STORE")
    assert run("config", "show", "--json").json["store"] == {"value": default_store(), "origin": "default"}
    (here / "recollect.toml").write_text('store = "memory:"\nnamespace = "alice"')
    monkeypatch.setenv("RECOLLECT_NAMESPACE", "bob")
    shown = run("--json", "config", "show").json
    assert shown["store"] == {"value": "memory:", "origin": str(here / "recollect.toml")}
    assert shown["namespace"] == {"value": "bob", "origin": "environment RECOLLECT_NAMESPACE"}
    assert [file["found"] for file in shown["files"]] == [True, False]
    spoken = run("config", "show", "--store", "sqlite::memory:")
    assert "store = sqlite::memory:  (flag)\n" in spoken.out
    assert "namespace = bob  (environment RECOLLECT_NAMESPACE)\n" in spoken.out
    assert "model = none  (default)\n" in spoken.out


def test_show_hides_secrets(run):
    ran = run("config", "show", "--store", "postgresql://alice:s3cret@host/db?password=s3cret")
    assert ran.code == 0
    assert "s3cret" not in ran.out + ran.err


def test_show_opens_no_store(run, tmp_path):
    assert run("config", "show").code == 0
    assert not (tmp_path / "chats.db").exists()


def test_path_is_the_file_in_force_or_the_one_to_write(run, here):
    ran = run("config", "path")
    assert ran.out == f"{user_file()}\n"
    assert "not there yet" in ran.err
    (here / "recollect.toml").write_text("")
    assert run("config", "path").out == f"{here / 'recollect.toml'}\n"
    assert run("config", "path", "--json").json == {"path": str(here / "recollect.toml"), "found": True}


def test_a_wrong_file_is_a_usage_error(run, here):
    (here / "recollect.toml").write_text("stor = 1")
    ran = run("sessions", "list")
    assert ran.code == 2
    assert "recollect.toml, line 1" in ran.err


def completed(words, **environ):
    """What the command offers a shell for the last of ``words``."""
    environ = {
        **os.environ,
        "_RECOLLECT_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["recollect", *words]),
        "COMP_CWORD": str(len(words)),
        **environ,
    }
    done = subprocess.run(
        [sys.executable, "-m", "recollect"], env=environ, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.split()]


def test_completion_offers_commands_and_live_ids(filled):
    assert completed(["ses"]) == ["sessions"]
    assert completed(["sessions", "sh"]) == ["show"]
    assert completed(["sessions", "show", "ru"]) == ["rust-notes"]
    assert completed(["sessions", "show", "R"]) == ["Rust"]
    assert completed(["sessions", "show", "@"]) == ["@last"]
    assert completed(["export", "go"]) == ["go-notes"]
    assert completed(["sessions", "restore", "go"]) == []
    filled.trash("go-notes")
    assert completed(["sessions", "restore", "go"]) == ["go-notes"]


def test_completion_looks_where_the_line_says(filled, tmp_path):
    assert completed(["--store", f"sqlite:///{tmp_path}/other.db", "sessions", "show", "ru"]) == []
    filled.namespace("alice").open("hers")
    assert completed(["--namespace", "alice", "sessions", "show", "he"]) == ["hers"]


def test_completion_never_offers_what_a_shell_would_run(store):
    for name in ["x;reboot", "x$(reboot)", "x`reboot`", "x y", "xplain"]:
        store.open(name)
    assert completed(["sessions", "show", "x"]) == ["xplain"]


def test_completion_makes_no_store_and_no_noise(tmp_path):
    assert completed(["sessions", "show", "a"]) == []
    assert not (tmp_path / "chats.db").exists()
    assert completed(["sessions", "show", "a"], RECOLLECT_STORE="nonsense") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_valid(process, shell):
    ran = process("completion", shell)
    assert ran.code == 0
    assert "_RECOLLECT_COMPLETE" in ran.out
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell} here to check the script with")
    checked = subprocess.run([program, "-n"], input=ran.out, text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
