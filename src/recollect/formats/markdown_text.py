"""Texts inside a Markdown document that cannot leave their place."""

from __future__ import annotations

import re

from .showing import one_line

_TICKS = re.compile(r"`+")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_TURN = re.compile(r"( {0,3})(#{1,2}\s+(?:user|assistant|system|developer|tool)\b)", re.IGNORECASE)
_SPECIAL = re.compile(r"([\\`*_\[\]<>#|!&])")
_BLOCK = re.compile(r"^( {0,3})<(?=[a-z/!?])(?![a-z][a-z0-9+.-]*:)", re.IGNORECASE)
"""The beginning of an HTML block, which may swallow what follows; ``<https://…>`` is none."""
_TAG = re.compile(
    r"(\\*)<(?=!|\?|/?(?:a|base|button|details|embed|form|iframe|img|input|link|math|meta|noembed|noframes|noscript"
    r"|object|plaintext|pre|script|select|style|summary|svg|template|textarea|title|video|xmp)\b)",
    re.IGNORECASE,
)
"""Tags that do more than mark a word, wherever they stand."""


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
    """Markdown that ends where it ends: open code fences are closed; comments, tags and headings
    that look like the next message are defused."""
    lines: list[str] = []
    fence = ""
    for line in text.split("\n"):
        found = _FENCE.fullmatch(line)
        if fence:
            if found and found[1].startswith(fence) and not found[2].strip():
                fence = ""
        elif found and not (found[1][0] == "`" and "`" in found[2]):
            fence = found[1]
        else:
            line = _TURN.sub(r"\1\\\2", line)
            line = _TAG.sub(_defused, _BLOCK.sub(r"\1\\<", line))
        lines.append(line)
    if fence:
        lines.append(fence)
    return "\n".join(lines)


def _defused(match: re.Match[str]) -> str:
    """A tag behind a backslash, unless one is there: a second one would only escape the first."""
    return match[0] if len(match[1]) % 2 else f"{match[1]}\\<"
