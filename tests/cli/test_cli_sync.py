"""``recollect sync``: what a person sees, what a program gets."""

from __future__ import annotations

import sys

from ..features.claude_files import append, claude, said, session_id


def test_what_is_new_comes_in(run, hermetic, store):
    claude(hermetic, 1, 2)
    (hermetic / ".codex/sessions").mkdir(parents=True)
    ran = run("sync")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.splitlines() == [
        "TOOL         FILES  NEW  CHANGED  FOLDER",
        "claude-code      1    1        0  ~/.claude/projects",
        "1 session created, 0 updated, 0 unchanged; 2 messages added.",
    ]
    assert store.exists(session_id(1))
    assert "0 sessions created, 0 updated, 1 unchanged; 0 messages added." in run("sync").err


def test_a_dry_run_lists_what_would_be_read(run, hermetic, store):
    path = claude(hermetic, 1)
    ran = run("sync", "--dry-run")
    assert ran.code == 0
    assert ran.out.splitlines() == [
        "TOOL         FILES  NEW  CHANGED  FOLDER",
        "claude-code      1    1        0  ~/.claude/projects",
        f"new      {path.stat().st_size} bytes  ~/.claude/projects/-project/{path.name}",
    ]
    assert ran.err == f"1 file of {path.stat().st_size} bytes would be read.\n"
    assert len(store.sessions()) == 0


def test_nothing_found_says_where_it_looked(run):
    ran = run("sync")
    assert (ran.code, ran.out) == (0, "")
    assert "~/.claude/projects\n" in ran.err
    assert "~/.codex/archived_sessions\n" in ran.err
    assert ran.err.endswith("recollect sync PATH\n")
    assert run("--quiet", "sync").err == ""


def test_json(run, hermetic):
    path = claude(hermetic, 1, 2)
    document = run("sync", "--json").json
    assert (document["created"], document["messages"], document["damaged"]) == (1, 2, [])
    assert document["sessions"] == [session_id(1)]
    assert [file["path"] for file in document["read"]] == [str(path)]
    assert {"tool", "folder", "exists", "files", "new", "changed", "unchanged"} == set(document["folders"][0])
    assert run("sync", "--json", "--dry-run").json["dry_run"] is True


def test_tools_and_paths(run, hermetic, here):
    claude(hermetic, 1)
    claude(here, 2, folder="elsewhere")
    assert run("sync", "--tool", "codex", "--json").json["created"] == 0
    document = run("sync", "--tool", "codex", "elsewhere", "--json").json
    assert document["sessions"] == [session_id(2)]
    assert run("sync", "--json").json["created"] == 1
    ran = run("sync", "--tool", "nothing")
    assert ran.code == 2
    assert "There are claude-code, codex" in ran.err
    assert run("sync", "absent").code == 3


def test_damage_is_listed(run, hermetic):
    path = claude(hermetic, 1)
    append(path, '{"type":"user", "uuid": oops\n' + said(1, 2))
    ran = run("sync")
    assert ran.code == 8
    assert f"{path}:" in ran.err
    assert run("sync").code == 0


def test_without_sources(run, hermetic):
    claude(hermetic, 1)
    run("sync", "--no-source")
    assert run("export", session_id(1), "--format", "native").code != 0


def test_names_of_files_cannot_steer_a_terminal(run, hermetic):
    claude(hermetic, 1, folder=".claude/projects/-\x1b[31mred")
    ran = run("sync", "--dry-run")
    assert "\x1b" not in ran.out
    assert "\\x1b[31mred" in ran.out


def test_watching_needs_an_extra(run, monkeypatch, hermetic, store):
    claude(hermetic, 1)
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    ran = run("sync", "--watch")
    assert ran.code == 1
    assert ran.err.splitlines() == [
        "recollect: sync --watch needs watchfiles, which is not installed.",
        "  pip install 'recollect[watch]' brings it.",
    ]
    assert len(store.sessions()) == 0


def test_watching_is_no_dry_run(run):
    assert run("sync", "--watch", "--dry-run").code == 2
