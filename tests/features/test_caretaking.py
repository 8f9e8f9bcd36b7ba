"""Retention on a timer: an AsyncStore cleans up by itself, only where it was told to."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from pathlib import Path

import pytest

from recollect import AsyncStore, InvalidError, Message, RetentionPolicy, Store
from recollect.testing.clock import Clock

AGED = RetentionPolicy(max_age=timedelta(days=90))


def _filled(path: Path, clock: Clock) -> str:
    url = f"sqlite:///{path}/chats.db"
    with Store(url, clock=clock) as store:
        store.create("old").append(Message.user("x"))
        store.create("kept", pinned=True)
        clock.advance(100 * 86400)
        store.create("new")
    return url


async def _until(store: AsyncStore, ids: set[str]) -> None:
    for _ in range(500):
        if {info.id for info in await store.sessions()} == ids:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"the sessions never became {ids}")


def test_old_sessions_go_to_the_trash_and_later_for_good(tmp_path: Path) -> None:
    clock = Clock()
    url = _filled(tmp_path, clock)

    async def program() -> None:
        async with AsyncStore(
            url, clock=clock, retention=AGED, cleanup_every=timedelta(milliseconds=20)
        ) as store:
            await _until(store, {"kept", "new"})
            assert [info.id for info in await store.trashed()] == ["old"]
            clock.advance(31 * 86400)
            for _ in range(500):
                if not (await store.trashed()).items:
                    break
                await asyncio.sleep(0.01)
            assert not (await store.trashed()).items
            assert (await store.verify()).clean

    asyncio.run(program())


def test_without_a_policy_nothing_ever_goes(tmp_path: Path) -> None:
    clock = Clock()
    url = _filled(tmp_path, clock)

    async def program() -> None:
        async with AsyncStore(url, clock=clock) as store:
            await asyncio.sleep(0.05)
            assert {info.id for info in await store.sessions()} == {"old", "kept", "new"}

    asyncio.run(program())


def test_the_configuration_file_turns_it_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    url = _filled(tmp_path, clock)
    (tmp_path / "recollect.toml").write_text(
        f'store = "{url}"\n[retention]\nmax_age = "90d"\nauto = true\n', encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)

    async def program() -> None:
        async with AsyncStore(clock=clock) as store:
            await _until(store, {"kept", "new"})

    asyncio.run(program())


def test_a_failure_is_logged_and_the_store_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    url = _filled(tmp_path, clock)

    async def program() -> None:
        store = AsyncStore(url, clock=clock, retention=AGED, cleanup_every=timedelta(milliseconds=10))
        find = store._core.backend.find
        failures = 3

        async def failing(query):
            nonlocal failures
            if query.order == "oldest" and failures:
                failures -= 1
                raise InvalidError("not now")
            return await find(query)

        monkeypatch.setattr(store._core.backend, "find", failing)
        async with store:
            await _until(store, {"kept", "new"})

    with caplog.at_level(logging.WARNING, "recollect.retention"):
        asyncio.run(program())
    assert [record.message for record in caplog.records] == ["retention was put off: not now"] * 3


def test_a_rhythm_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidError, match="cleanup_every"):
        AsyncStore("memory:", retention=AGED, cleanup_every=timedelta(0))
