"""When the one commit of many queued operations fails, all of them fail and nothing of them is stored."""

from __future__ import annotations

import asyncio
import threading

import apsw
import pytest

from recollect import AsyncStore, FullError, Store, StoreError, UnknownOutcomeError
from recollect.backends.sql.sqlite import SqliteBackend

from .disks import Disk
from .talk import told, turn

# What a failing disk raises inside SQLite's callbacks is shown once more by apsw's own hook.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
SESSIONS = 12


class Gate:
    """A disk whose next sync waits while operations queue up, and whose commit after that fails."""

    def __init__(self, kind, error):
        self.kind, self.error = kind, error
        self.armed = self.failing = False
        self.reached, self.opened = threading.Event(), threading.Event()

    def __call__(self, step, file, data, offset):
        if threading.current_thread().name != "recollect-write" or not self.armed:
            return
        if self.failing and step == self.kind:
            raise self.error("injected into a group's commit")
        if step == "sync" and not self.failing:
            self.reached.set()
            assert self.opened.wait(30)
            self.failing = True


@pytest.mark.parametrize(
    ("kind", "error", "expected"),
    [
        ("sync", apsw.IOError, UnknownOutcomeError),
        ("write", apsw.IOError, UnknownOutcomeError),
        ("write", apsw.FullError, FullError),
    ],
)
def test_a_group_whose_commit_fails(tmp_path, kind, error, expected):
    gate = Gate(kind, error)
    disk = Disk(gate)
    path = tmp_path / "a.db"

    async def program():
        store = AsyncStore(SqliteBackend(path, vfs=disk.name))
        sessions = [await store.open(f"s{n}") for n in range(SESSIONS)]
        first = await store.open("first")
        for session in sessions:
            await session.append(*turn(session.id, 0))
        gate.armed = True
        alone = asyncio.create_task(first.append(*turn("first", 0)))
        await asyncio.to_thread(gate.reached.wait, 30)
        group = [asyncio.create_task(session.append(*turn(session.id, 1))) for session in sessions]
        group.append(asyncio.create_task(store.create("new")))
        await asyncio.sleep(0.05)
        gate.opened.set()
        await alone
        results = await asyncio.gather(*group, return_exceptions=True)
        gate.armed = False
        assert {type(result) for result in results} == {expected}
        assert all(isinstance(result, StoreError) for result in results)
        assert not await store.exists("new")
        for session in sessions:
            assert session.version == 3
            assert told(await session.messages()) == {session.id: 1}
        await asyncio.gather(*[session.append(*turn(session.id, 1)) for session in sessions])
        assert {session.version for session in sessions} == {5}
        await store.close()

    asyncio.run(program())
    with Store(f"sqlite:///{path}") as store:
        assert store.verify().clean
        assert told(store.get("first").messages()) == {"first": 1}
        for n in range(SESSIONS):
            assert told(store.get(f"s{n}").messages()) == {f"s{n}": 2}
