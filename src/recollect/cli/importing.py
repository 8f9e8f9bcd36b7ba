"""``recollect import``: conversations in."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from .app import App, pass_app
from .codes import PARTIAL
from .figures import counted
from .grammar import Command

if TYPE_CHECKING:
    from .. import ImportResult

EPILOG = """\b
Examples:
  recollect import ~/Downloads/conversations.jsonl backup/ old.zip
  curl -s https://example.org/chats.jsonl | recollect import -
"""


@click.command("import", cls=Command, epilog=EPILOG, short_help="Bring conversations in.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path())
@click.option("--format", "format_", metavar="NAME", help="The format, where it should not be guessed.")
@click.option("--no-source", is_flag=True, help="Do not keep the files' own bytes.")
@click.pass_context
@pass_app
def import_(
    app: App, context: click.Context, paths: tuple[str, ...], format_: str | None, no_source: bool
) -> None:
    """Bring in conversations from files, folders, archives or - (stdin).

    Importing again adds only what is new. What is damaged is listed and left out (exit code 8).
    The files' bytes are kept, compressed, so that export --format native gives them back.
    """
    sources: list[Any] = [sys.stdin.buffer if path == "-" else path for path in paths]
    with app.writing() as store, progress_bar(app) as progress:
        result = store.import_(*sources, format=format_, keep_source=not no_source, **progress)
    _report(app, result)
    if result.damaged:
        context.exit(PARTIAL)


def _report(app: App, result: ImportResult) -> None:
    app.say(
        f"{counted(result.created, 'session')} created, {result.updated:,} updated, "
        f"{result.unchanged:,} unchanged; {counted(result.messages, 'message')} added."
    )
    if app.mode != "text":
        app.document(result.to_dict())
    elif result.damaged:
        app.complain(f"{counted(len(result.damaged), 'damaged place')} left out:")
        for damage in result.damaged:
            app.complain(f"  {damage.file}:{damage.offset}: {damage.reason}")


@contextmanager
def progress_bar(app: App) -> Iterator[dict[str, Callable[..., None]]]:
    """A progress bar on stderr, as keyword arguments for the import; none where nobody watches."""
    if app.quiet or not sys.stderr.isatty():
        yield {}
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from .escape import one_line

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(20),
        TaskProgressColumn("{task.percentage:>3.0f}%", markup=False),
        TextColumn("{task.fields[messages]:,} messages", markup=False),
        TimeRemainingColumn(),
    )
    screen = Console(stderr=True, color_system="standard" if app.color else None)
    with Progress(*columns, console=screen, transient=True) as bar:
        task = bar.add_task("", total=None, messages=0)

        def advance(progress: Any) -> None:
            bar.update(
                task,
                description=one_line(progress.file.rpartition("/")[2])[:24],
                completed=progress.done,
                total=progress.total or None,
                messages=progress.messages,
            )

        yield {"progress": advance}
