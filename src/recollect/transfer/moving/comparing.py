"""A hash of a whole log, records and blobs, to compare both ends of a move."""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

from .origins import Log


class Hashed(NamedTuple):
    """A log's hash (SHA-256, hex) and what it covers."""

    digest: str
    records: int
    blobs: int
    bytes: int


async def hash_log(log: Log, upto: int) -> Hashed:
    """The hash of a log's first ``upto`` records and the contents of their blobs, by their digests.

    Raises CorruptError where a record or blob is missing or is not what was stored.
    """
    hashed = sha256()
    known: set[str] = set()
    records = size = 0
    async for entry in log.entries():
        hashed.update(b"%d %d %d %d\n" % (entry.seq, entry.kind, entry.parent, len(entry.body)))
        hashed.update(entry.body)
        size += len(entry.body)
        records += 1
        for digest, content in (await log.blobs(entry, known)).items():
            known.add(digest)
            hashed.update(sha256(content).digest())
            size += len(content)
        if entry.seq >= upto:
            break
    return Hashed(hashed.hexdigest(), records, len(known), size)
