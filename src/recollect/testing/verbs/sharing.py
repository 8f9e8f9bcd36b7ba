"""Handles beside other writers: expect=, rebasing, threads, tasks, lost replies."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from ...errors import AccessError, ConflictError, NotFoundError, UnavailableError
from ...model import Message
from ..base import MakeBackend
from ..driving import Loop
from ..faults import Fault, FaultyBackend
from .base import Awaited, OpenStore, Session, Store, VerbTests, said

__all__ = ["SharingVerbs"]

_WRITES: dict[str, Callable[[Session, int | None], Any]] = {
    "append": lambda s, expect: s.append(Message.user("guarded"), expect=expect),
    "update": lambda s, expect: s.update(name="guarded", expect=expect),
    "tag": lambda s, expect: s.tag("guarded", expect=expect),
    "untag": lambda s, expect: s.untag("t", expect=expect),
    "touch": lambda s, expect: s.touch(expect=expect),
    "clear": lambda s, expect: s.clear(expect=expect),
}


class SharingVerbs(VerbTests):
    """Several writers on one session."""

    def test_handles_follow_each_other(self, store: Store) -> None:
        one, two = store.open("a"), store.open("a")
        for n in range(5):
            one.append(Message.user(f"one{n}"))
            two.append(Message.user(f"two{n}"))
        expected = [text for n in range(5) for text in (f"one{n}", f"two{n}")]
        assert said(one) == said(two) == expected
        messages = one.messages()
        assert [m.parent_id for m in messages[1:]] == [m.id for m in messages[:-1]]
        two.update(name="n")
        one.tag("t")
        assert (one.refresh().name, two.refresh().tags) == ("n", ("t",))
        two.clear()
        one.append(Message.user("after"))
        assert said(two) == ["after"]

    @pytest.mark.parametrize("verb", sorted(_WRITES))
    def test_expect_guards_every_write(self, store: Store, verb: str) -> None:
        session = store.open("a", tags=["t"])
        session.append(Message.user("x"))
        _WRITES[verb](session, session.version)
        current = store.get("a")
        before = (current.refresh(), current.messages())
        for wrong in (before[0].version - 1, before[0].version + 1, 0):
            with pytest.raises(ConflictError):
                _WRITES[verb](store.get("a"), wrong)
        assert (store.get("a").refresh(), store.get("a").messages()) == before

    def test_expect_sees_other_writers(self, store: Store) -> None:
        one, two = store.open("a"), store.open("a")
        seen = one.version
        two.append(Message.user("faster"))
        with pytest.raises(ConflictError):
            one.append(Message.user("slower"), expect=seen)
        one.append(Message.user("now"), expect=one.refresh().version)
        assert said(two) == ["faster", "now"]

    def test_what_a_handle_knows_from_before_decides_nothing(self, store: Store) -> None:
        one, two = store.open("a"), store.open("a")
        one.tag("t")
        two.untag("t")
        assert one.tag("t").tags == store.get("a").info.tags == ("t",)
        two.tag("u")
        assert one.untag("u").tags == store.get("a").info.tags == ("t",)
        one.update(name="mine")
        two.update(name="theirs")
        assert one.update(name="mine").name == store.get("a").info.name == "mine"
        two.append(Message.user("x"))
        one.clear()
        assert said(store.get("a")) == []

    def test_a_handle_of_a_session_made_anew(self, store: Store) -> None:
        old = store.open("a")
        old.append(Message.user("old"))
        store.delete("a")
        fresh = store.create("a", name="fresh")
        fresh.append(Message.user("new"))
        assert old.refresh().name == "fresh"
        old.append(Message.user("more"))
        assert said(fresh) == said(old) == ["new", "more"]

    def test_a_handle_of_a_deleted_session_never_brings_it_back(self, store: Store) -> None:
        session = store.open("a")
        store.delete("a")
        for verb in _WRITES:
            with pytest.raises(NotFoundError):
                _WRITES[verb](session, None)
        assert store.exists("a") is False

    def test_two_stores_on_the_same_data(self, store: Store, open_store: OpenStore) -> None:
        if not store.capabilities.shared:
            pytest.skip("this engine declares shared=False")
        other = open_store()
        one, two = store.open("a"), other.open("a")
        for n in range(3):
            one.append(Message.user(f"one{n}"))
            two.append(Message.user(f"two{n}"))
        assert said(one) == said(two) == ["one0", "two0", "one1", "two1", "one2", "two2"]
        assert len(other.sessions()) == 1

    def test_data_survives_a_new_store(self, store: Store, open_store: OpenStore) -> None:
        if not store.capabilities.durable:
            pytest.skip("this engine declares durable=False")
        session = store.open("a", name="n", tags=["t"], metadata={"k": [1, "\ud800"]})
        session.append(Message.user("one \x00 \udfff"), Message.assistant("two"))
        before = (session.refresh(), session.messages())
        store.close()
        again = open_store().get("a")
        assert (again.info, again.messages()) == before

    def test_writers_at_once_lose_nothing(self, store: Store, loop: Loop | None) -> None:
        writers, each = 4, 15
        store.open("a")
        if loop is None:
            _threads(writers, lambda n: _write(store.open("a"), n, each))
        else:
            assert isinstance(store, Awaited)
            loop.run(_tasks(store._target, writers, each))
        texts = said(store.get("a"))
        assert len(texts) == writers * each
        for n in range(writers):
            assert [t for t in texts if t.startswith(f"{n}:")] == [f"{n}:{i}" for i in range(each)]
        messages = store.get("a").messages()
        assert [m.parent_id for m in messages[1:]] == [m.id for m in messages[:-1]]

    def test_a_lost_reply_stores_nothing_twice(
        self, make_backend: MakeBackend, open_store: OpenStore
    ) -> None:
        plans: list[list[Fault]] = [
            ["lost_reply"],
            ["lost_commit"],
            ["lost_commit", "lost_reply"],
            ["lost_reply"] * 3,
        ]
        backend = FaultyBackend(make_backend())
        store = open_store(backend)
        session = store.open("a")
        for n, plan in enumerate(plans):
            backend.plan = list(plan)
            session.append(Message.user(f"made {n}"), Message.user(f"supplied {n}", id=f"m{n}"))
            session.update(name=f"n{n}")
        expected = [text for n in range(len(plans)) for text in (f"made {n}", f"supplied {n}")]
        assert said(store.get("a")) == expected
        assert store.get("a").info.name == f"n{len(plans) - 1}"
        assert store.verify().clean

    def test_a_failure_before_the_write_changes_nothing(
        self, make_backend: MakeBackend, open_store: OpenStore
    ) -> None:
        backend = FaultyBackend(make_backend())
        store = open_store(backend)
        session = store.open("a")
        session.append(Message.user("one"))
        backend.plan = ["error"]
        with pytest.raises(UnavailableError):
            session.append(Message.user("two"))
        session.append(Message.user("three"))
        assert said(session) == ["one", "three"]

    def test_readonly_refuses_every_write(self, store: Store, open_store: OpenStore) -> None:
        session = store.open("a", tags=["t"])
        session.append(Message.user("needle"))
        store.create("binned")
        store.trash("binned")
        if store.capabilities.durable:
            store.close()
        reader = open_store(readonly=True)
        read = reader.open("a")
        assert said(read) == ["needle"]
        assert [info.id for info in reader.sessions()] == ["a"]
        writes: list[Callable[[], Any]] = [
            lambda: reader.open("new"),
            lambda: reader.create("new"),
            lambda: reader.delete("a"),
            lambda: reader.trash("a"),
            lambda: reader.restore("binned"),
            lambda: reader.save("a", []),
            *(lambda verb=verb: _WRITES[verb](read, None) for verb in _WRITES),
        ]
        for write in writes:
            with pytest.raises(AccessError):
                write()
        assert said(reader.get("a")) == ["needle"]


def _write(session: Session, writer: int, count: int) -> None:
    for i in range(count):
        session.append(Message.user(f"{writer}:{i}"))


def _threads(count: int, work: Callable[[int], None]) -> None:
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001  # judged below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


async def _tasks(store: Any, writers: int, each: int) -> None:
    async def work(writer: int) -> None:
        session = await store.open("a")
        for i in range(each):
            await session.append(Message.user(f"{writer}:{i}"))

    await asyncio.gather(*(work(writer) for writer in range(writers)))
