"""Large binary parts: kept beside the log under their digest, put back when a message is read."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import force_setattr

from ..backend import Key, StoredRecord
from ..codec import place_of
from ..errors import CorruptError
from ..model import BlobPart, Message
from .base import Core
from .drafts import digest_of


async def fill_blobs(
    core: Core, key: Key, records: Sequence[StoredRecord], messages: list[Message]
) -> list[Message]:
    """Put the contents of blobs back into freshly decoded messages."""
    holders = [
        place
        for place, message in enumerate(messages)
        for part in message.parts
        if part.__class__ is BlobPart
    ]
    for place in dict.fromkeys(holders):
        for part in messages[place].parts:
            if isinstance(part, BlobPart) and part.digest is not None:
                content = await load_blob(core, key, records[place][0], part.digest)
                force_setattr(part, "content", content)
    return messages


async def load_blob(core: Core, key: Key, seq: int, digest: str) -> bytes:
    """A blob's content. Raises CorruptError when it is missing or is not what was stored."""
    content = await core.backend.blob(key, bytes.fromhex(digest))
    if content is None or digest_of(content).hex() != digest:
        found = "missing" if content is None else "damaged"
        raise CorruptError(
            f"The blob {digest[:12]}… of {place_of(key, seq)} is {found}.",
            place=place_of(key, seq),
            hint="The rest of the session is readable; run 'recollect verify'.",
        )
    return content
