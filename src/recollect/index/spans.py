"""Where in a text the terms of a query stand."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from ..backend import Term, TextMatch
from .tokens import FOREIGN, ascii_lower, fold

__all__ = ["Finder", "finder"]

_CHAR = "[0-9a-z\x80-\U0010ffff]"
_GAP = "[^0-9a-z\x80-\U0010ffff]+"
# Punctuation that composes with nothing splits a run, so that what is between is of one kind.
_STOPS = "\u2010-\u2027\u3000-\u3003\u3008-\u301f\uff01-\uff0f\uff1a-\uff1f"
_PART = re.compile(f"[{_STOPS}]+|[^{_STOPS}]+")

Span = tuple[int, int]


class _Segment(NamedTuple):
    """A stretch of normalised text and the stretch it came from."""

    plain: int
    start: int
    end: int
    stride: int
    """Characters that each one became; 0: the stretch belongs together."""


class Finder:
    """The terms of a query, ready to be looked for in many texts."""

    def __init__(self, terms: tuple[Term, ...]) -> None:
        # Longer terms first: where several start, the longest is meant.
        ordered = sorted(
            set(terms), key=lambda term: (len(term.words), len(" ".join(term.words))), reverse=True
        )
        # No look-behind: with a literal in front the regular expression engine is four times as fast.
        patterns = [
            _GAP.join(map(re.escape, term.words)) + (f"{_CHAR}*" if term.prefix else f"(?!{_CHAR})")
            for term in ordered
        ]
        self._pattern = re.compile("|".join(patterns) or "(?!)")
        words = dict.fromkeys(term.words[0] for term in ordered)
        self.typed = [
            form for word in words for form in dict.fromkeys((word, word.capitalize(), word.upper()))
        ]
        """Ways in which first words are likely to be written."""

    def __call__(self, text: str) -> Iterator[Span]:
        """The places of matches, ascending, none inside another."""
        plain, segments = _plain(text)
        starts = [segment.plain for segment in segments] if segments is not None else []
        at, search = 0, self._pattern.search
        while found := search(plain, at):
            first, at = span = found.span()
            if first:
                before = plain[first - 1]
                if before.isalnum() or before >= "\x80":
                    at = first + 1
                    continue
            yield span if segments is None else _origin(text, segments, starts, first, at)


@lru_cache(maxsize=16)
def finder(match: TextMatch) -> Finder:
    """The finder for what a query asks for; what it excludes is nowhere in its hits."""
    return Finder(tuple(term for group in match.all_of for term in group))


def _plain(text: str) -> tuple[str, list[_Segment] | None]:
    """The text as its words are compared; where from, unless each character kept its place."""
    if text.isascii():
        return text.lower(), None
    plain = ascii_lower(FOREIGN.sub(_kept, text))
    if len(plain) == len(text):
        return plain, None
    pieces: list[str] = []
    segments: list[_Segment] = []
    at = length = 0
    for run in FOREIGN.finditer(text):
        segments.append(_Segment(length, at, run.start(), 1))
        pieces.append(text[at : run.start()].lower())
        length += run.start() - at
        for part in _PART.finditer(run[0]):
            folded = fold(part[0])
            segments += _moved(part[0], folded, length, run.start() + part.start())
            pieces.append(folded)
            length += len(folded)
        at = run.end()
    pieces.append(text[at:].lower())
    segments.append(_Segment(length, at, len(text), 1))
    return "".join(pieces), segments


def _kept(run: re.Match[str]) -> str:
    """A run that keeps its length in normalised form; nothing for others, so that the sum tells."""
    folded = fold(run[0])
    return folded if len(folded) == len(run[0]) else ""


def _moved(part: str, folded: str, plain: int, start: int) -> Iterable[_Segment]:
    if len(folded) == len(part):
        return [_Segment(plain, start, start + len(part), 1)]
    if _each_alone(folded, len(part)):
        return [_Segment(plain, start, start + len(part), 3)]
    return _clusters(part, plain, start)


def _each_alone(folded: str, count: int) -> bool:
    """Whether each of ``count`` characters became a word of its own, between two spaces."""
    return len(folded) == 3 * count and folded[0::3].isspace() and folded[2::3].isspace()


def _clusters(run: str, plain: int, offset: int) -> Iterator[_Segment]:
    """A segment for each character with the marks and Hangul letters that compose with it."""
    first = 0
    for at in range(1, len(run) + 1):
        if at == len(run) or not _composes(run[at]):
            yield _Segment(plain, offset + first, offset + at, 0)
            plain += len(fold(run[first:at]))
            first = at


def _composes(char: str) -> bool:
    return unicodedata.combining(char) != 0 or "\u1160" <= char <= "\u11ff"


def _origin(text: str, segments: list[_Segment], starts: list[int], first: int, last: int) -> Span:
    """The place in the text that became ``plain[first:last]``."""
    head = segments[bisect_right(starts, first) - 1]
    tail = segments[bisect_right(starts, last - 1) - 1]
    start = head.start + (first - head.plain) // head.stride if head.stride else head.start
    end = tail.start + (last - 1 - tail.plain) // tail.stride + 1 if tail.stride else tail.end
    # An accent that was left out belongs to the letter before it.
    while end < len(text) and text[end] >= "\x80" and not fold(text[end]):
        end += 1
    return start, end
