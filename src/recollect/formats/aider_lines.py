"""What the lines of aider's chat history are: headers, a person's words, aider's own output, answers.

aider ends the lines that it writes itself with two spaces (a line break in Markdown); lines of an
answer that merely look like them have none. Editors and commit hooks strip such spaces, so the first
marked line of a session shows whether they are to be expected.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal

from .textlines import Fence
from .times import from_iso

Kind = Literal["header", "user", "output", "answer", "blank"]

HEADER = re.compile(r"# aider chat started at (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\s*")
_DIGIT = re.compile(r"[0-9]")
_BREAK = "  "


def is_cut_header(text: str) -> bool:
    """Whether a line is the beginning of a header, but not all of it."""
    return "# aider chat started at 0000-00-00 00:00:00".startswith(_DIGIT.sub("0", text)) and not (
        HEADER.fullmatch(text)
    )


def started_at(text: str) -> datetime | None:
    """The time in a header line. It is local time of an unknown zone, taken as UTC."""
    found = HEADER.fullmatch(text)
    return from_iso(found[1].replace(" ", "T")) if found else None


class Classifier:
    """Tells the kinds of a file's lines, one after the other."""

    def __init__(self) -> None:
        self._fence = Fence()
        self._last: Kind = "blank"
        self._after_blank = True
        self._breaks: bool | None = None
        self._raw = False
        """Inside output of many lines of which only the first is marked and the last has a break."""

    def kind(self, text: str) -> Kind:
        """The next line's kind."""
        if not text or text.isspace():
            self._after_blank = True
            return "output" if self._raw else "blank"
        kind = self._kind_of(text)
        if kind == "header":
            self._breaks = None
        if kind == "answer":
            self._fence.pass_by(text)
        else:
            self._fence.close()
        self._last = kind
        self._after_blank = False
        return kind

    def _kind_of(self, text: str) -> Kind:
        if text.startswith("# aider chat started at ") and HEADER.fullmatch(text):
            if self._after_blank or (self._last in ("user", "output") and not self._raw):
                self._raw = False
                return "header"
        elif text.startswith(("####", ">")) and _has_mark(text):
            kind = self._marked(text)
            if kind is not None:
                return kind
        if self._raw:
            self._raw = not text.endswith(_BREAK)
            return "output"
        return "answer"

    def _marked(self, text: str) -> Kind | None:
        """The kind of a line that begins like one of aider's own; None when it is none."""
        kind: Kind = "output" if text[0] == ">" else "user"
        has_break = text.endswith(_BREAK)
        if self._breaks is None:
            self._breaks = has_break
        if not self._breaks:
            return None if self._fence.is_open else kind
        if has_break:
            if not self._after_blank and (self._fence.is_open or (self._raw and kind == "user")):
                return None
            self._raw = False
            return kind
        if kind == "output" and self._last in ("user", "output") and not self._raw:
            self._raw = True
            return kind
        return None


def _has_mark(text: str) -> bool:
    mark = ">" if text[0] == ">" else "####"
    return text.startswith(mark + " ") or text.rstrip() == mark


def words(text: str, kind: Kind) -> str:
    """A line without aider's mark and line break."""
    if kind == "user":
        text = text[5:]
    elif kind == "output" and text.startswith(">"):
        text = text[2:]
    return text.rstrip() if kind in ("user", "output") else text
