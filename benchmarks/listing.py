"""Lists of sessions among 1,000 and 100,000, without and with filters."""

from __future__ import annotations

import time
from pathlib import Path

import apsw

from building import fill, numbered
from common import Options, Report, Target, calling, interleave, run
from recollect import Store

RAW = (
    "SELECT body FROM sessions INDEXED BY sessions_newest WHERE namespace = 'default'"
    " AND deleted_at IS NULL ORDER BY updated_at DESC, session_id DESC LIMIT 21"
)
SMALL, LARGE = 1_000, 100_000


def measure(report: Report, options: Options) -> None:
    """All figures of this topic; caches are warm, so that the place hardly matters."""
    with options.fast.folder() as folder:
        paths = {count: folder / f"s{count}.db" for count in (SMALL, LARGE)}
        for count, path in paths.items():
            start = time.perf_counter()
            fill(path, numbered(count), searchable=False)
            print(f"  ({count:,} sessions made in {time.perf_counter() - start:.1f} s)", flush=True)
        with Store(f"sqlite:///{paths[SMALL]}") as few, Store(f"sqlite:///{paths[LARGE]}") as many:
            place, rounds = options.fast.name, 40 if options.full else 15
            lists(report, place, rounds, few, many, paths[LARGE])
            filtered(report, place, rounds, few, many)


def lists(report: Report, place: str, rounds: int, few: Store, many: Store, path: Path) -> None:
    """The newest 20."""
    large, small = interleave(
        lambda _: many.sessions(limit=20), lambda _: few.sessions(limit=20), rounds=rounds, size=20
    )
    report.compare("sessions(limit=20) of 100,000 over 1,000 (as raw)", place, large, small, 1.5)
    for times, name in ((large, "100,000"), (small, "1,000")):
        target = Target(plus=0.2)
        report.add(
            f"sessions(limit=20) of {name}", place, times.p50 / 1e3, "ms", None, target, times.spread()
        )
    conn = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    large, bare = interleave(
        lambda _: many.sessions(limit=20), lambda _: conn.execute(RAW).fetchall(), rounds=rounds, size=20
    )
    conn.close()
    report.compare("  over the bare statement for bodies", place, large, bare)


def filtered(report: Report, place: str, rounds: int, few: Store, many: Store) -> None:
    """One filter at a time; what an index serves does not grow with the store."""
    moment = many.sessions(limit=1).items[0].created_at
    filters: dict[str, dict[str, object]] = {
        "a tag of all": {"tags": ["all"]},
        "a tag of 1 in 50": {"tags": ["topic-7"]},
        "a tag of 1 in 1,000": {"tags": ["rare"]},
        "metadata of 1 in 1,000": {"metadata": {"user": "u77"}},
        "cost of 1 in 1,000": {"min_cost": 0.998},
        "cost of 1 in 4": {"min_cost": 0.5},
        "created by a day": {"created_until": moment},
        "updated until": {"until": moment},
        "a model of 1 in 5": {"model": "model-3"},
        "a word in the name": {"text": "number 999"},
    }
    for name, chosen in filters.items():
        large, small = interleave(
            calling(many.sessions, limit=20, **chosen),
            calling(few.sessions, limit=20, **chosen),
            rounds=max(3, rounds // 5),
            size=5,
        )
        report.compare(f"  {name}: of 100,000 over 1,000", place, large, small)
    page = many.sessions(limit=20, tags=["topic-7"])
    assert len(page.items) == 20
    assert page.next is not None


if __name__ == "__main__":
    run("listing", measure)
