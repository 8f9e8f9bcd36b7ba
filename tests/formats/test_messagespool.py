"""Messages that wait on disk, and the order in which trees hand them out."""

from __future__ import annotations

from recollect import BlobPart, Message
from recollect.formats import messagespool
from recollect.formats.base import Damage
from recollect.formats.messagespool import MessageSpool, MessageTree


def message(name: str) -> Message:
    return Message.user(name, id=name)


def test_a_spool_gives_back_what_it_was_given(monkeypatch) -> None:
    monkeypatch.setattr(messagespool, "_KEPT_IN_MEMORY", 100)
    spool = MessageSpool()
    given = [
        message("a\ud800\x00"),
        Damage(7, "gone"),
        Message.user(BlobPart(b"\x00" * 500, "image/png"), id="b"),
    ]
    for piece in given:
        if isinstance(piece, Damage):
            spool.damage(piece)
        else:
            spool.add(piece, 3)
    assert list(spool) == list(spool) == given
    first = iter(spool)
    assert [next(first), *spool] == [given[0], *given]
    assert list(first) == given[1:]
    assert spool.at(1) == given[1]
    assert len(spool) == 3


def test_what_cannot_be_said_again_is_damage() -> None:
    spool = MessageSpool()
    spool.add(Message.tool("c", float("nan"), id="a"), 5)
    spool.add(Message.tool("c", {"x": {1, object()}}, id="b"), 9)
    assert [type(piece) for piece in spool][1] is Damage


def test_a_line_has_no_head_and_no_parents() -> None:
    tree = MessageTree()
    tree.damage(Damage(0, "before"))
    a = tree.add(message("a"), -1, 0)
    tree.damage(Damage(5, "between"))
    b = tree.add(message("b"), a, 9)
    tree.replace(a, Message.user("more", id="a"), 12)
    arranged = tree.arranged(b)
    assert (arranged.head, arranged.forks) == (None, set())
    assert [p.text if isinstance(p, Message) else p.reason for p in arranged.messages] == [
        "before",
        "more",
        "between",
        "b",
    ]
    assert [p.parent_id for p in arranged.messages if isinstance(p, Message)] == [None, None]


def test_a_tree_begins_with_the_line_to_its_head() -> None:
    tree = MessageTree()
    a = tree.add(message("a"), -1, 0)
    tree.add(message("b"), a, 1)
    c = tree.add(message("c"), a, 2)
    tree.damage(Damage(3, "late"))
    arranged = tree.arranged(c)
    assert (arranged.head, arranged.forks) == ("c", {"a"})
    found = list(arranged.messages)
    assert [(p.id, p.parent_id) for p in found if isinstance(p, Message)] == [
        ("a", None),
        ("c", "a"),
        ("b", "a"),
    ]
    assert found[-1] == Damage(3, "late")
    assert not tree.is_line(c)
    assert list(MessageTree().arranged(-1).messages) == []
