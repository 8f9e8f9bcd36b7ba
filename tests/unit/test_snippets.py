"""Snippets show what matched, marked, on one line, and nothing else is marked."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recollect.backend import Term, TextMatch
from recollect.index.query import parse
from recollect.index.snippets import snippet
from recollect.index.tokens import words

LEFT, RIGHT = "\ue000", "\ue001"  # marks that are in no text below


def cut(text, query, **options):
    return snippet(text, parse(query), **options)


@pytest.mark.parametrize(
    ("text", "query", "expected"),
    [
        ("The Ownership of Rust", "ownership", "The **Ownership** of Rust"),
        ("a borrow   checker, borrow", '"borrow checker"', "a **borrow checker**, borrow"),
        ("it’s naïve", "naive it's", "**it’s** **naïve**"),
        ("cafe\u0301 CAFÉ cafés", "café", "**cafe\u0301** **CAFÉ** cafés"),
        ("Straße ﬁn Ｆｕｌｌ", "STRASSE fin full", "**Straße** **ﬁn** **Ｆｕｌｌ**"),
        ("これは日本語です。", "日本", "これは**日本**語です。"),
        ("検索。\u304b\u3099 が", "が", "検索。**\u304b\u3099** **が**"),
        ("\u1112\u1161\u11ab국어", "한국", "**\u1112\u1161\u11ab국**어"),
        ("👍🏽 ok 👩‍👩‍👧", "👍 👧", "**👍**🏽 ok 👩‍👩‍**👧**"),
        ("foo food of foo", "foo*", "**foo** **food** of **foo**"),
        ("foo-bar foobar bar", "foo-bar", "**foo-bar** foobar bar"),
        ("one two three", "one OR three -four", "**one** two **three**"),
        ("a word", "absent", "a word"),
        ("first\nsecond\tthird\r\n", "second", "first **second** third"),
        ("\x1b[31mred\x07 \u202etxt\x00", "red", "[31mred txt"),
        ("x red", "red", "x **red**"),
        ("", "red", ""),
        ("half\ud800 red", "red", "half **red**"),
        ("own down owner own", "own", "**own** down owner **own**"),
        ("a.b.c a b", '"a b c"', "**a.b.c** a b"),
    ],
)
def test_examples(text, query, expected):
    assert cut(text, query) == expected


def test_a_long_text_is_cut_between_words_around_the_densest_place():
    text = "needle " + "hay " * 300 + "needle and thread, thread and needle " + "hay " * 300
    line = cut(text, "needle thread")
    assert line.startswith("…hay ")
    assert line.endswith(" hay…")
    assert "**needle** and **thread**, **thread** and **needle**" in line
    assert len(line.replace("**", "")) <= 162


def test_width_and_marks():
    line = cut("hay " * 50 + "needle" + " hay" * 50, "needle", width=40, mark=("<b>", "</b>"))
    assert "<b>needle</b>" in line
    assert 30 <= len(line.replace("<b>", "").replace("</b>", "")) <= 42


def test_a_match_far_inside_a_huge_text_is_found_quickly():
    text = "lorem ipsum dolor " * 200_000 + "Needle " + "sit amet " * 7_000_000
    start = time.perf_counter()
    assert "**Needle**" in cut(text, "needle")
    assert cut(text, "absent*").startswith("lorem ipsum")
    assert time.perf_counter() - start < 2


def test_edges_of_windows_cut_no_words():
    text = "x" * 14_335 + " " + "y" * 2_047 + "own " * 3 + "z" * 40_000 + "own"
    assert re.findall(r"\*\*(.*?)\*\*", cut(text, "own")) in (["own"] * 2, ["own"] * 3)


def test_a_huge_word_is_shown_in_part():
    line = cut("x" * 10_000, "x*")
    assert line.startswith("**xxx")
    assert len(line) < 200


alphabet = st.sampled_from([*"abcAé日本が-. \n😀", "e\u0301", "ß", "ﬁ", "\u0301", "\ud800", "\x00", "\u200d"])
strings = st.lists(alphabet, max_size=40).map("".join)
wordlists = st.lists(
    st.sampled_from(["a", "b", "c", "ab", "e", "日", "本", "が", "😀", "ss", "fi"]), min_size=1, max_size=2
)
matches = st.builds(
    lambda groups: TextMatch(tuple((Term(tuple(found), prefix),) for found, prefix in groups)),
    st.lists(st.tuples(wordlists, st.booleans()), min_size=1, max_size=3),
)


def is_one_of(there, match):
    """Whether these words are exactly one of the terms."""
    for group in match.all_of:
        for term in group:
            *firm, last = term.words
            if (
                there[:-1] == firm
                and there
                and (there[-1] == last or (term.prefix and there[-1].startswith(last)))
            ):
                return True
    return False


@given(strings, matches, st.integers(5, 60))
@example("a\u0301b", TextMatch(((Term(("ab",)),),)), 20)
def test_marks_are_on_matches_and_nothing_else_changes(text, match, width):
    line = snippet(text, match, width=width, mark=(LEFT, RIGHT))
    for marked in re.findall(f"{LEFT}([^{RIGHT}]*){RIGHT}", line):
        assert is_one_of(words(marked), match) or len(marked) >= width
    bare = line.replace(LEFT, "").replace(RIGHT, "").strip("…")
    assert words(bare) == [] or "".join(words(bare)) in "".join(words(text))
    assert line.encode().decode() == line
    assert not re.search("[\x00-\x1f]", line)


@given(strings, matches)
def test_all_of_a_short_text_that_matches_is_marked(text, match):
    line = snippet(text, match, width=1000, mark=(LEFT, RIGHT))
    there = words(text)
    for group in match.all_of:
        for term in group:
            if len(term.words) == 1 and not term.prefix and term.words[0] in there:
                assert LEFT in line


@given(st.text(), st.text(), st.integers(1, 300))
def test_anything_goes(text, query, width):
    match = parse(query)
    if match is not None:
        assert isinstance(snippet(text, match, width=width), str)
    assert isinstance(snippet(text, TextMatch(()), width=width), str)
