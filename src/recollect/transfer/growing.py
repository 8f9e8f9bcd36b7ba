"""A conversation into its session: what the session does not have yet, commit by commit.

The file's main line goes where the last import left it, every other line of the file to a branch of
its own. A session that its user went on with keeps its active line; what is new in the file then
goes to a branch beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b
from types import MappingProxyType
from typing import NamedTuple

from msgspec.structs import replace

from ..backend import Key
from ..core.base import Core
from ..core.batch import Batch, End
from ..core.branching import free_name
from ..core.drafts import Draft
from ..core.drafts import drafts as as_drafts
from ..core.ids import encode_message_id
from ..core.lines import end_at
from ..core.notes import Note, kept, noted_down, notes
from ..core.reading import by_seqs, one
from ..formats.base import Conversation
from ..model import Message
from ..records import HeadBody, Line, State, is_tombstone, preview_of
from .drafting import Drafts, Stretch
from .given import Given, changed
from .keeping import Part, cuts
from .lines import Relation, has_grown, is_known
from .writing import Writing

ASIDE = "alternate-"
"""What the names of branches made from a file's other lines begin with."""
OURS = "imported"
"""What a branch is called that takes what is new in a file when the user went another way."""


class Found(NamedTuple):
    """A conversation as it came out of a file, ready to be stored."""

    conversation: Conversation
    drafts: Drafts
    given: Given
    note: Note
    part: Part | None
    """None: its bytes are not to be kept."""
    unread: int = 0
    """Up to which offset the file is known to be what is kept."""
    label: str = ""
    """The file's path, to tell files of one name apart."""
    beside: Mapping[str, bytes] = MappingProxyType({})
    """Other files that belong to it."""


class Growth:
    """One conversation being written into one session."""

    def __init__(self, core: Core, key: Key, found: Found, writing: Writing) -> None:
        self._core = core
        self._key = key
        self._found = found
        self._drafts = found.drafts
        self._writing = writing
        self._ends: dict[str, End] = {}
        """Where the lines end that other lines begin behind."""
        self._is_new = False
        self._left = 0
        """The seq of what was the active head before the main line went another way."""

    @property
    def _batch(self) -> Batch:
        return self._writing.batch

    async def create(self) -> None:
        """Write the messages, the other lines and the source of a session that was just begun."""
        self._is_new = True
        await self._extend(self._drafts.stretches(), End())
        await self._others()
        await self._note([])

    async def go_on(self, relation: Relation) -> None:
        """Bring a session up to what the file holds."""
        found = await notes(self._core, self._key)
        if relation.all_new and not found and "imported" not in self._batch.state.info.metadata:
            return  # the user's own session, exported and come back
        if self._found.conversation.snapshot and not relation.related and self._is_shorter():
            await self._note(found, aside=True)
            return
        last = found[-1][1] if found else None
        patch = changed(self._batch.state.info, self._found.given, last)
        if patch is not None:
            self._batch.update(patch, why="import")
        for record, old, draft in relation.amendments:
            self._writing.amend(record, old, draft)
        if not relation.all_new:
            await self._main(relation, last)
        await self._others()
        if self._left and self._left not in {self._batch.state.tip, *self._batch.state.heads.values()}:
            name = free_name(self._batch.state, self._batch.state.info.branch)
            await self._point(name, self._left)
        if relation.all_stored or not relation.all_new or not kept(found):
            await self._note(found)  # an older copy of a file says nothing about where it ends

    def _is_shorter(self) -> bool:
        """Whether the stored line has at least as many messages as the file's."""
        return sum(map(len, self._drafts.main())) <= self._batch.state.info.message_count

    # The main line

    async def _main(self, relation: Relation, last: Note | None) -> None:
        """What the main line has more than the active line, or has otherwise."""
        state = self._batch.state
        rest = _behind(self._drafts.stretches(), relation.common)
        rest, seqs = await self._stored(rest)
        tip = seqs[-1] if seqs else relation.tip
        following = next(rest, None)
        if following is not None:
            rest = _chain(following, rest)
        moved = last is not None and last.head is not None and state.info.head != last.head
        if not seqs and relation.all_stored and not moved:
            await self._extend(rest, End(state.tip))
        elif moved:
            if following is not None:  # the user went another way, and stays there
                await self._extend(rest, await end_at(self._core, self._key, tip), await self._ours(last))
        elif following is not None or last is None or last.head != self._drafts.head:
            end = await end_at(self._core, self._key, tip)
            if not relation.all_stored:
                self._left = state.tip
            self._batch.point(HeadBody(state.info.branch, tip, True, end.head, "import"), end.line)
            self._forget(seqs)
            await self._extend(rest, end)

    async def _stored(self, stretches: Iterator[Stretch]) -> tuple[Iterator[Stretch], list[int]]:
        """The part of a line that is stored already, on whatever line: its seqs; and the rest of it."""
        passed: list[int] = []
        for stretch in stretches:
            seqs = await self._prefix(stretch.drafts)
            passed += seqs
            if len(seqs) < len(stretch.drafts):
                left = stretch._replace(drafts=stretch.drafts[len(seqs) :])
                return _chain(left, stretches), passed
            self._drafts.release(stretch)
        return iter(()), passed

    async def _prefix(self, drafts: Sequence[Draft]) -> list[int]:
        """The seqs of the first of these messages that are stored one behind the other. One of which
        the file has more by now is completed."""
        seqs = await self._core.backend.seqs(self._key, [d.message_id for d in drafts])
        places: list[int] = []
        for draft in drafts:
            if draft.message_id not in seqs:
                break
            places.append(seqs[draft.message_id])
        stored = await by_seqs(self._core, self._key, sorted(set(places))) if places else {}
        previous: str | None = None
        for number, (seq, draft) in enumerate(zip(places, drafts, strict=False)):
            old = stored[seq]
            if number and old.parent_id != previous:
                return places[:number]
            previous = old.id
            if not is_known(old, draft.message):
                if not has_grown(old, draft.message):
                    return places[:number]
                self._writing.amend(await one(self._core, self._key, seq), old, draft)
        return places

    async def _ours(self, last: Note | None) -> str:
        """The branch that the last import ended in; a new one, should there be none."""
        state = self._batch.state
        assert last is not None  # else nobody can tell that the user moved
        assert last.head is not None
        seq = (await self._core.backend.seqs(self._key, [encode_message_id(last.head)])).values()
        return next((name for name, head in state.heads.items() if head in seq), None) or _free(state, OURS)

    def _forget(self, seqs: Sequence[int]) -> None:
        """Branches made for other lines that are part of the main line now are no more."""
        passed = set(seqs)
        for name, seq in list(self._batch.state.heads.items()):
            if seq in passed and name.startswith(ASIDE):
                self._batch.point(HeadBody(name, seq, False, None, "import", gone=True), Line())

    async def _extend(self, stretches: Iterator[Stretch], end: End, branch: str | None = None) -> None:
        """Put the main line's messages behind the active line, or behind ``end`` on a branch."""
        for stretch in stretches:
            if not stretch.main:
                return
            if self._left or branch is not None:
                await self._uncount(stretch.drafts)
            state = self._batch.state
            if branch is None:
                end = End(state.tip, state.info.head, _line(state))
            end = self._put(stretch.drafts, end, branch)
            await self._writing.after(stretch.drafts)
            self._drafts.release(stretch)

    async def _uncount(self, drafts: Sequence[Draft]) -> None:
        """Messages that a rewritten file holds anew: what they spent counts on the new ones alone."""
        spent = [d.message_id for d in drafts if d.message.usage is not None]
        seqs = await self._core.backend.seqs(self._key, spent)
        stored = await by_seqs(self._core, self._key, sorted(set(seqs.values()))) if seqs else {}
        for seq, old in stored.items():
            if old.usage is not None and not is_tombstone(old):
                (without,) = as_drafts([replace(old, usage=None, parent_id=None)], self._batch.now)
                self._writing.amend(await one(self._core, self._key, seq), old, without)

    def _put(self, drafts: Sequence[Draft], end: End, branch: str | None) -> End:
        """Add messages behind ``end``; gives where the line ends then."""
        if not drafts:
            return end
        seq = self._batch.state.version
        if branch is None:
            self._batch.extend(drafts)
        else:
            self._batch.extend_aside(branch, end, drafts, why="import")
        for number, draft in enumerate(drafts, 1):
            end = _grown(end, seq + number, draft.message)
            if draft.message.id in self._found.conversation.forks:
                self._ends[draft.message.id] = end
        return end

    # The other lines

    async def _others(self) -> None:
        """Every other line of the file as a branch."""
        name, end, is_stored = "", End(), False
        for stretch in self._drafts.stretches():
            if stretch.main or not stretch.drafts:
                continue
            if stretch.begins:
                name = ASIDE + blake2b(stretch.drafts[0].message_id, digest_size=4).hexdigest()
                is_stored = not self._is_new
                end = await self._behind(stretch.behind)
            seqs = await self._prefix(stretch.drafts) if is_stored else []
            end = End(seqs[-1]) if seqs else end
            if len(seqs) < len(stretch.drafts):
                if end.seq and end.head is None:
                    end = await end_at(self._core, self._key, end.seq)
                end = self._put(stretch.drafts[len(seqs) :], end, name)
                is_stored = False
            elif end.seq == self._left:
                await self._point(name, self._left)
            await self._writing.after(stretch.drafts[len(seqs) :])
            self._drafts.release(stretch)

    async def _behind(self, message_id: str | None) -> End:
        """Where a line begins."""
        if message_id is None:
            return End()
        if message_id in self._ends:
            return self._ends[message_id]
        seqs = await self._core.backend.seqs(self._key, [encode_message_id(message_id)])
        return End(next(iter(seqs.values()), 0))

    async def _point(self, name: str, seq: int) -> None:
        end = await end_at(self._core, self._key, seq)
        self._batch.point(HeadBody(name, seq, False, end.head, "import"), end.line)

    # Where it came from

    async def _note(self, found: list[tuple[int, Note]], *, aside: bool = False) -> None:
        """Keep the source's bytes, and how far the import got; ``aside``: nothing else came of it."""
        last = found[-1][1] if found else None
        note = replace(self._found.note, head=self._drafts.head, attributes=self._found.given.digests)
        told = last is not None and (last.head, last.attributes) == (note.head, note.attributes)
        if aside:
            before = found[-1][1] if found else note
            note = replace(
                note, file=self._found.label, head=before.head, attributes=before.attributes, beside=True
            )
            told = True
        noted = False
        part = self._found.part
        if part is not None and not any(n.erased for _, n in found):
            for name, content in self._found.beside.items():
                around = Note(note.format, name, beside=True)
                await self._keep(around, found, Part(0, len(content), _reader(content)), 0)
            noted = await self._keep(note, found, part, self._found.unread)
        if not noted and (self._batch.records or not told):
            self._batch.source(noted_down(note))
        await self._writing.flush()

    async def _keep(self, note: Note, found: list[tuple[int, Note]], part: Part, unread: int) -> bool:
        """Keep what is new of a file; whether anything is. One that was only renamed is not kept twice."""
        noted = False
        names = {n.file for _, n in found if not n.beside}
        if note.file not in names and not note.beside:
            names = {name for name in names if not list(cuts(part, kept(found, name), unread))}
            if names:
                return False
        for cut in cuts(part, kept(found, note.file), unread):
            if noted:
                await self._writing.flush()
            piece = replace(
                note, start=part.start, keep=cut.keep, chunks=cut.chunks, whole=cut.last, slice=part.is_slice
            )
            self._batch.source(noted_down(piece))
            self._batch.blobs.update(cut.blobs)
            noted = True
        return noted


def _reader(content: bytes) -> Callable[[int, int], bytes]:
    return lambda offset, size: content[offset : offset + size]


def _line(state: State) -> Line:
    info = state.info
    return Line(info.message_count, info.turn_count, state.origin, info.preview)


def _grown(end: End, seq: int, message: Message) -> End:
    """The line that ends in a message put behind ``end``."""
    depth, turn, origin, preview = end.line
    if message.role == "user":
        turn += 1
        if not origin:
            origin, preview = seq, preview_of(message)
    return End(seq, message.id, Line(depth + 1, turn, origin, preview))


def _free(state: State, name: str) -> str:
    taken = {state.info.branch, *state.heads}
    return free_name(state, name) if name in taken else name


def _behind(stretches: Iterator[Stretch], count: int) -> Iterator[Stretch]:
    """The main line without its first ``count`` messages."""
    for stretch in stretches:
        if not stretch.main:
            return
        size = len(stretch.drafts)
        if count < size:
            yield stretch._replace(drafts=stretch.drafts[count:]) if count else stretch
        count = max(0, count - size)


def _chain(first: Stretch, rest: Iterator[Stretch]) -> Iterator[Stretch]:
    yield first
    yield from rest
