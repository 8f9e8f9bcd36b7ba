"""What people type into a search box, as a ``TextMatch``.

- ``rust ownership``: both words. ``"borrow checker"``: one behind the other. ``own*``: words that
  start so. ``-java``: not this word; a phrase and a prefix may be excluded too.
- ``rust OR go tutorial``: (rust or go) and tutorial. Only ``OR`` in capitals is special.
- A word that the index splits, such as ``don't``, ``a-b``, ``foo/bar``, ``snake_case``, or a run of
  Han characters, is a phrase of its pieces. Two hyphens, as in ``--force``, exclude nothing.
- Everything is legal. What has no place (a lone operator, quote or star) is ignored, and so is
  what comes after the first ``MAX_WORDS`` words or ``MAX_CHARS`` characters.
"""

from __future__ import annotations

import re

from ..backend import Term, TextMatch
from .tokens import words

__all__ = ["MAX_CHARS", "MAX_WORDS", "parse"]

MAX_WORDS = 64
MAX_CHARS = 65_536

_QUOTES = str.maketrans(dict.fromkeys("“”„＂", '"'))
_ITEM = re.compile(r'-?"[^"]*(?:"\*?|$)|[^\s"]+')


def parse(text: str) -> TextMatch | None:
    """The query in ``text``; None when it asks for nothing, or only for what should be absent."""
    groups: list[list[Term]] = []
    excluded: list[Term] = []
    left, joined = MAX_WORDS, False
    for item in _ITEM.findall(text[:MAX_CHARS].translate(_QUOTES)):
        if item == "OR":
            joined = True
            continue
        negative = item[0] == "-" and item[1:2] != "-"
        term = _term(item, left)
        if term is None:
            continue
        left -= len(term.words)
        if negative:
            excluded.append(term)
        elif joined and groups:
            groups[-1].append(term)
        else:
            groups.append([term])
        joined = False
        if left <= 0:
            break
    if not groups:
        return None
    all_of = dict.fromkeys(tuple(dict.fromkeys(group)) for group in groups)
    return TextMatch(tuple(all_of), tuple(dict.fromkeys(excluded)))


def _term(item: str, most: int) -> Term | None:
    """The words of one item, at most so many; None when it has none."""
    found = words(item)
    if not found:
        return None
    # A star right behind a word, inside or behind the closing quote, makes it a prefix.
    bare = item.rstrip('*"')
    prefix = "*" in item[len(bare) :] and words(bare + "x")[-1] == found[-1] + "x"
    return Term(tuple(found[:most]), prefix and len(found) <= most)
