"""A reply on its way to the reader, piece by piece.

On a terminal it is Markdown: blocks that are whole (paragraphs, lists, code) are printed for good. The
one that still grows is drawn below them again and again, its last lines only; rich moves the cursor for
that. Where colours are off nothing may move it, and blocks appear when they are whole.
"""

from __future__ import annotations

import shutil
import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from .blocks import settled
from .conversation import value_text
from .escape import one_line, safe
from .screen import console, markdown, width

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live

    from .. import Step
    from .app import App

PAUSE = 0.08
"""Seconds between two drawings: a screen need not show more, and a slow one must not fall behind."""
SHARE = 4
"""Drawing may take one part in so many of the time."""
SHOWN = 200
"""Characters of what a tool was asked or answered."""


class Writer(Protocol):
    """Where a reply goes; a context manager that ends it in any case."""

    def write(self, piece: str) -> None:
        """The next piece."""

    def step(self, step: Step) -> None:
        """Something that the model did on the way, behind the pieces before it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def writer(app: App, *, stream: bool) -> Writer:
    """What suits standard output."""
    if app.mode != "text":
        return Items(app)
    return Drawing(app, stream=stream) if app.terminal else Plain(app, stream=stream)


def on_one_line(step: Step) -> str | None:
    """A call of a tool, or its answer; None for steps that are shown as text."""
    if step.kind == "action":
        return f"→ {one_line(step.name or '')} {_short(step.arguments)}".rstrip()
    return f"← {_short(step.result)}" if step.kind == "observation" else None


def _short(value: Any) -> str:
    text = "" if value is None else one_line(value_text(value))
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


class Items:
    """For programs: with ``--jsonl`` each piece and step; with ``--json`` nothing before the end."""

    def __init__(self, app: App) -> None:
        self._app = app

    def write(self, piece: str) -> None:
        """Print the piece."""
        self._item({"piece": piece})

    def step(self, step: Step) -> None:
        """Print the step."""
        self._item({"step": step.to_dict()})

    def _item(self, value: dict[str, Any]) -> None:
        if self._app.mode == "jsonl":
            self._app.document(value)
            sys.stdout.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Plain:
    """Text as it is, into a file or pipe, with a line end behind it."""

    def __init__(self, app: App, *, stream: bool) -> None:
        self._app = app
        self._stream = stream
        self._last = "\n"

    def write(self, piece: str) -> None:
        """Pass the piece on."""
        if piece:
            sys.stdout.write(piece)
            self._last = piece[-1]
            if self._stream:
                sys.stdout.flush()

    def step(self, step: Step) -> None:
        """Say beside the text which tool was called; what is said next begins a new paragraph."""
        text = on_one_line(step)
        if text is not None:
            self._app.say(text)
            if self._last != "\n":
                self.write("\n\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._last != "\n":
            sys.stdout.write("\n")
        sys.stdout.flush()


class Drawing:
    """Markdown on a terminal. What a model says cannot steer it."""

    def __init__(self, app: App, *, stream: bool) -> None:
        self._console: Console = console(app, sys.stdout)
        self._live = _live(self._console) if stream and app.color else None
        self._stream = stream
        self._lock = threading.RLock()  # remarks about saving come from the thread that saves
        self._cut = ""  # half of a line end
        self._text = ""  # what is not printed for good yet
        self._next = 0.0
        self._begun = ""  # what stands above: "text", "step" or nothing

    def write(self, piece: str) -> None:
        """Take the piece in, and draw unless that was done a moment ago."""
        with self._lock:
            piece = self._cut + piece
            self._cut = "\r" if piece.endswith("\r") else ""
            self._text += safe(piece.removesuffix("\r"))
            now = time.monotonic()
            if self._stream and now >= self._next:
                self._draw()
                done = time.monotonic()
                self._next = done + max(PAUSE, SHARE * (done - now))

    def step(self, step: Step) -> None:
        """Show which tool was called, behind what was said before."""
        text = on_one_line(step)
        if text is not None:
            with self._lock:
                self._finish()
                self._gap("step")
                self._remark(text)

    def note(self, text: str) -> None:
        """Print a remark above what still grows."""
        with self._lock:
            self._remark(text)

    def _remark(self, text: str) -> None:
        from rich.text import Text

        self._console.print(Text(safe(text), "dim"))

    def _draw(self) -> None:
        end = settled(self._text)
        whole, self._text = self._text[:end], self._text[end:]
        self._replace(whole, self._tail() if self._live is not None else "")

    def _finish(self) -> None:
        """Print what there is for good."""
        whole, self._text, self._cut = self._text + safe(self._cut), "", ""
        self._replace(whole, "")

    def _replace(self, whole: str, tail: Any) -> None:
        """Print whole blocks for good, and draw ``tail`` below them, in one go."""
        if self._live is not None:
            self._live.update(tail)
        if whole.strip():
            self._gap("text")
            self._console.print(markdown(whole))
        elif self._live is not None:
            self._live.refresh()

    def _gap(self, following: str) -> None:
        """An empty line, but not between two steps."""
        if self._begun and (self._begun, following) != ("step", "step"):
            self._console.print()
        self._begun = following

    def _tail(self) -> Any:
        """The block that still grows: as many of its last lines as fit the screen."""
        from rich.segment import Segment, Segments

        room = max(2, shutil.get_terminal_size().lines - 2)
        options = self._console.options.update(width=width(), height=None)
        lines = self._console.render_lines(markdown(self._text), options, pad=False)
        if self._begun:
            lines = [[], *lines]
        drawn: list[Segment] = []
        for line in lines[-room:]:
            drawn += [*line, Segment.line()]
        return Segments(drawn[:-1])

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._finish()
            if self._live is not None:
                self._live.stop()


def _live(console: Console) -> Live:
    from rich.live import Live

    return Live(
        console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
    )
