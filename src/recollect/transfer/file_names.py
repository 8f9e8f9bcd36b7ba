"""Names of files for sessions: people recognise them, and no id or title does harm through one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from hashlib import sha256

_PLAIN_ID = re.compile(r"[a-z0-9](?:[a-z0-9._@+=]|-(?!-)){0,63}(?<![.-])")
_RESERVED = re.compile(
    r"(?:con|prn|aux|nul|clock\$|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?", re.IGNORECASE
)
"""What Windows takes for a device, with any ending."""

_PLAIN_STEM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@+=-]{0,120}")
_SUFFIX = re.compile(r"[A-Za-z0-9]{1,10}")
_TITLE_BYTES = 80
_JOINT = "--"
"""Between title and id; neither holds it, so that different sessions have different names."""


def file_names(sessions: Iterable[tuple[str, str | None]], ending: str) -> dict[str, str]:
    """A file name for each session (id, title): ``title--id.ending``, without a title ``id.ending``.

    Names differ even where a disk knows no case and no Unicode forms; none has folders in it, is
    hidden, is reserved, or is longer than 200 bytes. An id that is no plain name is cut short and
    told apart by a hash.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for session_id, title in sessions:
        stem = _stem(session_id, title)
        length = 16
        while _folded(stem) in taken:  # hashes can be equal, too
            stem = _told_apart("session", session_id, length)
            length += 8
        taken.add(_folded(stem))
        names[session_id] = f"{stem}.{ending}"
    return names


def source_names(names: Iterable[str]) -> list[str]:
    """File names as close as can be to those that sources had, in any folders; all different."""
    found: list[str] = []
    taken: set[str] = set()
    for name in names:
        base, dot, suffix = name.rpartition(".")
        stem, suffix = (base, f".{suffix}") if dot and _SUFFIX.fullmatch(suffix) else (name, "")
        plain = stem if _PLAIN_STEM.fullmatch(stem) else _slug(stem) or "source"
        plain = f"_{plain}" if _RESERVED.fullmatch(plain) else plain
        number = 1
        while _folded(f"{plain}{'' if number == 1 else f'-{number}'}{suffix}") in taken:
            number += 1
        found.append(f"{plain}{'' if number == 1 else f'-{number}'}{suffix}")
        taken.add(_folded(found[-1]))
    return found


def _stem(session_id: str, title: str | None) -> str:
    short = _slug(title or "")
    name = session_id if _PLAIN_ID.fullmatch(session_id) else _told_apart(_slug(session_id), session_id, 12)
    stem = f"{short}{_JOINT}{name}" if short and short != name else name
    return f"_{stem}" if _RESERVED.fullmatch(stem) else stem


def _slug(text: str) -> str:
    """What of a text can stand in a file name, at most ``_TITLE_BYTES`` of it."""
    words = "".join(c if _is_usual(c) else "-" for c in unicodedata.normalize("NFKC", text[:_TITLE_BYTES]))
    short = words.encode()[:_TITLE_BYTES].decode("utf-8", "ignore")
    return re.sub(r"-{2,}", "-", short).strip("-._")


def _is_usual(character: str) -> bool:
    """Letters and digits of all languages with their marks, and a few signs."""
    return character in "_.@+=" or unicodedata.category(character)[0] in "LNM"


def _told_apart(slug: str, session_id: str, length: int) -> str:
    digest = sha256(session_id.encode("utf-8", "surrogatepass")).hexdigest()[:length]
    return f"{slug}-{digest}" if slug else digest


def _folded(name: str) -> str:
    """Names that a disk may take for the same are the same here."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
