"""Texts inside a Markdown document that cannot leave their place."""

from __future__ import annotations

import re

from .showing import one_line

_TICKS = re.compile(r"`+")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_HEADING = re.compile(r"( {0,3}#{1,6})(?=\s|$)")
_DEEPEST = 6
_SPECIAL = re.compile(r"([\\`*_\[\]<>#|!&])")
_MARK = re.compile(r"`+|<")
_TAG = re.compile(r"[a-z/!?]", re.IGNORECASE)
_HARMLESS = re.compile(
    r"/?(?:abbr|b|br|code|del|em|i|ins|kbd|mark|q|s|samp|small|strong|sub|sup|u|var)\s*/?>"
    r"|[a-z][a-z0-9+.-]{1,31}:[^\s<>`]*>",
    re.IGNORECASE,
)
"""Tags that only mark words, and addresses: what may follow ``<``."""
_LINKED = re.compile(r"\][(:\[]|\|")
"""Links and tables, in which backticks can be something else than code."""


def escaped(line: str) -> str:
    """A line whose marks are only characters."""
    return _SPECIAL.sub(r"\\\1", line)


def code_span(text: str) -> str:
    """A code span that the text cannot leave."""
    line = one_line(text) or " "
    ticks = "`" * (1 + max((len(run) for run in _TICKS.findall(line)), default=0))
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{ticks}{pad}{line}{pad}{ticks}"


def fenced(text: str, language: str) -> str:
    """A code block that the text cannot leave: its fence is longer than any run of backticks."""
    if not text:
        return ""
    fence = "`" * max(3, 1 + max((len(run) for run in _TICKS.findall(text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"


def contained(text: str) -> str:
    """Markdown that ends where it ends: open code fences are closed, tags and comments defused, and
    headings stand below that of the message that they are in."""
    lines: list[str] = []
    fence = ""
    paragraph = _Paragraph()
    for line in text.split("\n"):
        found = _FENCE.fullmatch(line)
        if fence:
            if found and found[1].startswith(fence) and not found[2].strip():
                fence = ""
                paragraph = _Paragraph()
        elif found and not (found[1][0] == "`" and "`" in found[2]):
            fence = found[1]
        elif not line.strip():
            paragraph = _Paragraph()
        else:
            line = paragraph.defused(_HEADING.sub(_lower, line))
        lines.append(line)
    if fence:
        lines.append(fence)
    return "\n".join(lines)


def _lower(heading: re.Match[str]) -> str:
    """The heading two levels down."""
    level = heading[1].count("#")
    return heading[1] + "#" * (min(level + 2, _DEEPEST) - level)


class _Paragraph:
    """Lines up to the next empty one. Tags get a backslash, but not in code, where it would show.

    Where it is not plain that backticks mean code, they are taken for nothing: a backslash too many
    is better than a tag.
    """

    def __init__(self) -> None:
        self._open: set[int] = set()
        """Lengths of runs of backticks that a later line may close."""
        self._plain = True

    def defused(self, line: str) -> str:
        """The next line."""
        if _LINKED.search(line):
            self._plain = False
        pieces: list[str] = []
        place = 0
        while (mark := _MARK.search(line, place)) is not None:
            pieces.append(line[place : mark.start()])
            place = mark.end()
            if mark[0] == "<":
                pieces.append(self._bracket(line, mark))
            elif (end := self._end_of_code(line, mark)) is not None:
                pieces.append(line[mark.start() : end])
                place = end
            else:
                pieces.append(mark[0])
        return "".join([*pieces, line[place:]])

    def _end_of_code(self, line: str, mark: re.Match[str]) -> int | None:
        """Where a code span ends that begins with ``mark``, if it surely does both in this line."""
        length = len(mark[0])
        if _backslashes(line, mark.start()) or length in self._open:
            self._plain = False
        if not self._plain:
            return None
        for run in _TICKS.finditer(line, mark.end()):
            if len(run[0]) == length:
                return run.end()
        self._open.add(length)
        return None

    def _bracket(self, line: str, mark: re.Match[str]) -> str:
        """The bracket ``mark``, behind a backslash if it begins a tag and there is none yet."""
        if _backslashes(line, mark.start()) % 2 or _HARMLESS.match(line, mark.end()):
            return "<"
        if _TAG.match(line, mark.end()):
            return "\\<"
        self._plain = False
        return "<"


def _backslashes(line: str, place: int) -> int:
    """How many stand right before a place."""
    count = 0
    while count < place and line[place - count - 1] == "\\":
        count += 1
    return count
