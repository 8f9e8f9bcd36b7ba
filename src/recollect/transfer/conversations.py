"""Conversations of foreign formats into sessions: which one each belongs to.

A conversation with an id of its own belongs to the session of that id, or, should a conversation
from elsewhere have taken it, to ``format:id``. Any other is known by how it begins, up to the first
answer; conversations that begin alike are numbered (``~2``, ``~3`` …) and each takes the first
number whose session it continues, repeats or is contained in.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from msgspec.structs import replace

from ..backend import Commit, Key, SessionRow
from ..codec import dumps
from ..core.base import Core
from ..core.batch import Batch
from ..core.ids import encode_message_id
from ..core.notes import Note
from ..errors import BusyError, InvalidError
from ..formats.base import Conversation, Restart, derived_uuid, session_id_from
from ..records import State, to_datetime
from .drafting import Drafts
from .given import given
from .growing import Found, Growth
from .keeping import Part
from .lines import NotOnLine, Relation, compare
from .outbox import Outbox, Parcel
from .tally import Tally
from .writing import Lost, Writing

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

    async def add(
        self,
        conversation: Conversation,
        file: str,
        name: str,
        format_name: str,
        part: Part | None = None,
        unread: int = 0,
        beside: dict[str, bytes] | None = None,
        holder: str | None = None,
    ) -> str | None:
        """Find the conversation's session and write what is new of it; returns the session's id.

        Raises Restart when only a file's end was read and the session does not go on there.
        """

        def report(offset: int, reason: str) -> None:
            self._tally.damage(file, offset, reason)

        try:
            found = given(conversation, {"format": format_name, "file": name})
        except InvalidError as error:
            report(conversation.offset, error.message)
            return None
        drafts = Drafts(conversation, self._core.clock.now(), report)
        note = Note(format_name, name, holder=holder)
        ready = Found(conversation, drafts, found, note, part, unread, file, beside or {})
        task = _Task(ready, partial(report, conversation.offset))
        await self._place(task)
        return task.session_id

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
        conversation = task.found.conversation
        if row is None:
            if conversation.after is not None:
                raise Restart
            if not await self._answers(task):
                self._claim(task, session_id)
                await self._create(task, key)
            return True
        state = self._core.codec.state(row)
        relation = await self._compare(task, key, state)
        elsewhere = task.native and not _is_from(state, task.found.note.format)
        if elsewhere and not relation.related and not task.moved:
            task.base, task.moved = session_id_from(f"{task.found.note.format}:{task.base}"), True
            await self._place(task)
            return True
        if not relation.related and (not task.native or (claimed and conversation.loose_id)):
            return False
        self._claim(task, session_id)
        await self._continue(task, row, state, relation)
        return True

    async def _compare(self, task: _Task, key: Key, state: State) -> Relation:
        after = task.found.conversation.after
        if after is None:
            return await compare(self._core, key, state, task.found.drafts)
        seqs = await self._core.backend.seqs(key, [encode_message_id(after)])
        try:
            start = next(iter(seqs.values()))
            return await compare(self._core, key, state, task.found.drafts, start)
        except (StopIteration, NotOnLine):
            raise Restart from None

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
            relation = await compare(self._core, key, state, task.found.drafts)
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
        self._tally.met(key.session_id)
        began, last = task.found.drafts.times()
        patch = replace(task.found.given.patch, created_at=to_datetime(began))
        batch = Batch.create(self._core, key, patch, last)
        writing = Writing(self._core, batch, partial(self._send, task, created=True))
        try:
            await Growth(self._core, key, task.found, writing).create()
        except Lost:
            return

    async def _continue(self, task: _Task, row: SessionRow, state: State, relation: Relation) -> None:
        """Write to a session that is there what it does not have yet."""
        key = row.key
        if not self._core.visible(row):
            where = "in the trash" if row.deleted_at is not None else "expired"
            task.report(f"session {key.session_id!r} is {where}; nothing was added to it")
            return
        self._tally.met(key.session_id)
        now = max(row.updated_at, task.found.drafts.times()[1])
        batch = Batch(self._core, row, state, now)
        writing = Writing(self._core, batch, partial(self._send, task, created=False))
        try:
            await Growth(self._core, key, task.found, writing).go_on(relation)
        except Lost:
            return

    async def _send(self, task: _Task, commit: Commit, count: int, *, created: bool) -> bool:
        """Queue a commit; should another writer be faster, the conversation is looked at anew."""
        attempt = task.attempts

        def done() -> None:
            if created and not commit.base:
                self._tally.created(commit.key.session_id, max(count, 0))
            elif count >= 0:
                self._tally.updated(commit.key.session_id, count)

        async def lost() -> None:
            if task.attempts == attempt:  # later commits of the same attempt are lost with the first
                await self._place(task)

        await self._outbox.put(Parcel(commit, done, lost))
        return task.attempts == attempt


def _is_from(state: State, format_name: str) -> bool:
    """Whether a session was imported from such a format before."""
    imported = state.info.metadata.get("imported")
    return isinstance(imported, dict) and imported.get("format") == format_name


class _Task:
    """A conversation on its way to its session."""

    def __init__(self, found: Found, report: Callable[[str], None]) -> None:
        conversation, drafts = found.conversation, found.drafts
        self.native = conversation.native_id is not None
        self.found = found
        self.report = report
        self.session_id: str | None = None
        self.number = 0
        self.attempts = 0
        self.moved = False
        """The id was taken by a session from elsewhere."""
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
