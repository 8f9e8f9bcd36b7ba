"""The commits of one conversation: gathered up to a bounded size, sent, gone on behind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from ..backend import Commit, StoredRecord
from ..core.base import Core
from ..core.batch import Batch
from ..core.drafts import Draft
from ..model import Message
from .drafting import CHUNK_BYTES
from .outbox import MAX_RECORDS


class Lost(Exception):
    """Another writer was faster, and the conversation was looked at anew."""


Send = Callable[[Commit, int], Awaitable[bool]]
"""Sends a commit that adds so many messages (-1: it only says where they came from); False when
another writer was faster."""


class Writing:
    """The batch that is being filled, and what became of those before it."""

    def __init__(self, core: Core, batch: Batch, send: Send) -> None:
        self.batch = batch
        self._core = core
        self._send = send
        self._messages = 0
        self._bytes = 0
        self._amended = False
        self._latest = batch.now

    def amend(self, record: StoredRecord, old: Message, draft: Draft) -> None:
        """Complete a stored message."""
        self.batch.amend(record, old, draft)
        self._amended = True

    async def after(self, drafts: Sequence[Draft]) -> None:
        """These messages were put into the batch: send it when it is large enough."""
        self._messages += len(drafts)
        self._latest = max(self._latest, *(d.at for d in drafts)) if drafts else self._latest
        self._bytes += sum(len(d.raw) for d in drafts) + sum(len(b) for d in drafts for b in d.blobs.values())
        if self._bytes >= CHUNK_BYTES or len(self.batch.records) >= MAX_RECORDS:
            await self.flush()

    async def flush(self) -> None:
        """Send what there is. Raises Lost."""
        if not self.batch.records:
            return
        touched = self._messages or self._amended or self.batch.attributes
        commit, state, _ = self.batch.change(None, bulk=True)
        count = self._messages if touched else -1
        self._messages, self._bytes, self._amended = 0, 0, False
        assert commit.row is not None
        if not await self._send(commit, count):
            raise Lost
        self.batch = Batch(self._core, commit.row, state, min(self._latest, self._core.clock.now()))
