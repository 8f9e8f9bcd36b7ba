"""Appends of a two-message turn, search on and fully durable, against raw apsw writing the same rows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import apsw

from common import Operation, Options, Place, Report, Target, Times, interleave, nothing, repeat, run
from corpus import Corpus
from rawsql import Raw, Rows, recorded, waiting
from recollect import AsyncSession, AsyncStore, Message, Session, Store
from recollect.backends.filelock import FileLock
from recollect.backends.sql.sqlite import SqliteBackend

TURNS = 400
Turns = list[tuple[Message, Message]]
SIZE = 200
"""Appends in a row, before it is the other side's turn."""


class Settler:
    """Waits until a store has indexed what it was given, so that this does not burden the other side."""

    def __init__(self, path: Path) -> None:
        self._conn = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)

    def __call__(self) -> None:
        deadline = time.monotonic() + 10
        while waiting(self._conn) and time.monotonic() < deadline:
            time.sleep(0.003)

    def close(self) -> None:
        """Close the handle."""
        self._conn.close()


def measure(report: Report, options: Options) -> None:
    """All figures of this topic."""
    corpus = Corpus()
    turns = [corpus.turn() for _ in range(TURNS)]
    rows = recorded(turns)
    for place in options.places:
        rounds = (20 if place.name == "disk" else 30) * (5 if options.full else 1)
        lone(report, place, turns, rows, rounds)
        parts(report, place, rows, rounds // 2)
        alone_async(report, place, turns, rows, rounds)
        rich(report, place, rounds // 2)
        paced(report, place, turns, rows, 1500 if options.full else 250)
    flat(report, options.fast, turns)
    fsyncs(report, options.places[0], turns)
    plain_numbers(report, options.places[0], corpus)


def steady(ours: Operation, raw: Operation, settle: Callable[[], None], folder: Path) -> tuple[Times, Times]:
    """Append on both sides until neither write-ahead log grows any more; gives the first appends.

    A file that grows makes each sync dearer, as the file system then has to sync its own journal.
    """
    first = interleave(ours, raw, rounds=1, size=100, settle=settle, warm=1)
    before = -1
    for _ in range(20):
        size = sum(path.stat().st_size for path in folder.glob("*-wal"))
        if size == before:
            break
        before = size
        interleave(ours, raw, rounds=1, size=SIZE, settle=settle, warm=0)
    return first


def lone(report: Report, place: Place, turns: Turns, rows: list[Rows], rounds: int) -> None:
    """``Store``, one append after the other."""
    with place.folder() as folder, Store(f"sqlite:///{folder}/ours.db") as store:
        raw, bare = Raw(folder / "raw.db"), Raw(folder / "bare.db", pending=False)
        raw.create(1, rows[0])
        bare.create(1, rows[0])
        session = store.open("s")
        settle = Settler(folder / "ours.db")

        def append(i: int) -> None:
            session.append(*turns[i % TURNS])

        def by_hand(i: int) -> None:
            raw.append(1, rows[1 + i % TURNS])

        def without_text(i: int) -> None:
            bare.append(1, rows[1 + i % TURNS])

        first = steady(append, by_hand, settle, folder)
        ours, limit = interleave(append, by_hand, rounds=rounds, size=SIZE, settle=settle)
        steady(append, without_text, settle, folder)
        again, harsher = interleave(append, without_text, rounds=rounds // 4, size=SIZE, settle=settle)
        settle.close()
        raw.close()
        bare.close()
    report.compare("Store: append a turn", place.name, ours, limit, 1.3 if place.name == "disk" else 2.5)
    tail(report, "Store: append a turn, p99", place, ours, limit)
    report.compare("  over raw that keeps no text for search", place.name, again, harsher)
    report.compare("  the first 100 turns of a new store", place.name, *first)


def parts(report: Report, place: Place, rows: list[Rows], rounds: int) -> None:
    """What no store with its promises can leave out: raw in ours' place, with an index of the sessions by
    time, then with a lock around each transaction as well."""
    with place.folder() as folder:
        raw, ordered = Raw(folder / "raw.db"), Raw(folder / "ordered.db", ordered=True)
        raw.create(1, rows[0])
        ordered.create(1, rows[0])
        lock = FileLock(str(folder / "lock"))

        def by_hand(i: int) -> None:
            raw.append(1, rows[1 + i % TURNS])

        def indexed(i: int) -> None:
            ordered.append(1, rows[1 + i % TURNS])

        def locked(i: int) -> None:
            lock.acquire(1.0)
            ordered.append(1, rows[1 + i % TURNS])
            lock.release()

        steady(indexed, by_hand, nothing, folder)
        report.compare(
            "  raw with an index by time, over raw",
            place.name,
            *interleave(indexed, by_hand, rounds=rounds, size=SIZE),
        )
        report.compare(
            "  the same under a lock between processes",
            place.name,
            *interleave(locked, by_hand, rounds=rounds, size=SIZE),
        )
        raw.close()
        ordered.close()


def tail(report: Report, name: str, place: Place, ours: Times, limit: Times) -> None:
    """The 99th percentiles; their target is one for the disk."""
    target = Target(1.5) if place.name == "disk" else None
    report.add(name, place.name, ours.p99, "us", limit.p99, target)


def alone_async(report: Report, place: Place, turns: Turns, rows: list[Rows], rounds: int) -> None:
    """``AsyncStore``, one append after the other awaited."""
    with place.folder() as folder:
        raw = Raw(folder / "raw.db")
        raw.create(1, rows[0])

        def by_hand(i: int) -> None:
            raw.append(1, rows[1 + i % TURNS])

        async def main() -> tuple[Times, Times]:
            async with AsyncStore(f"sqlite:///{folder}/ours.db") as store:
                session = await store.open("s")
                settle = Settler(folder / "ours.db")
                ours, limit = Times(), Times()
                for turn in range(-8, rounds):
                    await _async_chunk(session, turns, ours if turn >= 0 else Times())
                    settle()
                    times = repeat(by_hand, SIZE, warm=0)
                    limit.values += times.values if turn >= 0 else []
                settle.close()
                return ours, limit

        ours, limit = asyncio.run(main())
        raw.close()
    name = "AsyncStore: append a turn"
    if place.name == "disk":
        report.compare(name, place.name, ours, limit, 2.0)
    else:
        target, note = Target(plus=0.2), f"{ours.spread()} / {limit.spread()}"
        report.add(name, place.name, ours.p50 / 1e3, "ms", limit.p50 / 1e3, target, note)
    tail(report, f"{name}, p99", place, ours, limit)


async def _async_chunk(session: AsyncSession, turns: Turns, into: Times) -> None:
    for i in range(SIZE):
        start = time.perf_counter_ns()
        await session.append(*turns[i])
        into.add_ns(time.perf_counter_ns() - start)


def rich(report: Report, place: Place, rounds: int) -> None:
    """Turns with usage, models and tool calls, of three messages on average; for comparison."""
    corpus = Corpus(3)
    turns = []
    for _ in range(TURNS):
        turn = corpus.conversation(4)
        turns.append(turn[: 2 + (turn[2].role == "tool")])
    rows = recorded(turns)
    with place.folder() as folder, Store(f"sqlite:///{folder}/ours.db") as store:
        raw = Raw(folder / "raw.db")
        raw.create(1, rows[0])
        session = store.open("s")
        settle = Settler(folder / "ours.db")

        def append(i: int) -> None:
            session.append(*turns[i % TURNS])

        def by_hand(i: int) -> None:
            raw.append(1, rows[1 + i % TURNS])

        steady(append, by_hand, settle, folder)
        ours, limit = interleave(append, by_hand, rounds=rounds, size=SIZE, settle=settle)
        settle.close()
        raw.close()
    report.compare("  the same with usage and tool calls", place.name, ours, limit)


def paced(report: Report, place: Place, turns: Turns, rows: list[Rows], count: int) -> None:
    """An append every 30 ms or so, as people type: indexing goes on between, and may be met."""
    with place.folder() as folder, Store(f"sqlite:///{folder}/ours.db") as store:
        raw = Raw(folder / "raw.db")
        raw.create(1, rows[0])
        session = store.open("s")
        ours, limit = Times(), Times()
        for i in range(count):
            start = time.perf_counter_ns()
            session.append(*turns[i % TURNS])
            ours.add_ns(time.perf_counter_ns() - start)
            time.sleep(0.012 + i % 16 / 1000)
            start = time.perf_counter_ns()
            raw.append(1, rows[1 + i % TURNS])
            limit.add_ns(time.perf_counter_ns() - start)
            time.sleep(0.004 + i % 7 / 1000)
        raw.close()
    report.compare("  an append now and then (12-36 ms apart)", place.name, ours, limit)


def flat(report: Report, place: Place, turns: Turns) -> None:
    """Sessions of 10 and of 10,000 messages in one store."""
    with place.folder() as folder, Store(f"sqlite:///{folder}/ours.db") as store:
        settle = Settler(folder / "ours.db")
        long = store.open("long")
        for i in range(0, 5000, 100):
            long.append(*(message for j in range(100) for message in turns[(i + j) % TURNS]))
        short: list[Session] = []
        for i in range(400):
            short.append(store.open(f"short-{i}"))
            short[i].append(*(message for turn in turns[:5] for message in turn))
        settle()
        many, few = interleave(
            lambda i: long.append(*turns[i % TURNS]),
            lambda i: short[i % 400].append(*turns[i % TURNS]),
            rounds=40,
            size=20,
            settle=settle,
        )
        settle.close()
    report.compare("append to 10,000 messages over 10 (in raw's place)", place.name, many, few, 1.1)


class CountingVFS(apsw.VFS):
    """SQLite's own file access, with each sync counted."""

    def __init__(self, name: str) -> None:
        self.name, self.count = name, 0
        super().__init__(name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802  # apsw's
        """Open a file whose syncs are counted."""
        vfs = self

        class File(apsw.VFSFile):
            def xSync(self, flags: int) -> None:  # noqa: N802  # apsw's name
                vfs.count += 1
                super().xSync(flags)

        return File("", name, flags)


def fsyncs(report: Report, place: Place, turns: Turns) -> None:
    """How often an append syncs, checkpoints and the indexing behind it included."""
    vfs = CountingVFS("recollect-bench-counting")
    with place.folder() as folder, Store(SqliteBackend(folder / "ours.db", vfs=vfs.name)) as store:
        session = store.open("s")
        settle = Settler(folder / "ours.db")
        session.append(*turns[0])
        settle()
        count, before = 1000, vfs.count
        for i in range(count):
            session.append(*turns[i % TURNS])
            if i % 30 == 29:
                settle()
        settle()
        each = (vfs.count - before) / count
        settle.close()
    report.add("syncs per lone append", place.name, each, "count", None, Target(plus=1.05))


def plain_numbers(report: Report, place: Place, corpus: Corpus) -> None:
    """The numbers that people quote."""
    with place.folder() as folder:
        url = f"sqlite:///{folder}/ours.db"
        history = corpus.conversation(1000)
        with Store(url) as store:
            store.save("long", history)

        def opened(_: int) -> None:
            Store(url).close()

        times = repeat(opened, 20)
        report.add("open and close a store", place.name, times.p50 / 1e3, "ms", None, Target(plus=100))
        with Store(url) as store:
            session = store.get("long")
            times = repeat(lambda _: session.messages(), 50)
            report.add("load 1,000 messages", place.name, times.p50 / 1e3, "ms", None, Target(plus=50))
            ten = history[:10]
            for i in range(-1, 200):
                store.save(f"d{i}", ten)
            verbs = {
                "save a session of 10 messages": lambda i: store.save(f"n{i}", ten),
                "save it again with 2 more": lambda i: store.save(f"n{i}", history[:12]),
                "load a session of 10 messages": lambda i: store.get(f"n{i}").messages(),
                "list 20 sessions": lambda _: store.sessions(limit=20),
                "delete a session": lambda i: store.delete(f"d{i}"),
            }
            for name, verb in verbs.items():
                times = repeat(verb, 200)
                note = times.spread()
                report.add(name, place.name, times.p50 / 1e3, "ms", None, Target(plus=1), note)
        asyncio.run(saves(report, place, url, ten))


async def saves(report: Report, place: Place, url: str, messages: list[Message]) -> None:
    """200 saves at once."""
    async with AsyncStore(url) as store:
        await store.save("warm", messages)
        times = Times()
        for turn in range(5):
            start = time.perf_counter_ns()
            await asyncio.gather(*(store.save(f"c{turn}-{i}", messages) for i in range(200)))
            times.add_ns(time.perf_counter_ns() - start)
            await asyncio.sleep(0.5)
    report.add("200 concurrent saves", place.name, times.p50 / 1e3, "ms", None, Target(plus=50))


if __name__ == "__main__":
    run("append", measure)
