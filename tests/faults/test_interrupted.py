"""Fork, merge, erase, undo and cleanup killed in the middle happened wholly or not at all."""

from __future__ import annotations

import random

import pytest

from recollect import Message, RetentionPolicy, Store

from .conftest import rounds
from .talk import told, turn, word


@pytest.fixture
def moments(url):
    """When to kill: how many acknowledgements to wait for, and for how long after that."""
    chance = random.Random(url[:6])
    return lambda: {"delay": chance.random() * 0.012, "wait_for": chance.randrange(4)}


def fill(session, writer, count):
    """Append turns one by one."""
    for number in range(count):
        session.append(*turn(writer, number))


def checked(store, session_id):
    """The session's messages, once all of it is verified."""
    report = store.verify(session_id)
    assert report.clean, report.findings
    return store.get(session_id).messages()


def one_more_at_most(done, said):
    """What is done is what was said, or one more that was not said any more."""
    acknowledged = sum("done" in words for words in said)
    assert done in (acknowledged, acknowledged + 1)


def test_fork(url, nursery, moments):
    with Store(url) as store:
        fill(store.create("base"), "w", 20)
        base = store.get("base").messages()
    for number in range(rounds(8, 100)):
        prefix = f"r{number}-"
        order = {"do": "fork_session", "url": url, "session": "base", "prefix": prefix}
        said = nursery.killed(order, **moments())
        with Store(url) as store:
            done = 0
            while store.exists(f"{prefix}{done}"):
                assert checked(store, f"{prefix}{done}") == base
                assert store.get(f"{prefix}{done}").info.forked_from.session_id == "base"
                done += 1
            one_more_at_most(done, said)
            for fork in range(done):
                store.delete(f"{prefix}{fork}")
            assert store.stats().sessions == 1


def test_merge(url, nursery, moments):
    picks = [[f"w:{number}:q", f"w:{number}:a"] for number in range(40)]
    with Store(url) as store:
        fill(store.create("source"), "w", len(picks))
    for number in range(rounds(8, 100)):
        with Store(url) as store:
            store.create(f"t{number}").append(Message.user("before"))
        order = {"do": "merge", "url": url, "session": f"t{number}", "source": "source", "picks": picks}
        said = nursery.killed(order, **moments())
        with Store(url) as store:
            messages = checked(store, f"t{number}")
            source = store.get("source").messages()
        done = (len(messages) - 1) // 2
        assert [m.parts for m in messages[1:]] == [m.parts for m in source[: 2 * done]]
        one_more_at_most(done, said)


def test_a_merge_that_rewrites_the_line(url, nursery, moments):
    for number in range(rounds(8, 100)):
        ids = [f"m{number}-{n}" for n in range(8)]
        with Store(url) as store:
            for session_id in ids:
                _two_branches(store.create(session_id))
        said = nursery.killed({"do": "rebase", "url": url, "sessions": ids}, **moments())
        with Store(url) as store:
            lines = ["".join(message.text for message in checked(store, id_)) for id_ in ids]
        done = lines.count("abxcy")
        assert lines == ["abxcy"] * done + ["abc"] * (len(ids) - done)
        one_more_at_most(done, said)


def _two_branches(session):
    """``abc`` on the active branch, ``axy`` on the other; by time ``abxcy``."""
    session.append(Message.user("a"))
    session.branch("other")
    session.append(Message.assistant("b"))
    session.append(Message.assistant("x"), branch="other")
    session.append(Message.user("c"))
    session.append(Message.user("y"), branch="other")


def test_erase(url, nursery, moments, tmp_path):
    for number in range(rounds(8, 100)):
        writer = f"w{number}"
        with Store(url) as store:
            store.create(writer).append(*[message for n in range(40) for message in turn(writer, n)])
        ids = [f"{writer}:{n}:q" for n in range(40)]
        order = {"do": "erase", "url": url, "session": writer, "ids": ids}
        said = nursery.killed(order, **moments())
        with Store(url) as store:
            messages = checked(store, writer)
            assert len(messages) == 80
            done = sum(not message.parts for message in messages)
            assert all(not message.parts for message in messages[: 2 * done : 2])
            rest = [part for message in messages[2 * done :] for part in message.parts]
            said_so = [part for n in range(done, 40) for message in turn(writer, n) for part in message.parts]
            assert [part.content for part in rest] == [part.content for part in said_so]
            assert [len(store.search(word(writer, n))) for n in range(40)] == [0] * done + [1] * (40 - done)
        one_more_at_most(done, said)
        content = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        assert [n for n in range(done) if word(writer, n).encode() in content] == []
        with Store(url) as store:
            store.delete(writer)  # what the next rounds look through stays small


def test_undo(url, nursery, moments):
    for number in range(rounds(8, 100)):
        writer = f"w{number}"
        with Store(url) as store:
            fill(store.create(writer), writer, 30)
        order = {"do": "undo", "url": url, "session": writer, "count": 29}
        said = nursery.killed(order, **moments())
        with Store(url) as store:
            left = told(checked(store, writer))[writer]
        one_more_at_most(30 - left, said)


def test_cleanup(url, nursery, moments, tmp_path):
    policy = RetentionPolicy(max_sessions=1)
    for number in range(rounds(8, 100)):
        namespace = f"n{number}"
        with Store(url, namespace=namespace) as store:
            for n in range(15):
                store.create(f"{namespace}-{n}").append(*turn(namespace, n), *turn("more", n))
        order = {"do": "cleanup", "url": url, "namespace": namespace}
        nursery.killed(order, moments()["delay"], wait_for=1)
        with Store(url, namespace=namespace) as store:
            report = store.verify()
            assert report.clean, report.findings
            left = [info.id for info in store.sessions()]
            assert left == [f"{namespace}-{n}" for n in range(14, 14 - len(left), -1)]
            assert left
            assert store.stats().messages == 4 * len(left)
            for session_id in left:
                assert len(store.get(session_id).messages()) == 4
            store.cleanup(policy, dry_run=False, purge=True)
            assert store.stats().sessions == 1
            assert store.stats().blobs == len({3, 10} & {14}) * 2
        content = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        assert [n for n in range(14) if word(namespace, n).encode() in content] == []
        with Store(url, namespace=namespace) as store:
            store.delete(f"{namespace}-14")  # what the next rounds look through stays small
