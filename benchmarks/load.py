"""Loading sessions into ``Message`` objects, against a raw fetch of the bodies and one typed decode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import msgspec

from common import Options, Report, Target, calling, interleave, repeat, run
from corpus import Corpus
from recollect import Message, Store

BODIES = "SELECT body FROM records WHERE rid > ? AND rid < ? AND kind = 1 ORDER BY rid"
SIZES = (1_000, 10_000)


class Raw:
    """Reads a store's own table by hand."""

    def __init__(self, path: Path) -> None:
        self._conn = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        self._conn.execute("PRAGMA cache_size = -4096")
        self._decode = msgspec.json.Decoder(list[Message]).decode

    def range_of(self, session_id: str) -> tuple[int, int]:
        """The keys between which a session's records are."""
        sid: int = self._conn.execute("SELECT sid FROM sessions WHERE session_id = ?", (session_id,)).get
        return sid << 32, sid + 1 << 32

    def messages(self, span: tuple[int, int]) -> list[Message]:
        """All messages, by one statement and one call of the decoder."""
        found: list[Any] = self._conn.execute(BODIES, span).fetchall()
        return self._decode(b"[%b]" % b",".join([row[0] for row in found]))

    def last(self, span: tuple[int, int], count: int) -> list[Message]:
        """The newest messages."""
        found: list[Any] = self._conn.execute(f"{BODIES} DESC LIMIT ?", (*span, count)).fetchall()
        return self._decode(b"[%b]" % b",".join([row[0] for row in reversed(found)]))

    def close(self) -> None:
        """Close the handle."""
        self._conn.close()


def measure(report: Report, options: Options) -> None:
    """All figures of this topic; caches are warm, so that the place hardly matters."""
    rounds = 60 if options.full else 20
    corpus = Corpus()
    with options.places[0].folder() as folder, Store(f"sqlite:///{folder}/ours.db") as store:
        for size in SIZES:
            store.save(f"s{size}", corpus.conversation(size))
            store.save(f"text{size}", [message for _ in range(size // 2) for message in corpus.turn()])
        raw = Raw(folder / "ours.db")
        place = options.places[0].name
        for size in SIZES:
            for kind, name in (("s", "with tool calls and usage"), ("text", "text only")):
                session, span = store.get(f"{kind}{size}"), raw.range_of(f"{kind}{size}")
                assert len(session.messages()) == len(raw.messages(span)) == size
                ours, limit = interleave(
                    calling(session.messages),
                    calling(raw.messages, span),
                    rounds=rounds * 10_000 // size // 4,
                    size=4,
                )
                report.compare(f"load {size:,} messages, {name}", place, ours, limit, 1.3)
        for size in SIZES:
            session, span = store.get(f"s{size}"), raw.range_of(f"s{size}")
            ours, limit = interleave(
                calling(session.messages, last=20),
                calling(raw.last, span, 20),
                rounds=rounds,
                size=20,
            )
            target = Target(plus=0.15) if size == SIZES[-1] else None
            name = f"the last 20 of {size:,}"
            report.add(name, place, ours.p50 / 1e3, "ms", limit.p50 / 1e3, target, ours.spread())
        long, short = store.get("s10000"), store.get("s1000")
        many, few = interleave(
            lambda _: long.messages(last=20), lambda _: short.messages(last=20), rounds=rounds, size=20
        )
        report.compare("the last 20 of 10,000 over 1,000 (in raw's place)", place, many, few, 1.1)
        opened(report, store, place)
        raw.close()


def opened(report: Report, store: Store, place: str) -> None:
    """A page backwards, and opening by id; for comparison."""
    session = store.get("s10000")
    middle = session.messages(last=5000)[0].id
    times = repeat(lambda _: session.messages(before=middle, limit=20), 200)
    report.add("20 before a message in the middle", place, times.p50 / 1e3, "ms", None, None, times.spread())
    times = repeat(lambda _: store.get("s1000"), 500)
    report.add("get a session by id", place, times.p50 / 1e3, "ms", None, None, times.spread())


if __name__ == "__main__":
    run("load", measure)
