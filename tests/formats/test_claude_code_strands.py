"""Claude Code: side chains, sub-agents beside a session, and files that grow."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recollect.formats import claude_code, claude_code_records, claude_code_tree
from recollect.formats.base import Conversation, Damage, Mark, Restart

from .claude_sessions import SESSION, Log, call, text, uid
from .format_sources import Source, conversations, lines, messages

NAME = f"{SESSION}.jsonl"
AGENT = "a7f3"


def agent_log(**more) -> Log:
    log = Log(isSidechain=True, agentId=AGENT, **more)
    return log.user("s1", "Search the shelves", under=None).reply("s2", "ms", text("Nothing there."))


def with_side() -> Log:
    log = Log().user("u1", "Delegate").reply("a1", "m1", call("t1", "Task"))
    log.add("user", "s1", None, isSidechain=True, message={"role": "user", "content": "Search"})
    log.reply("s2", "ms", text("Nothing."), isSidechain=True)
    log.user("z1", "Search elsewhere", under=None, isSidechain=True)
    log.reply("s3", "ms2", text("Again nothing."), isSidechain=True, under="s2")
    log.result("r1", "t1", under="a1", toolUseResult={"agentId": AGENT, "status": "completed"})
    return log.reply("a2", "m2", text("It found nothing."))


def test_side_chains_in_the_file_are_sessions_of_their_own():
    main, first, second = conversations(claude_code, Source(with_side().bytes(), NAME))
    assert [message.id for message in messages(main)] == [uid(name) for name in ("u1", "a1", "r1", "a2")]
    assert [message.id for message in messages(first)] == [uid(name) for name in ("s1", "s2", "s3")]
    assert [message.id for message in messages(second)] == [uid("z1")]
    assert first.native_id == f"{SESSION}.side-{uid('s1')}"
    assert {(side.parent, side.relation) for side in (first, second)} == {(SESSION, "subagent")}
    assert messages(first)[0].metadata["injected"] == "agent_prompt"
    assert messages(main)[2].metadata["claude_code"]["agent_id"] == AGENT
    assert main.mark() is None


def test_side_chains_that_name_agents():
    log = Log().user("u1", "Delegate").reply("a1", "m1", call("t1", "Task"))
    log.records += agent_log().records
    main, side = conversations(claude_code, Source(log.bytes(), NAME))
    assert side.native_id == f"{SESSION}.agent-{AGENT}"
    assert len(messages(main)) == len(messages(side)) == 2


@pytest.fixture
def folder(tmp_path):
    beside = tmp_path / SESSION / "subagents"
    beside.mkdir(parents=True)
    (tmp_path / NAME).write_bytes(Log().user("u1", "Delegate").reply("a1", "m1", call("t1")).bytes())
    (beside / f"agent-{AGENT}.jsonl").write_bytes(agent_log().bytes())
    (beside / f"agent-{AGENT}.meta.json").write_text('{"agentType":"explorer","description":"Look around"}')
    (beside / "notes.txt").write_text("no sub-agent")
    return tmp_path


def test_sub_agents_beside_the_session(folder):
    main, agent = conversations(claude_code, Source.at(folder / NAME))
    assert main.native_id == SESSION
    assert (agent.native_id, agent.parent) == (f"{SESSION}.agent-{AGENT}", SESSION)
    assert agent.relation == "subagent"
    assert agent.attributes["name"] == "Look around"
    assert agent.attributes["metadata"]["agent_type"] == "explorer"
    assert [message.role for message in messages(agent)] == ["user", "assistant"]
    (alone,) = conversations(claude_code, Source.at(folder / SESSION / "subagents" / f"agent-{AGENT}.jsonl"))
    for name in ("native_id", "parent", "relation", "attributes", "head"):
        assert getattr(alone, name) == getattr(agent, name)
    assert messages(alone) == messages(agent)


def test_a_sub_agents_file_that_came_alone():
    (found,) = conversations(claude_code, Source(agent_log().bytes(), f"agent-{AGENT}.jsonl"))
    assert (found.native_id, found.parent) == (f"{SESSION}.agent-{AGENT}", SESSION)
    (found,) = conversations(claude_code, Source(agent_log().bytes(), "stdin"))
    assert found.native_id == f"{SESSION}.agent-{AGENT}"


def test_damage_beside_is_reported_and_the_session_is_read(folder):
    place = folder / SESSION / "subagents"
    (place / f"agent-{AGENT}.jsonl").write_bytes(agent_log().bytes() + b'{"torn')
    (place / f"agent-{AGENT}.meta.json").write_text("{")
    main, damage, agent = claude_code.read(Source.at(folder / NAME))
    assert isinstance(damage, Damage)
    assert AGENT in damage.reason
    assert len(messages(main)) == len(messages(agent)) == 2


def busy() -> Log:
    """Parallel calls, progress, an edit, compaction, facts, a repeated record."""
    log = Log().user("u1", "Go").reply("a1", "m1", text("Well")).reply("a2", "m1", call("t1"))
    log.reply("a3", "m1", call("t2"), output=8)
    log.result("r1", "t1", under="a2").result("r2", "t2", under="a3")
    log.add("progress", "p1", data={}).reply("a4", "m2", text("So far")).reply("a5", "m2", call("t3"))
    log.fact("ai-title", aiTitle="Going", sessionId=SESSION)
    log.result("r3", "t3", gitBranch="other").reply("a6", "m3", text("Done"))
    log.user("u2", "Thanks").reply("a7", "m4", text("Welcome"), version="2.1.1")
    log.user("u3", "Rather", under="a6").reply("a8", "m5", text("Yes?"))
    log.add("system", "c1", None, subtype="compact_boundary", logicalParentUuid=uid("a8"))
    log.user("k1", "Summary", isCompactSummary=True).reply("a9", "m6", call("t4"), text("x"))
    log.result("r4", "t4").reply("b1", "m7", text("End"), model="claude-sonnet-4-5").user("u4", "Bye")
    log.records.append(log.records[-1])
    return log


def resumed(raw: bytes, mark: Mark) -> Conversation:
    state = json.loads(json.dumps(mark.state))
    source = Source(raw, NAME)
    source.seek(mark.offset)
    (found,) = [
        piece
        for piece in claude_code.resume(source, Mark(mark.offset, state))
        if isinstance(piece, Conversation)
    ]
    return found


def same(before: list, new: Conversation, whole: Conversation) -> None:
    """Messages before the mark and those from it on are those of the whole file."""
    stored = {message.id: message for message in before}
    stored.update({message.id: message for message in new.messages})
    assert stored == {message.id: message for message in whole.messages}
    names = ("head", "attributes", "native_id", "parent", "relation")
    assert [getattr(new, name) for name in names] == [getattr(whole, name) for name in names]
    first, *others = new.messages
    assert first.parent_id == new.after
    known = {new.after, first.id}
    for message in others:
        assert message.parent_id in known
        known.add(message.id)


def test_every_beginning_and_what_follows_give_the_whole():
    raw = busy().bytes()
    (whole,) = conversations(claude_code, Source(raw, NAME))
    lines(whole)
    went_on = 0
    for cut in range(1, len(raw), 7):
        *_, old = claude_code.read(Source(raw[:cut], NAME))
        before = list(old.messages)
        mark = old.mark()
        if mark is None:
            continue
        assert mark.offset < cut
        try:
            new = resumed(raw, mark)
        except Restart:
            continue
        went_on += 1
        same(before, new, whole)
    assert went_on > 200


def test_reading_goes_on_from_mark_to_mark():
    parts = busy().lines()
    old, mark, stored = None, None, {}
    marks = 0
    for count in range(1, len(parts) + 1):
        raw = b"".join(line + b"\n" for line in parts[:count])
        try:
            found = resumed(raw, mark) if mark is not None else None
        except Restart:
            found = None
        if found is None:
            (found,) = conversations(claude_code, Source(raw, NAME))
            stored = {}
        else:
            marks += 1
        stored.update({message.id: message for message in found.messages})
        (old,) = conversations(claude_code, Source(raw, NAME))
        assert stored == {message.id: message for message in old.messages}
        assert (found.head, found.attributes) == (old.head, old.attributes)
        mark = found.mark()
    assert marks > len(parts) / 2


def test_a_mark_is_small_and_late():
    log = Log()
    for i in range(1000):
        log.user(f"u{i:04}", "x").reply(f"a{i:04}", f"m{i}", text("y"))
    (found,) = conversations(claude_code, Source(log.bytes(), NAME))
    mark = found.mark()
    assert len(json.dumps(mark.state)) < 8000
    assert mark.offset == sum(len(line) + 1 for line in log.lines()[:-1])


def test_new_sub_agents_come_with_what_is_resumed(folder):
    main, _ = conversations(claude_code, Source.at(folder / NAME))
    list(main.messages)
    mark = main.mark()
    (folder / SESSION / "subagents" / "agent-b2.jsonl").write_bytes(
        Log(isSidechain=True, agentId="b2").user("q1", "Second", under=None).bytes()
    )
    source = Source.at(folder / NAME)
    source.seek(mark.offset)
    main, agent = claude_code.resume(source, mark)
    assert agent.native_id == f"{SESSION}.agent-b2"
    assert len(messages(main)) == 1


def test_what_a_mark_does_not_know_needs_the_whole_file():
    log = (
        Log().user("u1", "Hi").reply("a1", "m1", text("Hello")).user("u2", "So").reply("a2", "m2", text("?"))
    )
    (old,) = conversations(claude_code, Source(log.bytes(), NAME))
    mark = old.mark()
    for more in (
        lambda grown: grown.user("u3", "Edited", under="a1"),
        lambda grown: grown.reply("a3", "m1", text("More of the first reply"), under="a1"),
        lambda grown: grown.user("s1", "Side", isSidechain=True, under=None),
        lambda grown: grown.result("r1", "unknown"),
        lambda grown: grown.user("u1", "Hi", under=None),
    ):
        grown = Log()
        grown.records, grown.last = list(log.records), log.last
        with pytest.raises(Restart):
            resumed(more(grown).bytes(), mark)


def test_a_mark_of_another_kind_needs_the_whole_file():
    with pytest.raises(Restart):
        list(claude_code.resume(Source(busy().bytes(), NAME), Mark(0, {"by": "another version"})))


def test_what_does_not_fit_in_memory_is_read_the_same(monkeypatch):
    (whole,) = conversations(claude_code, Source(busy().bytes(), NAME))
    wanted = messages(whole)
    monkeypatch.setattr(claude_code_tree, "RECENT", 3)
    monkeypatch.setattr(claude_code_records, "KEPT_IN_MEMORY", 900)
    (found,) = conversations(claude_code, Source(busy().bytes(), NAME))
    assert messages(found) == wanted
    assert (found.head, found.forks, found.mark()) == (whole.head, whole.forks, whole.mark())
    halves = zip(found.messages, found.messages, strict=True)  # two readers of one file at a time
    assert [(a, b) for a, b in halves] == [(message, message) for message in wanted]


STEP = st.tuples(
    st.sampled_from(["user", "reply", "reply", "more", "result", "result", "progress", "fact"]),
    st.integers(0, 5),  # how far back the parent, reply or call lies
)


def wild(steps: list[tuple[str, int]]) -> Log:
    """A session whose parents lie anywhere; what belongs together names what it belongs to."""
    log = Log().user("start", "Go")
    replies: list[tuple[str, str]] = []
    for i, (kind, back) in enumerate(steps):
        name = f"n{i:03}"
        recent = [record["uuid"] for record in log.records if "uuid" in record]
        if kind != "fact" and kind != "more":
            log.last = (
                None if back == 5 and kind == "progress" else recent[-1 - min(back // 2, len(recent) - 1)]
            )
        if kind == "user":
            log.user(name, "And?")
        elif kind == "reply":
            log.reply(name, f"m{i}", call(f"t{i}"))
            replies.append((name, f"m{i}"))
        elif kind in ("more", "result") and replies:
            place = max(0, len(replies) - 1 - back // 3)
            before, reply = replies[place]
            if kind == "more":
                log.reply(name, reply, call(f"t{i}"), under=before, output=i)
                replies[place] = (name, reply)
            else:
                log.result(name, f"t{int(before[1:])}", under=before)
        elif kind == "progress":
            log.add("progress", name, data={})
        elif kind == "fact":
            log.fact("ai-title", aiTitle=f"Title {i}", sessionId=SESSION)
    return log


@given(st.lists(STEP, max_size=30), st.data())
def test_any_session_read_in_two_goes_is_the_whole(steps, data):
    log = wild(steps)
    parts = [line + b"\n" for line in log.lines()]
    raw = b"".join(parts)
    (whole,) = conversations(claude_code, Source(raw, NAME))
    assert sum(map(len, lines(whole))) == len(messages(whole))
    cut = data.draw(st.integers(1, len(parts)))
    (old,) = conversations(claude_code, Source(b"".join(parts[:cut]), NAME))
    before = messages(old)
    lying = {message.id: message.parent_id for message in messages(whole)}
    assert all(lying[message.id] == message.parent_id for message in before)
    mark = old.mark()
    if mark is not None:
        with suppress(Restart):  # then the whole is read
            same(before, resumed(raw, mark), whole)
