"""``recollect sync``: what the tools on this machine wrote."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from .app import App, pass_app
from .codes import PARTIAL
from .escape import one_line
from .figures import counted, size
from .grammar import Command
from .importing import progress_bar

if TYPE_CHECKING:
    from .. import SyncedFile, SyncedFolder, SyncResult

EPILOG = """\b
Examples:
  recollect sync --dry-run
  recollect sync --tool claude-code --tool codex
  recollect sync --watch
"""
ANYWHERE = "(named)"
"""What stands for a tool where a path was named."""


@click.command(cls=Command, epilog=EPILOG, short_help="Bring in what other tools wrote.")
@click.argument("paths", nargs=-1, metavar="[PATH...]", type=click.Path())
@click.option("--tool", "tools", multiple=True, metavar="NAME", help="Of this tool only; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Only say what would be read.")
@click.option("--watch", is_flag=True, help="Stay, and bring in each change when it happens.")
@click.option("--no-source", is_flag=True, help="Do not keep the files' own bytes.")
@click.pass_context
@pass_app
def sync(
    app: App,
    context: click.Context,
    paths: tuple[str, ...],
    tools: tuple[str, ...],
    dry_run: bool,
    watch: bool,
    no_source: bool,
) -> None:
    """Bring in what is new in the folders of other tools (see the reference for the list), and in PATH.

    What was read before is not read again; a file that grew is read from where it ended. What is
    damaged is listed and left out (exit code 8).
    """
    if watch and dry_run:
        raise click.UsageError("Give --watch or --dry-run, not both.")
    if watch:
        from .watching import stay

        stay(app, paths, tools or None, keep_source=not no_source)
        return
    opened = app.opened(readonly=False) if dry_run else app.writing()
    with opened as store, progress_bar(app) as progress:
        result = store.sync(
            paths, tools=tools or None, dry_run=dry_run, keep_source=not no_source, **progress
        )
    if app.mode != "text":
        app.document(result.to_dict())
    tell(app, result)
    if result.imported.damaged:
        context.exit(PARTIAL)


def tell(app: App, result: SyncResult) -> None:
    """What was found and done, for a person. What a dry run finds is data."""
    found = [folder for folder in result.folders if folder.files]
    if not found:
        app.say(_nothing(result.folders))
    elif result.dry_run and app.mode == "text":
        for line in [*_table(found), *_listed(result.read)]:
            app.data(line)
    else:
        app.say("\n".join(_table(found)))
    if result.dry_run:
        total = sum(file.size for file in result.read)
        app.say(f"{counted(len(result.read), 'file')} of {size(total)} would be read.")
    elif found:
        imported = result.imported
        app.say(
            f"{counted(imported.created, 'session')} created, {imported.updated:,} updated, "
            f"{imported.unchanged:,} unchanged; {counted(imported.messages, 'message')} added."
        )
    tell_damage(app, result)


def tell_damage(app: App, result: SyncResult) -> None:
    """What could not be read."""
    damaged = result.imported.damaged
    if damaged and app.mode == "text":
        app.complain(f"{counted(len(damaged), 'damaged place')} left out:")
        for damage in damaged:
            app.complain(f"  {damage.file}:{damage.offset}: {damage.reason}")


def short(path: str) -> str:
    """A path as people write it, made safe."""
    home = os.path.expanduser("~")
    return one_line(f"~{path[len(home) :]}" if home != os.sep and path.startswith(home + os.sep) else path)


def _nothing(folders: Sequence[SyncedFolder]) -> str:
    width = max((len(folder.tool or ANYWHERE) for folder in folders), default=0)
    looked = [f"  {folder.tool or ANYWHERE:{width}}  {short(folder.folder)}" for folder in folders]
    hint = "Tools that write elsewhere: recollect sync PATH"
    return "\n".join(["There are no files of other tools. Looked for them in", *looked, hint])


def _table(folders: Sequence[SyncedFolder]) -> list[str]:
    """Aligned lines."""
    head = ("TOOL", "FILES", "NEW", "CHANGED", "FOLDER")
    rows = [
        (f.tool or ANYWHERE, f"{f.files:,}", f"{f.new:,}", f"{f.changed:,}", short(f.folder)) for f in folders
    ]
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(4)]
    return [
        f"{tool:{widths[0]}}  {files:>{widths[1]}}  {new:>{widths[2]}}  {changed:>{widths[3]}}  {folder}"
        for tool, files, new, changed, folder in [head, *rows]
    ]


def _listed(read: Sequence[SyncedFile]) -> list[str]:
    """The files, one a line, with what they are and how large."""
    sizes = [size(file.size) for file in read]
    width = max(map(len, sizes), default=0)
    return [
        f"{file.change:7}  {text:>{width}}  {short(file.path)}"
        for file, text in zip(read, sizes, strict=True)
    ]
