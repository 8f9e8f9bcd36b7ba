"""The file that a session was imported from, given back byte for byte."""

from __future__ import annotations

from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import PurePath
from typing import NamedTuple

from ..backend import Key
from ..core.base import Core
from ..core.notes import Kept, Note, kept, notes
from ..core.sessions import get_session
from ..errors import NotFoundError
from .keeping import digest, kept_bytes
from .ledger import Entry, Ledger

NAME = "native"


class NativeFile(NamedTuple):
    """A file that was kept: its name, and where its bytes are."""

    name: str
    pieces: AsyncIterator[bytes]
    file: str
    """Equal for sessions that came from the same file."""


async def native_file(core: Core, session_id: str) -> NativeFile:
    """The newest file that a session was imported from. Raises NotFoundError when it was not kept."""
    key = (await get_session(core, session_id)).key
    found = await notes(core, key)
    source = kept(found)
    if source is None or not source.note.whole:
        shared = None if any(note.erased for _, note in found) else await _shared(core, session_id)
        if shared is not None:
            return shared
        raise _missing(session_id, [note for _, note in found])
    if not source.note.slice:
        return _whole(core, key, source)
    for entry in reversed(await Ledger(core).holding(session_id)):
        parts = await _parts(core, entry, source.note.file)
        if parts is not None:
            return NativeFile(source.note.file, _joined(core, parts, entry.rest), entry.path)
    raise NotFoundError(
        f"The file {source.note.file!r} holds more than session {session_id!r}, and not all of it is left.",
        hint="Import it again, or export the session in another format.",
    )


def _whole(core: Core, key: Key, source: Kept) -> NativeFile:
    name = source.note.file
    content = digest("".join(chunk.digest for chunk in source.chunks).encode())
    return NativeFile(name, kept_bytes(core, key, source), f"{content} {name}")


async def _shared(core: Core, session_id: str) -> NativeFile | None:
    """A file whose parts nobody can tell apart, such as a database: its first session holds all of it."""
    for entry in reversed(await Ledger(core).holding(session_id)):
        key = core.key(entry.sessions[0])
        source = kept(await notes(core, key))
        if entry.ends or (source is None and not entry.rest):
            continue
        if entry.rest:
            return NativeFile(PurePath(entry.path).name, _joined(core, [], entry.rest), entry.path)
        if source is not None and source.note.whole and source.size == entry.size:
            return _whole(core, key, source)
    return None


async def beside(core: Core, session_id: str) -> list[NativeFile]:
    """The other files that a session's format kept it in."""
    key = (await get_session(core, session_id)).key
    found = await notes(core, key)
    files = []
    for name in dict.fromkeys(note.file for _, note in found if note.beside):
        source = kept(found, name)
        if source is not None:
            files.append(NativeFile(name, kept_bytes(core, key, source), name))
    return files


async def _parts(core: Core, entry: Entry, file: str) -> list[tuple[Key, Kept]] | None:
    """The sources of all sessions of a file, in order; None when one of them is not what it was then."""
    parts = []
    start = 0
    for session_id, end in zip(entry.sessions, entry.ends, strict=False):
        key = core.key(session_id)
        source = kept(await notes(core, key), file)
        if source is None or source.note.start != start or source.size != end - start:
            return None
        parts.append((key, source))
        start = end
    hashed = sha256()
    async for piece in _joined(core, parts, entry.rest):
        hashed.update(piece)
    return parts if parts and hashed.hexdigest() == entry.digest else None


async def _joined(core: Core, parts: list[tuple[Key, Kept]], rest: bytes) -> AsyncIterator[bytes]:
    for key, source in parts:
        async for piece in kept_bytes(core, key, source):
            yield piece
    yield rest


def _missing(session_id: str, found: list[Note]) -> NotFoundError:
    if not found:
        return NotFoundError(
            f"Session {session_id!r} was not imported: there is no file it came from.",
            hint="Export it in another format.",
        )
    if any(note.erased for note in found):
        return NotFoundError(
            f"The file that session {session_id!r} came from is gone: a message of it was erased.",
            hint="Export the session in another format.",
        )
    return NotFoundError(
        f"The file that session {session_id!r} came from was not kept.",
        hint="Import it again without --no-source, or export the session in another format.",
    )
