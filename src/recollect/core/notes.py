"""What an import leaves in a session's log: where messages came from, and the source's own bytes.

A source's bytes are cut into chunks, compressed; small ones stand in the record, others are blobs.
A file that grew adds a note with the new chunks only: ``keep`` says how many of those before still
hold. Erasing a message takes all of them away, since its text stands there, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct, to_builtins

from ..backend import SOURCE, Key
from ..codec import dumps, place_of
from ..errors import CorruptError
from ..packing import unpack
from ..records import SourceBody, canonical
from .base import Core
from .batch import Batch
from .blobs import load_blob

_BATCH = 1000


class Chunk(Struct, array_like=True, frozen=True, gc=False):
    """Some bytes of a source: how many, half of their SHA-256 (hex), and where they are kept."""

    size: int
    digest: str
    blob: str | None = None
    """SHA-256 of the blob that holds them, compressed."""
    data: bytes | None = None
    """The compressed bytes themselves."""


class Note(Struct, frozen=True, omit_defaults=True):
    """One import: of which file (its name), in which format, up to which message.

    ``attributes`` holds a digest of each attribute as the file gave it, so that a later import can
    tell what the user changed since. ``start`` is where the session's part begins in the file,
    ``whole`` says that ``chunks`` reach to that part's end; without chunks nothing was kept.
    """

    format: str
    file: str
    head: str | None = None
    attributes: dict[str, str] = {}
    start: int = 0
    keep: int = 0
    chunks: tuple[Chunk, ...] = ()
    whole: bool = False
    slice: bool = False
    """The file holds other sessions, too; this is only the part that this one came from."""
    beside: bool = False
    """A file that the format reads along with the main one."""
    erased: bool = False
    holder: str | None = None
    """The session that keeps the whole file, where nobody can tell whose part of it is whose."""


class Kept(Struct, frozen=True):
    """A source as the notes so far describe it, and the seqs of the notes that hold its chunks."""

    note: Note
    chunks: tuple[Chunk, ...]
    seqs: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return sum(chunk.size for chunk in self.chunks)


def attribute_digest(value: Any) -> str:
    """What a note remembers of an attribute's value."""
    return sha256(canonical(value).encode()).hexdigest()[:12]


def noted_down(note: Note) -> dict[str, Any]:
    """A note as a source record holds it."""
    return dict(to_builtins(note))


async def notes(core: Core, key: Key) -> list[tuple[int, Note]]:
    """All notes of a session, oldest first, each with its seq."""
    found: list[tuple[int, Note]] = []
    after = 0
    while records := await core.backend.read(key, after=after, limit=_BATCH, kinds=(SOURCE,)):
        after = records[-1][0]
        for record in records:
            note = _note(core.codec.body(key, record, SourceBody))
            if note is not None:
                found.append((record[0], note))
    return found


def _note(body: SourceBody) -> Note | None:
    """The note in a source record; None for one that repair put in the place of a damaged one."""
    return msgspec.convert(body.source, Note) if "format" in body.source else None


def kept(found: Iterable[tuple[int, Note]], file: str | None = None) -> Kept | None:
    """The newest source that was kept, of one file or of any. None when there is none."""
    newest: Kept | None = None
    known: dict[str, Kept] = {}
    for seq, note in found:
        if note.erased:
            known.pop(note.file, None)
            newest = None if newest is not None and newest.note.file == note.file else newest
        elif note.chunks or note.whole:
            before = known.get(note.file)
            chunks, seqs = (before.chunks, before.seqs) if before else ((), ())
            grown = Kept(
                note, chunks[: note.keep] + note.chunks, seqs[: note.keep] + (seq,) * len(note.chunks)
            )
            known[note.file] = grown
            newest = newest if note.beside else grown
    return newest if file is None else known.get(file)


async def chunk_bytes(core: Core, key: Key, seq: int, chunk: Chunk) -> bytes:
    """A chunk's bytes. Raises CorruptError when they are not what was stored."""
    if chunk.blob is not None:
        packed = await load_blob(core, key, seq, chunk.blob)
    else:
        packed = chunk.data or b""
    try:
        content = unpack(packed)
    except ValueError as error:
        raise CorruptError(
            f"The source kept in {place_of(key, seq)} is damaged: {error}.", place=place_of(key, seq)
        ) from error
    return content


def blobs_in(body: SourceBody) -> list[str]:
    """The digests (hex) of the blobs that a source record refers to."""
    note = _note(body)
    return [] if note is None else [chunk.blob for chunk in note.chunks if chunk.blob]


async def drop_sources(core: Core, batch: Batch, key: Key) -> list[bytes]:
    """Take all kept bytes of a session's sources away, with a batch; returns the digests of their blobs."""
    gone: dict[bytes, None] = {}
    for seq, note in await notes(core, key):
        if not note.chunks:
            continue
        gone.update((bytes.fromhex(chunk.blob), None) for chunk in note.chunks if chunk.blob)
        empty = msgspec.structs.replace(note, chunks=(), whole=False, erased=True)
        (record,) = await core.backend.read(key, after=seq - 1, limit=1)
        body = core.codec.record(dumps(SourceBody(noted_down(empty))), core.codec.frame(key, record))
        batch.erased.append((seq, body))
    return list(gone)


def is_kept(before: Kept | None, chunks: Sequence[Chunk]) -> bool:
    """Whether these chunks are what is kept already."""
    return before is not None and [c.digest for c in before.chunks] == [c.digest for c in chunks]
