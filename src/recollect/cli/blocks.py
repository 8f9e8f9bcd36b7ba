"""Which part of a Markdown text that still grows will not look different any more."""

from __future__ import annotations

import re

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_FENCE = re.compile(r"([ \t]*)(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?(`{3,}|~{3,})([^\n]*)")
_ITEM = re.compile(r"(?:[-*+]|\d{1,9}(?:[.)]|\Z))(?:\s|\Z)")
"""How an item of a list begins, one of which only the beginning is there included."""


def settled(text: str) -> int:
    """How many characters of ``text`` are whole blocks: what comes later cannot change how they look.

    A block ends where, behind an empty line and outside a fence, a line begins that is not
    indented and does not go on with a list.
    """
    end = offset = 0
    fence: tuple[str, str] | None = None
    empty = listed = False
    for line in _LINE.findall(text):
        begins = empty and fence is None and not line[0].isspace()
        if begins and not (listed and _ITEM.match(line)):
            end = offset
        if offset == end:
            listed = _ITEM.match(line) is not None
        fence = _after(fence, line)
        empty = not line.strip()
        offset += len(line)
    return end


def _after(fence: tuple[str, str] | None, line: str) -> tuple[str, str] | None:
    """The fence (indentation, marks) that is open behind a line, if one was open before it."""
    match = _FENCE.match(line)
    if match is None:
        return fence
    indent, marks, rest = match.groups()
    if fence is None:
        return None if marks[0] == "`" and "`" in rest else (indent, marks)
    deep = len(indent) > len(fence[0]) + 3
    closes = not deep and marks.startswith(fence[1]) and not rest.strip()
    return None if closes else fence
