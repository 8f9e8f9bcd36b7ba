"""``recollect export``: conversations out."""

from __future__ import annotations

import io
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

FORMATS = (
    *("json", "jsonl", "native", "markdown", "html", "text", "csv"),
    *("openai-chat", "anthropic", "chatgpt", "claude-code", "sharegpt"),
)
JSON_FORMATS = ("json", "jsonl", "openai-chat", "anthropic", "chatgpt", "claude-code", "sharegpt")

EPILOG = """\b
Examples:
  recollect export @last --format markdown
  recollect export @last --format html --redact -o chat.html
  recollect export 0197a3c1 --last 20 --no-tools --format text
  recollect export rust-notes borrow-checker -o folder/
  recollect export --tags work --since 2026-01-01 --format csv -o work.csv
  recollect export --all --format jsonl -o backup/
"""


@click.command(cls=Command, epilog=EPILOG, short_help="Print or write conversations.")
@session_argument(many=True, required=False)
@click.option("--format", "format_", type=click.Choice(FORMATS), default="json", show_default=True)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Where to: a file, or a folder (NAME/) for several sessions. Without it: stdout.",
)
@click.option("--all", "all_", is_flag=True, help="All sessions.")
@click.option("--last", type=click.IntRange(1), metavar="N", help="Only the last N messages.")
@click.option("--branch", metavar="NAME", help="This branch instead of the active one.")
@click.option("--no-tools", is_flag=True, help="Without tool calls and their answers.")
@click.option("--redact", is_flag=True, help="With [redacted] for keys, passwords, addresses, home folders.")
@filter_options
@pass_app
def export(
    app: App,
    references: tuple[str, ...],
    format_: str,
    output: str | None,
    all_: bool,
    last: int | None,
    branch: str | None,
    no_tools: bool,
    redact: bool,
    filters: dict[str, Any],
) -> None:
    """Print or write conversations. json and jsonl hold the whole log and can be imported again;
    the other formats hold the active line, or what --last, --branch, --no-tools and --redact leave.

    Which: those named, those that match the filters, or --all.
    """
    if [bool(references), bool(filters), all_].count(True) != 1:
        raise click.UsageError("Say which sessions: by ID, by filters such as --tags, or --all.")
    how: dict[str, Any] = {
        "format": format_,
        "last": last,
        "branch": branch,
        "tools": not no_tools,
        "redact": redact,
    }
    with app.opened() as store:
        ids = resolved(store, references) if references else None
        if output is None:
            _print(app, store, ids, filters, how)
            return
        if ids is not None and len(ids) == 1 and not _is_folder(output):
            store.export(ids[0], to=output, **how)
            files: dict[str, Path | None] = {ids[0]: Path(output)}
        else:
            files = store.export_all(output, sessions=ids, **how, **filters)
    app.say(f"{counted(len(files), 'session')} written to {output}." if files else "No session matches.")
    if app.mode != "text":
        app.document({"exported": [{"id": id_, "file": str(file)} for id_, file in files.items()]})


def _is_folder(output: str) -> bool:
    return output.endswith(("/", "\\")) or Path(output).is_dir()


def _print(
    app: App, store: Store, ids: list[str] | None, filters: dict[str, Any], how: dict[str, Any]
) -> None:
    """Byte for byte into a file or pipe; harmless on a terminal."""
    sys.stdout.flush()
    to: Any = _Terminal(how["format"]) if sys.stdout.isatty() else sys.stdout.buffer
    written = store.export_all(to, sessions=ids, **how, **filters)
    if not written:
        app.say("No session matches.")
        if app.mode != "text":
            app.document({"exported": []})


class _Terminal(io.TextIOBase):
    """Standard output where a person looks at it."""

    def __init__(self, format_: str) -> None:
        self._safe = escape_json if format_ in JSON_FORMATS else safe

    def write(self, text: str) -> int:
        """Show a piece, made safe."""
        click.echo(self._safe(text), nl=False)
        return len(text)
