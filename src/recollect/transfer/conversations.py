"""Conversations of foreign formats into sessions: which one each belongs to, and what is new.

A conversation with an id of its own belongs to the session of that id. Any other is known by how
it begins, up to the first answer; conversations that begin alike are numbered (``~2``, ``~3`` …)
and each takes the first number whose session it continues, repeats or is contained in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from ..backend import Commit, Key, SessionRow
from ..codec import dumps
from ..core.attributes import patch_of
from ..core.base import Core
from ..core.batch import Batch
from ..core.drafts import Draft
from ..errors import BusyError, InvalidError
from ..formats.base import Conversation, derived_uuid, session_id_from
from ..records import HeadBody, Patch, State
from .lines import Drafts, Relation, compare, known
from .outbox import Outbox, Parcel
from .tally import Tally

MAX_BASE = 240
MAX_ATTEMPTS = 8


class Conversations:
    """Takes conversations one by one, for the length of one import."""

    def __init__(self, core: Core, outbox: Outbox, tally: Tally) -> None:
        self._core = core
        self._outbox = outbox
        self._tally = tally
        self._claimed: set[str] = set()
        self._first_free: dict[str, int] = {}

    async def add(self, conversation: Conversation, file: str, name: str, format_name: str) -> None:
        """Find the conversation's session and write what is new of it."""

        def report(offset: int, reason: str) -> None:
            self._tally.damage(file, offset, reason)

        origin = {"format": format_name, "file": name, **conversation.origin}
        if conversation.native_id is not None:
            origin["id"] = conversation.native_id
        attributes = dict(conversation.attributes)
        attributes["metadata"] = {**attributes.get("metadata", {}), "imported": origin}
        try:
            patch = patch_of(attributes)
        except InvalidError as error:
            report(conversation.offset, error.message)
            return
        drafts = Drafts(conversation, self._core.clock.now(), report)
        await self._place(_Task(conversation, drafts, patch, partial(report, conversation.offset)))

    async def _place(self, task: _Task) -> None:
        """Choose the conversation's session and write what it lacks."""
        task.attempts += 1
        if task.attempts > MAX_ATTEMPTS:
            raise BusyError(
                f"Session {task.session_id!r} moved {MAX_ATTEMPTS} times while it was imported.",
                hint="Import again when fewer others write to it.",
            )
        number = task.number or self._first_free.get(task.base, 1)
        while True:
            session_id = _numbered(task.base, number)
            claimed = session_id in self._claimed and session_id != task.session_id
            if not claimed or task.native:
                if await self._fits(task, session_id, claimed):
                    task.number = number
                    return
            elif number == self._first_free.get(task.base, 1):
                self._first_free[task.base] = number + 1
            number += 1

    async def _fits(self, task: _Task, session_id: str, claimed: bool) -> bool:
        """Deal with the conversation if this is its session; ``claimed``: by an earlier one."""
        key = self._core.key(session_id)
        await self._outbox.settle(key)
        row = await self._core.backend.row(key)
        if row is None:
            if not await self._answers(task):
                self._claim(task, session_id)
                await self._create(task, key)
            return True
        state = self._core.codec.state(row)
        relation = await compare(self._core, key, state, task.drafts)
        if not relation.related and (claimed or not task.native):
            return False
        self._claim(task, session_id)
        await self._continue(task, row, state, relation)
        return True

    async def _answers(self, task: _Task) -> bool:
        """Whether the conversation was stored before it had an answer; then it goes on there."""
        number = 1
        while task.unanswered is not None:
            session_id = _numbered(task.unanswered, number)
            number += 1
            if session_id in self._claimed and session_id != task.session_id:
                continue
            key = self._core.key(session_id)
            await self._outbox.settle(key)
            row = await self._core.backend.row(key)
            if row is None:
                return False
            state = self._core.codec.state(row)
            relation = await compare(self._core, key, state, task.drafts)
            if relation.related and relation.common:
                self._claim(task, session_id)
                await self._continue(task, row, state, relation)
                return True
        return False

    def _claim(self, task: _Task, session_id: str) -> None:
        self._claimed.add(session_id)
        task.session_id = session_id

    async def _create(self, task: _Task, key: Key) -> None:
        """A new session: its creation and its first messages in one commit."""
        chunks = task.drafts.chunks()
        await self._grow(task, Batch.create(self._core, key, task.patch), chunks, self._tally.created)

    async def _continue(self, task: _Task, row: SessionRow, state: State, relation: Relation) -> None:
        """Write to a session that is there what it does not have yet."""
        session_id = row.key.session_id
        if not self._core.visible(row):
            where = "in the trash" if row.deleted_at is not None else "expired"
            task.report(f"session {session_id!r} is {where}; nothing was added to it")
        elif relation.all_new or await known(self._core, row.key, task.drafts):
            self._tally.unchanged(session_id)
        else:
            batch = Batch(self._core, row, state)
            if not relation.all_stored:
                body = HeadBody(state.info.branch, relation.tip, head=relation.head, why="import")
                batch.point(body, relation.line(state))
            chunks = _behind(task.drafts.chunks(), relation.common)
            await self._grow(task, batch, chunks, self._tally.updated)

    async def _grow(
        self, task: _Task, batch: Batch, chunks: Iterator[list[Draft]], tell: Callable[[str, int], None]
    ) -> None:
        """Send ``batch`` with the first chunk of messages, then the others in commits of their own."""
        for chunk in chunks:
            count = len(chunk)
            if chunk:
                batch.extend(chunk)
            task.drafts.release(chunk)
            commit, state, _ = batch.change(None)
            assert commit.row is not None
            await self._send(task, commit, count, tell)
            batch, tell = Batch(self._core, commit.row, state), self._tally.updated

    async def _send(self, task: _Task, commit: Commit, count: int, done: Callable[[str, int], None]) -> None:
        """Queue a commit; should another writer be faster, the conversation is looked at anew."""
        await self._outbox.put(
            Parcel(commit, partial(done, commit.key.session_id, count), partial(self._place, task))
        )


def _behind(chunks: Iterator[list[Draft]], count: int) -> Iterator[list[Draft]]:
    """The chunks without their first ``count`` messages."""
    for chunk in chunks:
        size = len(chunk)
        if count < size:
            yield chunk[count:] if count else chunk
        count = max(0, count - size)


class _Task:
    """A conversation on its way to its session."""

    def __init__(
        self, conversation: Conversation, drafts: Drafts, patch: Patch, report: Callable[[str], None]
    ) -> None:
        self.native = conversation.native_id is not None
        self.drafts = drafts
        self.patch = patch
        self.report = report
        self.session_id: str | None = None
        self.number = 0
        self.attempts = 0
        native_id = conversation.native_id
        self.unanswered: str | None = None
        """Its id if it was stored before the first answer came."""
        if native_id is not None:
            self.base = session_id_from(native_id)
            return
        ids = drafts.beginning
        self.base = derived_uuid(b"\0".join(ids) if ids else dumps(conversation.attributes))
        if drafts.answered and len(ids) > 1:
            self.unanswered = derived_uuid(b"\0".join(ids[:-1]))


def _numbered(base: str, number: int) -> str:
    return base if number == 1 else f"{base[:MAX_BASE]}~{number}"
