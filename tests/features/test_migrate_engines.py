"""Moves between engines with moods, and engines that live on event loops."""

import asyncio
import random
import time

import pytest

from recollect import AsyncStore, Message, Store, amigrate, migrate
from recollect.testing.clock import Clock

from .moody_engines import Looping, Moody
from .moving_stores import fill, grow, picture_of, versions


@pytest.fixture
def src():
    with Store("memory:") as store:
        yield store


def test_what_the_destination_refuses_costs_its_own_session_only(src):
    for number in range(5):
        src.create(f"s{number}").append(Message.user("x" * (100 if number != 2 else 100_000)))
    with Store(Moody(largest=50_000)) as dst:
        result = migrate(src, dst, verify=True)
        assert [finding.place for finding in result.damaged] == ["session 's2'"]
        assert (result.created, result.records, result.verified.sessions) == (4, 8, 4)
        assert sorted(info.id for info in dst.sessions()) == ["s0", "s1", "s3", "s4"]
        assert not result.complete


def test_commits_of_unknown_outcome_are_stored_once(src):
    for number in range(8):
        grow(src, f"s{number}", number)
    for seed in range(10):
        with Store(Moody(chance=random.Random(seed)), clock=Clock(time.time_ns() // 1000)) as dst:
            result = migrate(src, dst, verify=True)
            assert result.complete
            assert picture_of(dst) == picture_of(src)
            assert result.records == sum(versions(src))


def test_a_destination_written_to_meanwhile_is_looked_at_again(src, tmp_path):
    """Somebody else's first commit comes in between: that is another history."""
    src.create("s").append(Message.user("theirs"))
    engine = Moody()
    with Store(engine) as dst:
        engine.before = lambda: dst.create("s").append(Message.user("ours"))
        (conflict,) = migrate(src, dst).conflicts
        assert (conflict.session, conflict.record) == ("s", 1)
        assert [message.text for message in dst.get("s").messages()] == ["ours"]
        src.create("t").append(Message.user("theirs"))
        engine.before = lambda: dst.create("t").append(Message.user("ours"))
        src.backup(tmp_path / "x", sessions=["t"])
        (conflict,) = dst.restore_backup(tmp_path / "x").conflicts
        assert conflict.session == "t"


def test_a_destination_that_never_rests_is_not_called_complete(src):
    src.create("s").append(Message.user("theirs"))
    with Store(Moody(hurried=True)) as dst:
        result = migrate(src, dst)
        assert not result.complete
        assert (result.passes, result.created) == (5, 0)
        assert [finding.place for finding in result.damaged] == ["session 's'"]


def test_engines_that_live_on_loops(src, tmp_path):
    fill(src, 9)
    before = picture_of(src)
    with Store(Looping()) as one, Store(Looping()) as two:
        assert migrate(src, one, verify=True).complete
        assert migrate(one, two, verify=True).complete
        assert picture_of(two) == before
        two.get("session").erase("q0")
        assert migrate(two, src, verify=True).updated == 1
        one.backup(tmp_path / "x")
        assert two.restore_backup(tmp_path / "x").ahead == 1

    async def work():
        async with AsyncStore(Looping()) as one, AsyncStore(Looping()) as two:
            assert (await amigrate(src, one, verify=True)).complete
            assert (await amigrate(one, two, verify=True)).complete
            with Store("memory:") as third:
                return (await amigrate(two, third)).created

    assert asyncio.run(work()) == len(before)
