"""A piece of a text around what a query matched, with the matches marked.

Matches are looked for as the index sees words: case, accents and the ways of writing them do not
matter. Of a long text only windows are looked at: its start, and the surroundings of the first
places where a word stands as it was typed, in small letters, capitals, or with a capital.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

from ..backend import TextMatch
from .spans import Finder, finder

__all__ = ["snippet", "snippets"]

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
    return _snippet(text, finder(match), width, mark)


def snippets(texts: Iterable[str], match: TextMatch) -> list[str]:
    """The snippets of a page of hits."""
    find = finder(match)
    return [_snippet(text, find, 160, ("**", "**")) for text in texts]


def _snippet(text: str, find: Finder, width: int, mark: tuple[str, str]) -> str:
    if len(text) <= _HEAD:
        _, chosen = _densest(text, list(islice(find(text), _MATCHES)), width)
    else:
        chosen = _of_windows(text, find, width)
    low, high = _cut(text, chosen, width)
    line = _marked(text, low, high, chosen, mark)
    return f"{'…' if low > 0 else ''}{line}{'…' if high < len(text) else ''}"


def _of_windows(text: str, find: Finder, width: int) -> list[Span]:
    """The densest matches of a long text."""
    best: tuple[tuple[int, int], list[Span]] | None = None
    for start, end in _windows(text, find):
        found = _densest(text, _spans(text, start, end, find), width)
        if best is None or found[0] > best[0]:
            best = found
    return best[1] if best is not None else []


def _windows(text: str, find: Finder) -> list[Span]:
    """Where to look in a long text: its start, and where words seem to be."""
    found = [(0, _HEAD)]
    for word in find.typed:
        at = text.find(word, _HEAD - _AROUND, _LOOKED_THROUGH)
        if at >= 0 and len(found) < _PLACES:
            found.append((max(0, at - _AROUND), min(len(text), at + _AROUND)))
    return found


def _spans(text: str, start: int, end: int, find: Finder) -> list[Span]:
    """Matches in a window, as places in the text; none that the window's edge may have cut."""
    found = [(start + first, start + last) for first, last in islice(find(text[start:end]), _MATCHES)]
    if found and start > 0 and found[0][0] == start:
        found.pop(0)
    if found and end < len(text) and found[-1][1] == end:
        found.pop()
    return found


def _densest(text: str, spans: list[Span], width: int) -> tuple[tuple[int, int], list[Span]]:
    """The run of matches within ``width`` with the most different ones, then the most, and its worth."""
    count, last = len(spans), 0
    if count < 2:
        return (count, count), spans
    best: tuple[tuple[int, int], list[Span]] = ((0, 0), [])
    words = [text[first:last].casefold() for first, last in spans]
    for i, (first, _) in enumerate(spans):
        if i and last == count:
            break
        if last <= i:
            last = i + 1
        while last < count and spans[last][1] - first <= width:
            last += 1
        if last - i > best[0][0]:  # else it cannot have more different ones
            value = (len(set(words[i:last])), last - i)
            if value > best[0]:
                best = (value, spans[i:last])
    return best


def _cut(text: str, spans: list[Span], width: int) -> Span:
    """What to show: the matches in the middle, ends between words where there are any."""
    length = len(text)
    if length <= width:
        return 0, length
    first, last = (spans[0][0], spans[-1][1]) if spans else (0, 0)
    if last - first > width:
        last = first + width
    low = first - (width - (last - first)) // 2
    low = 0 if low < 0 else low if low < length - width else length - width
    high = low + width
    if low > 0:
        space = _SPACES.search(text, low - 1, min(first, low + _SLACK))
        low = space.end() if space is not None else low
    if high < length:
        least = max(last, high - _SLACK)
        at = max(text.rfind(" ", least, high + 1), text.rfind("\n", least, high + 1))
        high = at if at >= 0 else high
    return low, high


def _marked(text: str, low: int, high: int, spans: list[Span], mark: tuple[str, str]) -> str:
    line, at = "", low
    for first, last in spans:
        if last > high:
            last = high
        line += f"{text[at:first]}{mark[0]}{text[first:last]}{mark[1]}"
        at = last
    line += text[at:high]
    if line.isprintable() and "  " not in line:
        return line.strip(" ")  # it has no other white space: that is not printable
    line = " ".join(line.split())
    return line if line.isprintable() else " ".join(_UNSEEN.sub(" ", line).split())
