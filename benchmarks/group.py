"""Many asyncio tasks appending at once, and several processes, against raw commits one by one."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from common import Options, Place, Report, Target, Times, run
from corpus import Corpus
from rawsql import Raw, recorded
from recollect import AsyncSession, AsyncStore, Message
from recollect.backends.sql.sqlite import SqliteBackend
from slowsync import VFS, SlowVFS, shim

TASKS = 64
TURNS = 200
Turns = list[tuple[Message, Message]]


def measure(report: Report, options: Options) -> None:
    """All figures of this topic."""
    rounds = 16 if options.full else 6
    for place in options.places:
        with place.folder() as folder:
            result = asyncio.run(throughput(folder, rounds, 40 if place.name == "disk" else 80))
        record(report, place.name, result, 3.0 if place.name == "disk" else None)
    with options.fast.folder() as folder:
        record(report, "1 ms", slowly(folder, rounds), 15.0)
    for place in options.places:
        processes(report, place, 12 if options.full else 4)


def record(report: Report, place: str, result: dict[str, float], times: float | None) -> None:
    """Take what ``throughput`` found."""
    target = None if times is None else Target(times, at_least=True)
    name = f"{TASKS} tasks on their own sessions"
    best = result["best"] / result["raw_best"]
    note = f"best rounds {best:.1f} x; longest wait {result['longest']:.1f} ms"
    report.add(name, place, result["ours"], "turns/s", result["raw"], target, note)
    lag = Target(plus=10) if place == "disk" else None
    note = f"most {result['lag_max']:.1f} ms; idle loop p99 {result['idle']:.2f} ms"
    report.add("  event-loop lag meanwhile, p99", place, result["lag"], "ms", None, lag, note)


def slowly(folder: Path, rounds: int) -> dict[str, float]:
    """``throughput`` where a sync takes a millisecond: in a child process with a preloaded library, or
    else here through a VFS."""
    environment = shim(folder)
    if environment is None:
        return asyncio.run(throughput(folder, rounds, 6, SlowVFS()))
    command = [sys.executable, __file__, "--slowly", str(folder), str(rounds)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env={**os.environ, **environment})
    result: dict[str, float] = json.loads(done.stdout)
    return result


async def throughput(folder: Path, rounds: int, each: int, slow: SlowVFS | None = None) -> dict[str, float]:
    """Turns a second with every task appending ``each`` turns a round, and of as many raw commits."""
    vfs = None if slow is None else VFS
    corpus = Corpus()
    turns = [corpus.turn() for _ in range(TURNS)]
    rows = recorded(turns)
    raw = Raw(folder / "raw.db", vfs=vfs)
    for sid in range(1, TASKS + 1):
        raw.create(sid, rows[0])
    ours, limit, lags, waits = Times(), Times(), Times(), Times()
    idle = Times()
    async with AsyncStore(SqliteBackend(folder / "ours.db", vfs=vfs)) as store:
        sessions = [await store.open(f"s{i}") for i in range(TASKS)]
        await _lag(idle, asyncio.create_task(asyncio.sleep(0.5)))
        for turn in range(-2, rounds):
            work = asyncio.gather(*(_task(s, turns, each, waits) for s in sessions))
            start = time.perf_counter_ns()
            await _lag(lags if turn >= 0 else Times(), work)
            if turn >= 0:
                ours.add_ns(time.perf_counter_ns() - start)
            while (await store.stats()).unindexed:
                await asyncio.sleep(0.02)
            count = TASKS * each // 4
            start = time.perf_counter_ns()
            for i in range(count):
                raw.append(1 + i % TASKS, rows[1 + i % TURNS])
            if turn >= 0:
                limit.add_ns((time.perf_counter_ns() - start) * 4)
    raw.close()
    number = TASKS * each * 1e6
    return {
        "ours": number / ours.p50,
        "raw": number / limit.p50,
        "best": number / min(ours.values),
        "raw_best": number / min(limit.values),
        "lag": lags.p99 / 1e3,
        "lag_max": max(lags.values) / 1e3,
        "idle": idle.p99 / 1e3,
        "longest": max(waits.values) / 1e3,
    }


async def _task(session: AsyncSession, turns: Turns, count: int, waits: Times) -> None:
    for i in range(count):
        start = time.perf_counter_ns()
        await session.append(*turns[i % TURNS])
        waits.add_ns(time.perf_counter_ns() - start)


async def _lag(into: Times, work: asyncio.Future[Any]) -> None:
    """How much later than asked the loop wakes a sleeper, over and over until ``work`` is done."""
    pause = 0.001
    while not work.done():
        start = time.perf_counter_ns()
        await asyncio.sleep(pause)
        into.add_ns(max(0, time.perf_counter_ns() - start - int(pause * 1e9)))
    await work


# ---- several processes

PROCESSES, SESSIONS = 4, 16


def processes(report: Report, place: Place, seconds: int) -> None:
    """Each process appends from 16 tasks to sessions of its own in one file."""
    context = multiprocessing.get_context("spawn")
    with place.folder() as folder:
        path = folder / "ours.db"
        asyncio.run(_prepare(path))
        start = time.time() + 2.0
        with context.Pool(PROCESSES) as pool:
            found = pool.starmap(_process, [(str(path), n, start, seconds) for n in range(PROCESSES)])
    waits = Times()
    waits.values = sorted(wait for one, _ in found for wait in one)
    errors = sum(failed for _, failed in found)
    name = f"{PROCESSES} processes x {SESSIONS} sessions"
    note = f"p50 {waits.p50 / 1e3:.1f} p99 {waits.p99 / 1e3:.1f} ms of {len(waits.values):,} turns"
    worst = max(waits.values) / 1e3
    report.add(f"{name}: worst wait", place.name, worst, "ms", None, Target(plus=100), note)
    report.add(f"{name}: errors", place.name, errors, "count", None, Target(plus=0))


async def _prepare(path: Path) -> None:
    async with AsyncStore(f"sqlite:///{path}"):
        pass


def _process(path: str, number: int, start: float, seconds: float) -> tuple[list[float], int]:
    return asyncio.run(_appending(path, number, start, seconds))


async def _appending(path: str, number: int, start: float, seconds: float) -> tuple[list[float], int]:
    corpus = Corpus(number)
    turns = [corpus.turn() for _ in range(TURNS)]
    waits = Times()
    async with AsyncStore(f"sqlite:///{path}") as store:
        sessions = [await store.open(f"p{number}-{i}") for i in range(SESSIONS)]
        await asyncio.sleep(max(0.0, start - time.time()))
        end = time.monotonic() + seconds

        async def one(session: AsyncSession) -> None:
            while time.monotonic() < end:
                await _task(session, turns, 1, waits)

        done = await asyncio.gather(*map(one, sessions), return_exceptions=True)
    return waits.values, sum(isinstance(result, BaseException) for result in done)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--slowly"]:
        print(json.dumps(asyncio.run(throughput(Path(sys.argv[2]), int(sys.argv[3]), 20))))
    else:
        run("group", measure)
