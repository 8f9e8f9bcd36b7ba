"""``recollect export``: conversations out."""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .app import App, pass_app
from .escape import escape_json, safe
from .figures import counted
from .filtering import filter_options
from .grammar import Command
from .naming import resolved, session_argument

if TYPE_CHECKING:
    from .. import Store

ENDINGS = {
    "json": "json",
    "jsonl": "jsonl",
    "markdown": "md",
    "html": "html",
    "text": "txt",
    "csv": "csv",
    "openai-chat": "json",
}
JSON_FORMATS = ("json", "jsonl", "openai-chat")

EPILOG = """\b
Examples:
  recollect export @last --format markdown
  recollect export 0197a3c1 -o chat.json
  recollect export rust-notes borrow-checker -o folder/
  recollect export --tags work --since 2026-01-01 --format markdown -o folder/
  recollect export --all --format jsonl -o backup/
"""


@click.command(cls=Command, epilog=EPILOG, short_help="Print or write conversations.")
@session_argument(many=True, required=False)
@click.option("--format", "format_", type=click.Choice(list(ENDINGS)), default="json", show_default=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to; a folder for several sessions. Without it: stdout.",
)
@click.option("--all", "all_", is_flag=True, help="All sessions.")
@filter_options
@pass_app
def export(
    app: App,
    references: tuple[str, ...],
    format_: str,
    output: Path | None,
    all_: bool,
    filters: dict[str, Any],
) -> None:
    """Print or write conversations. json and jsonl hold the whole log and can be imported again.

    Which: those named, those that match the filters, or --all.
    """
    if [bool(references), bool(filters), all_].count(True) != 1:
        raise click.UsageError("Say which sessions: by ID, by filters such as --tags, or --all.")
    with app.opened() as store:
        ids = resolved(store, references) if references else _matching(store, filters)
        if output is None and len(ids) > 1:
            raise click.UsageError(f"{len(ids):,} sessions need a folder to go to: -o FOLDER.")
        if output is None and ids:
            _print(store, ids[0], format_)
            return
        files = _files(ids, format_, output, folder=not references) if output is not None else {}
        for session_id, file in files.items():
            store.export(session_id, format=format_, to=file)
    app.say(f"{counted(len(ids), 'session')} written to {output}." if ids else "No session matches.")
    if app.mode != "text":
        app.document({"exported": [{"id": id_, "file": str(file)} for id_, file in files.items()]})


def _matching(store: Store, filters: dict[str, Any]) -> list[str]:
    """The ids of all sessions that match, each once: one that is written to meanwhile comes again."""
    ids: dict[str, None] = {}
    cursor: str | None = None
    while True:
        page = store.sessions(limit=1000, cursor=cursor, **filters)
        ids.update((info.id, None) for info in page)
        cursor = page.next
        if cursor is None:
            return list(ids)


def _print(store: Store, session_id: str, format_: str) -> None:
    """Byte for byte into a file or pipe; harmless on a terminal."""
    if not sys.stdout.isatty():
        sys.stdout.flush()
        store.export(session_id, format=format_, to=sys.stdout.buffer)
        return
    text = store.export(session_id, format=format_)
    assert text is not None
    click.echo(escape_json(text) if format_ in JSON_FORMATS else safe(text), nl=not text.endswith("\n"))


def _files(ids: list[str], format_: str, output: Path, *, folder: bool) -> dict[str, Path]:
    """Which session goes to which file. Several go to a folder, which is made, and so do those that
    were found: how many they are must not decide what the output is."""
    if not ids:
        return {}
    if len(ids) == 1 and not folder and not output.is_dir():
        return {ids[0]: output}
    output.mkdir(parents=True, exist_ok=True)
    files: dict[str, Path] = {}
    taken: set[str] = set()
    for session_id in ids:
        stem = _stem(session_id)
        if stem.casefold() in taken:
            stem = _told_apart(stem, session_id)
        taken.add(stem.casefold())
        files[session_id] = output / f"{stem}.{ENDINGS[format_]}"
    return files


def _stem(session_id: str) -> str:
    """A file name that people recognise; no id can leave the folder, be hidden or be too long."""
    stem = re.sub(r"[^\w.@+=-]", "_", session_id).lstrip(".")[:80]
    if stem == session_id:
        return stem
    return _told_apart(stem, session_id)


def _told_apart(stem: str, session_id: str) -> str:
    return f"{stem}-{hashlib.sha256(session_id.encode()).hexdigest()[:8]}"
