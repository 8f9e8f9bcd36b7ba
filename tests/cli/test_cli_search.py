"""``recollect search``."""

from __future__ import annotations

import pytest


def found(run, *args):
    return [hit["message_id"] for hit in run("search", "--json", *args).json["hits"]]


@pytest.mark.parametrize(
    ("args", "ids"),
    [
        (["ownership"], {"m1"}),
        (["what"], {"m1", "g1"}),
        (["what", "-goroutine"], {"m1"}),
        (['"light thread"'], {"g2"}),
        (["light thread"], {"g2"}),
        (["gorout*"], {"g1"}),
        (["goroutine", "OR", "owner"], {"g1", "m2"}),
        (["what", "--role", "assistant"], set()),
        (["what", "--role", "assistant", "--role", "user"], {"m1", "g1"}),
        (["what", "--session", "go-n"], {"g1"}),
        (["what", "--tags", "work"], {"m1"}),
        (["what", "--pinned"], {"g1"}),
        (["borrow"], {"m4"}),
        (["borrow", "--kind", "text"], set()),
        (["borrow", "--kinds", "tool"], {"m4"}),
        (["what", "--since", "2027-01-01"], set()),
        (["don't", '"unclosed', "x:y"], set()),
        (["''"], set()),
    ],
)
def test_queries_and_filters(run, filled, args, ids):
    assert set(found(run, *args)) == ids


def test_paging(run, filled):
    first = run("search", "what", "--limit", "1", "--json", "--order", "newest").json
    second = run(
        "search", "what", "--limit", "1", "--json", "--order", "newest", "--cursor", first["next"]
    ).json
    assert {first["hits"][0]["message_id"], second["hits"][0]["message_id"]} == {"m1", "g1"}
    assert second["next"] is None


def test_lines_in_a_pipe(run, filled):
    ran = run("search", "ownership")
    assert ran.out == "rust-notes\t1\tuser\t2026-01-01T00:00:00Z\tWhat is **ownership**?\n"


def test_nothing_found_is_no_error(run, filled):
    ran = run("search", "zebra")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err


def test_a_mistyped_option_is_no_word(run, filled):
    ran = run("search", "what", "--rol", "user")
    assert ran.code == 2
    assert "--role" in ran.err


def test_a_message_is_found_the_moment_it_is_stored(run, filled):
    from recollect import Message

    filled.get("go-notes").append(Message.user("zebra crossing"))
    assert len(found(run, "zebra")) == 1


def test_reindex_reports(run, filled):
    counts = run("reindex", "--json").json
    assert counts["sessions"] == 3
    assert counts["messages"] == 7
    assert found(run, "ownership") == ["m1"]
    assert "7 messages of 3 sessions" in run("reindex").err


def test_stats(run, filled):
    figures = run("stats", "--json").json
    assert figures["engine"] == "sqlite"
    assert (figures["sessions"], figures["messages"], figures["records"]) == (3, 7, 10)
    assert figures["stored_bytes"] > 0
    assert "messages              7" in run("stats").out


@pytest.mark.parametrize(("waiting", "shown"), [(9_999, "9,999"), (10_000, "10,000 or more")])
def test_stats_tell_where_counting_ended(run, filled, monkeypatch, waiting, shown):
    from msgspec.structs import replace

    from recollect import Store

    stats = Store.stats
    monkeypatch.setattr(Store, "stats", lambda self: replace(stats(self), unindexed=waiting))
    (line,) = [line for line in run("stats").out.splitlines() if line.startswith("unindexed")]
    assert line.split(maxsplit=1)[1] == shown
    assert run("--json", "stats").json["unindexed"] == waiting
