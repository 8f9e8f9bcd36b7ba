"""Opening, closing, honest capabilities, damage that is reported."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from msgspec import structs

from ..backend import Backend, Exclusive, Record, SearchesText, Watches
from ..errors import ClosedError, ConflictError, CorruptError, UnsupportedError
from . import making as m
from .base import BackendTests, Connect, Damage, MakeBackend, reopen, stored
from .driving import Driven, step

__all__ = ["LifecycleContract"]

_CALLS: dict[str, Callable[[Backend], Coroutine[Any, Any, Any]]] = {
    "commit": lambda b: b.commit(m.create(m.key("late"), ["x"])),
    "row": lambda b: b.row(m.key()),
    "read": lambda b: b.read(m.key()),
    "seqs": lambda b: b.seqs(m.key(), [b"s1"]),
    "find": lambda b: b.find(m.query()),
    "blob": lambda b: b.blob(m.key(), m.digest(b"x")),
    "figures": lambda b: b.figures(),
    "namespaces": lambda b: b.namespaces(),
}


class LifecycleContract(BackendTests):
    """open, close, capabilities, corruption."""

    def test_opening_and_closing_again_is_harmless(self, b: Driven) -> None:
        b.commit(m.create(m.key(), ["x"]))
        b.open()
        b.open()
        assert len(b.read(m.key())) == 1
        b.close()
        b.close()

    def test_a_closed_backend_opens_again(self, b: Driven) -> None:
        b.commit(m.create(m.key(), ["x"]))
        b.close()
        b.open()
        if b.capabilities.durable:
            assert len(b.read(m.key())) == 1
        b.commit(m.create(m.key("other"), ["x"]))
        assert len(b.read(m.key("other"))) == 1

    @pytest.mark.parametrize("verb", sorted(_CALLS))
    def test_use_after_close_is_refused(self, b: Driven, verb: str) -> None:
        b.commit(m.create(m.key(), ["x"]))
        b.close()
        with pytest.raises(ClosedError):
            b.run(_CALLS[verb](b.backend))

    def test_searching_after_close_is_refused(self, b: Driven) -> None:
        if not b.capabilities.text_search:
            pytest.skip("this engine declares text_search=False")
        b.close()
        with pytest.raises(ClosedError):
            b.search(m.words("x"))

    def test_nothing_acknowledged_depends_on_close(self, make_backend: MakeBackend, connect: Connect) -> None:
        forgotten = Driven(make_backend())
        forgotten.open()
        if not (forgotten.capabilities.durable and forgotten.capabilities.shared):
            forgotten.close()
            pytest.skip("this engine declares durable=False or shared=False")
        forgotten.commit(m.create(m.key(), ["x", "y"]))
        assert len(connect().read(m.key())) == 2
        forgotten.close()

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
    def test_a_process_that_dies_loses_nothing_acknowledged(
        self, make_backend: MakeBackend, connect: Connect
    ) -> None:
        probe = make_backend()
        if not (probe.capabilities.durable and probe.capabilities.blocking):
            pytest.skip("this engine declares durable=False, or its data lives in another process")
        child = os.fork()
        if child == 0:
            status = 1
            try:
                step(probe.open())
                step(probe.commit(m.create(m.key(), ["x"])))
                row = step(probe.row(m.key()))
                assert row is not None
                step(probe.commit(m.append(row, ["y"])))
                status = 0
            finally:
                os._exit(status)  # no clean-up of any kind: the process is gone
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        b = connect()
        assert stored(b, m.key()).version == 2
        assert len(b.read(m.key())) == 2

    def test_capabilities_have_their_protocols(self, b: Driven) -> None:
        declared = b.capabilities
        assert declared.name
        assert declared.max_body >= 64 * 1024 * 1024
        for flag, protocol in (
            ("text_search", SearchesText),
            ("transactions", Exclusive),
            ("watch", Watches),
        ):
            if getattr(declared, flag):
                assert isinstance(b.backend, protocol), f"{flag} is declared without its methods"

    def test_what_is_not_declared_is_refused(self, b: Driven) -> None:
        declared, backend = b.capabilities, b.backend
        if not declared.text_search and isinstance(backend, SearchesText):
            with pytest.raises(UnsupportedError):
                b.search(m.words("x"))
        if not declared.transactions:
            with pytest.raises(UnsupportedError):
                b.commit(m.create(m.key("a"), ["x"]), m.create(m.key("b"), ["x"]))
            if isinstance(backend, Exclusive):
                with pytest.raises(UnsupportedError):
                    b.run(_enter(backend))
        if not declared.watch and isinstance(backend, Watches):
            with pytest.raises(UnsupportedError):
                backend.watch(m.key())
        assert b.namespaces() == []

    def test_a_blocking_backend_never_suspends(self, make_backend: MakeBackend) -> None:
        backend = make_backend()
        if not backend.capabilities.blocking:
            pytest.skip("this engine declares blocking=False")
        step(backend.open())
        step(backend.commit(m.create(m.key(), ["x"])))
        for call in _CALLS.values():
            step(call(backend))
        step(backend.close())

    def test_damage_is_reported_with_its_place(self, b: Driven, connect: Connect, damage: Damage) -> None:
        for session_id in ("bad", "good"):
            b.commit(m.create(m.key(session_id), [_large(session_id, 1)]))
            for seq in (2, 3):
                b.commit(m.append(stored(b, m.key(session_id)), [_large(session_id, seq)]))
        good = b.read(m.key("good"))
        b.close()
        damage(m.key("bad"), 2)
        again = connect()
        with pytest.raises(CorruptError) as caught:
            again.read(m.key("bad"))
        assert caught.value.place
        assert again.read(m.key("good")) == good
        assert [record[0] for record in again.read(m.key("bad"), before=2)] == [1]
        assert [record[0] for record in again.read(m.key("bad"), after=2)] == [3]

    def test_damage_is_never_an_empty_session(self, b: Driven, connect: Connect, damage: Damage) -> None:
        b.commit(m.create(m.key(), [_large("s1", 1)]))
        b.close()
        damage(m.key(), 1)
        again = connect()
        with pytest.raises(CorruptError):
            again.read(m.key())
        with pytest.raises((CorruptError, ConflictError)):
            again.commit(m.create(m.key(), ["instead"]))

    def test_deleting_leaves_nothing_for_a_namesake(self, b: Driven, connect: Connect) -> None:
        blob = m.digest(b"x")
        old = m.create(m.key(), ["old one", "old two"], tags=("old",), metadata=(("k", "1"),))
        b.commit(structs.replace(old, blobs={blob: b"x"}))
        b.commit(m.create(m.key("other"), ["stays"]))
        b.commit(m.remove(stored(b, m.key())))
        assert b.row(m.key()) is None
        assert b.read(m.key()) == []
        assert b.seqs(m.key(), [b"s1", b"s2"]) == {}
        assert b.blob(m.key(), blob) is None
        assert b.find(m.query(tags=("old",))) == []
        b.commit(m.create(m.key(), ["new one"]))
        assert [record[0] for record in b.read(m.key())] == [1]
        assert b.seqs(m.key(), [b"s2"]) == {}
        assert b.blob(m.key(), blob) is None
        assert b.find(m.query(tags=("old",))) == []
        assert len(b.read(m.key("other"))) == 1
        if b.capabilities.durable:
            again = reopen(b, connect)
            assert [record[3] for record in again.read(m.key())] == [b'{"n":1}']


def _large(session_id: str, seq: int) -> Record:
    """A record that fills blocks of its own, so that damage to it need not touch another."""
    return m.message(seq, body=b"record %d of %s;" % (seq, session_id.encode()) * 1500)


async def _enter(backend: Exclusive) -> None:
    async with backend.exclusive():
        pass
