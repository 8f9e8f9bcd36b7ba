"""Replies of the echo model, streamed by ``AsyncChat`` many at a time on one store, against the model alone.

Twice: with a pause between the words, as models have it, for the time that a chunk is late; and without,
for the work that each chunk costs the event loop, which is then never idle. Late is what passes between
the model giving a chunk and the caller having it, and between the caller asking for the next one and the
model going on. Every chunk's place and every stored message are checked on the way.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path

from common import Options, Report, Target, Times, repeat, run
from recollect import AsyncChat, AsyncStore, Message, Store
from recollect.backend import Backend
from recollect.backends.sql.sqlite import SqliteBackend
from recollect.chat.echo import Echo, pieces
from recollect.chat.events import Delta, Event, Turn
from recollect.testing import FaultyBackend

TASKS = 64
REPLIES = 1_000
TURNS = 5
"""Replies of a chat, one after the other."""
CHATS = REPLIES // TURNS
WORDS = " ".join(f"word{n}" for n in range(56))
PAUSE = 0.01
"""Seconds between words, give or take a half of it."""
SLOWER = 100
BOUND = 50.0
"""Microseconds that may be added to a chunk."""

clock = time.perf_counter_ns


class Stamped(Echo):
    """An echo that notes when it gives a chunk and when it is asked to go on. Its pauses vary, as those of
    models do, so that not all speak at once."""

    def __init__(self, pause: float) -> None:
        super().__init__(pause)
        self.pause = pause
        self.given: list[int] = []
        self.resumed: list[int] = []

    async def play(self, turn: Turn) -> AsyncIterator[Event]:
        """As the echo does."""
        self.given, self.resumed = [], []
        async for event in super().play(turn):
            if isinstance(event, Delta):
                self.given.append(clock())
                yield event
                self.resumed.append(clock())
                self.delay = self.pause * random.uniform(0.5, 1.5)
            else:
                yield event


async def take(stream: AsyncIterator[str], model: Stamped, into: Times) -> str:
    """All of a reply; what was added to each of its chunks goes ``into``."""
    taken, asked, got = [], [], []
    async for piece in stream:
        taken.append(clock())
        got.append(piece)
        asked.append(clock())
    text = "".join(got)
    assert got == list(pieces(text)), "chunks are missing or out of order"
    stamps = zip(model.given, taken, asked, model.resumed, strict=True)
    for given, at, ask, resumed in stamps:
        into.add_ns(at - given + max(0, resumed - ask))
    return text


def question(chat: int, turn: int) -> str:
    """What is said; no two are alike."""
    return f"{WORDS} {chat} {turn}"


def answer(chat: int, turn: int) -> str:
    """What the echo answers, at that place in its conversation."""
    return f"You said: {question(chat, turn)} (message {turn + 1})"


# ---- the two sides


class Side:
    """One side of the comparison, and what is measured of it."""

    def __init__(self, pause: float) -> None:
        self.pause = pause
        self.late = Times()
        self.work = 0.0
        """Microseconds of the event loop's thread for each chunk."""
        self.seconds = 0.0

    async def reply(self, number: int) -> None:
        """One chat of ``TURNS`` replies."""
        raise NotImplementedError

    async def run(self) -> None:
        """Let ``TASKS`` tasks work off all chats."""
        numbers = iter(range(CHATS))

        async def work() -> None:
            for number in numbers:
                await self.reply(number)

        start, before = time.perf_counter(), time.thread_time()
        await asyncio.gather(*(work() for _ in range(TASKS)))
        self.seconds = time.perf_counter() - start
        self.work = (time.thread_time() - before) * 1e6 / len(self.late.values)


class Chats(Side):
    """Through chats on a store."""

    def __init__(self, pause: float, store: AsyncStore) -> None:
        super().__init__(pause)
        self.store = store.namespace("paused" if pause else "fast")

    async def reply(self, number: int) -> None:
        """One chat."""
        model = Stamped(self.pause)
        async with AsyncChat(f"c{number}", store=self.store, model=model) as chat:
            for turn in range(TURNS):
                text = await take(chat.stream(question(number, turn)), model, self.late)
                assert text == answer(number, turn)

    async def check(self) -> None:
        """Every message is stored, where it belongs."""
        for number in range(CHATS):
            stored = [message.text for message in await (await self.store.get(f"c{number}")).messages()]
            wanted = [f(number, turn) for turn in range(TURNS) for f in (question, answer)]
            assert stored == wanted, f"chat {number} is not stored as it was"


class Alone(Side):
    """The same replies by the model alone."""

    async def reply(self, number: int) -> None:
        """One conversation."""
        model = Stamped(self.pause)
        line: list[Message] = []
        for turn in range(TURNS):
            line.append(Message.user(question(number, turn)))
            text = await take(_texts(model.play(Turn(line))), model, self.late)
            assert text == answer(number, turn)
            line.append(Message.assistant(text))


_alone: list[Alone] = []


async def spoken_alone() -> Alone:
    """The model alone, with pauses: measured once, for no store is there."""
    if not _alone:
        _alone.append(Alone(PAUSE))
        await _alone[0].run()
    return _alone[0]


async def _texts(events: AsyncIterator[Event]) -> AsyncIterator[str]:
    async for event in events:
        if isinstance(event, Delta):
            yield event.text


# ---- figures


async def streamed(report: Report, place: str, backend: Backend) -> None:
    """All replies by both sides, with the pause and without."""
    async with AsyncStore(backend) as store:
        raw = await spoken_alone()
        ours = Chats(PAUSE, store)
        await ours.run()
        await ours.check()
        late = ours.late
        name = f"{REPLIES:,} replies, {TASKS} at a time: a chunk is late by"
        note = f"{len(late.values):,} chunks, p99 {late.p99:.0f} µs, most {max(late.values) / 1e3:.1f} ms"
        report.add(name, place, late.p50, "us", raw.late.p50, Target(times=1, plus=BOUND), note)
        fast, raw = Chats(0, store), Alone(0)
        await raw.run()
        await fast.run()
        await fast.check()
        note = f"{REPLIES / fast.seconds:,.0f} replies/s, alone {REPLIES / raw.seconds:,.0f}"
        name = "  without pauses: work for a chunk"
        report.add(name, place, fast.work, "us", raw.work, Target(times=1, plus=BOUND), note)


def slowed(folder: Path) -> tuple[Backend, str]:
    """A store whose commits and reads take ``SLOWER`` times as long as they do alone."""
    with Store(SqliteBackend(folder / "alone.db")) as store:
        session = store.open("s")
        append = repeat(lambda n: session.append(Message.user(question(0, n))), 200, warm=20).p50
        read = repeat(lambda _: store.get("s"), 200, warm=20).p50
    reads, commits = (SLOWER - 1) * read / 1e6, (SLOWER - 1) * append / 1e6
    slow = FaultyBackend(
        SqliteBackend(folder / "slow.db"),
        rates={"delay": 1.0},
        verbs=("row", "read", "seqs", "find"),
        delay=lambda: time.sleep(reads),
    )
    slow = FaultyBackend(slow, rates={"delay": 1.0}, delay=lambda: time.sleep(commits))
    return slow, f"commits +{commits * 1e3:.1f} ms, reads +{reads * 1e3:.1f} ms"


def measure(report: Report, options: Options) -> None:
    """All figures of this topic."""
    for place in options.places:
        with place.folder() as folder:
            asyncio.run(streamed(report, place.name, SqliteBackend(folder / "ours.db")))
    with options.fast.folder() as folder:
        backend, how = slowed(folder)
        print(f"  a store {SLOWER} times slower: {how}", flush=True)
        asyncio.run(streamed(report, f"{SLOWER} x", backend))


if __name__ == "__main__":
    run("chat", measure)
