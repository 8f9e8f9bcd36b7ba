"""The JSON shapes, byte for byte. They are stable: other programs read them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from recollect import Message

GOLDEN = Path(__file__).with_name("golden")

COMMANDS: dict[str, list[str]] = {
    "sessions-list": ["sessions", "list"],
    "sessions-list-page": ["sessions", "list", "--limit", "1"],
    "sessions-show": ["sessions", "show", "rust-notes"],
    "sessions-meta": ["sessions", "meta", "rust-notes"],
    "sessions-meta-get": ["sessions", "meta", "rust-notes", "get", "project.priority"],
    "sessions-tag": ["sessions", "tag", "go-notes", "new"],
    "sessions-delete": ["sessions", "delete", "go-notes"],
    "sessions-purge": ["sessions", "delete", "go-notes", "--purge", "--yes"],
    "sessions-trash": ["sessions", "trash"],
    "sessions-history": ["sessions", "history", "branched", "--limit", "3"],
    "sessions-undo": ["sessions", "undo", "branched"],
    "sessions-edit": ["sessions", "edit", "branched", "b2", "anew"],
    "sessions-pop": ["sessions", "pop", "branched"],
    "sessions-erase": ["sessions", "erase", "branched", "b2", "--yes"],
    "sessions-branch": ["sessions", "branch", "branched", "new"],
    "sessions-branches": ["sessions", "branches", "branched"],
    "sessions-label": ["sessions", "label", "branched", "b1", "new"],
    "sessions-tree": ["sessions", "tree", "branched"],
    "sessions-diff": ["sessions", "diff", "branched", "idea"],
    "sessions-merge": ["sessions", "merge", "branched", "idea"],
    "sessions-lineage": ["sessions", "lineage", "branched"],
    "tags": ["tags"],
    "tags-rename": ["tags", "rename", "work", "job"],
    "cleanup": ["cleanup", "--max-sessions", "2"],
    "trash-empty": ["trash", "empty"],
    "repair": ["repair"],
    "search": ["search", "ownership"],
    "search-empty": ["search", "zebra"],
    "stats": ["stats"],
    "verify": ["verify"],
    "reindex": ["reindex"],
    "error": ["sessions", "show", "absent"],
    "error-usage": ["sessions", "lst"],
}


def normal(text: str) -> str:
    """What differs from run to run, replaced: moments of writing, scores, cursors, sizes."""
    text = re.sub(r'("(?:updated_at|deleted_at)": )"20[^"]*"', r'\1"<time>"', text)
    text = re.sub(r'("(?:body_bytes|stored_bytes|unindexed)": )\d+', r'\1"<number>"', text)
    text = re.sub(r'("score": )[\d.e-]+', r'\1"<number>"', text)
    text = re.sub(r'("(?:at|created_at)": )"(?!2026-01-01)[^"]*"', r'\1"<time>"', text)
    text = re.sub(r'"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}"', '"<new id>"', text)
    return re.sub(r'("next": )"[^"]*"', r'\1"<cursor>"', text)


@pytest.fixture
def branched(filled):
    """A session with a branch, a label and a fork, beside the others where a command names it."""
    session = filled.open("branched", name="Branched")
    session.append(Message.user("one", id="b1"), Message.assistant("two", id="b2"))
    session.branch("idea", at="b1")
    session.append(Message.assistant("other", id="i1"), branch="idea")
    session.label("b1", "good")
    session.fork("fork", at="b1")


@pytest.mark.parametrize("name", COMMANDS)
def test_shape(run, filled, name, request):
    if "branched" in COMMANDS[name]:
        request.getfixturevalue("branched")
    document = run("--json", *COMMANDS[name]).json
    shown = normal(json.dumps(document, indent=2, ensure_ascii=False)) + "\n"
    file = GOLDEN / f"{name}.json"
    if not file.exists():
        file.write_text(shown, encoding="utf-8")
        pytest.fail(f"{file.name} was not there and has been written: look at it, then run again.")
    assert shown == file.read_text(encoding="utf-8")


def test_json_lines_are_the_items_of_the_documents(run, filled):
    def same(command, key):
        return run("--jsonl", *command).lines == run("--json", *command).json[key]

    assert same(["sessions", "list"], "sessions")
    assert same(["sessions", "show", "rust-notes"], "messages")
    assert same(["search", "what", "--order", "newest"], "hits")


def test_no_golden_file_is_left_over():
    assert {file.stem for file in GOLDEN.glob("*.json")} - set(COMMANDS) == {"import", "import-damaged"}
