"""What the tests of formats share: sources from bytes and files, and the real transcripts."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from recollect import Message
from recollect.formats.base import Conversation, Damage

_BESIDE = Path(__file__).resolve().parents[3] / "shared" / "transcripts"
TRANSCRIPTS = Path(os.environ.get("RECOLLECT_TRANSCRIPTS") or _BESIDE)
real = [
    pytest.mark.real,
    pytest.mark.skipif(not TRANSCRIPTS.is_dir(), reason=f"no real transcripts at {TRANSCRIPTS}"),
]
"""Marks of tests over the real transcripts."""


class Folder:
    """The files beside a source, on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self, folder: str) -> list[str]:
        place = self._folder / folder
        return sorted(child.name for child in place.iterdir() if child.is_file()) if place.is_dir() else []

    def read(self, name: str) -> bytes | None:
        place = self._folder / name
        return place.read_bytes() if place.is_file() else None


class Source(io.BytesIO):
    """An open file as formats see it, from bytes."""

    def __init__(self, data: bytes | str, name: str = "file", *, path: Path | None = None) -> None:
        super().__init__(data.encode() if isinstance(data, str) else data)
        self.label = str(path) if path else name
        self.name = self.label.rsplit("/", 1)[-1]
        self.path = path
        self.modified = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
        self.beside = Folder(path.parent) if path else None

    @classmethod
    def at(cls, path: Path) -> Source:
        return cls(path.read_bytes(), path=path)


def conversations(module: Any, source: Source) -> list[Conversation]:
    """All conversations of an undamaged source."""
    pieces = list(module.read(source))
    assert not [piece for piece in pieces if isinstance(piece, Damage)], pieces
    return pieces


def messages(conversation: Conversation) -> list[Message]:
    """Its messages, none damaged; the same whenever they are asked for."""
    found = list(conversation.messages)
    assert not [message for message in found if isinstance(message, Damage)], found
    assert found == list(conversation.messages)
    ids = [message.id for message in found]
    assert all(ids)
    assert len(set(ids)) == len(ids)
    return found


def lines(conversation: Conversation) -> list[list[Message]]:
    """The main line, then each other run; checks the order that a tree's messages come in."""
    found = messages(conversation)
    if conversation.head is None:
        return [found]
    seen: set[str] = set()
    runs: list[list[Message]] = [[]]
    main = True
    for message in found:
        assert message.parent_id is None or message.parent_id in seen
        before = runs[-1][-1].id if runs[-1] else None
        if main:
            assert message.parent_id == before
        elif not runs[-1] or message.parent_id != before:
            assert message.parent_id is None or message.parent_id in conversation.forks
            runs.append([])
        runs[-1].append(message)
        seen.add(message.id)
        if message.id == conversation.head:
            main = False
            runs.append([])
    assert not main
    return [run for run in runs if run] or [[]]


def archived(name: str) -> Iterator[tuple[str, bytes]]:
    """(path, bytes) of every file in one of the real archives."""
    with tarfile.open(TRANSCRIPTS / name) as archive:
        for member in archive:
            if member.isfile():
                content = archive.extractfile(member)
                assert content is not None
                yield member.name, content.read()
