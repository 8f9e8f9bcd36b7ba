"""Output for a person at a terminal: styled lines, tables, pages. rich is imported here, and in
``streaming`` and ``importing`` for what moves."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from itertools import chain
from typing import IO, TYPE_CHECKING, NamedTuple

import click

from .escape import safe

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from .app import App


class Piece(NamedTuple):
    """Some text of one style, safe for terminals."""

    text: str
    style: str = ""
    markdown: bool = False


Line = Sequence[Piece]


class Column(NamedTuple):
    """A table's column. One that may ``shrink`` stands last and takes the room that is left."""

    title: str
    right: bool = False
    shrink: bool = False


def show_lines(app: App, lines: Iterable[Line]) -> None:
    """Print lines: wrapped, coloured and paged on a terminal; as they are into a file or pipe."""
    if app.terminal:
        _show(app, (_renderable(line) for line in lines))
    else:
        for line in lines:
            app.data("".join(piece.text for piece in line))


def show_cut(app: App, lines: Iterable[Line]) -> None:
    """Print lines on a terminal, each cut where the screen ends."""

    def cut(line: Line) -> RenderableType:
        from rich.text import Text

        text = Text()
        for piece in line:
            text.append(piece.text, piece.style)
        text.truncate(room, overflow="ellipsis")
        return text

    room = width()
    _show(app, (cut(line) for line in lines))


def show_table(app: App, columns: Sequence[Column], rows: Sequence[Sequence[Line]]) -> None:
    """Print a table on a terminal. Long ids go on in the next line, so that each can be copied."""
    from rich.cells import cell_len
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    room = width()
    for number, column in enumerate(columns):
        texts = [column.title, *("".join(piece.text for piece in row[number]) for row in rows)]
        wanted = max(map(cell_len, texts))
        given = min(wanted, max(room, 8) if column.shrink else width() // 2)
        room -= given + 2
        table.add_column(
            column.title,
            justify="right" if column.right else "left",
            no_wrap=column.shrink,
            overflow="ellipsis" if column.shrink else "fold",
            width=given,
        )
    for row in rows:
        table.add_row(*[_renderable(cell) for cell in row])
    _show(app, [table])


def width() -> int:
    """The columns of the terminal."""
    return max(20, shutil.get_terminal_size().columns)


def _renderable(line: Line) -> RenderableType:
    from rich.text import Text

    if line and line[0].markdown:
        return markdown(line[0].text)
    text = Text()
    for piece in line:
        text.append(piece.text, piece.style)
    return text


class _Markdown:
    """Formatted text. What Markdown spells as an entity, such as ``&#8238;``, is made safe again."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.markdown import Markdown
        from rich.segment import Segment

        for segment in console.render(Markdown(self._text, hyperlinks=False), options):
            yield segment if segment.control else Segment(safe(segment.text), segment.style)


def markdown(text: str) -> RenderableType:
    """Text that is safe already, formatted."""
    return _Markdown(text)


def _show(app: App, parts: Iterable[RenderableType]) -> None:
    """Print to the terminal, through a pager as soon as it is more than a screenful."""
    texts = _rendered(app, parts)
    if app.no_pager or not sys.stdin.isatty():
        sys.stdout.writelines(texts)
        return
    seen: list[str] = []
    room = shutil.get_terminal_size().lines - 1
    for text in texts:
        seen.append(text)
        room -= text.count("\n")
        if room <= 0:
            # What git does: leave if it fits one screen, take colours, leave the text there.
            os.environ.setdefault("LESS", "FRX")
            click.echo_via_pager(chain(seen, texts), color=app.color)
            return
    sys.stdout.writelines(seen)


def console(app: App, file: IO[str]) -> Console:
    """rich's idea of the terminal, that ``file`` is written to."""
    from rich.console import Console

    return Console(
        file=file,
        force_terminal=True,
        color_system="standard" if app.color else None,
        width=width(),
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
    )


def _rendered(app: App, parts: Iterable[RenderableType]) -> Iterator[str]:
    """Each part as text with the escape sequences that rich adds."""
    buffer = StringIO()
    renderer = console(app, buffer)
    for part in parts:
        renderer.print(part)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
