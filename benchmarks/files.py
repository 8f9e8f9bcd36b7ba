"""The files engine: an append against writing and syncing the same line, opening against listing."""

from __future__ import annotations

import os
from pathlib import Path

from common import Options, Place, Report, interleave, run
from corpus import Corpus
from recollect import Message, Store

TURNS = 400
SESSIONS = 10_000


def measure(report: Report, options: Options) -> None:
    """All figures of this topic."""
    for place in options.places:
        appends(report, place, 60 if options.full else 12)
    opening(report, options.places[0], 30 if options.full else 8)


def _lines(folder: Path, turns: list[tuple[Message, Message]]) -> list[bytes]:
    """The lines that a store writes for these turns."""
    with Store(f"file://{folder}") as store:
        session = store.open("s")
        for turn in turns:
            session.append(*turn)
    (path,) = folder.rglob("*.jsonl")
    return path.read_bytes().splitlines(keepends=True)[1:]


def appends(report: Report, place: Place, rounds: int) -> None:
    """A two-message turn is one line of a session's file."""
    corpus = Corpus()
    turns = [corpus.turn() for _ in range(TURNS)]
    sync = getattr(os, "fdatasync", os.fsync)
    with place.folder() as folder:
        lines = _lines(folder / "before", turns)
        fd = os.open(folder / "bare.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

        def bare(i: int) -> None:
            os.write(fd, lines[i % TURNS])
            sync(fd)

        with Store(f"file://{folder}/ours") as store:
            session = store.open("s")
            ours, raw = interleave(lambda i: session.append(*turns[i % TURNS]), bare, rounds=rounds, size=100)
            times = 1.5 if place.name == "disk" else None
            report.compare("append a turn over write + fdatasync", place.name, ours, raw, times)
            many = [store.open(f"m{i}") for i in range(100)]
            ours, raw = interleave(
                lambda i: many[i % 100].append(*turns[i % TURNS]), bare, rounds=rounds, size=100
            )
            report.compare("  to 100 sessions in turn", place.name, ours, raw)
        os.close(fd)


def opening(report: Report, place: Place, rounds: int) -> None:
    """Open a store of 10,000 sessions whose index is up to date and list the newest 20."""
    with place.folder() as folder:
        url = f"file://{folder}/ours"
        with Store(url, durability="relaxed") as store:
            for i in range(SESSIONS):
                store.create(f"session-{i}", name=f"Session {i}")
            store.sessions(limit=20)
        folders = {path.parent for path in folder.rglob("*.jsonl")}

        def ours(_: int) -> None:
            with Store(url) as store:
                assert len(store.sessions(limit=20).items) == 20

        def bare(_: int) -> None:
            count = 0
            for inside in folders:
                with os.scandir(inside) as entries:
                    for entry in entries:
                        count += entry.stat().st_size > 0
            assert count >= SESSIONS

        warm, limit = interleave(ours, bare, rounds=rounds, size=3)
        report.compare("warm open of 10,000 sessions over scandir + stat", place.name, warm, limit, 3.0)
        with Store(url) as store:
            again, limit = interleave(lambda _: store.sessions(limit=20), bare, rounds=rounds, size=3)
            report.compare("  a list in an open store", place.name, again, limit)


if __name__ == "__main__":
    run("files", measure)
