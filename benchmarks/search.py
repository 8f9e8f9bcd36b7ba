"""Searching 100,000 and 1,000,000 messages: time, size, snippets, against bare FTS5 over the same texts."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw

from building import Plan, fill, index
from common import Options, Place, Report, Target, calling, interleave, repeat, run
from corpus import Corpus
from recollect import Message, Store

PER_SESSION = 40
RARE = "zanzibar"
"""In one message of ten thousand; no other word of the texts starts like it."""


def plans(count: int, corpus: Corpus, texts: list[str] | None = None) -> Iterator[Plan]:
    """Sessions of 40 messages, ``count`` messages in all."""
    rng = random.Random(5)
    for number in range(count // PER_SESSION):
        messages = []
        for i in range(PER_SESSION):
            text = corpus.text()
            if rng.random() < 0.0001:
                text += f" {RARE} {corpus.text(60)}"
            if texts is not None:
                texts.append(text)
            messages.append(Message.assistant(text) if i % 2 else Message.user(text))
        yield f"session-{number:06d}", {"tags": [f"t{number % 20}"]}, messages


def measure(report: Report, options: Options) -> None:
    """All figures of this topic; caches are warm, so that the place hardly matters."""
    place = options.fast
    with place.folder() as folder:
        hundred_thousand(report, options, place, folder)
    with place.folder() as folder:
        million(report, options, place, folder)


# ---- 100,000 messages


CHECKED = ("a rare word", "a word in 1 of 11", "the commonest word")


class Bare:
    """FTS5 by itself, with its own ``bm25()``, over the same texts in one table."""

    def __init__(self, path: Path, texts: list[str]) -> None:
        self._conn = conn = apsw.Connection(str(path))
        conn.execute("PRAGMA synchronous = OFF; PRAGMA cache_size = -65536")
        conn.execute(
            "CREATE TABLE m (id INTEGER PRIMARY KEY, body TEXT);"
            "CREATE VIRTUAL TABLE f USING fts5(text, content='', contentless_delete=1)"
        )
        with conn:
            rows = list(enumerate(texts, 1))
            conn.executemany("INSERT INTO m VALUES (?, ?)", rows)
            conn.executemany("INSERT INTO f (rowid, text) VALUES (?, ?)", rows)
            conn.execute("INSERT INTO f (f) VALUES ('optimize')")

    def ranked(self, query: str, limit: int) -> list[Any]:
        """The best hits with their texts."""
        found = "SELECT rowid FROM f WHERE f MATCH ? ORDER BY rank LIMIT ?"
        return self._fetched(found, query, limit)

    def newest(self, query: str, limit: int) -> list[Any]:
        """The newest hits with their texts."""
        found = "SELECT rowid FROM f WHERE f MATCH ? ORDER BY rowid DESC LIMIT ?"
        return self._fetched(found, query, limit)

    def _fetched(self, found: str, query: str, limit: int) -> list[Any]:
        sql = f"SELECT m.id, m.body FROM ({found}) AS hit CROSS JOIN m ON m.id = hit.rowid"
        rows: list[Any] = self._conn.execute(sql, (query, limit)).fetchall()
        return rows

    def close(self) -> None:
        """Close the handle."""
        self._conn.close()


def hundred_thousand(report: Report, options: Options, place: Place, folder: Path) -> None:
    """Queries beside bare ones, the size of the file, snippets."""
    texts: list[str] = []
    path = folder / "ours.db"
    start = time.perf_counter()
    fill(path, plans(100_000, Corpus(), texts))
    index(path)
    print(f"  (100,000 messages stored and indexed in {time.perf_counter() - start:.1f} s)", flush=True)
    bare = Bare(folder / "bare.db", texts)
    stored, size = path.stat().st_size, sum(len(text.encode()) for text in texts)
    phrase = " ".join(texts[500].split()[4:6]).strip(".,?:").lower()
    with Store(f"sqlite:///{path}") as store:
        store.search(RARE)
        queries = {
            "a rare word": (RARE, RARE),
            "a word in 1 of 11": ("memory", "memory"),
            "the commonest word": ("the", "the"),
            "two words": ("memory index", "memory index"),
            "a phrase": (f'"{phrase}"', f'"{phrase}"'),
            "a rare prefix": ("zanz*", "zanz*"),
            "a common prefix": ("me*", "me*"),
        }
        rounds = 12 if options.full else 5
        for name, (ours_query, raw_query) in queries.items():
            _pair(report, place, name, rounds, store, bare, ours_query, raw_query)
        snippets(report, place, store, options)
    bare.close()
    limit = (folder / "bare.db").stat().st_size
    note = f"{size / len(texts):.0f} bytes a message"
    report.add(
        "file over its texts in UTF-8", place.name, stored / size, "x", limit / size, Target(plus=1.9), note
    )


def _pair(
    report: Report,
    place: Place,
    name: str,
    rounds: int,
    store: Store,
    bare: Bare,
    ours_query: str,
    raw_query: str,
) -> None:
    """One query, by relevance and newest first. A page asks for one hit more, to know whether there
    is another page; the bare query does so too."""
    checked = Target(1.3, 300.0) if name in CHECKED else None
    for order, side in (("relevance", bare.ranked), ("newest", bare.newest)):
        ours, raw = interleave(
            calling(store.search, ours_query, order=order, limit=20),
            calling(side, raw_query, 21),
            rounds=rounds,
            size=5,
        )
        title = f"{name}, {'ranked' if order == 'relevance' else 'newest first'}"
        report.add(title, place.name, ours.p50, "us", raw.p50, checked, ours.spread())


def snippets(report: Report, place: Place, store: Store, options: Options) -> None:
    """Cutting and marking the snippets of a page."""
    from recollect.index.query import parse
    from recollect.index.snippets import snippet

    hits = store.search("memory", limit=20).items
    texts = [
        next(m.text for m in store.get(hit.session.id).messages() if m.id == hit.message_id) for hit in hits
    ]
    match = parse("memory")
    assert match is not None
    times = repeat(lambda _: [snippet(text, match) for text in texts], 200 if options.full else 60)
    note = f"{sum(map(len, texts)) / 20:.0f} characters each"
    report.add("20 snippets", place.name, times.p50 / 1e3, "ms", None, Target(plus=0.5), note)


# ---- 1,000,000 messages

QUERIES = {
    "the commonest word": "the",
    "two very common words": "the of",
    "a common or a rare word": f"the OR {RARE}",
    "a common without a common word": "the -of",
    "a word in 1 of 11": "memory",
    "two words in 1 of 11": "memory query",
    "a rare word": RARE,
    "no hit": "xyzzyplugh",
    "a phrase of common words": '"of the"',
    "a phrase, hardly found": '"memory of zanzibar"',
    "a rare and a common word": f"{RARE} the",
    "a rare prefix": "zanz*",
    "a prefix of two letters": "me*",
    "a prefix of one letter": "s*",
    "a common word without a prefix": "the -s*",
}


def million(report: Report, options: Options, place: Place, folder: Path) -> None:
    """The slowest of many kinds of queries."""
    path = folder / "ours.db"
    start = time.perf_counter()
    fill(path, plans(1_000_000, Corpus()))
    middle = time.perf_counter()
    index(path)
    end = time.perf_counter()
    print(
        f"  (1,000,000 messages stored in {middle - start:.0f} s, indexed in {end - middle:.0f} s)",
        flush=True,
    )
    with Store(f"sqlite:///{path}") as store:
        million_queries(report, place, store, 15 if options.full else 7)


def million_queries(report: Report, place: Place, store: Store, count: int) -> None:
    """Every kind, in both orders, with and without filters."""
    middle = store.sessions(limit=1).items[0].created_at
    filters: dict[str, dict[str, object]] = {
        "": {},
        ", one session": {"session": "session-000100"},
        ", a tag of 1 in 20": {"tags": ["t7"]},
        ", a role": {"role": "user"},
        ", until its newest": {"until": middle},
    }
    slowest: list[tuple[float, str, str]] = []
    for name, query in QUERIES.items():
        for order in ("relevance", "newest"):
            for also, chosen in filters.items():
                times = repeat(calling(store.search, query, order=order, **chosen), count)
                least = min(times.values) / 1e3
                slowest.append((times.p50 / 1e3, f"{name}{also}, {order}", f"min {least:.1f} ms"))
    slowest.sort(reverse=True)
    (took, name, note), *others = slowest
    target = Target(plus=50)
    report.add("slowest of all queries", place.name, took, "ms", None, target, f"{name}; {note}")
    for took, name, note in others[:9]:
        report.add(f"  {name}", place.name, took, "ms", None, None, note)
    middle_one = slowest[len(slowest) // 2]
    report.add("  the middle one of all", place.name, middle_one[0], "ms", None, None, middle_one[1])


if __name__ == "__main__":
    run("search", measure)
