"""A piece of a text around what a query matched, with the matches marked.

Matches are looked for as the index sees words: case, accents and the ways of writing them do not
matter. Of a long text only windows are looked at: its start, and the surroundings of the first
places where a word stands as it was typed, in small letters, capitals, or with a capital.
"""

from __future__ import annotations

import re
from itertools import islice

from ..backend import TextMatch
from .spans import Finder, finder

__all__ = ["snippet"]

_HEAD = 16_384
_AROUND = 2_048
_LOOKED_THROUGH = 8_000_000
_PLACES = 8
_MATCHES = 256
_SLACK = 24  # characters given up at either end to cut between words

_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]+"
)
_SPACES = re.compile(r"\s+")

Span = tuple[int, int]


def snippet(text: str, match: TextMatch, *, width: int = 160, mark: tuple[str, str] = ("**", "**")) -> str:
    """About ``width`` characters of ``text`` where it matches most densely, on one line.

    Matches stand between the two marks; an ellipsis shows where something was left out. Characters
    that would steer a terminal are dropped.
    """
    find = finder(match)
    best: tuple[tuple[int, int], int, list[Span]] | None = None
    for start, end in _windows(text, find):
        spans = _spans(text, start, end, find)
        value, chosen = _densest(text, spans, width)
        if best is None or value > best[0]:
            best = (value, start, chosen)
    chosen = best[2] if best is not None else []
    low, high = _cut(text, chosen, width)
    line = _marked(text, low, high, chosen, mark)
    return ("…" if low > 0 else "") + line + ("…" if high < len(text) else "")


def _windows(text: str, find: Finder) -> list[Span]:
    """Where to look: everywhere, or in a long text its start and where words seem to be."""
    if len(text) <= _HEAD:
        return [(0, len(text))]
    found = [(0, _HEAD)]
    for word in find.typed:
        at = text.find(word, _HEAD - _AROUND, _LOOKED_THROUGH)
        if at >= 0 and len(found) < _PLACES:
            found.append((max(0, at - _AROUND), min(len(text), at + _AROUND)))
    return found


def _spans(text: str, start: int, end: int, find: Finder) -> list[Span]:
    """Matches in a window, as places in the text; none that the window's edge may have cut."""
    window = text if (start, end) == (0, len(text)) else text[start:end]
    found = [(start + first, start + last) for first, last in islice(find(window), _MATCHES)]
    if found and start > 0 and found[0][0] == start:
        found.pop(0)
    if found and end < len(text) and found[-1][1] == end:
        found.pop()
    return found


def _densest(text: str, spans: list[Span], width: int) -> tuple[tuple[int, int], list[Span]]:
    """The run of matches within ``width`` with the most different ones, then the most, and its worth."""
    best: tuple[tuple[int, int], list[Span]] = ((0, 0), [])
    words = [text[first:last].casefold() for first, last in spans]
    last = 0
    for i, (first, _) in enumerate(spans):
        if i and last == len(spans):
            break
        last = max(last, i + 1)
        while last < len(spans) and spans[last][1] - first <= width:
            last += 1
        value = (len(set(words[i:last])), last - i)
        if value > best[0]:
            best = (value, spans[i:last])
    return best


def _cut(text: str, spans: list[Span], width: int) -> Span:
    """What to show: the matches in the middle, ends between words where there are any."""
    first, last = (spans[0][0], spans[-1][1]) if spans else (0, 0)
    last = min(last, first + width)
    low = max(0, min(first - (width - (last - first)) // 2, len(text) - width))
    high = min(len(text), low + width)
    if low > 0:
        space = _SPACES.search(text, low - 1, min(first, low + _SLACK))
        low = space.end() if space is not None else low
    if high < len(text):
        least = max(last, high - _SLACK)
        at = max(text.rfind(" ", least, high + 1), text.rfind("\n", least, high + 1))
        high = at if at >= 0 else high
    return low, high


def _marked(text: str, low: int, high: int, spans: list[Span], mark: tuple[str, str]) -> str:
    pieces: list[str] = []
    at = low
    for first, last in spans:
        last = min(last, high)
        pieces += (text[at:first], mark[0], text[first:last], mark[1])
        at = last
    pieces.append(text[at:high])
    line = "".join(pieces)
    if not line.isprintable():
        line = _UNSEEN.sub(" ", line)
    return " ".join(line.split())
