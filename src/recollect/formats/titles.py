"""What a session is called when its source gives it no name."""

from __future__ import annotations

_LONGEST = 80


def one_line(text: str) -> str | None:
    """A text as a title: on one line, at most 80 characters; None when it says nothing."""
    line = " ".join(text[:1000].split())
    return (line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…") or None
