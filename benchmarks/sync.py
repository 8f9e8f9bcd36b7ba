"""Keeping in step: 10,000 files of which none changed, and a file of 100 MB that grew by one line."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

from common import Options, Place, Report, Target, Times, interleave, run
from recollect import Store

FILES = 10_000
FOLDERS = 200
GROWN = 100 << 20
PAD = 20_000
TIMES_RAW = 5.0
"""The ledger's 10,000 entries are read besides."""


def measure(report: Report, options: Options) -> None:
    """All figures of this topic."""
    place = options.places[0]
    with place.folder() as folder:
        _unchanged(report, options, place, folder)
        _grown(report, place, folder)


def _unchanged(report: Report, options: Options, place: Place, folder: Path) -> None:
    """A tree that nothing happened in: raw is a listing and a look at each file, no more."""
    tree = folder / "tree"
    for number in range(FILES):
        path = tree / f"-p{number % FOLDERS}" / f"{_session(number)}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_line(number, 1), encoding="utf-8")
    with Store(f"sqlite:///{folder}/a.db") as store:
        start = time.perf_counter()
        assert store.sync(tree, tools=[]).imported.created == FILES
        took = time.perf_counter() - start

        def ours(_: int) -> None:
            assert store.sync(tree, tools=[]).read == []

        def raw(_: int) -> None:
            assert _look(tree) == FILES

        mine, bare = interleave(ours, raw, rounds=10 if options.full else 5, size=2)
    report.add(f"{FILES:,} files for the first time", place.name, FILES / took, "x", note="files/s")
    report.compare("  again, with none changed; raw: list and stat", place.name, mine, bare, TIMES_RAW)
    shutil.rmtree(tree)


def _grown(report: Report, place: Place, folder: Path) -> None:
    """A large session gets one line more: raw reads the whole file and decodes nothing."""
    path = folder / "large" / f"{_session(1)}.jsonl"
    path.parent.mkdir()
    count = 0
    with path.open("w", encoding="utf-8") as file:
        while file.tell() < GROWN:
            count += 1
            file.write(_line(1, count))
    with Store(f"sqlite:///{folder}/b.db") as store:
        start = time.perf_counter()
        store.sync(path, tools=[])
        whole = time.perf_counter() - start
        mine, bare = Times(), Times()
        for _ in range(11):
            count += 1
            with path.open("a", encoding="utf-8") as file:
                file.write(_line(1, count))
            start_ns = time.perf_counter_ns()
            result = store.sync(path, tools=[])
            mine.add_ns(time.perf_counter_ns() - start_ns)
            assert result.imported.messages == 1, result.imported
            start_ns = time.perf_counter_ns()
            path.read_bytes()
            bare.add_ns(time.perf_counter_ns() - start_ns)
    report.add("100 MB for the first time", place.name, whole, "s")
    report.add(
        "  one line more; raw: read the file",
        place.name,
        mine.p50,
        "us",
        bare.p50,
        Target(1.0),
        f"{mine.spread()} / {bare.spread()}",
    )


def _look(tree: Path) -> int:
    """List everything and look at each file's size and time."""
    found = 0
    with os.scandir(tree) as folders:
        for folder in folders:
            with os.scandir(folder.path) as files:
                for entry in files:
                    entry.stat()
                    found += 1
    return found


def _session(number: int) -> str:
    return f"{number:08d}-0000-4000-8000-000000000000"


def _line(number: int, count: int) -> str:
    """A line of a Claude Code session, asked and answered in turns."""
    message: dict[str, object] = {"role": "user", "content": f"Question {count}?"}
    if count % 2 == 0:
        message = {
            "id": f"msg_{number}_{count}",
            "role": "assistant",
            "model": "claude-x",
            "content": [{"type": "text", "text": f"Answer {count}. " + "word " * (PAD // 5)}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 10, "output_tokens": 10},
        }
    record = {
        "type": message["role"],
        "uuid": f"{number:08d}-0000-4000-8000-{count:012d}",
        "parentUuid": f"{number:08d}-0000-4000-8000-{count - 1:012d}" if count > 1 else None,
        "sessionId": _session(number),
        "timestamp": "2026-01-01T00:00:00Z",
        "cwd": "/project",
        "version": "2.0.1",
        "message": message,
    }
    return json.dumps(record) + "\n"


if __name__ == "__main__":
    run("sync", measure)
