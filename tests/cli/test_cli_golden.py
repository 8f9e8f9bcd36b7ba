"""The JSON shapes, byte for byte. They are stable: other programs read them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

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
    return re.sub(r'("next": )"[^"]*"', r'\1"<cursor>"', text)


@pytest.mark.parametrize("name", COMMANDS)
def test_shape(run, filled, name):
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
