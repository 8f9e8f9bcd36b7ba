"""Importing real transcripts of Claude Code, against reading and indexing them bare."""

from __future__ import annotations

import json
import os
import tarfile
import time
from pathlib import Path

import apsw

from common import Options, Report, Target, python, run
from recollect import Store

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "transcripts"
TRANSCRIPTS = Path(os.environ.get("RECOLLECT_TRANSCRIPTS") or _BESIDE)
TIMES = 3.0
AGAIN = 0.1

IMPORT = """
import sys, time
import recollect

with recollect.Store(sys.argv[1]) as store:
    start = time.perf_counter()
    result = store.import_(sys.argv[2])
    took = time.perf_counter() - start
    while store.stats().unindexed:
        time.sleep(0.002)
    indexed = time.perf_counter() - start
    assert not result.damaged
    start = time.perf_counter()
    again = store.import_(sys.argv[2])
    assert again.messages == again.created == again.updated == 0
    print(took, indexed, time.perf_counter() - start, result.messages, len(result.sessions))
"""


def measure(report: Report, options: Options) -> None:
    """All figures of this topic."""
    archive = TRANSCRIPTS / "claude_code.tar.xz"
    if not archive.is_file():
        report.skip("Claude Code transcripts", f"there are none at {TRANSCRIPTS}")
        return
    place = options.places[0]
    with place.folder() as folder:
        with tarfile.open(archive) as packed:
            packed.extractall(folder / "unpacked", filter="data")
        lines = _lines(folder / "unpacked")
        print(f"  ({len(lines):,} lines, {sum(map(len, lines)) / 2**20:.0f} MiB)", flush=True)
        rounds = 3 if options.full else 2
        ours, raw = [], []
        for number in range(rounds):
            url = f"sqlite:///{folder}/{number}.db"
            ours.append(tuple(map(float, python(IMPORT, url, str(folder / "unpacked")).split())))
            raw.append(_raw(lines, _texts(url), folder / f"raw-{number}.db"))
        took, indexed, again, messages, sessions = min(ours)
        bare = min(raw)
        name = f"{sessions:.0f} sessions, {messages:,.0f} messages"
        report.add(f"{name}: imported", place.name, took, "s", bare, Target(TIMES))
        report.add("  and all of it in the index", place.name, indexed, "s", bare, Target(TIMES))
        report.add("  again, with nothing new", place.name, again, "s", took, Target(AGAIN))


def _lines(folder: Path) -> list[bytes]:
    return [line for path in sorted(folder.rglob("*.jsonl")) for line in path.read_bytes().splitlines()]


def _texts(url: str) -> list[str]:
    """All texts that the import made searchable."""
    found = []
    with Store(url, readonly=True) as store:
        cursor = None
        while True:
            page = store.sessions(limit=100, cursor=cursor)
            for info in page:
                for message in store.get(info.id).messages():
                    found.append(_words(message.to_dict()["parts"]))
            cursor = page.next
            if cursor is None:
                return found


def _words(parts: list[dict[str, object]]) -> str:
    return "\n".join(
        str(part.get("content") or part.get("arguments") or part.get("response") or "") for part in parts
    )


def _raw(lines: list[bytes], texts: list[str], path: Path) -> float:
    """Seconds to decode all lines, and to put all texts into a bare FTS5 table."""
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE VIRTUAL TABLE t USING fts5(text, content='', tokenize='unicode61')")
    start = time.perf_counter()
    for line in lines:
        try:
            json.loads(line)
        except ValueError:  # two records on one line: counted as read
            continue
    with connection:
        connection.executemany("INSERT INTO t (text) VALUES (?)", [(text,) for text in texts])
    took = time.perf_counter() - start
    connection.close()
    return took


if __name__ == "__main__":
    run("transcripts", measure)
