"""A progress bar for moves on stderr: records, their rate, and how long it will still take."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .app import App

if TYPE_CHECKING:
    from .. import MoveProgress

Advance = Callable[["MoveProgress"], None]


@contextmanager
def moving_bar(app: App) -> Iterator[Advance | None]:
    """What to give as ``progress``; None where nobody watches."""
    if app.quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        ProgressColumn,
        Task,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        """Records a second."""

        def render(self, task: Task) -> Text:
            return Text("" if task.speed is None else f"{task.speed:,.0f} records/s")

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(20),
        TaskProgressColumn("{task.percentage:>3.0f}%", markup=False),
        TextColumn("{task.fields[sessions]:,} sessions", markup=False),
        Rate(),
        TimeRemainingColumn(),
    )
    screen = Console(stderr=True, color_system="standard" if app.color else None)
    with Progress(*columns, console=screen, transient=True) as bar:
        task = bar.add_task("", total=None, sessions=0)
        phases = {""}

        def advance(progress: MoveProgress) -> None:
            if progress.phase not in phases:
                phases.add(progress.phase)
                bar.reset(task)  # each phase has a rate of its own
            bar.update(
                task,
                description=progress.phase,
                completed=progress.done,
                total=progress.total or None,
                sessions=progress.sessions,
            )

        yield advance
