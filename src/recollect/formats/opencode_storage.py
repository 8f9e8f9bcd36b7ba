"""OpenCode's folders of JSON files: a session's file, and its messages and their parts beside it.

``session/<project>/<session>.json``, ``message/<session>/<message>.json`` and
``part/<message>/<part>.json``; earlier ``info``, ``message`` and ``part`` lay below ``session``, and for a
while all parts in one folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .base import Beside, Damage
from .jsonstream import decode
from .opencode_messages import Told
from .values import name_of

_MESSAGES = ("../../message/{session}", "../message/{session}")
_PARTS = ("../../part/{message}", "../part/{session}/{message}")
_FLAT = "../../part"


def told_beside(beside: Beside, session: str) -> Iterator[Told | Damage]:
    """A session's messages, in the order of their files' names."""
    if not _is_name(session):
        yield Damage(0, "the session's id cannot be the name of a folder")
        return
    flat = _flat_parts(beside)
    for folder, name in _files(beside, (place.format(session=session) for place in _MESSAGES)):
        info = _load(beside, f"{folder}/{name}")
        if info is None:
            yield Damage(0, f"the message in {_shown(name)} cannot be read")
            continue
        message = name_of(info, "id") or name.removesuffix(".json")
        parts = list(flat.get(message, ()))
        if _is_name(message):
            places = (place.format(session=session, message=message) for place in _PARTS)
            for part_folder, part_name in _files(beside, places):
                part = _load(beside, f"{part_folder}/{part_name}")
                if part is None:
                    yield Damage(0, f"the part in {_shown(part_name)} cannot be read")
                else:
                    parts.append(part)
        yield Told(0, message, info, parts)


def _flat_parts(beside: Beside) -> dict[str, list[dict[str, Any]]]:
    """Parts that lie in one folder, by the message that they name."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name in beside.names(_FLAT):
        part = _load(beside, f"{_FLAT}/{name}") if name.endswith(".json") else None
        message = name_of(part, "messageID")
        if part is not None and message is not None:
            found.setdefault(message, []).append(part)
    return found


def _files(beside: Beside, folders: Iterator[str]) -> Iterator[tuple[str, str]]:
    """The JSON files in the first of these folders that has some."""
    for folder in folders:
        names = [name for name in beside.names(folder) if name.endswith(".json")]
        if names:
            for name in names:
                yield folder, name
            return


def _load(beside: Beside, name: str) -> dict[str, Any] | None:
    raw = beside.read(name)
    try:
        value = decode(raw or b"")
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _is_name(text: str) -> bool:
    """Whether an id can be the name of one folder: what a file says must not lead anywhere else."""
    return 0 < len(text) <= 255 and text not in (".", "..") and not set(text) & set("/\\\0:")


def _shown(name: str) -> str:
    return name.encode("ascii", "replace").decode()[:100]
