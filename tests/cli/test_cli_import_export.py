"""Conversations in and out on the command line."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from recollect import Message
from recollect.cli.exporting import FORMATS
from recollect.formats import export_formats

GOLDEN = Path(__file__).with_name("golden")
UUID = "7f3a9c52-0000-4000-8000-000000000000"


def chat(*texts):
    return json.dumps({"messages": [{"role": "user", "content": text} for text in texts]})


@pytest.fixture
def chats(here):
    """A file of two conversations with a damaged line between."""
    file = here / "chats.jsonl"
    file.write_text(f"{chat('first')}\n{{broken\n{chat('second', 'third')}\n")
    return file


def golden(name, document):
    """Compare a document with its golden file; ids and reasons of a library are not the shape."""
    text = json.dumps(document, indent=2) + "\n"
    text = re.sub(r'"[0-9a-f-]{36}"', '"<id>"', text)
    text = re.sub(r'("reason": )"[^"]+"', r'\1"<reason>"', text)
    file = GOLDEN / f"{name}.json"
    if not file.exists():
        file.write_text(text, encoding="utf-8")
        pytest.fail(f"{file.name} was not there and has been written: look at it, then run again.")
    assert text == file.read_text(encoding="utf-8")


def test_import_reports_and_is_idempotent(run, here, store):
    (here / "a.json").write_text(chat("hello"))
    ran = run("import", "a.json", "--json")
    assert (ran.code, ran.err.strip()) == (0, "1 session created, 0 updated, 0 unchanged; 1 message added.")
    golden("import", ran.json)
    again = run("import", "a.json", "--json").json
    assert (again["created"], again["unchanged"], again["messages"]) == (0, 1, 0)
    assert again["sessions"] == ran.json["sessions"]
    assert len(store.sessions()) == 1


def test_a_damaged_place_is_listed_and_the_rest_comes_in(run, chats):
    ran = run("import", "chats.jsonl")
    assert (ran.code, ran.out) == (8, "")
    assert "2 sessions created" in ran.err
    assert f"chats.jsonl:{len(chat('first')) + 1}: " in ran.err
    ran = run("import", "--json", "chats.jsonl")
    assert ran.code == 8
    golden("import-damaged", ran.json)


def test_damage_is_told_even_when_quiet(run, chats):
    assert "chats.jsonl:" in run("--quiet", "import", "chats.jsonl").err


def test_import_of_stdin_and_folders(run, here, store):
    assert run("import", "-", input=chat("from stdin")).code == 0
    (here / "folder").mkdir()
    (here / "folder" / "a.json").write_text(chat("from folder"))
    assert run("import", "folder").code == 0
    assert {info.preview for info in store.sessions()} == {"from stdin", "from folder"}


def test_import_of_what_is_not_there(run):
    ran = run("import", "absent.json")
    assert ran.code == 3
    assert "absent.json" in ran.err
    assert run("import").code == 2


def test_a_format_can_be_forced(run, here):
    (here / "a.json").write_text(chat("hello"))
    assert run("import", "a.json", "--format", "openai-chat").code == 0
    ran = run("import", "a.json", "--format", "nonsense")
    assert ran.code == 1
    assert "openai-chat" in ran.err


@pytest.mark.parametrize("form", [form for form in export_formats() if form != "native"])
def test_export_to_stdout_is_what_the_library_writes(process, filled, form):
    ran = process("export", "rust-notes", "--format", form)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == filled.export("rust-notes", format=form)


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_a_round_trip_is_byte_for_byte(process, run, filled, tmp_path, form):
    first = process("export", "rust", "--format", form).out
    other = f"sqlite:///{tmp_path}/other.db"
    assert run("--store", other, "import", "-", input=first).code == 0
    assert process("--store", other, "export", "rust-notes", "--format", form).out == first


def test_export_to_a_file(run, filled, here):
    ran = run("export", "rust", "-o", "chat.md", "--format", "markdown")
    assert (ran.code, ran.out) == (0, "")
    assert "ownership" in (here / "chat.md").read_text()
    ran = run("export", "rust", "-o", "absent/chat.json")
    assert ran.code == 3
    assert "absent" in ran.err


def test_export_of_several_goes_to_a_folder(run, filled, here):
    ran = run("export", "rust", "go-notes")
    assert ran.code == 1
    assert "Give a folder" in ran.err
    ran = run("export", "rust", "go-notes", UUID, "-o", "out", "--json")
    assert {file.name for file in (here / "out").iterdir()} == {
        "Rust--rust-notes.json",
        "Go--go-notes.json",
        f"{UUID}.json",
    }
    assert [item["id"] for item in ran.json["exported"]] == ["rust-notes", "go-notes", UUID]


def test_no_id_leaves_the_folder_or_overwrites_another(run, store, here):
    ids = ["../up", "/abs", ".hidden", "a/b", "a_b", "Case", "case", "x" * 250, "con\u202eode"]
    for session_id in ids:
        store.open(session_id)
    assert run("export", *ids, "-o", "out").code == 0
    files = sorted((here / "out").iterdir())
    assert len({file.name.casefold() for file in files}) == len(ids)
    assert not any(file.name.startswith(".") for file in files)
    assert {json.loads(file.read_text())["session"]["id"] for file in files} == set(ids)
    assert sorted(here.iterdir()) == [here / "out"]


def test_export_of_what_the_filters_find(run, filled, here):
    ran = run("--json", "export", "--tags", "lang", "-o", "out")
    assert {item["id"] for item in ran.json["exported"]} == {"rust-notes", "go-notes"}
    # What is found goes to a folder however many there are; without one, a single session is printed.
    assert run("export", "--pinned", "-o", "one", "--format", "text").code == 0
    assert [file.name for file in (here / "one").iterdir()] == ["Go--go-notes.txt"]
    assert run("export", "--pinned", "--format", "text").out == filled.export("go-notes", format="text")
    assert run("export", "--tags", "lang").code == 1
    ran = run("export", "--tags", "absent", "-o", "none")
    assert (ran.code, "No session matches." in ran.err) == (0, True)
    assert not (here / "none").exists()
    assert run("--json", "export", "--tags", "absent").json == {"exported": []}


def test_a_folder_is_asked_for_by_its_slash_or_by_being_there(run, filled, here):
    assert run("export", "rust", "-o", "new/", "--format", "markdown").code == 0
    assert run("export", "go-notes", "-o", "new", "--format", "html").code == 0
    assert {file.name for file in (here / "new").iterdir()} == {"Rust--rust-notes.md", "Go--go-notes.html"}


@pytest.mark.parametrize("form", ["jsonl", "csv", "openai-chat"])
def test_some_formats_hold_several_sessions(process, filled, here, form):
    ending = {"openai-chat": "json"}.get(form, form)
    ran = process("export", "--tags", "lang", "--format", form)
    assert (ran.code, ran.err) == (0, "")
    assert process("export", "--tags", "lang", "--format", form, "-o", f"all.{ending}").code == 0
    assert (here / f"all.{ending}").read_bytes() == ran.out.encode()
    if form == "csv":
        assert ran.out.count("session_id") == 1
        assert {row["session_id"] for row in csv.DictReader(io.StringIO(ran.out, newline=""))} == {
            "rust-notes",
            "go-notes",
        }
    else:
        process("--namespace", "copy", "import", f"all.{ending}")
        copied = {info.id for info in filled.namespace("copy").sessions()}
        assert copied == {"rust-notes", "go-notes"}


def test_what_a_selection_leaves(run, filled):
    def said(*flags: str) -> list[str]:
        ran = run("export", "rust", "--format", "openai-chat", *flags)
        assert ran.code == 0
        return [message["content"] for message in json.loads(ran.out)["messages"]]

    question, answer, _, result = said()
    assert said("--last", "2")[1:] == [result]
    assert said("--no-tools") == [question, answer]
    assert said("--no-tools", "--last", "3") == [answer]
    session = filled.get("rust-notes")
    session.branch("early", at="m2")
    assert said("--branch", "early") == [question, answer]
    assert run("export", "rust", "--format", "text", "--branch", "absent").code == 3
    session.append(Message.user(f"write to {'ann'}@example.org"))
    assert said("--redact")[-1] == "write to [redacted]"


@pytest.mark.parametrize("flags", [["--last", "1"], ["--branch", "main"], ["--no-tools"], ["--redact"]])
@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_a_whole_log_has_no_parts(run, filled, here, form, flags):
    for more in ([], ["-o", "out/"]):
        ran = run("--json", "export", "rust", "--format", form, *flags, *more)
        assert ran.code == 1
        assert ran.error["kind"] == "unsupported"
        assert "markdown" in ran.error["hint"]
    assert list(here.iterdir()) == []


def test_every_format_of_the_library_can_be_asked_for():
    assert sorted(FORMATS) == export_formats()


def test_export_of_all(run, filled, here):
    assert run("export", "--all", "-o", "out", "--format", "jsonl").code == 0
    assert len(list((here / "out").iterdir())) == 3
    for flags in ([], ["--all", "rust"], ["--all", "--tags", "work"], ["rust", "--tags", "work"]):
        assert run("export", *flags, "-o", "out").code == 2
