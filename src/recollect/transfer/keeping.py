"""The bytes of sources: kept in the sessions that came from them, given back byte for byte."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256
from types import MappingProxyType
from typing import NamedTuple

from ..backend import Key
from ..core.base import Core
from ..core.notes import Chunk, Kept, chunk_bytes
from ..packing import pack

CHUNK = 1 << 20
INLINE = 16 << 10
"""Compressed chunks up to this size stand in the record itself."""
_WORTH_A_THREAD = 64 << 10
PER_NOTE = 8
"""Chunks in one record, so that a commit stays small."""


class Part(NamedTuple):
    """A session's part of a file: from where to where, and how to read it (offset, size)."""

    start: int
    end: int
    read: Callable[[int, int], bytes]
    is_slice: bool = False
    """Other sessions have other parts."""
    packing: Mapping[int, Future[tuple[Chunk, bytes]]] = MappingProxyType({})
    """Chunks by their offsets that are being compressed beside, as if nothing were kept yet."""
    digest: Future[str] | None = None
    """The digest of all of the file, on its way, where the part is all of it."""


class Packer:
    """Compresses the beginnings of parts in a thread of its own, while their messages are written."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None

    def begin(self, part: Part) -> Part:
        """The part, with its first chunks on their way."""
        if part.end - part.start < _WORTH_A_THREAD:
            return part
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, "recollect-pack")
        packing = {}
        hashed = sha256()
        for place in range(part.start, min(part.end, part.start + PER_NOTE * CHUNK), CHUNK):
            raw = part.read(place, min(CHUNK, part.end - place))
            packing[place] = self._pool.submit(_packed, raw)
            self._pool.submit(hashed.update, raw)
        is_whole = not part.is_slice and part.end <= PER_NOTE * CHUNK
        whole = self._pool.submit(hashed.hexdigest) if is_whole else None  # one thread: after all of it
        return part._replace(packing=packing, digest=whole)

    def close(self) -> None:
        """End the thread."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


class Cut(NamedTuple):
    """Some chunks to be noted: how many of those before hold, the new ones, their blobs; ``last``
    says that the part ends with them."""

    keep: int
    chunks: tuple[Chunk, ...]
    blobs: dict[bytes, bytes]
    last: bool


def cuts(part: Part, before: Kept | None, unread: int = 0) -> Iterator[Cut]:
    """A part cut into chunks; those that are kept already stay. Nothing when all are.

    The bytes before the offset ``unread`` are known to be those that are kept.
    """
    keep, place = _held(part, before, unread)
    chunks: list[Chunk] = []
    blobs: dict[bytes, bytes] = {}
    if before is not None and keep == len(before.chunks) and place == part.end and before.note.whole:
        return
    while place < part.end:
        if place in part.packing:
            chunk, packed = part.packing[place].result()
        else:
            chunk, packed = _packed(part.read(place, min(CHUNK, part.end - place)))
        if not chunk.size:
            break
        place += chunk.size
        chunks.append(chunk)
        if chunk.blob is not None:
            blobs[bytes.fromhex(chunk.blob)] = packed
        if len(chunks) == PER_NOTE and place < part.end:
            yield Cut(keep, tuple(chunks), blobs, False)
            keep += len(chunks)
            chunks, blobs = [], {}
    yield Cut(keep, tuple(chunks), blobs, True)


def _held(part: Part, before: Kept | None, unread: int) -> tuple[int, int]:
    """How many of the chunks kept before are the part's beginning, and where the next one begins."""
    place = part.start
    for number, chunk in enumerate(before.chunks if before else ()):
        end = place + chunk.size
        if end > part.end or (end > unread and digest(part.read(place, chunk.size)) != chunk.digest):
            return number, place
        place = end
    return len(before.chunks) if before else 0, place


def digest(content: bytes) -> str:
    """The name of some bytes (half of their SHA-256, hex)."""
    return sha256(content).hexdigest()[:32]


def _packed(raw: bytes) -> tuple[Chunk, bytes]:
    packed = pack(raw)
    if len(packed) <= INLINE:
        return Chunk(len(raw), digest(raw), None, packed), packed
    return Chunk(len(raw), digest(raw), sha256(packed).hexdigest()), packed


async def kept_bytes(core: Core, key: Key, source: Kept) -> AsyncIterator[bytes]:
    """What was kept, piece by piece."""
    for seq, chunk in zip(source.seqs, source.chunks, strict=True):
        yield await chunk_bytes(core, key, seq, chunk)
