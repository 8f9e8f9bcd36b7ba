"""Where in a text the terms of a query stand."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from ..backend import Term, TextMatch
from .tokens import ascii_lower, normalise, words

__all__ = ["Finder", "finder"]

_CHAR = "[0-9a-z\x80-\U0010ffff]"
_GAP = "[^0-9a-z\x80-\U0010ffff]+"
_FOREIGN = re.compile(r"[^\x00-\x7f]+")
_PIECE = re.compile(r"[0-9A-Za-z\x80-\U0010ffff]+")

Span = tuple[int, int]


class Finder:
    """The terms of a query, ready to be looked for in many texts."""

    def __init__(self, terms: tuple[Term, ...]) -> None:
        self._terms = sorted(set(terms), key=lambda term: (len(term.words), term.words), reverse=True)
        # No look-behind: with a literal in front the regular expression engine is four times as fast.
        patterns = [
            _GAP.join(map(re.escape, term.words)) + (f"{_CHAR}*" if term.prefix else "")
            for term in self._terms
        ]
        self._pattern = re.compile(f"(?:{'|'.join(patterns)})(?!{_CHAR})") if patterns else None
        typed = dict.fromkeys(word for term in self._terms for word in term.words[:1])
        self.typed = [
            form for word in typed for form in dict.fromkeys((word, word.capitalize(), word.upper()))
        ]
        """Ways in which first words are likely to be written."""

    def __call__(self, text: str) -> Iterator[Span]:
        """The places of matches, ascending, none inside another."""
        if self._pattern is None:
            return
        plain = _aligned(text)
        if plain is None:
            yield from self._by_words(text)
            return
        for match in self._pattern.finditer(plain):
            first = match.start()
            before = plain[first - 1 : first]
            if not before or not (before.isalnum() or before >= "\x80"):
                yield match.span()

    def _by_words(self, text: str) -> Iterator[Span]:
        found = list(_words_with_places(text))
        at = 0
        while at < len(found):
            length = next((len(term.words) for term in self._terms if _stands(term, found, at)), 0)
            if length:
                yield found[at][1], found[at + length - 1][2]
            at += length or 1


def _stands(term: Term, found: list[tuple[str, int, int]], at: int) -> bool:
    *firm, last = term.words
    if at + len(firm) >= len(found) or any(found[at + i][0] != word for i, word in enumerate(firm)):
        return False
    there = found[at + len(firm)][0]
    return there.startswith(last) if term.prefix else there == last


@lru_cache(maxsize=16)
def finder(match: TextMatch) -> Finder:
    """The finder for what a query asks for; what it excludes is nowhere in its hits."""
    return Finder(tuple(term for group in match.all_of for term in group))


def _aligned(text: str) -> str | None:
    """The text as its words are compared, if each character keeps its place; else None."""
    if text.isascii():
        return text.lower()
    plain = normalise(text)
    if len(plain) != len(text):
        return None
    at = 0
    for run in _FOREIGN.finditer(text):
        # What stands between two runs is ASCII and stays; so runs that keep their length keep places.
        if len(normalise(run[0])) != len(run[0]):
            return None
        at = run.end()
    return ascii_lower(plain) if at else None


def _words_with_places(text: str) -> Iterator[tuple[str, int, int]]:
    """(word, start, end) for all words, with the characters that their letters were written with."""
    for piece in _PIECE.finditer(text):
        if piece[0].isascii():
            yield piece[0].lower(), piece.start(), piece.end()
        else:
            yield from _split(piece[0], piece.start())


def _split(piece: str, offset: int) -> Iterator[tuple[str, int, int]]:
    word, start, end = "", 0, 0
    for first, last in _clusters(piece):
        plain = normalise(piece[first:last])
        inside = words(piece[first:last])
        if word and (not plain or plain[0] != " ") and inside:
            word, end = word + inside.pop(0), last
        elif word and not plain:
            end = last
        if word and (inside or plain[:1] == " " or plain[-1:] == " "):
            yield word, offset + start, offset + end
            word = ""
        for one in inside:
            if word:
                yield word, offset + start, offset + end
            word, start, end = one, first, last
        if word and plain[-1:] == " ":
            yield word, offset + start, offset + end
            word = ""
    if word:
        yield word, offset + start, offset + end


def _clusters(piece: str) -> Iterator[Span]:
    """Characters with the marks and Hangul letters that compose with them."""
    first = 0
    for at in range(1, len(piece) + 1):
        if at == len(piece) or not _composes(piece[at]):
            yield first, at
            first = at


def _composes(char: str) -> bool:
    return unicodedata.combining(char) != 0 or "\u1160" <= char <= "\u11ff"
