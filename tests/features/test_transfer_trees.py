"""Conversations that are trees, that grow, and that are written anew: what becomes of their sessions."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from msgspec.structs import replace

from recollect import Message, Store, TextPart, ToolCallPart, Usage
from recollect.formats.base import Conversation, Damage
from recollect.formats.trees import lay_out
from recollect.transfer.conversations import Conversations
from recollect.transfer.outbox import Outbox
from recollect.transfer.tally import Tally

CALL = ToolCallPart("look", {}, "c")
NOON = datetime(2025, 5, 1, 12, tzinfo=UTC)


@pytest.fixture(params=["memory", "sqlite", "file"])
def store(request, tmp_path):
    urls = {"memory": "memory:", "sqlite": f"sqlite:///{tmp_path}/s.db", "file": f"file://{tmp_path}/store"}
    with Store(urls[request.param]) as opened:
        yield opened


def said(name: str, text: str = "", **fields) -> Message:
    role = {"u": "user", "a": "assistant"}[name[0]]
    values = {"id": name, "role": role, "parts": (TextPart(text or f"says {name}"),), "created_at": NOON}
    return Message(**{**values, **fields})


def tree(*edges: str, head: str, messages: dict[str, Message] | None = None, **fields) -> Conversation:
    """A conversation from edges such as ``u1`` (a root) and ``u1>a1``, in the file's order."""
    names = [edge.split(">")[-1] for edge in edges]
    number = {name: at for at, name in enumerate(names)}
    parents = [number[edge.split(">")[0]] if ">" in edge else -1 for edge in edges]
    layout = lay_out(parents, number[head])
    made = []
    for node in layout.order:
        message = (messages or {}).get(names[node]) or said(names[node])
        parent = names[parents[node]] if parents[node] >= 0 else None
        made.append(replace(message, parent_id=parent))
    values = {"native_id": "s", "head": head, "forks": {names[node] for node in layout.forks}}
    return Conversation(offset=0, messages=made, **{**values, **fields})


def line(*messages: Message | str, **fields) -> Conversation:
    made = [said(one) if isinstance(one, str) else one for one in messages]
    return Conversation(offset=0, messages=made, **{"native_id": "s", **fields})


def take(store, *conversations, name="f.jsonl"):
    """Import conversations; the figures: created, updated, unchanged, messages."""

    async def add(core):
        tally = Tally()
        outbox = Outbox(core)
        taking = Conversations(core, outbox, tally)
        for conversation in conversations:
            await taking.add(conversation, name, name, "made-up")
        await outbox.flush()
        return tally.result()

    result = store._do(add)
    assert store.verify().clean
    assert result.damaged == []
    return result.created, result.updated, result.unchanged, result.messages


def shape(store, session_id="s"):
    session = store.get(session_id)
    branches = {b.name: b.head for b in session.branches() if not b.active}
    return [m.id for m in session.messages()], branches


def whole(store, conversation):
    """What a session is that this conversation alone made."""
    with Store("memory:") as other:
        take(other, conversation)
        return everything(other)


def everything(store):
    session = store.get("s")
    return (
        session.messages(),
        [(b.name, b.head, b.message_count, b.active) for b in session.branches()],
        session.info.usage,
        session.info.name,
        session.info.preview,
        {(n.message.id, n.message.parent_id, n.active, n.branches) for n in session.tree()},
    )


def test_other_lines_become_branches(store):
    shown = tree("u1", "u1>a1", "a1>u2", "u2>a2", "u1>a3", "a3>u4", "u5", head="a2")
    assert take(store, shown) == (1, 0, 0, 7)
    main, branches = shape(store)
    assert main == ["u1", "a1", "u2", "a2"]
    assert sorted(branches.values()) == ["u4", "u5"]
    assert all(name.startswith("alternate-") for name in branches)
    (name,) = (name for name, head in branches.items() if head == "u4")
    assert take(store, shown) == (0, 0, 1, 0)
    store.get("s").checkout(name)
    assert shape(store)[0] == ["u1", "a3", "u4"]
    assert take(store, shown) == (0, 0, 1, 0)


GROWTHS = [
    ("a line goes on", [line("u1", "a1"), line("u1", "a1", "u2"), line("u1", "a1", "u2", "a2")]),
    (
        "the main line turns",
        [tree("u1", "u1>a1", "a1>u2", head="u2"), tree("u1", "u1>a1", "a1>u2", "a1>u3", "u3>a3", head="a3")],
    ),
    (
        "and turns back",
        [
            tree("u1", "u1>a1", "a1>u2", head="u2"),
            tree("u1", "u1>a1", "a1>u2", "a1>u3", head="u3"),
            tree("u1", "u1>a1", "a1>u2", "a1>u3", "u2>a2", head="a2"),
        ],
    ),
    (
        "another line goes on",
        [
            tree("u1", "u1>a1", "u1>a2", head="a1"),
            tree("u1", "u1>a1", "u1>a2", "a2>u3", "u3>a3", head="a1"),
            tree("u1", "u1>a1", "u1>a2", "a2>u3", "u3>a3", "a2>u4", head="a1"),
        ],
    ),
    (
        "a reply gets more blocks",
        [
            line("u1", said("a1", usage=Usage(1, 2))),
            line("u1", said("a1", usage=Usage(1, 5), parts=(TextPart("says a1"), CALL))),
            line(
                "u1",
                said("a1", usage=Usage(1, 7), parts=(TextPart("says a1 more"), CALL)),
                "u2",
            ),
        ],
    ),
    (
        "the last text gets longer",
        [line("u1", said("a1", "begun")), line("u1", said("a1", "begun and done"), "u2")],
    ),
    ("the first message gets longer", [line(said("u1", "hel")), line(said("u1", "hello"), "a1")]),
    (
        "a reply off the main line gets more",
        [
            tree("u1", "u1>a1", "u1>a2", head="a1", messages={"a2": said("a2", "be")}),
            tree("u1", "u1>a1", "u1>a2", head="a1", messages={"a2": said("a2", "begun", usage=Usage(3, 4))}),
        ],
    ),
]


@pytest.mark.parametrize("series", [series for _, series in GROWTHS], ids=[name for name, _ in GROWTHS])
def test_in_order_is_the_same_as_the_last_alone(store, series):
    for conversation in series:
        take(store, conversation)
    assert everything(store) == whole(store, series[-1])
    assert take(store, series[-1]) == (0, 0, 1, 0)
    assert everything(store) == whole(store, series[-1])
    before = {node.message.id: node.message for node in store.get("s").tree()}
    assert take(store, series[0])[3] == 0  # an older copy adds nothing, and takes nothing away
    assert {node.message.id: node.message for node in store.get("s").tree()} == before


def test_what_was_completed_is_found(store):
    take(store, line("u1", said("a1", "begun")))
    take(store, line("u1", said("a1", "begun and finished")))
    assert [hit.message_id for hit in store.search("finished")] == ["a1"]
    assert [hit.message_id for hit in store.search("begun")] == ["a1"]
    assert store.stats().messages == 2


def test_a_file_written_anew_keeps_the_old_line_as_a_branch(store):
    take(store, line("u1", said("a1", usage=Usage(5, 5)), "u2"))
    assert take(store, line("u1", said("a1", "another", usage=Usage(5, 5)), "u3")) == (0, 1, 0, 2)
    main, branches = shape(store)
    assert main == ["u1", "a1", "u3"]
    assert branches == {"main-1": "u2"}
    assert [m.text for m in store.get("s").messages()] == ["says u1", "another", "says u3"]
    assert store.get("s").info.usage == Usage(5, 5)
    store.get("s").checkout("main-1")
    assert [m.text for m in store.get("s").messages()] == ["says u1", "says a1", "says u2"]


def test_a_session_its_user_went_on_with_stays_where_it_is(store):
    take(store, line("u1", "a1"))
    (mine,) = store.get("s").append(Message.user("mine"))
    assert take(store, line("u1", "a1", "u2", "a2")) == (0, 1, 0, 2)
    main, branches = shape(store)
    assert main == ["u1", "a1", mine.id]
    assert branches == {"imported": "a2"}
    take(store, line("u1", "a1", "u2", "a2", "u3"))
    assert shape(store)[1] == {"imported": "u3"}
    assert take(store, line("u1", "a1", "u2", "a2", "u3")) == (0, 0, 1, 0)


def test_a_session_that_was_rewound_stays_so_until_it_is_checked_out(store):
    take(store, line("u1", "a1", "u2", "a2"))
    store.get("s").rewind(to="a1")
    assert take(store, line("u1", "a1", "u2", "a2")) == (0, 0, 1, 0)
    assert shape(store)[0] == ["u1", "a1"]
    take(store, line("u1", "a1", "u2", "a2", "u3"))
    assert shape(store)[0] == ["u1", "a1"]
    assert list(shape(store)[1].values()) == ["u3"]


def test_titles_follow_the_file_unless_the_user_named_the_session(store):
    take(store, line("u1", attributes={"name": "first", "model": "m"}))
    take(store, line("u1", attributes={"name": "second", "model": "m", "metadata": {"cwd": "/a"}}))
    info = store.get("s").info
    assert (info.name, info.metadata["cwd"]) == ("second", "/a")
    store.get("s").update(name="mine", model=None)
    take(store, line("u1", attributes={"name": "third", "model": "m", "metadata": {"cwd": "/b"}}))
    info = store.get("s").info
    assert (info.name, info.model, info.metadata["cwd"]) == ("mine", None, "/b")


def test_a_session_has_the_times_of_its_conversation(store):
    def dated(name, minutes):
        return said(name, created_at=NOON + timedelta(minutes=minutes))

    future = said("u3", created_at=datetime.now(UTC) + timedelta(days=900))
    take(store, line(dated("u1", 5), dated("a1", 0), dated("u2", 7)))
    info = store.get("s").info
    assert (info.created_at, info.updated_at) == (NOON, NOON + timedelta(minutes=7))
    take(store, line(dated("u1", 5), dated("a1", 0), dated("u2", 7), dated("a2", 9)))
    info = store.get("s").info
    assert (info.created_at, info.updated_at) == (NOON, NOON + timedelta(minutes=9))
    take(store, line(dated("u1", 5), dated("a1", 0), dated("u2", 7), dated("a2", 9), future))
    assert store.get("s").info.updated_at <= datetime.now(UTC)
    before = store.get("s").info.updated_at
    take(store, line(said("u4", created_at=None), native_id="now"))
    assert store.get("now").info.created_at >= before
    assert [s.id for s in store.sessions(until="2025-05-02")] == []
    assert [s.id for s in store.sessions(created_until="2025-05-02")] == ["s"]


def test_an_id_that_is_taken_by_something_else(store):
    store.open("s").append(Message.user("my own"))
    assert take(store, line("u1", "a1")) == (1, 0, 0, 2)
    assert take(store, line("u1", "a1", "u2")) == (0, 1, 0, 1)
    assert sorted(s.id for s in store.sessions()) == ["made-up:s", "s"]
    assert len(store.get("s").messages()) == 1


def test_sub_agents_and_forks_are_linked(store):
    take(
        store,
        line("u1", "a1"),
        line("u2", native_id="sub", parent="s", relation="subagent"),
        line("u3", native_id="child", parent="s", relation="fork"),
    )
    assert sorted(s.id for s in store.sessions(metadata={"imported.parent": "s"})) == ["child", "sub"]
    assert store.get("sub").info.metadata["imported"]["relation"] == "subagent"
    assert store.get("child").info.forked_from.session_id == "s"
    assert [s.id for s in store.sessions(forked_from="s")] == ["child"]


def test_lines_behind_what_could_not_be_read_are_not_lost(store):
    messages = [said("u1"), Damage(7, "broken"), said("a2", parent_id="gone")]
    conversation = Conversation(offset=0, messages=messages, native_id="s", head="u1", forks={"gone"})

    async def add(core):
        tally = Tally()
        outbox = Outbox(core)
        await Conversations(core, outbox, tally).add(conversation, "f", "f", "made-up")
        await outbox.flush()
        return tally.result()

    result = store._do(add)
    assert [(d.offset, d.reason) for d in result.damaged] == [(7, "broken")]
    assert shape(store)[0] == ["u1"]
    assert list(shape(store)[1].values()) == ["a2"]


def test_large_trees_are_written_in_several_commits(store, monkeypatch):
    monkeypatch.setattr("recollect.transfer.drafting.CHUNK_MESSAGES", 10)
    monkeypatch.setattr("recollect.transfer.writing.MAX_RECORDS", 10)
    names = [f"{'ua'[n % 2]}{n}" for n in range(60)]
    others = [f"{'ua'[n % 2]}{n}" for n in range(100, 136)]
    main = [names[0]] + [f"{a}>{b}" for a, b in pairwise(names)]
    aside = [f"u10>{others[0]}"] + [f"{a}>{b}" for a, b in pairwise(others)]
    shown = tree(*main, *aside, head=names[-1])
    assert take(store, shown) == (1, 0, 0, 96)
    assert shape(store)[0] == names
    assert list(shape(store)[1].values()) == ["a135"]
    assert everything(store) == whole(store, shown)
    assert take(store, shown) == (0, 0, 1, 0)
