"""Names of sessions that were made of what was said in them: an erased message takes them along."""

from __future__ import annotations

from msgspec import UNSET
from msgspec.structs import replace

from ..backend import UPDATE, Key
from ..codec import dumps
from ..records import UpdateBody
from .base import Core
from .batch import Batch
from .notes import attribute_digest, notes

_BATCH = 1000
_CUT = "…. "


async def drop_names(core: Core, batch: Batch, key: Key, text: str) -> None:
    """Take away, with a batch, every name that an import made of an erased message's text."""
    imported = {note.attributes.get("name") for _, note in await notes(core, key)} - {None}
    if not imported:
        return

    def goes(name: object) -> bool:
        return isinstance(name, str) and attribute_digest(name) in imported and is_made_of(name, text)

    after = 0
    while records := await core.backend.read(key, after=after, limit=_BATCH, kinds=(UPDATE,)):
        after = records[-1][0]
        for record in records:
            body = core.codec.body(key, record, UpdateBody)
            if not goes(body.set.name):
                continue
            nameless = replace(body, set=replace(body.set, name=UNSET))
            frame = core.codec.frame(key, record)
            batch.erased.append((record[0], core.codec.record(dumps(nameless), frame)))
    info = batch.state.info
    if goes(info.name):
        batch.state = replace(batch.state, info=replace(info, name=None))
        batch.attributes = True


def is_made_of(name: str, text: str) -> bool:
    """Whether a name, perhaps cut short, is how a text begins."""
    name = " ".join(name.split()).rstrip(_CUT)
    return bool(name) and " ".join(text[: 4 * len(name) + 400].split()).startswith(name)
