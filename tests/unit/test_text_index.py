"""The text index finds what a plain reading of the words finds, in the promised order, and forgets."""

from __future__ import annotations

import random
from itertools import accumulate, islice

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from recollect.backend import ROLES, TEXT_KINDS, Key, RowQuery, SessionRow, Term, TextMatch, TextQuery
from recollect.backends.sql import rows, textbounds, textshards
from recollect.backends.sql.schema import SIDECAR
from recollect.backends.sql.text import TextIndex
from recollect.errors import StoreWarning
from recollect.index.query import parse
from recollect.index.tokens import words

NOW = 1_700_000_000_000_000
ROWS = RowQuery(namespace="", now=NOW)


class Book:
    """An index and, beside it, all that was ever put into it."""

    def __init__(self, path=":memory:"):
        self.conn = apsw.Connection(str(path))
        self.conn.execute(
            "PRAGMA journal_mode = wal; PRAGMA secure_delete = ON; PRAGMA synchronous = OFF"
        ).fetchall()
        self.conn.execute(SIDECAR)
        TextIndex.prepare(self.conn)
        self.messages = {}
        self.sessions = {}

    def session(self, name, **fields):
        values = {"created_at": NOW, "updated_at": NOW, "body": b""} | fields
        namespace = values.pop("namespace", "")
        self.sessions[name] = rows.put_row(self.conn, SessionRow(Key(namespace, name), 1, **values))
        return self

    def say(self, name, seq, texts, at=NOW, role="user"):
        if name not in self.sessions:
            self.session(name)
        texts = (texts, "", "") if isinstance(texts, str) else texts
        rid = self.sessions[name] << 32 | seq
        with self.conn:
            self.conn.execute(
                "INSERT INTO records (rid, kind, parent, message_id, at, role) VALUES (?, 1, 0, x'', ?, ?)",
                (rid, at, ROLES.index(role)),
            )
            TextIndex.add(self.conn, [(rid, texts)])
        self.messages[name, seq] = (texts, at, role)
        return self

    def drain(self, limit=1000):
        with self.conn:
            return TextIndex.drain(self.conn, limit)

    def remove(self, name, seq):
        with self.conn:
            TextIndex.remove(self.conn, [self.sessions[name] << 32 | seq])
        del self.messages[name, seq]

    def remove_session(self, name):
        with self.conn:
            TextIndex.remove_session(self.conn, self.sessions[name])
        self.messages = {place: value for place, value in self.messages.items() if place[0] != name}

    def search(self, match, **fields):
        match = parse(match) if isinstance(match, str) else match
        query = TextQuery(**({"rows": ROWS, "match": match, "limit": 1000} | fields))
        with self.conn:
            return TextIndex.search(self.conn, query, bodies=False)

    def found(self, match, **fields):
        return sorted(place(hit) for hit in self.search(match, **fields))


def place(hit):
    return hit.row.key.session_id, hit.seq


def stands(term, there):
    """Whether a term stands somewhere in a list of words."""
    *firm, last = term.words
    return any(
        there[i : i + len(firm)] == firm
        and (there[i + len(firm)].startswith(last) if term.prefix else there[i + len(firm)] == last)
        for i in range(len(there) - len(firm))
    )


def expected(book, match, kinds=TEXT_KINDS):
    """What should be found, by reading all of it."""

    def has(term, texts):
        return any(
            stands(term, words(text)) for kind, text in zip(TEXT_KINDS, texts, strict=True) if kind in kinds
        )

    return sorted(
        at
        for at, (texts, *_) in book.messages.items()
        if all(any(has(term, texts) for term in group) for group in match.all_of)
        and not any(has(term, texts) for term in match.none_of)
    )


@pytest.fixture
def book():
    return Book()


@pytest.fixture
def small(monkeypatch):
    """Bounds so low that a handful of messages meets them all."""
    monkeypatch.setattr(textshards, "SHARD_BITS", 5)
    for name, value in {"RANKED": 10, "LEAST": 4, "LOOKED_AT": 16, "PROBED": 8, "CHUNK": 8}.items():
        monkeypatch.setattr(textbounds, name, value)


HAZARDS = {
    "Straße": "STRASSE",
    "İstanbul": "istanbul",
    "ﬁnd": "find",
    "cafe\u0301": "CAFÉ",
    "Ｆｕｌｌ": "full",
    "नमस्ते दुनिया": "नमस्ते",
    "العَرَبِيَّة": "العربية",
    "שָׁלוֹם": "שלום",
    "ὈΔΥΣΣΕΎΣ": "οδυσσευς",
    "日本語のテスト": "本語",
    "한국어를": "국어",
    "\u1112\u1161\u11ab": "한",
    "ภาษาไทย": "ษาไ",
    "a\x00nul": "nul",
    "line\u2028separator": "separator",
    "half\ud800surrogate": "surrogate",
    "snake_case_name": "case",
    "camelCase": "camelcase",
    "version 3.11.2": "3.11",
    "fire 🔥🔥": "🔥",
    "👩‍👩‍👧": "👧",
    "flag 🇩🇪": "🇩🇪",
    "thumbs 👍🏽": "👍",
    "C:\\dir\\file.txt": "file.txt",
    "don’t": "don't",
    "soft\u00adhyphen": "softhyphen",
    "\U0002a6d6 rare": "\U0002a6d6",
    "ΑΣ": "ας",
    "Ꭰꭰ": "ꭰᎠ",
    "it's naïve": '"s naive"',
    "x" * 1_000_000: "x" * 50_000,
}


@pytest.mark.parametrize("drained", [True, False], ids=["indexed", "waiting"])
@pytest.mark.parametrize("text", HAZARDS, ids=lambda text: ascii(text[:20]))
def test_hazards_are_found(book, text, drained):
    book.say("a", 1, f"before {text} after").say("a", 2, "something else")
    if drained:
        book.drain()
    assert book.found(HAZARDS[text]) == book.found("before") == book.found("after") == [("a", 1)]
    assert expected(book, parse("before")) == [("a", 1)]


def test_snake_case_is_found_whole_and_in_parts(book):
    book.say("a", 1, "the snake_case_name").say("a", 2, "name, case, snake").drain()
    assert book.found("snake_case_name") == book.found("case_name") == [("a", 1)]
    assert book.found("case") == [("a", 1), ("a", 2)]


SYLLABLES = ["a", "ab", "abc", "b", "É", "e", "日", "本", "日本", "x-y", "x", "🔥", "..", "İ"]
texts = st.lists(st.sampled_from(SYLLABLES), max_size=6).map(" ".join)
terms = st.builds(
    Term,
    st.lists(
        st.sampled_from(["a", "ab", "abc", "b", "e", "日", "本", "x", "y", "🔥", "i"]), min_size=1, max_size=2
    ).map(tuple),
    st.booleans(),
)
matches = st.builds(
    TextMatch,
    st.lists(st.lists(terms, min_size=1, max_size=2).map(tuple), min_size=1, max_size=3).map(tuple),
    st.lists(terms, max_size=1).map(tuple),
)
said = st.tuples(
    st.sampled_from("pqr"),
    st.one_of(texts, st.tuples(texts, texts, texts)),
    st.integers(0, 5),
    st.sampled_from(["user", "tool"]),
    st.integers(0, 3),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    said=st.lists(said, min_size=1, max_size=40),
    removed=st.lists(st.tuples(st.sampled_from("pqr"), st.integers(1, 6)), max_size=4),
    match=matches,
    kinds=st.sampled_from([TEXT_KINDS, ("text",), ("tool", "reasoning")]),
    size=st.integers(1, 9),
)
def test_finds_what_a_plain_reading_finds(said, removed, match, kinds, size):
    book = Book()
    for name, text, at, role, drained in said:
        seq = sum(place[0] == name for place in book.messages) + 1
        book.say(name, seq, text, NOW + at, role)
        book.drain(drained) if drained else None
    for place_ in removed:
        if place_ in book.messages:
            book.remove(*place_)
    wanted = expected(book, match, kinds)
    for order in ("relevance", "newest"):
        hits = book.search(match, kinds=kinds, order=order)
        assert sorted(map(place, hits)) == wanted
        keys = [(hit.score, hit.at, *reversed(hit.position[2:])) for hit in hits]
        assert keys == sorted(keys, reverse=True)
        assert paged(book, match, size, kinds=kinds, order=order) == list(map(place, hits))
    hits = book.search(match, kinds=kinds, roles=("tool",), since=NOW + 1, until=NOW + 4, session_id="q")
    assert sorted(map(place, hits)) == [
        at
        for at in wanted
        if at[0] == "q" and book.messages[at][2] == "tool" and NOW + 1 <= book.messages[at][1] < NOW + 4
    ]


def paged(book, match, size, **fields):
    """All places, page by page."""
    found, after = [], None
    while hits := book.search(match, limit=size, after=after, **fields):
        assert len(hits) <= size
        found += map(place, hits)
        after = hits[-1].position
    return found


def shuffled(book, count=300, seed=1, order=lambda at: at):
    """Many messages of many sessions, at moments in an order of their own."""
    dice = random.Random(seed)
    for n in range(count):
        name = f"s{dice.randrange(30)}"
        seq = max((seq for other, seq in book.messages if other == name), default=0) + dice.choice([1, 1, 2])
        text = " ".join(dice.choices(["common", "often", "some", "rare"], [9, 5, 3, 0.2], k=4))
        book.say(name, seq, text, NOW + order(n), dice.choice(["user", "assistant"]))
        if dice.random() < 0.2:
            book.drain(dice.randrange(1, 40))
    return book


ORDERS = {
    "in order": lambda at: at,
    "backwards": lambda at: -at,
    "mixed": lambda at: at * 7919 % 1000,
    "at once": lambda at: 0,
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("query", ["common", '"common often"', "rare", "often -rare", "common OR some rare"])
def test_newest_is_exact_and_complete_whatever_the_bounds(book, small, order, query):
    shuffled(book, order=ORDERS[order])
    wanted = sorted(((book.messages[at][1], *at) for at in expected(book, parse(query))), reverse=True)
    for size in (7, 1000):
        assert paged(book, parse(query), size, order="newest") == [at[1:] for at in wanted]


@pytest.mark.parametrize("order", ORDERS)
def test_newest_with_a_prefix_misses_nothing_on_one_page(book, small, order):
    shuffled(book, order=ORDERS[order])
    assert book.found("com*", order="newest") == expected(book, parse("com*"))


def test_relevance_beyond_the_bound_ranks_the_newest(book, small):
    shuffled(book)
    book.say("late", 1, "common and waiting")
    everything = set(expected(book, parse("common")))
    found = paged(book, parse("common"), 3)
    assert len(set(found)) == len(found)
    assert set(found) <= everything
    assert textbounds.RANKED <= len(found) < len(everything)
    assert ("late", 1) in found


def test_short_prefixes_are_ranked_among_the_newest_shards(book, small, monkeypatch):
    for name, value in {"RANKED": 1000, "LOOKED_AT": 1000, "SHORT_LEAST": 4}.items():
        monkeypatch.setattr(textbounds, name, value)
    for n in range(160):
        book.say(f"s{n // 8}", n % 8 + 1, "common", NOW + n)
    book.drain(1000)
    docs = [shard.docs for shard in textshards.shards(book.conn)]

    def newest(count):
        return next(total for total in accumulate(docs) if total >= count)

    found = [len(book.found(prefix)) for prefix in ("c*", "co*", "com*", "comm*")]
    assert found == [newest(32 * 0.2), newest(64), newest(128), 160]
    assert found == sorted(set(found))
    monkeypatch.setattr(textbounds, "SHORT_LEAST", found[0] + 1)
    assert len(book.found("c*")) > found[0]


@pytest.mark.parametrize("every", [2, 20], ids=["half pass", "nearly all pass"])
def test_relevance_beyond_the_bound_pages_through_what_passes(book, small, monkeypatch, every):
    monkeypatch.setattr(textbounds, "RANKED", 60)
    monkeypatch.setattr(textbounds, "LOOKED_AT", 200)
    for n in range(200):
        role = "tool" if n % every == 0 else "user"
        book.say(f"s{n // 8}", n % 8 + 1, "common " * (n % 7 + 1) + "filler " * (n % 5), NOW + n, role)
    book.drain(1000)
    pages = [paged(book, parse("common"), size, roles=("user",)) for size in (3, 1000)]
    assert pages[0] == pages[1]
    scores = [hit.score for hit in book.search("common", roles=("user",), limit=1000)]
    assert scores == sorted(scores, reverse=True)
    assert 54 <= len(set(pages[0])) == len(pages[0]) <= 68
    assert {hit.role for hit in book.search("common", roles=("user",), limit=1000)} == {"user"}


@pytest.mark.parametrize("query", ["common", "com*"])
@pytest.mark.parametrize("order", ["relevance", "newest"])
def test_filters_that_few_pass_still_find(book, small, monkeypatch, query, order):
    monkeypatch.setattr(textbounds, "CHUNK", 8)
    for n in range(400):
        book.say(
            f"s{n // 8}", n % 8 + 1, f"common word{n}", NOW + n, "tool" if n in (3, 200, 399) else "user"
        )
    book.session("s20", tags=("rare",)).session("s30", tags=("rare",))
    book.drain(1000)
    assert book.found(query, roles=("tool",), order=order) == [("s0", 4), ("s25", 1), ("s49", 8)]
    tagged = book.found(query, rows=replace(ROWS, tags=("rare",)), order=order)
    assert set(tagged) <= {at for at in book.messages if at[0] in ("s20", "s30")}
    assert len(tagged) >= textbounds.LEAST
    assert len(book.found(query, session_id="s7", order=order)) == 8
    assert len(book.found(query, session_id="s7", order=order, limit=3)) == 3
    assert book.found(query, since=NOW + 100, until=NOW + 103, order=order) == [
        ("s12", 5),
        ("s12", 6),
        ("s12", 7),
    ]
    assert book.found(query, rows=replace(ROWS, namespace="other"), order=order) == []


def test_waiting_and_indexed_messages_are_scored_alike(book):
    for n in range(50):
        book.say("a", n + 1, "filler text of no interest")
    book.say("a", 60, "needle in hay").drain()
    (indexed,) = book.search("needle")
    book.say("a", 61, "needle in hay")
    hits = book.search("needle")
    assert {hit.seq for hit in hits} == {60, 61}
    assert all(hit.score > indexed.score / 3 for hit in hits)


def test_rarer_words_and_shorter_messages_weigh_more(book):
    for n in range(60):
        book.say("a", n + 1, "common words")
    book.say("a", 70, "common common common").say("a", 71, "common rare").say("a", 72, "rare " + "long " * 50)
    book.drain()
    assert [hit.seq for hit in islice(book.search("common OR rare"), 2)] == [71, 72]
    assert book.search("rare")[0].seq == 71
    assert all(hit.score > 0 for hit in book.search("common"))


def test_texts_handed_over_again_take_the_place_of_the_old(book):
    book.say("a", 1, "old one").say("a", 5, "old five").drain()
    book.say("a", 7, "old seven")
    assert book.found("old") == [("a", 1), ("a", 5), ("a", 7)]
    with book.conn:
        TextIndex.clear(book.conn)
    with pytest.warns(StoreWarning):
        assert book.found("old") == []
    sid = book.sessions["a"] << 32
    book.say("a", 9, "while it runs")
    book.drain()
    with book.conn:
        TextIndex.add(book.conn, [(sid | 1, ("new one", "", "")), (sid | 7, ("new seven", "", ""))])
    with pytest.warns(StoreWarning):
        assert book.found("new") == [("a", 1), ("a", 7)]
    book.drain()
    with book.conn:
        TextIndex.add(book.conn, [(sid | 9, ("newer nine", "", ""))])
        TextIndex.complete(book.conn)
    book.drain()
    assert book.found("newer") == [("a", 9)]
    assert book.found("while OR old") == []


def test_undone_changes_leave_no_trace(book):
    book.say("a", 1, "first")
    rid = book.sessions["a"] << 32 | 2
    book.conn.execute("BEGIN")
    TextIndex.add(book.conn, [(rid, ("ghost", "", ""))])
    book.conn.execute(
        "INSERT INTO records (rid, kind, parent, message_id, at, role) VALUES (?, 1, 0, x'', 0, 0)", (rid,)
    )
    query = TextQuery(rows=ROWS, match=parse("ghost"))
    assert len(TextIndex.search(book.conn, query, bodies=False)) == 1
    book.conn.execute("ROLLBACK")
    assert book.found("ghost") == []
    book.say("a", 2, "other")
    assert book.found("ghost") == []
    assert book.found("other") == [("a", 2)]


def test_a_reader_sees_what_another_connection_wrote(tmp_path):
    book = Book(tmp_path / "index.db")
    book.say("a", 1, "needle")
    reader = apsw.Connection(str(tmp_path / "index.db"), flags=apsw.SQLITE_OPEN_READONLY)
    TextIndex.prepare(reader)

    def found():
        with reader:
            query = TextQuery(rows=ROWS, match=parse("needle"))
            return [place(hit) for hit in TextIndex.search(reader, query, bodies=False)]

    assert found() == [("a", 1)]
    book.say("a", 2, "needle")
    assert sorted(found()) == [("a", 1), ("a", 2)]
    book.drain()
    assert sorted(found()) == [("a", 1), ("a", 2)]
    book.say("b", 1, "needle").remove("a", 1)
    assert sorted(found()) == [("a", 2), ("b", 1)]


def test_the_index_is_made_of_ordinary_tables(tmp_path):
    """Another SQLite program can search it, without anything of ours loaded."""
    book = Book(tmp_path / "index.db")
    book.say("a", 1, "Crème brûlée for two").drain()
    other = apsw.Connection(str(tmp_path / "index.db"), flags=apsw.SQLITE_OPEN_READONLY)
    assert other.execute("SELECT count(*) FROM text_0 WHERE text_0 MATCH 'creme'").get == 1


@pytest.mark.parametrize("limit", [1, 2, 1000])
def test_numbers_of_waiting_texts_come_again(book, limit):
    """Waiting texts are numbered from one again once none is left; searches in between remember."""
    book.say("a", 1, "first").say("b", 1, "second")
    assert book.found("first") == [("a", 1)]
    while book.drain(limit) == limit:
        pass
    book.say("c", 1, "third").say("d", 1, "fourth")
    assert [book.found(word) for word in ("first", "third", "fourth")] == [[("a", 1)], [("c", 1)], [("d", 1)]]
    book.remove("d", 1)
    book.say("e", 1, "fifth")
    assert (book.found("fourth"), book.found("fifth")) == ([], [("e", 1)])
    book.remove_session("e")
    book.say("f", 1, "sixth")
    assert (book.found("fifth"), book.found("sixth")) == ([], [("f", 1)])
