"""Anything typed into a search box is a query, and words are what the index takes for words."""

from __future__ import annotations

import time
import unicodedata

import apsw
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recollect.backend import Term, TextMatch
from recollect.backends.sql.textrank import expression
from recollect.index.query import MAX_CHARS, MAX_WORDS, parse
from recollect.index.tokens import ascii_lower, fold, normalise, words


def t(*found, prefix=False):
    return Term(found, prefix)


def match(*groups, without=()):
    return TextMatch(
        tuple((group,) if isinstance(group, Term) else tuple(group) for group in groups), tuple(without)
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rust ownership", match(t("rust"), t("ownership"))),
        ("Rust RUST rust", match(t("rust"))),
        ('"borrow checker"', match(t("borrow", "checker"))),
        ('"unclosed phrase', match(t("unclosed", "phrase"))),
        ('a"b c"d', match(t("a"), t("b", "c"), t("d"))),
        ("“smart quotes”", match(t("smart", "quotes"))),
        ('""', None),
        ("own*", match(t("own", prefix=True))),
        ("own**", match(t("own", prefix=True))),
        ('"borrow check*"', match(t("borrow", "check", prefix=True))),
        ('"borrow check"*', match(t("borrow", "check", prefix=True))),
        ("*own", match(t("own"))),
        ("o*n", match(t("o", "n"))),
        ("own-*", match(t("own"))),
        ("caf\u0065\u0301*", match(t("cafe", prefix=True))),
        ("*", None),
        ("-", None),
        ("- a", match(t("a"))),
        ("-a", None),
        ('-"a b"', None),
        ("a -b", match(t("a"), without=[t("b")])),
        ('a -"b c" -d* -b-c', match(t("a"), without=[t("b", "c"), t("d", prefix=True)])),
        ("--force -v push", match(t("force"), t("push"), without=[t("v")])),
        ("a OR b c", match([t("a"), t("b")], t("c"))),
        ("a b OR c OR d", match(t("a"), [t("b"), t("c"), t("d")])),
        ("OR a OR", match(t("a"))),
        ("a OR OR b", match([t("a"), t("b")])),
        ("a OR -b c", match(t("a"), t("c"), without=[t("b")])),
        ("a OR *** b", match([t("a"), t("b")])),
        ("a or b AND NOT c", match(t("a"), t("or"), t("b"), t("and"), t("not"), t("c"))),
        ("OR", None),
        ("don't", match(t("don", "t"))),
        ("don’t", match(t("don", "t"))),
        ("a-b foo/bar x:y snake_case", match(t("a", "b"), t("foo", "bar"), t("x", "y"), t("snake", "case"))),
        ("camelCase", match(t("camelcase"))),
        ("3.11", match(t("3", "11"))),
        ("日本 語", match(t("日", "本"), t("語"))),
        ("日本*", match(t("日", "本"))),
        ("🔥🔥", match(t("🔥", "🔥"))),
        ("a\x00b", match(t("a", "b"))),
        ("\ud800", None),
        ("a\ud800b", match(t("a", "b"))),
        ("full\u3000width", match(t("full"), t("width"))),
        ("!!! ??? ...", None),
        ("├── src", match(t("src"))),
        ("", None),
        (" \t\n", None),
    ],
)
def test_examples(text, expected):
    assert parse(text) == expected


def test_long_input_is_bounded():
    for text in ("word%d " * 200_000, '"' + "w " * 500_000, "a-" * 500_000, "-x " * 300_000, "(" * 1_000_000):
        start = time.perf_counter()
        found = parse(text)
        assert time.perf_counter() - start < 0.5
        terms = [] if found is None else [*sum(found.all_of, ()), *found.none_of]
        assert sum(len(term.words) for term in terms) <= MAX_WORDS
    many = parse(" ".join(f"word{n}" for n in range(100)))
    assert many is not None
    assert [group[0].words[0] for group in many.all_of] == [f"word{n}" for n in range(MAX_WORDS)]
    assert parse("x" * 1_000_000) == match(t("x" * MAX_CHARS))


def test_a_phrase_that_is_cut_off_is_no_prefix():
    found = parse('"' + "w " * 100 + 'last"*')
    assert found == match(t(*["w"] * MAX_WORDS))


snippets_of_queries = st.lists(
    st.sampled_from(
        [
            "a",
            "B",
            "c*",
            '"',
            "-",
            "OR",
            " ",
            "  ",
            "'",
            "é",
            "日",
            "🔥",
            "*",
            "\x00",
            "\ud800",
            "x-y",
            "NEAR(",
        ]
    ),
    max_size=20,
).map("".join)


@given(st.one_of(st.text(), snippets_of_queries))
@example("a OR")
@example('-"')
def test_any_input_is_a_query_that_sqlite_understands(text):
    found = parse(text)
    if found is None:
        return
    assert found.all_of
    for group in (*found.all_of, found.none_of):
        for term in group:
            assert term.words
            assert all(word and words(word) == [word] for word in term.words)
    conn = apsw.Connection(":memory:")
    conn.execute("CREATE VIRTUAL TABLE t USING fts5(text, reasoning, tool, tokenize='ascii')")
    for kinds in (("text", "reasoning", "tool"), ("tool",)):
        conn.execute("SELECT * FROM t WHERE t MATCH ?", (expression(found, kinds),)).fetchall()


@given(st.text(max_size=60))
@example("a\x00b\u2028c")
@example("日本語 テスト")
@example("\u1112\u1161\u11ab")
@example("नमस्ते")
@example("x" * 40_000)
def test_the_index_takes_the_same_for_words(text):
    conn = apsw.Connection(":memory:")
    conn.execute("CREATE VIRTUAL TABLE t USING fts5(text, tokenize='ascii')")
    conn.execute("CREATE VIRTUAL TABLE v USING fts5vocab(t, instance)")
    conn.execute("INSERT INTO t(text) VALUES (?)", (normalise(text),))
    found = [row[0] for row in conn.execute("SELECT term FROM v ORDER BY offset").fetchall()]
    assert found == [word[:32_768] for word in words(text)]


@given(st.text())
def test_words_are_the_same_however_they_are_written(text):
    there = words(text)
    assert words(normalise(text)) == there
    assert words(unicodedata.normalize("NFD", text)) == there
    assert words(unicodedata.normalize("NFC", text)) == there
    assert words(" ".join(there)) == there
    assert normalise(text).encode().decode() == normalise(text)


@given(st.text(st.characters(min_codepoint=0x80)), st.text(), st.text())
def test_a_run_without_ascii_is_folded_by_itself(run, before, after):
    if run:
        left, right = before.encode("ascii", "ignore").decode(), after.encode("ascii", "ignore").decode()
        assert normalise(left + run + right) == left + fold(run) + right


def test_every_character_is_stable():
    """Case variants of a character are one word; normalised text stays as it is."""
    for code in [
        *range(0x80, 0x3100),
        *range(0xA000, 0xAC00),
        *range(0xF900, 0x11000),
        *range(0x1E900, 0x20000),
    ]:
        char = chr(code)
        plain = normalise(char)
        assert normalise(plain).split() == plain.split(), hex(code)
        assert ascii_lower(plain) == plain or char.isascii(), hex(code)
        if len(char.upper()) == len(char.lower()) == 1 and char.upper().lower() == char.lower():
            assert words(char.upper()) == words(char.lower()), hex(code)


def test_plain_text_comes_back_untouched():
    text = "Plain ASCII text. " * 1000
    assert normalise(text) is text
