"""Contract 4: names are distinct by code point, and namespaces never meet."""

from __future__ import annotations

from ..backend import Key
from . import making as m
from .base import BackendTests, Connect, reopen, stored
from .driving import Driven
from .hazards import NAMESPACES, SESSION_IDS

__all__ = ["NamingContract"]


class NamingContract(BackendTests):
    """Session ids and namespaces that naive engines confuse."""

    def test_every_hazardous_id_is_a_session_of_its_own(self, b: Driven, connect: Connect) -> None:
        for n, session_id in enumerate(SESSION_IDS):
            body = b"%d" % n
            b.commit(m.create(m.key(session_id), [m.message(1, body=body)], body=body, updated_at=m.NOW + n))
        for round_ in range(2):
            wrong = [
                session_id
                for n, session_id in enumerate(SESSION_IDS)
                if stored(b, m.key(session_id)).key != Key(m.NS, session_id)
                or b.read(m.key(session_id)) != [(1, 1, 0, b"%d" % n)]
            ]
            assert wrong == []
            listed = [row.key.session_id for row in b.find(m.query())]
            assert listed == list(reversed(SESSION_IDS))
            if round_ == 0 and b.capabilities.durable:
                b = reopen(b, connect)

    def test_every_hazardous_prefix_is_literal(self, b: Driven) -> None:
        for session_id in SESSION_IDS:
            b.commit(m.create(m.key(session_id), [m.update(1)]))
        for prefix in {session_id[:size] for session_id in SESSION_IDS for size in (1, 2, 254)}:
            found = {row.key.session_id for row in b.find(m.query(prefix=prefix))}
            assert found == {id_ for id_ in SESSION_IDS if id_.startswith(prefix)}, prefix

    def test_deleting_one_of_two_similar_ids_keeps_the_other(self, b: Driven) -> None:
        for first, second in (
            ("a", "A"),
            ("é", "e\u0301"),
            ("x", "x "),
            ("../x", "x"),
            ("a%", "ab"),
            ("con", "CON"),
        ):
            for session_id in (first, second):
                b.commit(m.create(m.key(session_id), ["x"]))
            b.commit(m.remove(stored(b, m.key(first))))
            assert b.row(m.key(first)) is None
            assert b.row(m.key(second)) is not None
            b.commit(m.remove(stored(b, m.key(second))))

    def test_namespaces_are_distinct_by_code_point(self, b: Driven, connect: Connect) -> None:
        for n, namespace in enumerate(NAMESPACES):
            b.commit(m.create(m.key("same", namespace), [m.message(1, body=b"%d" % n)], tags=("t",)))
        assert b.namespaces() == sorted(NAMESPACES)
        for n, namespace in enumerate(NAMESPACES):
            assert [record[3] for record in b.read(m.key("same", namespace))] == [b"%d" % n]
            found = b.find(m.query(namespace, tags=("t",), prefix="s"))
            assert [row.key for row in found] == [Key(namespace, "same")]
        if b.capabilities.durable:
            assert reopen(b, connect).namespaces() == sorted(NAMESPACES)

    def test_the_parts_of_a_key_do_not_run_together(self, b: Driven) -> None:
        keys = [
            Key("a", "b/c"),
            Key("a/b", "c"),
            Key("a:b", "c"),
            Key("a", "b:c"),
            Key("ab", "c"),
            Key("a", "bc"),
        ]
        for n, key in enumerate(keys):
            b.commit(m.create(key, [m.message(1, body=b"%d" % n)]))
        for n, key in enumerate(keys):
            assert b.read(key) == [(1, 1, 0, b"%d" % n)]

    def test_an_empty_namespace_is_not_listed(self, b: Driven) -> None:
        assert b.namespaces() == []
        b.commit(m.create(m.key("s", "gone"), ["x"]))
        b.commit(m.create(m.key("s", "trash"), ["x"], deleted_at=m.NOW))
        b.commit(m.remove(stored(b, m.key("s", "gone"))))
        assert b.namespaces() == ["trash"]
        assert b.find(m.query("gone")) == []
