"""search: what people type, what they find; reindex."""

from __future__ import annotations

from typing import Any

import pytest

from ...errors import InvalidError, UnsupportedError
from ...model import Hit, Message, OtherPart, ReasoningPart, TextPart, ToolCallPart
from ..clock import Clock
from .base import Store, VerbTests

__all__ = ["SearchVerbs"]

_TYPED = [
    "don't", "a-b", "foo/bar", '"unclosed', "x:y", "\U0001f600", "", " ", '"', '""', "*", "-", "-x",
    "- -", "OR", "x OR", "OR x", "AND", "NOT", "NEAR(a b)", "(", ")", "(a", "a)", "^a", "a^2", "{a}",
    "a+b", "col:val", "text:x", "'; --", "\x00", "a\x00b", "\ud800", "\u2028", "%", "_", "\\", "...",
    "a..b", "C++", "会话", "e\u0301", '-"a b"', "a*b", "**", '"a*"', "a -b -c", "x" * 5000, "a " * 300,
    "\t\n", "1.5", "$100", "@user", "#tag", "<b>", "a,b", "ﬁ", "İ",
]  # fmt: skip


def _all(store: Store, words: str, **options: Any) -> list[Hit]:
    page = store.search(words, **options)
    hits = list(page)
    while page.next is not None:
        page = store.search(words, cursor=page.next, **options)
        hits += page
    return hits


class SearchVerbs(VerbTests):
    """Search, on engines that have it."""

    @pytest.fixture
    def s(self, store: Store) -> Store:
        """The store; skips where text search is not declared."""
        if not store.capabilities.text_search:
            with pytest.raises(UnsupportedError):
                store.search("x")
            pytest.skip("this engine declares text_search=False")
        return store

    def test_a_hit_says_where_it_is(self, s: Store) -> None:
        session = s.open("a", name="Rust")
        stored = session.append(
            Message.user("What is ownership?"), Message.assistant("Ownership moves values. " + "More. " * 100)
        )
        hits = list(s.search("ownership"))
        assert {hit.message_id: hit.position for hit in hits} == {stored[0].id: 1, stored[1].id: 2}
        for hit in hits:
            assert (hit.session.id, hit.session.name) == ("a", "Rust")
            assert "**" in hit.snippet
            assert "ownership" in hit.snippet.lower()
            assert len(hit.snippet) < 400
            assert hit.score > 0
            assert hit.role in ("user", "assistant")
            assert hit.created_at is not None

    def test_words_phrases_prefixes_exclusions_or(self, s: Store) -> None:
        texts = [
            "red green blue",
            "green red",
            "redder",
            "blue",
            "red blue green",
            "don't panic",
            "foo/bar baz",
        ]
        session = s.open("a")
        stored = session.append(*(Message.user(text) for text in texts))
        places = {m.id: n for n, m in enumerate(stored)}
        for typed, expected in {
            "red": {0, 1, 4},
            "RED": {0, 1, 4},
            "red green": {0, 1, 4},
            '"red green"': {0},
            "red*": {0, 1, 2, 4},
            "red -blue": {1},
            "redder OR blue": {0, 2, 3, 4},
            'red -"green blue"': {1, 4},
            "don't": {5},
            "foo/bar": {6},
            "nothing": set(),
        }.items():
            for order in ("relevance", "newest"):
                found = {places[hit.message_id] for hit in s.search(typed, order=order)}
                assert found == expected, typed

    @pytest.mark.parametrize("typed", _TYPED, ids=lambda typed: ascii(typed)[:20])
    def test_anything_may_be_typed(self, s: Store, typed: str) -> None:
        s.open("a").append(Message.user("a b c x"), Message.user(typed))
        for options in ({}, {"order": "newest"}, {"role": "user"}):
            s.search(typed, **options)  # type: ignore[arg-type]  # no exception is the point

    @pytest.mark.parametrize("typed", ["", " ", "\t\n", '""', "-", "-x"])
    def test_a_query_that_asks_for_nothing_finds_nothing(self, s: Store, typed: str) -> None:
        s.open("a").append(Message.user("a b c"))
        page = s.search(typed)
        assert (list(page), page.next) == ([], None)

    def test_case_accents_and_scripts(self, s: Store) -> None:
        texts = [
            "Crème Brûlée",
            "STRASSE",
            "今天天气很好",
            "日本語のテキスト",
            "한국어 텍스트",
            "Привет Мир",
            "naïve 😀 smile",
        ]
        s.open("a").append(*(Message.user(text) for text in texts))
        for typed, expected in {
            "creme": texts[0],
            "BRÛLÉE": texts[0],
            "strasse": texts[1],
            "天气": texts[2],
            "本語": texts[3],
            "한국어": texts[4],
            "привет": texts[5],
            "naive": texts[6],
            "smile": texts[6],
        }.items():
            hits = list(s.search(typed))
            assert len(hits) == 1, typed
            assert hits[0].snippet.replace("**", "") == expected

    def test_a_hit_is_found_at_once(self, s: Store) -> None:
        session = s.open("a")
        for n in range(40):
            session.append(Message.user(f"common needle{n}"))
            assert len(s.search(f"needle{n}")) == 1
        assert len(_all(s, "common", limit=7)) == 40

    def test_filters_narrow_a_search(self, s: Store, clock: Clock) -> None:
        s.open("a", name="Alpha", tags=["t"], provider="p", metadata={"k": 1}, pinned=True)
        s.open("b", model="m")
        for name in "ab":
            s.get(name).append(
                Message.user("needle"), Message.assistant("needle"), Message.tool("c", "needle")
            )
        filters: dict[str, list[dict[str, Any]]] = {
            "a": [
                {"tags": ["t"]},
                {"text": "alp"},
                {"provider": "p"},
                {"metadata": {"k": 1}},
                {"pinned": True},
            ],
            "b": [{"model": "m"}, {"session": "b"}, {"pinned": False}],
        }
        for name, options in filters.items():
            for option in options:
                assert {hit.session.id for hit in s.search("needle", **option)} == {name}, option
        assert {hit.role for hit in s.search("needle", role="user")} == {"user"}
        assert {hit.role for hit in s.search("needle", role=["user", "tool"])} == {"user", "tool"}
        assert len(s.search("needle", kinds=["text"])) == 4
        assert len(s.search("needle", kinds=["tool"])) == 2
        middle = clock.time
        clock.advance(86_400)
        s.get("a").append(Message.user("needle tomorrow"))
        from ...records import to_datetime

        day = to_datetime(middle).date()
        assert len(s.search("needle", until=day)) == 6
        assert len(s.search("needle", since=to_datetime(middle))) == 1

    def test_kinds_of_part(self, s: Store) -> None:
        s.open("a").append(
            Message.assistant(
                [TextPart("alpha"), ReasoningPart("beta"), ToolCallPart("gamma", {"k": ["delta"]})]
            ),
            Message.tool("c1", {"out": "epsilon"}),
            Message.user(OtherPart("x", {"y": "zeta"})),
        )
        kinds = {"alpha": "text", "beta": "reasoning"}
        kinds |= dict.fromkeys(("gamma", "delta", "epsilon", "zeta"), "tool")
        for typed, kind in kinds.items():
            assert len(s.search(typed)) == 1, typed
            assert len(s.search(typed, kinds=[kind])) == 1, typed
            others = [other for other in ("text", "reasoning", "tool") if other != kind]
            assert len(s.search(typed, kinds=others)) == 0, typed

    def test_order_and_pages(self, s: Store) -> None:
        for name in "abc":
            s.open(name).append(*(Message.user("needle " * (1 + n % 3) + "hay " * n) for n in range(10)))
        for order in ("relevance", "newest"):
            whole = list(s.search("needle", order=order, limit=100))
            keys = [hit.score if order == "relevance" else hit.created_at for hit in whole]
            assert keys == sorted(keys, reverse=True)  # type: ignore[type-var]  # all numbers or all times
            assert len(whole) == 30
            for size in (1, 7, 30):
                assert _all(s, "needle", order=order, limit=size) == whole

    def test_odd_options_are_refused(self, s: Store) -> None:
        odd: list[dict[str, Any]] = [
            *({"role": "robot"}, {"kinds": ["nonsense"]}, {"order": "best"}, {"limit": 0}, {"cursor": "x"}),
            *({"nonsense": 1}, {"since": "yesterday"}, {"session": "\x00"}),
        ]
        for options in odd:
            with pytest.raises(InvalidError):
                s.search("x", **options)
        with pytest.raises(InvalidError):
            s.search(5)  # type: ignore[arg-type]  # wrong on purpose

    def test_what_is_hidden_or_gone_is_not_found(self, s: Store) -> None:
        for name in ("kept", "trashed", "deleted"):
            s.open(name).append(Message.user("needle"))
        s.trash("trashed")
        s.delete("deleted")
        assert [hit.session.id for hit in s.search("needle")] == ["kept"]
        s.restore("trashed")
        assert {hit.session.id for hit in s.search("needle")} == {"kept", "trashed"}

    def test_reindex_finds_everything_again(self, s: Store) -> None:
        for name in "abc":
            s.open(name).append(*(Message.user(f"needle {name}{n}") for n in range(50)))
        s.open("a", name="x").append(Message.user([TextPart("both"), ReasoningPart("kinds")]))
        s.trash("c")
        before = _all(s, "needle", order="newest", limit=40)
        counts = s.reindex()
        assert (counts["sessions"], counts["messages"]) == (3, 151)
        assert _all(s, "needle", order="newest", limit=40) == before
        assert len(s.search("kinds", kinds=["reasoning"])) == 1
        s.restore("c")
        assert len(s.search("c49")) == 1
