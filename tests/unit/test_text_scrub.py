"""Words of removed messages leave the file, in slices, while the store goes on."""

from __future__ import annotations

import random

import apsw
import pytest
from msgspec.structs import replace

from recollect.backend import Key, RowQuery, SessionRow, TextQuery
from recollect.backends.sql import rows, textshards
from recollect.backends.sql.schema import SIDECAR
from recollect.backends.sql.text import TextIndex
from recollect.index.query import parse


class Book:
    """An index in a file, and two sessions that say something."""

    def __init__(self, path):
        self.conn = apsw.Connection(str(path))
        self.conn.execute(
            "PRAGMA journal_mode = wal; PRAGMA secure_delete = ON; PRAGMA synchronous = OFF"
        ).fetchall()
        self.conn.execute(SIDECAR)
        TextIndex.prepare(self.conn)
        self.sids = {name: rows.put_row(self.conn, SessionRow(Key("", name), 1, 0, 0, b"")) for name in "ab"}

    def say(self, name, seq, text):
        rid = self.sids[name] << 32 | seq
        with self.conn:
            self.conn.execute(
                "INSERT INTO records (rid, kind, parent, message_id, at, role) VALUES (?, 1, 0, x'', 0, 0)",
                (rid,),
            )
            TextIndex.add(self.conn, [(rid, (text, "", ""))])

    def drain(self, limit=1000):
        with self.conn:
            return TextIndex.drain(self.conn, limit)

    def remove(self, name, seq):
        with self.conn:
            TextIndex.remove(self.conn, [self.sids[name] << 32 | seq])

    def remove_session(self, name):
        with self.conn:
            TextIndex.remove_session(self.conn, self.sids[name])

    def found(self, text, **fields):
        query = TextQuery(
            rows=RowQuery(namespace="", now=0), match=parse(text), order="newest", limit=100_000
        )
        with self.conn:
            hits = TextIndex.search(self.conn, replace(query, **fields), bodies=False)
        return sorted((hit.row.key.session_id, hit.seq) for hit in hits)


def leftovers(path, tokens):
    """Which of these words, or of their endings of five letters and more, are in the file."""
    content = path.read_bytes()
    return [token for token in tokens if any(token[i:].encode() in content for i in range(len(token) - 4))]


def scrubbed(book):
    steps = 0
    with book.conn:
        more = TextIndex.scrub_needed(book.conn)
    while more:
        with book.conn:
            more = TextIndex.scrub_step(book.conn)
        steps += 1
        assert steps < 10_000
    book.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return steps


@pytest.mark.parametrize("what", ["message", "session", "waiting"])
def test_removed_words_leave_the_file(tmp_path, what):
    path = tmp_path / "index.db"
    book, dice = Book(path), random.Random(7)
    kept = [f"kept{n:04d}{''.join(dice.choices('ghijk', k=8))}" for n in range(300)]
    gone = [f"{'secret' if n % 2 else 'kept'}{''.join(dice.choices('uvwxyz', k=9))}" for n in range(6)]
    for n, word in enumerate(kept):
        book.say("a", n + 1, f"common {word}")
        if n % 50 == 20:
            book.say("b", n // 50 + 1, f"common {gone[n // 50]} and {kept[n]}")
        if n % 30 == 29 and what != "waiting":
            book.drain(17)
    while what != "waiting" and book.drain():
        continue
    book.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert leftovers(path, gone)
    if what == "message":
        for seq in range(1, 7):
            book.remove("b", seq)
    else:
        book.remove_session("b")
    assert TextIndex.scrub_needed(book.conn) == (what != "waiting")
    scrubbed(book)
    assert leftovers(path, gone) == []
    assert not TextIndex.scrub_needed(book.conn)
    assert len(book.found("common")) == 300
    assert all(book.found(word) for word in kept[::37])


def test_scrubbing_goes_on_beside_appends_and_further_removals(tmp_path, monkeypatch):
    monkeypatch.setattr("recollect.backends.sql.text._MERGE_PAGES", 1)
    path = tmp_path / "index.db"
    book, dice = Book(path), random.Random(3)
    secrets = [f"secret{''.join(dice.choices('uvwxyz', k=9))}" for _ in range(40)]
    for n in range(1, 2001):
        secret = secrets[n // 50 % 40] if n % 50 == 0 else ""
        book.say("a", n, f"common {''.join(dice.choices('ghijk', k=8))} {secret}")
        if n % 40 == 0:
            book.drain(64)
    gone = 0
    for n in range(50, 1001, 50):
        book.remove("a", n)
        gone += 1
        for step in range(3):
            with book.conn:
                TextIndex.scrub_step(book.conn)
            book.say("b", n * 3 + step, f"common more{n}words{step}")
        book.drain()
    assert scrubbed(book) > 0
    left = [secrets[n // 50 % 40] for n in range(1050, 2001, 50)]
    assert leftovers(path, [secret for secret in secrets if secret not in left]) == []
    assert leftovers(path, left) == left
    assert book.found("secret*") == [("a", n) for n in range(1050, 2001, 50)]
    assert len(book.found("common", session_id="b")) == gone * 3


def test_full_shards_are_made_small(tmp_path, monkeypatch):
    monkeypatch.setattr(textshards, "SHARD_BITS", 5)
    book = Book(tmp_path / "index.db")
    for n in range(1, 201):
        book.say("a", n, f"common word{n}")
        if n % 10 == 0:
            book.drain()
    count, unmerged, docs = book.conn.execute(
        "SELECT count(*), sum(scrub > 0), sum(docs) FROM text_shards"
    ).fetchone()
    assert count > 3
    assert unmerged == count - 1
    assert docs == 200
    scrubbed(book)
    assert not TextIndex.scrub_needed(book.conn)
    assert len(book.found("common")) == 200
    assert book.found("word77") == [("a", 77)]


def test_full_shards_are_merged_as_the_next_one_grows(tmp_path, monkeypatch):
    monkeypatch.setattr(textshards, "SHARD_BITS", 8)
    book = Book(tmp_path / "index.db")
    for n in range(1, 1001):
        book.say("a", n, f"common word{n}")
        if n % 32 == 0:
            book.drain()
    shards = book.conn.execute("SELECT count(*), sum(scrub > 0) FROM text_shards").fetchone()
    assert shards[0] > 3
    assert shards[1] <= 2
    assert len(book.found("common")) == 1000


def test_room_of_a_removed_session_is_used_again_without_its_words(tmp_path):
    book = Book(tmp_path / "index.db")
    for n in range(1, 31):
        book.say("b", n, f"common old{n}")
    book.drain()
    book.remove_session("b")
    for n in range(1, 21):
        book.say("a", n, f"common new{n}")
    book.drain()
    assert book.found("common") == book.found("new*") == [("a", n) for n in range(1, 21)]
    assert book.found("old*") == []
    scrubbed(book)
    assert book.found("common") == [("a", n) for n in range(1, 21)]
    assert leftovers(tmp_path / "index.db", ["old17"]) == []
