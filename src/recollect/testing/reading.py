"""Contracts 2 and 3: bodies byte for byte, order by seq, every window of a log, ids."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ..backend import ERASE, HEAD, KINDS, MESSAGE, SOURCE, UPDATE, Record
from . import making as m
from .base import BackendTests, Connect, examples, reopen, stored
from .driving import Driven
from .hazards import BODIES, TEXTS

__all__ = ["ReadingContract"]

_KIND_CYCLE = (MESSAGE, MESSAGE, UPDATE, MESSAGE, HEAD, MESSAGE, SOURCE, ERASE)
_RECORDS = 24
_edge = st.integers(-1, _RECORDS + 2)


def _mixed_log() -> list[Record]:
    records = []
    for seq in range(1, _RECORDS + 1):
        kind = _KIND_CYCLE[seq % len(_KIND_CYCLE)]
        built = m.message(seq) if kind == MESSAGE else m.update(seq, b'{"u":%d}' % seq)
        records.append(built._replace(kind=kind, parent=seq // 2))
    return records


class ReadingContract(BackendTests):
    """Reads: bytes, order, windows, kinds, message ids."""

    def test_bodies_come_back_byte_for_byte(self, b: Driven, connect: Connect) -> None:
        records = [m.message(seq, body=body) for seq, body in enumerate(BODIES, 1)]
        b.commit(m.create(m.key(), records))
        assert [record[3] for record in b.read(m.key())] == list(BODIES)
        if b.capabilities.durable:
            again = reopen(b, connect)
            assert [record[3] for record in again.read(m.key())] == list(BODIES)

    def test_each_odd_body_in_a_commit_of_its_own(self, b: Driven) -> None:
        b.commit(m.create(m.key(), ["first"]))
        for seq, body in enumerate(BODIES, 2):
            b.commit(m.append(stored(b, m.key()), [m.message(seq, body=body)]))
        assert [record[3] for record in b.read(m.key(), after=1)] == list(BODIES)

    @pytest.mark.parametrize("body", BODIES[:12], ids=repr)
    def test_row_bodies_come_back_byte_for_byte(self, b: Driven, body: bytes) -> None:
        b.commit(m.create(m.key(), ["x"], body=body))
        assert stored(b, m.key()).body == body
        assert [row.body for row in b.find(m.query())] == [body]

    @pytest.mark.slow
    def test_a_body_of_64_mib(self, b: Driven, connect: Connect) -> None:
        body = bytes(range(256)) * (64 * 1024 * 4)
        b.commit(m.create(m.key(), [m.message(1, body=body), m.message(2, "small")]))
        assert b.read(m.key(), limit=1)[0][3] == body
        if b.capabilities.durable:
            again = reopen(b, connect)
            assert again.read(m.key(), limit=1)[0][3] == body
            assert again.read(m.key(), last=1)[0][3] == b'{"n":2}'

    def test_text_columns_survive_nul_and_lone_surrogates(self, b: Driven) -> None:
        for n, text in enumerate(TEXTS):
            key = m.key(f"s{n}")
            leaf = ((f"k.{text}", f'"{text}"'),)
            fields = {"name": text, "provider": text, "model": text, "tags": (text,), "metadata": leaf}
            b.commit(m.create(key, [m.message(1, text, body=b"exact %d" % n)], body=b"row %d" % n, **fields))
            assert b.read(key)[0][3] == b"exact %d" % n
            assert stored(b, key).body == b"row %d" % n
            for name in ("provider", "model"):
                assert key in [row.key for row in b.find(m.query(**{name: text}))], (name, text)
            assert key in [row.key for row in b.find(m.query(tags=(text,)))], text
            assert key in [row.key for row in b.find(m.query(any_tags=("no", text)))], text
            assert key in [row.key for row in b.find(m.query(metadata=leaf))], text
            if text:
                assert key in [row.key for row in b.find(m.query(text=text))], text

    def test_order_is_seq_though_clocks_run_backwards(self, b: Driven) -> None:
        b.commit(m.create(m.key(), [m.message(1, at=m.NOW), m.message(2, at=5)], updated_at=m.NOW))
        late = [m.message(3, at=-1), m.message(4, at=m.NOW * 2), m.message(5, at=0)]
        b.commit(m.append(stored(b, m.key()), late, updated_at=1))
        assert [record[0] for record in b.read(m.key())] == [1, 2, 3, 4, 5]
        assert [record[0] for record in b.read(m.key(), last=2)] == [4, 5]
        assert stored(b, m.key()).updated_at == 1

    def test_kinds_and_parents_come_back(self, b: Driven) -> None:
        records = _mixed_log()
        b.commit(m.create(m.key(), records))
        assert b.read(m.key()) == [(r.seq, r.kind, r.parent, r.body) for r in records]
        assert {kind for _, kind, _, _ in b.read(m.key())} == set(KINDS)

    @examples(150)
    @given(
        after=st.integers(0, _RECORDS + 2),
        before=st.none() | _edge,
        count=st.none() | st.tuples(st.sampled_from(["limit", "last"]), st.integers(0, _RECORDS + 2)),
        kinds=st.none() | st.lists(st.sampled_from(sorted(KINDS)), max_size=3),
    )
    def test_every_window_is_a_slice(
        self,
        b: Driven,
        after: int,
        before: int | None,
        count: tuple[str, int] | None,
        kinds: list[int] | None,
    ) -> None:
        records = _mixed_log()
        if b.row(m.key()) is None:
            b.commit(m.create(m.key("r"), ["a neighbour"] * 3))
            b.commit(m.create(m.key(), records))
            b.commit(m.create(m.key("t"), ["a neighbour"] * 3))
        expected = [
            (r.seq, r.kind, r.parent, r.body)
            for r in records
            if r.seq > after and (before is None or r.seq < before) and (kinds is None or r.kind in kinds)
        ]
        window: dict[str, int] = {}
        if count is not None:
            window[count[0]] = count[1]
            size = count[1]
            expected = expected[:size] if count[0] == "limit" else expected[max(0, len(expected) - size) :]
        assert b.read(m.key(), after=after, before=before, kinds=kinds, **window) == expected

    def test_a_session_that_is_not_there_reads_empty(self, b: Driven) -> None:
        assert b.read(m.key()) == []
        assert b.read(m.key(), last=3) == []
        assert b.row(m.key()) is None
        assert b.seqs(m.key(), [b"s1"]) == {}
        assert b.blob(m.key(), m.digest(b"")) is None

    def test_message_ids_are_found_by_their_bytes(self, b: Driven) -> None:
        ids = [
            b"sA",
            b"sa",
            b"s\xc3\xa9",
            b"se\xcc\x81",
            b"u" + bytes(16),
            b"u" + b"\xff" * 16,
            b"s%",
            b"s\x00",
            b"s' --",
        ]
        records = [m.message(seq, message_id=id_) for seq, id_ in enumerate(ids, 1)]
        b.commit(m.create(m.key(), [*records, m.update(len(ids) + 1)]))
        b.commit(m.create(m.key("other"), [m.message(1, message_id=b"sother")]))
        assert b.seqs(m.key(), ids) == {id_: seq for seq, id_ in enumerate(ids, 1)}
        assert b.seqs(m.key(), [b"s", b"sother", b"u" + bytes(15), b"S\xc3\xa9", b"sA"]) == {b"sA": 1}
        assert b.seqs(m.key(), []) == {}

    def test_of_a_repeated_message_id_the_newest_is_found(self, b: Driven) -> None:
        b.commit(m.create(m.key(), [m.message(1, message_id=b"sx"), m.message(2, message_id=b"sx")]))
        assert b.seqs(m.key(), [b"sx"]) == {b"sx": 2}

    def test_many_message_ids_at_once(self, b: Driven) -> None:
        b.commit(m.create(m.key(), [m.message(seq) for seq in range(1, 2001)]))
        asked = [b"s%d" % n for n in range(0, 4000, 2)]
        assert b.seqs(m.key(), asked) == {b"s%d" % n: n for n in range(2, 2001, 2)}

    def test_a_long_log_is_read_whole_and_in_pieces(self, b: Driven) -> None:
        b.commit(m.create(m.key(), [m.message(seq) for seq in range(1, 5001)]))
        whole = b.read(m.key())
        assert [record[0] for record in whole] == list(range(1, 5001))
        pieces, after = [], 0
        while piece := b.read(m.key(), after=after, limit=700):
            pieces += piece
            after = piece[-1][0]
        assert pieces == whole
        assert b.read(m.key(), last=20) == whole[-20:]
        assert b.read(m.key(), before=2001, last=20) == whole[1980:2000]
