"""What a word is: one definition for text that is indexed and for queries.

``normalise`` turns text into a form in which a word is a maximal run of ASCII letters and digits
and of non-ASCII characters: exactly what FTS5's built-in ``ascii`` tokenizer takes for a token, so
that index, queries and snippets agree by construction, whatever Unicode version SQLite knows, and
any SQLite tool can still read the index. Case of ASCII letters is left to the tokenizer.

- Case, accents (composed or not), width and ligatures do not matter: ``Ｃａｆé`` is ``cafe``.
- Scripts written without spaces (Han, Kana, Hangul, Thai …) give one word per character, so that a
  phrase of them finds any substring; so do emoji and other pictures.
- All else separates words: ``snake_case`` is two words in a row, ``camelCase`` is one.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

__all__ = ["FOREIGN", "WORD", "ascii_lower", "fold", "normalise", "words"]

WORD = re.compile(r"[0-9A-Za-z\x80-\U0010ffff]+")
"""A word of normalised text."""

FOREIGN = re.compile(r"[^\x00-\x7f]+")
"""What ``normalise`` may change; each run by itself."""

# Marks that people leave out when they type: accents, Hebrew and Arabic points, and characters
# that only steer layout. Vowel signs of Indic scripts and the voicing marks of Kana stay.
_IGNORED = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640"
    "\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u1ab0-\u1aff\u1dc0-\u1dff"
    "\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\xad\u061c\u180b-\u180f\u200c-\u200f\u202a-\u202e"
    "\u2060-\u206f\ufeff\U000e0000-\U000e0fff]+"
)

# Scripts written without spaces between words.
_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1100, 0x11FF),  # Hangul letters
    (0x1780, 0x17FF),  # Khmer
    (0x19E0, 0x19FF),
    (0x2E80, 0x4DBF),  # radicals, Kana, Bopomofo, Han
    (0x4E00, 0x9FFF),  # Han
    (0xA960, 0xA97F),
    (0xA9E0, 0xA9FF),
    (0xAA60, 0xAA7F),
    (0xAC00, 0xD7FF),  # Hangul
    (0xF900, 0xFAFF),
    (0x1B000, 0x1B2FF),  # Kana
    (0x20000, 0x3FFFD),  # Han
)


class _Classes(dict[int, "str | int"]):
    """A table for ``str.translate`` that looks characters up once, when they first occur."""

    def __missing__(self, code: int) -> str | int:
        kind = unicodedata.category(chr(code))
        value: str | int = " "
        if code < 0x80:
            value = code
        elif kind[0] in "LNM" or kind == "Co":
            alone = any(low <= code <= high for low, high in _UNSPACED)
            value = f" {chr(code)} " if alone else code
        elif (kind in ("So", "Cn") and not _is_drawing(code)) or 0x1F3FB <= code <= 0x1F3FF:
            value = f" {chr(code)} "
        self[code] = value
        return value


def _is_drawing(code: int) -> bool:
    """Lines and blocks that tools print around their output, and replacement characters."""
    return (
        0x2500 <= code <= 0x259F or 0x2800 <= code <= 0x28FF or code >= 0x10FFFE or code in (0xFFFC, 0xFFFD)
    )


_classes = _Classes()


def _fold(run: str) -> str:
    plain = _IGNORED.sub("", unicodedata.normalize("NFKD", run))
    folded = _IGNORED.sub("", unicodedata.normalize("NFKD", plain.casefold()))
    return unicodedata.normalize("NFC", folded).translate(_classes)


_fold_short = lru_cache(maxsize=4096)(_fold)


def fold(run: str) -> str:
    """``normalise`` for a run without ASCII."""
    return _fold_short(run) if len(run) < 8 else _fold(run)


_FEW = 4


def _fold_match(match: re.Match[str]) -> str:
    return fold(match[0])


def normalise(text: str) -> str:
    """The text as it is indexed. ASCII comes back as it is; the result can always be encoded."""
    if text.isascii():
        return text
    runs = set(FOREIGN.findall(text))
    if len(runs) > _FEW or any(len(run) > 1 for run in runs):
        return FOREIGN.sub(_fold_match, text)
    folded = {run: fold(run) for run in runs}
    if any(run in other for run in runs for other in folded.values() if other != folded[run]):
        return FOREIGN.sub(_fold_match, text)
    for run, plain in folded.items():  # some arrows and dots in what is else ASCII: the usual case
        text = text.replace(run, plain)
    return text


def ascii_lower(text: str) -> str:
    """Lower case of ASCII letters alone, as the tokenizer makes it."""
    return text.lower() if text.isascii() else text.encode().lower().decode()


def words(text: str) -> list[str]:
    """The words of a text, in order, as they are compared."""
    return WORD.findall(ascii_lower(normalise(text)))
