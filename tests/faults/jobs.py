"""What the children of the nursery do. ``say`` reports to the test at once, in one write."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import chatting  # these modules run inside the nursery's script only
from talk import turn

from recollect import AsyncChat, AsyncStore, Chat, FullError, RetentionPolicy, Store

Say = Callable[..., None]
Order = dict[str, Any]


def append(order: Order, say: Say) -> None:
    """Append turns, each acknowledged after the call returned."""
    with Store(order["url"]) as store:
        session = store.open(order["session"])
        for number in range(order.get("count", 1_000_000)):
            session.append(*turn(order["writer"], number))
            say(writer=order["writer"], done=number)


def append_async(order: Order, say: Say) -> None:
    """Many sessions at once through one AsyncStore; says how long the longest append took."""

    async def one(store: AsyncStore, session_id: str) -> float:
        session = await store.open(session_id)
        worst = 0.0
        for number in range(order["count"]):
            start = time.perf_counter()
            await session.append(*turn(session_id, number))
            worst = max(worst, time.perf_counter() - start)
            say(writer=session_id, done=number)
        return worst

    async def everything() -> None:
        async with AsyncStore(order["url"]) as store:
            worst = await asyncio.gather(*[one(store, session_id) for session_id in order["sessions"]])
        say(worst=max(worst))

    asyncio.run(everything())


def fork_session(order: Order, say: Say) -> None:
    """Fork one session again and again."""
    with Store(order["url"]) as store:
        session = store.open(order["session"], create=False)
        for number in itertools.count():
            session.fork(f"{order['prefix']}{number}")
            say(done=number)


def merge(order: Order, say: Say) -> None:
    """Bring one turn after the other over from another session."""
    with Store(order["url"]) as store:
        session = store.open(order["session"], create=False)
        source = store.open(order["source"], create=False)
        for number, ids in enumerate(order["picks"]):
            session.merge(source, strategy="cherry_pick", message_ids=ids)
            say(done=number)


def rebase(order: Order, say: Say) -> None:
    """Merge a branch into each of several sessions, which rewrites their active line."""
    with Store(order["url"]) as store:
        for number, session_id in enumerate(order["sessions"]):
            store.open(session_id, create=False).merge("other", strategy="interleave")
            say(done=number)


def erase(order: Order, say: Say) -> None:
    """Erase one message after the other."""
    with Store(order["url"]) as store:
        session = store.open(order["session"], create=False)
        for number, message_id in enumerate(order["ids"]):
            session.erase(message_id)
            say(done=number)


def undo(order: Order, say: Say) -> None:
    """Undo one change after the other."""
    with Store(order["url"]) as store:
        session = store.open(order["session"], create=False)
        for number in range(order["count"]):
            session.undo()
            say(done=number)


def cleanup(order: Order, say: Say) -> None:
    """Purge all sessions of a namespace but the newest."""
    with Store(order["url"], namespace=order["namespace"]) as store:
        say(ready=True)
        store.cleanup(RetentionPolicy(max_sessions=1), dry_run=False, purge=True)
        say(done=0)


def chat(order: Order, say: Say) -> None:
    """Ask one question of a model that uses a tool; says what its caller gets to see, as it happens."""

    async def look_up(wanted: str) -> str:
        """What stands under a key."""
        say(called=wanted)
        await asyncio.sleep(0.002)
        return chatting.value(wanted)

    with Store(order["url"]) as store, Chat(order["session"], store=store, **_model(order, look_up)) as chat:
        said = ""
        for piece in chat.stream(order["question"]):
            said = _began(said + piece, say)
    say(done=order["question"])


def chat_async(order: Order, say: Say) -> None:
    """The same through an AsyncChat, three at once on one store."""

    async def look_up(wanted: str) -> str:
        """What stands under a key."""
        await asyncio.sleep(0.002)
        return chatting.value(wanted)

    async def one(store: AsyncStore, session_id: str) -> None:
        async with AsyncChat(session_id, store=store, **_model(order, look_up)) as chat:
            said = ""
            async for piece in chat.stream(order["question"]):
                said = _began(said + piece, partial(say, session=session_id))

    async def everything() -> None:
        async with AsyncStore(order["url"]) as store:
            await asyncio.gather(*[one(store, session_id) for session_id in order["sessions"]])

    asyncio.run(everything())
    say(done=order["question"])


def _model(order: Order, tool: Callable[..., Any]) -> dict[str, Any]:
    return {"model": f"script:{order['script']}", "tools": [tool]}


def _began(said: str, say: Say) -> str:
    """Tell which reply begins, once its number is heard; what is left to hear."""
    match = re.search(r"Reply (\d+):", said)
    if match is None:
        return said
    say(began=int(match[1]))
    return said[match.end() :]


def full_disk(order: Order, say: Say) -> None:
    """Append until files may not grow any more, look at what is there, get room, go on."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Store(order["url"]) as store:
        session = store.open("s")
        number = 0
        for limit in order["limits"]:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
            try:
                while True:
                    session.append(*turn("w", number))
                    number += 1
            except FullError as error:
                say(full=str(error), done=number, seen=len(session.messages()))
            for _ in range(3):
                try:
                    session.append(*turn("w", number))
                    number += 1
                except FullError:
                    continue
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            session.append(*turn("w", number))
            number += 1
        say(done=number)


def forked(order: Order, say: Say) -> None:
    """Use one store in several processes at once: those forked from this one, and this one."""
    with Store(order["url"]) as store:
        session = store.open(order["session"])
        session.append(*turn("before", 0))
        store.search("because")

        def work(writer: str) -> None:
            for number in range(order["count"]):
                session.append(*turn(writer, number))
                assert len(store.search("because", limit=1)) == 1
            say(writer=writer, done=order["count"])

        _in_children(work, order["children"], "parent")


def forked_async(order: Order, say: Say) -> None:
    """The same through an AsyncStore, whose threads stay in the parent."""
    store = AsyncStore(order["url"])

    async def before() -> Any:
        session = await store.open(order["session"])
        await session.append(*turn("before", 0))
        await store.search("because")
        return session

    session = asyncio.run(before())

    async def appends(writer: str) -> None:
        for number in range(order["count"]):
            await session.append(*turn(writer, number))
            assert len(await store.search("because", limit=1)) == 1

    def work(writer: str) -> None:
        asyncio.run(appends(writer))
        say(writer=writer, done=order["count"])

    _in_children(work, order["children"], "parent")
    asyncio.run(store.close())


def _in_children(work: Callable[[str], None], children: list[str], parent: str) -> None:
    """Run ``work`` in forked children and here, all at once."""
    gate, gatekeeper = os.pipe()
    pids = []
    for name in children:
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                os.close(gatekeeper)
                os.read(gate, 1)
                work(name)
                status = 0
            except BaseException:
                sys.excepthook(*sys.exc_info())
                raise
            finally:
                os._exit(status)
        pids.append(pid)
    os.close(gate)
    os.close(gatekeeper)
    work(parent)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    if any(codes):
        raise RuntimeError(f"Children ended with {codes}.")


JOBS: dict[str, Callable[[Order, Say], None]] = {
    job.__name__: job
    for job in (
        append,
        append_async,
        chat,
        chat_async,
        cleanup,
        erase,
        fork_session,
        forked,
        forked_async,
        full_disk,
        merge,
        rebase,
        undo,
    )
}
