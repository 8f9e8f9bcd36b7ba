"""Writers killed at random moments: nothing acknowledged is lost, nothing is torn."""

from __future__ import annotations

import random

from recollect import Store

from .conftest import rounds
from .talk import told, word

PER_SESSION = 5


def test_a_killed_writer_loses_nothing_acknowledged(url, nursery):
    chance = random.Random(url[:6])
    total = 0
    before: dict[str, int] = {}
    for number in range(rounds(20, 200)):
        session_id, writer = f"s{number // PER_SESSION}", f"w{number}"
        if number % PER_SESSION == 0:
            before = {}
        order = {"do": "append", "url": url, "session": session_id, "writer": writer}
        said = nursery.killed(order, chance.random() * 0.05, wait_for=number % 4)
        assert [words["done"] for words in said] == list(range(len(said)))
        total += len(said)
        with Store(url) as store:
            before = _checked(store, session_id, before, writer, len(said))
    with Store(url) as store:
        report = store.verify()
        assert report.clean, report.findings
        assert report.messages >= 2 * total
    assert total > 50


def _checked(store, session_id, before, writer, acknowledged):
    """The turns of each writer; the killed one may have one more than it said, whole."""
    if not store.exists(session_id):
        assert not acknowledged
        return before
    report = store.verify(session_id)
    assert report.clean, report.findings
    turns = told(store.get(session_id).messages())
    mine = turns.get(writer, 0)
    assert mine in (acknowledged, acknowledged + 1)
    assert {name: count for name, count in turns.items() if name != writer} == before
    for number in range(max(0, mine - 3), mine):
        assert [hit.message_id for hit in store.search(word(writer, number))] == [f"{writer}:{number}:q"]
    return turns
