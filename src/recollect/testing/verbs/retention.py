"""cleanup, purge, expire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ...core.retention import RetentionPolicy
from ...errors import ConflictError, InvalidError, NotFoundError
from ...model import BlobPart, Message, SessionQuery
from ...records import to_datetime
from ..clock import Clock
from .base import CheckedVerbTests, Store, grown, said

__all__ = ["CleanupVerbs", "ExpiryVerbs"]

_DAY = 86_400


def _one_a_day(store: Store, clock: Clock, count: int) -> None:
    """Sessions s0, s1 …, the last one written to a moment ago."""
    for n in range(count):
        if n:
            clock.advance(_DAY)
        store.create(f"s{n}").append(Message.user("x" * 1000))


def _left(store: Store) -> list[str]:
    return sorted(info.id for info in store.sessions(limit=1000))


class CleanupVerbs(CheckedVerbTests):
    """Letting go by age, number and size; and the trash."""

    def test_nothing_goes_by_default(self, store: Store, clock: Clock) -> None:
        _one_a_day(store, clock, 5)
        clock.advance(10_000 * _DAY)
        nothing: list[dict[str, Any]] = [
            {},
            {"max_sessions": 0, "max_age": timedelta(0), "max_total_bytes": 0},
            {"max_sessions": None, "max_age": None, "max_total_bytes": None},
            {"max_sessions": 5, "max_total_bytes": 1 << 40, "max_age": timedelta(days=100_000)},
        ]
        for limits in nothing:
            result = store.cleanup(RetentionPolicy(**limits), dry_run=False, purge=True)
            assert (result.sessions_deleted, result.sessions, result.bytes_freed) == (0, [], 0)
        assert store.purge() == []
        assert len(_left(store)) == 5

    def test_a_dry_run_says_what_would_go(self, store: Store, clock: Clock) -> None:
        _one_a_day(store, clock, 5)
        result = store.cleanup(RetentionPolicy(max_sessions=3))
        assert (result.sessions, result.dry_run) == (["s0", "s1"], True)
        assert (result.sessions_deleted, result.by_limit, result.by_age, result.by_size) == (2, 2, 0, 0)
        assert len(_left(store)) == 5
        assert len(store.trashed()) == 0
        real = store.cleanup(RetentionPolicy(max_sessions=3), dry_run=False)
        assert (real.sessions, real.dry_run, real.bytes_freed) == (["s0", "s1"], False, 0)
        assert _left(store) == ["s2", "s3", "s4"]
        assert sorted(i.id for i in store.trashed()) == ["s0", "s1"]
        assert set(real.to_dict()) == set(real.__struct_fields__)

    def test_by_age(self, store: Store, clock: Clock) -> None:
        _one_a_day(store, clock, 5)
        result = store.cleanup(RetentionPolicy(max_age=timedelta(days=2.5)), dry_run=False)
        assert (result.sessions, result.by_age) == (["s0", "s1"], 2)
        store.get("s2").touch()
        clock.advance(_DAY)
        assert store.cleanup(RetentionPolicy(max_age=timedelta(days=1.5))).sessions == ["s3"]

    def test_age_first_then_number_then_size(self, store: Store, clock: Clock) -> None:
        _one_a_day(store, clock, 8)
        policy = RetentionPolicy(max_age=timedelta(days=5.5), max_sessions=4, max_total_bytes=3500)
        result = store.cleanup(policy, dry_run=False)
        assert (result.by_age, result.by_limit) == (2, 2)
        assert result.by_size >= 1
        assert result.sessions == [f"s{n}" for n in range(result.sessions_deleted)]
        assert result.sessions_deleted == result.by_age + result.by_limit + result.by_size
        assert _left(store)[-1] == "s7"
        assert store.cleanup(policy).sessions == []

    def test_the_oldest_written_to_goes_first(self, store: Store, clock: Clock) -> None:
        _one_a_day(store, clock, 4)
        store.get("s0").append(Message.user("again"))
        assert store.cleanup(RetentionPolicy(max_sessions=2)).sessions == ["s1", "s2"]

    def test_what_is_kept(self, store: Store, clock: Clock) -> None:
        _one_a_day(store, clock, 6)
        store.get("s0").update(pinned=True)
        store.get("s1").tag("keep", "x")
        for name in ("s2", "s3", "s4", "s5"):
            store.get(name).touch()
        clock.advance(_DAY)
        policy = RetentionPolicy(max_age=timedelta(hours=1), keep_tags=("keep", "other"))
        assert store.cleanup(policy).sessions == ["s2", "s3", "s4", "s5"]
        bold = RetentionPolicy(max_age=timedelta(hours=1), keep_pinned=False)
        assert sorted(store.cleanup(bold).sessions) == [f"s{n}" for n in range(6)]
        few = RetentionPolicy(max_sessions=3, keep_tags=("keep",))
        assert store.cleanup(few).sessions == ["s2", "s3", "s4"]

    def test_only_what_matches_is_looked_at(self, store: Store, clock: Clock) -> None:
        _one_a_day(store, clock, 6)
        for n in (1, 3, 5):
            store.get(f"s{n}").tag("odd")
        policy = RetentionPolicy(max_sessions=1, match=SessionQuery(tags=("odd",)))
        assert store.cleanup(policy, dry_run=False).sessions == ["s1", "s3"]
        assert _left(store) == ["s0", "s2", "s4", "s5"]

    def test_purge_frees_bytes(self, store: Store, clock: Clock) -> None:
        _one_a_day(store, clock, 3)
        result = store.cleanup(RetentionPolicy(max_sessions=1), dry_run=False, purge=True)
        assert result.sessions == ["s0", "s1"]
        assert result.bytes_freed > 2000
        assert len(store.trashed()) == 0
        assert (store.stats().sessions, store.stats().trashed) == (1, 0)
        with pytest.raises(NotFoundError):
            store.restore("s0")

    def test_large_contents_count(self, store: Store, clock: Clock) -> None:
        store.create("large").append(Message.user(BlobPart(b"\x01" * 200_000)))
        clock.advance(1)
        store.create("small").append(Message.user("x"))
        policy = RetentionPolicy(max_total_bytes=100_000)
        assert store.cleanup(policy).sessions == ["large"]
        assert store.cleanup(policy, dry_run=False, purge=True).bytes_freed > 200_000
        assert store.stats().blobs == 0

    def test_the_trash_is_not_live(self, store: Store, clock: Clock) -> None:
        _one_a_day(store, clock, 4)
        store.trash("s3")
        assert store.cleanup(RetentionPolicy(max_sessions=3)).sessions == []
        other = store.namespace("other")
        other.create("x")
        assert other.cleanup(RetentionPolicy(max_sessions=3)).sessions == []

    def test_odd_policies_are_refused(self, store: Store) -> None:
        wrong: list[dict[str, Any]] = [
            *({"max_sessions": -1}, {"max_sessions": True}, {"max_sessions": "5"}),
            *({"max_total_bytes": -1}, {"max_total_bytes": 1.5}),
            *({"max_age": timedelta(-1)}, {"max_age": 90}),
        ]
        for limits in wrong:
            with pytest.raises(InvalidError):
                store.cleanup(RetentionPolicy(**limits))

    def test_the_trash_empties_after_a_while(self, store: Store, clock: Clock) -> None:
        for name in ("a", "b"):
            grown(store.create(name), "one")
        store.trash("a")
        clock.advance(20 * _DAY)
        store.trash("b")
        assert store.purge() == []
        clock.advance(11 * _DAY)
        assert store.purge(trash_days=0) == []
        assert store.purge() == ["a"]
        assert [i.id for i in store.trashed()] == ["b"]
        clock.advance(1000 * _DAY)
        assert store.purge(trash_days=0) == []
        assert store.purge(trash_days=2000) == []
        assert said(store.restore("b")) == ["one"]

    def test_many_go_at_once(self, store: Store, clock: Clock) -> None:
        for n in range(60):
            store.create(f"s{n:02}", pinned=n % 10 == 0)
            clock.advance(1)
        result = store.cleanup(RetentionPolicy(max_sessions=10), dry_run=False)
        assert result.sessions_deleted == 50
        assert _left(store) == sorted([f"s{n:02}" for n in (0, 10, 20, 30, 40, 50, 56, 57, 58, 59)])


class ExpiryVerbs(CheckedVerbTests):
    """Sessions that end at a moment."""

    def test_after_a_while(self, store: Store, clock: Clock) -> None:
        session = store.create("a", tags=["t"])
        grown(session, "needle")
        info = session.expire(after=timedelta(minutes=1))
        assert info.expires_at == info.updated_at + timedelta(minutes=1)
        clock.advance(30)
        assert said(session) == ["needle"]
        session.append(Message.user("not put off"))
        clock.advance(31)
        self._is_gone(store, session)

    def test_at_a_moment_to_the_microsecond(self, store: Store, clock: Clock) -> None:
        clock.step = 0
        session = store.create("a")
        grown(session, "needle")
        moment = to_datetime(clock.time + 60_000_000)
        assert session.expire(at=moment).expires_at == moment
        clock.time += 59_999_999
        assert store.exists("a")
        assert len(store.sessions()) == 1
        assert len(store.search("needle")) == 1
        clock.time += 1
        self._is_gone(store, session)

    def test_never(self, store: Store, clock: Clock) -> None:
        session = store.create("a")
        session.expire(after=timedelta(minutes=1))
        assert session.expire().expires_at is None
        clock.advance(1000)
        assert store.exists("a")
        version = session.version
        session.expire()
        assert session.refresh().version == version

    def test_in_another_time_zone(self, store: Store) -> None:
        from datetime import timezone

        session = store.create("a")
        moment = datetime(2099, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
        assert session.expire(at=moment).expires_at == datetime(2099, 1, 1, tzinfo=UTC)

    def test_sliding_is_put_off_by_writes(self, store: Store, clock: Clock) -> None:
        session, other = store.create("a"), store.create("b")
        (first,) = grown(session, "one")
        grown(other, "two")
        session.expire(after=timedelta(minutes=1), sliding=True)
        for write in (
            lambda: session.append(Message.user("x")),
            lambda: session.update(name="n"),
            lambda: session.branch("idea"),
            lambda: session.checkout("idea"),
            lambda: session.append(Message.user("y"), branch="main"),
            lambda: session.label(first.id, "good"),
            lambda: session.edit(first.id, "uno"),
            lambda: session.pop(),
            lambda: session.undo(),
            lambda: session.restore(3),
            lambda: session.merge(other),
            lambda: session.erase(first.id),
            lambda: session.touch(),
        ):
            clock.advance(40)
            write()
            info = session.refresh()
            assert info.expires_at == info.updated_at + timedelta(minutes=1)
        session.messages()
        clock.advance(40)
        session.messages()  # reading puts nothing off
        store.delete("b")
        clock.advance(21)
        self._is_gone(store, session)

    def test_sliding_ends(self, store: Store, clock: Clock) -> None:
        session = store.create("a")
        session.expire(after=timedelta(minutes=1), sliding=True)
        moment = session.expire(after=timedelta(minutes=2)).expires_at
        clock.advance(10)
        assert session.touch().expires_at == moment
        session.expire(after=timedelta(minutes=1), sliding=True)
        session.expire()
        assert session.touch().expires_at is None

    def test_undo_of_an_expiry(self, store: Store, clock: Clock) -> None:
        session = store.create("a")
        session.expire(after=timedelta(minutes=1))
        assert session.undo().expires_at is None
        session.expire(after=timedelta(minutes=1), sliding=True)
        session.expire()
        session.undo()
        clock.advance(30)
        info = session.touch()
        assert info.expires_at == info.updated_at + timedelta(minutes=1)

    def test_the_past_has_its_own_expiry(self, store: Store, clock: Clock) -> None:
        session = store.create("a")
        grown(session, "one")
        session.expire(after=timedelta(days=1), sliding=True)
        infos = [session.info]
        for n in range(3):
            clock.advance(60)
            session.append(Message.user(f"m{n}"))
            infos.append(session.info)
        assert [store.get("a", at=info.version).info for info in infos] == infos

    def test_purged_later_and_whole(self, store: Store, clock: Clock) -> None:
        session = store.create("a")
        session.append(Message.user("needle"), Message.user(BlobPart(b"\x01" * 100_000)))
        store.create("b").append(Message.user("needle"))
        session.expire(after=timedelta(minutes=1))
        assert store.purge(trash_days=0) == []
        clock.advance(61)
        assert store.purge(trash_days=0) == ["a"]
        figures = store.stats()
        assert (figures.sessions, figures.messages, figures.blobs) == (1, 1, 0)
        assert [h.session.id for h in store.search("needle")] == ["b"]
        assert store.create("a").version == 1
        assert store.purge() == []

    def test_expired_in_the_trash(self, store: Store, clock: Clock) -> None:
        session = store.create("a")
        grown(session, "one")
        session.expire(after=timedelta(minutes=1))
        store.trash("a")
        clock.advance(61)
        assert store.purge(trash_days=0) == ["a"]
        assert store.create("a").version == 1

    def test_the_name_is_free_again(self, store: Store, clock: Clock) -> None:
        session = store.create("a")
        grown(session, "one")
        session.expire(after=timedelta(minutes=1))
        clock.advance(61)
        again = store.create("a")
        assert (again.messages(), again.info.expires_at) == ([], None)
        assert store.purge() == []

    def test_odd_expiries_are_refused(self, store: Store) -> None:
        session = store.create("a")
        wrong: list[dict[str, Any]] = [
            {"after": timedelta(1), "at": datetime(2099, 1, 1, tzinfo=UTC)},
            {"at": datetime(2099, 1, 1)},  # naive on purpose
            {"sliding": True},
            {"at": datetime(2099, 1, 1, tzinfo=UTC), "sliding": True},
            {"after": 60},
            {"at": "2099-01-01"},
            {"after": timedelta(days=999_999_999)},
            {"after": timedelta(seconds=-1), "sliding": True},
        ]
        for options in wrong:
            with pytest.raises(InvalidError):
                session.expire(**options)
        with pytest.raises(ConflictError):
            session.expire(after=timedelta(1), expect=99)
        assert session.refresh().version == 1

    def _is_gone(self, store: Store, session: Any) -> None:
        assert store.exists("a") is False
        assert len(store.sessions()) == len(store.trashed()) == 0
        assert len(store.search("needle")) == 0
        assert store.tags() == {}
        for call in (
            session.messages,
            session.refresh,
            session.history,
            session.branches,
            session.tree,
            session.undo,
            lambda: session.append(Message.user("x")),
            lambda: session.update(name="x"),
            lambda: session.fork("f"),
            lambda: session.expire(),
            lambda: store.get("a"),
            lambda: store.get("a", at=1),
            lambda: store.trash("a"),
            lambda: store.resolve("a"),
            lambda: store.export("a"),
        ):
            with pytest.raises(NotFoundError):
                call()
