"""Lines of text files of any size, and what Markdown transcripts have in common."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

CHUNK = 1 << 18
LONGEST = 1 << 20
"""Longer lines come in pieces, so that a file without line ends costs no memory."""
LARGEST = 64 << 20
"""How many characters of text one message takes; what is more goes into a message of its own."""

_BOM = b"\xef\xbb\xbf"
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")


class Line(NamedTuple):
    """A line, or a piece of one, without its line end."""

    offset: int
    text: str
    broken: bool
    """Whether some of its bytes were no UTF-8 and were replaced."""
    goes_on: bool
    """Whether the next piece belongs to the same line."""
    has_end: bool = True
    """False for the last line of a file that has no line end."""


def read_lines(read: Callable[[int], bytes]) -> Iterator[Line]:
    """The lines of a UTF-8 text; offsets count from its start."""
    held = b""
    offset = 0
    while True:
        fresh = read(CHUNK)
        whole = held + fresh if held else fresh
        if not offset and whole.startswith(_BOM):
            whole, offset = whole[len(_BOM) :], len(_BOM)
        raws = whole.split(b"\n")
        held = raws.pop()
        for raw in raws:
            yield _line(offset, raw)
            offset += len(raw) + 1
        if not fresh:
            if held:
                yield _line(offset, held)._replace(has_end=False)
            return
        if len(held) > LONGEST:
            cut = _before_character(held, LONGEST)
            yield _line(offset, held[:cut], goes_on=True)
            held = held[cut:]
            offset += cut


def _line(offset: int, raw: bytes, *, goes_on: bool = False) -> Line:
    if raw.endswith(b"\r") and not goes_on:
        raw = raw[:-1]
    try:
        return Line(offset, raw.decode(), False, goes_on)
    except UnicodeDecodeError:
        return Line(offset, raw.decode("utf-8", "replace"), True, goes_on)


def _before_character(raw: bytes, cut: int) -> int:
    """The last place up to ``cut`` at which no character is cut in two."""
    for place in range(cut, cut - 4, -1):
        if raw[place] & 0xC0 != 0x80:
            return place
    return cut


class Fence:
    """Whether lines stand inside a fenced block of code."""

    def __init__(self) -> None:
        self._mark = ""

    @property
    def is_open(self) -> bool:
        """Whether the next line is code."""
        return bool(self._mark)

    def pass_by(self, text: str) -> None:
        """Take note of a line."""
        if "```" not in text and "~~~" not in text:
            return
        found = _FENCE.match(text)
        if found is None:
            return
        if not self._mark:
            if found[1][0] == "~" or "`" not in found[2]:
                self._mark = found[1]
        elif found[1].startswith(self._mark) and not found[2].strip():
            self._mark = ""

    def close(self) -> None:
        """What follows is no code, whatever was open."""
        self._mark = ""


class Paragraphs:
    """The lines of one message as they come."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._size = 0
        self._goes_on = False
        self.first = ""
        """The first line that is not blank."""

    def add(self, text: str, goes_on: bool = False) -> None:
        """One more line, or piece of one; blank lines at the beginning are left out."""
        if not self._goes_on:
            if not self.first and not text.strip():
                return
            if self._pieces:
                self._pieces.append("\n")
        if not self.first:
            self.first = text
        self._pieces.append(text)
        self._size += len(text) + 1
        self._goes_on = goes_on

    @property
    def is_full(self) -> bool:
        """Whether this is as much as a message should take."""
        return self._size >= LARGEST

    def text(self) -> str:
        """All lines, without blank ones at the end."""
        return "".join(self._pieces).rstrip()
