"""Forks, reads at an older version, history and branch pages, undo, rewind and checkout."""

from __future__ import annotations

import time
from itertools import count
from pathlib import Path

import apsw

from common import Options, Report, Times, interleave, run
from corpus import Corpus
from recollect import Message, Session, Store

MESSAGES = 10_000
COPY = (
    "INSERT INTO records SELECT ?2 << 32 | (rid & 0xFFFFFFFF), kind, parent, {ids}at, role, body"
    " FROM records WHERE rid > ?1 << 32 AND rid < (?1 + 1) << 32"
)


def measure(report: Report, options: Options) -> None:
    """All figures of this topic."""
    rounds = 20 if options.full else 8
    with options.fast.folder() as folder, Store(f"sqlite:///{folder / 'h.db'}") as store:
        session = store.open("long")
        short = store.open("short")
        corpus = Corpus()
        for _ in range(0, MESSAGES, 500):
            session.append(*corpus.conversation(500)[:500])
        short.append(*corpus.conversation(10))
        place = options.fast.name
        forks(report, place, rounds, folder / "h.db", store, session)
        older(report, place, rounds, session)
        pages(report, place, rounds, folder / "h.db", session)
        going_back(report, place, rounds, session, short)


def forks(report: Report, place: str, rounds: int, path: Path, store: Store, session: Session) -> None:
    """A fork of the whole session over an INSERT … SELECT of the same rows."""
    conn = apsw.Connection(str(path))
    conn.set_busy_timeout(10_000)
    conn.execute("PRAGMA synchronous = FULL")
    columns = [row[1] for row in conn.execute("PRAGMA table_info(records)")]
    sql = COPY.format(ids="message_id, " if "message_id" in columns else "")
    sid = conn.execute("SELECT sid FROM sessions WHERE session_id = 'long'").get

    free = count(1_000_000)  # session numbers that nobody uses

    def copy(_: int) -> None:
        conn.execute("BEGIN IMMEDIATE")
        conn.execute(sql, (sid, next(free)))
        conn.execute("COMMIT")

    ours, raw = Times(), Times()
    for _ in range(rounds):
        while store.stats().unindexed:  # what the fork before left to be indexed behind its commit
            time.sleep(0.02)
        for times, side in ((ours, lambda _: session.fork()), (raw, copy)):
            start = time.perf_counter_ns()
            side(0)
            times.add_ns(time.perf_counter_ns() - start)
    conn.close()
    report.compare(f"fork of {MESSAGES:,} messages over INSERT … SELECT", place, ours, raw, 3.0)


def older(report: Report, place: str, rounds: int, session: Session) -> None:
    """Reading as it was over reading as it is."""
    at = session.version
    session.append(Message.user("one more"))
    ours, raw = interleave(
        lambda _: session.messages(at=at), lambda _: session.messages(), rounds=rounds, size=1
    )
    report.compare(f"messages(at=) of {MESSAGES:,} over messages()", place, ours, raw, 1.05)


def pages(report: Report, place: str, rounds: int, path: Path, session: Session) -> None:
    """A page of history and the list of branches over the bare range query of as many rows."""
    for number in range(20):
        session.branch(f"b{number}", at=100 + number)
    conn = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    sid = conn.execute("SELECT sid FROM sessions WHERE session_id = 'long'").get
    rows = "SELECT rid, kind, parent, body FROM records WHERE rid < ? ORDER BY rid DESC LIMIT "
    top = (sid + 1) << 32
    ours, raw = interleave(
        lambda _: session.history(limit=20),
        lambda _: conn.execute(rows + "56", (top,)).fetchall(),
        rounds=rounds,
        size=20,
    )
    report.compare("history(limit=20) over the range query", place, ours, raw, 10.0)
    points = [conn.execute("SELECT ? << 32 | ?", (sid, 100 + n)).get for n in range(20)]

    def heads(_: int) -> None:
        for rid in points:
            conn.execute("SELECT rid, kind, parent, body FROM records WHERE rid = ?", (rid,)).fetchall()

    ours, raw = interleave(lambda _: session.branches(), heads, rounds=rounds, size=20)
    conn.close()
    report.compare("branches() of 21 over a query for each head", place, ours, raw, 10.0)


def going_back(report: Report, place: str, rounds: int, session: Session, short: Session) -> None:
    """What must not depend on the length of the session: 10,000 messages over 10."""
    for one in (session, short):
        one.branch("other")

    def undone(one: Session) -> None:
        one.append(Message.user("x"))
        one.undo()

    def rewound(one: Session) -> None:
        one.append(Message.user("x"), Message.assistant("y"))
        one.rewind(turns=1)

    def switched(one: Session) -> None:
        one.checkout("other")
        one.checkout("main")

    for name, verb in (("undo", undone), ("rewind", rewound), ("checkout", switched)):
        ours, raw = interleave(
            lambda _, verb=verb: verb(session), lambda _, verb=verb: verb(short), rounds=rounds, size=20
        )
        report.compare(f"{name} in {MESSAGES:,} messages over 10", place, ours, raw, 1.5)


if __name__ == "__main__":
    run("history", measure)
