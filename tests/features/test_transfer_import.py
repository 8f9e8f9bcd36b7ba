"""Importing conversations: which session each belongs to, what is new, what is damaged."""

import io
import json
import subprocess
import sys
import time

import pytest

from recollect import (
    AccessError,
    Message,
    NotFoundError,
    Store,
    ToolCallPart,
    ToolCallResponsePart,
    UnsupportedError,
)


@pytest.fixture(params=["memory", "sqlite", "file"])
def store(request, tmp_path):
    urls = {"memory": "memory:", "sqlite": f"sqlite:///{tmp_path}/s.db", "file": f"file://{tmp_path}/store"}
    with Store(urls[request.param]) as opened:
        yield opened


def chat(*texts, **keys):
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[i % 2], "content": text} for i, text in enumerate(texts)], **keys}


def write(path, *conversations):
    path.write_text("".join(json.dumps(one) + "\n" for one in conversations))
    return path


def figures(result):
    return (result.created, result.updated, result.unchanged, result.messages)


def texts(store, session_id):
    return [message.text for message in store.get(session_id).messages()]


def test_importing_again_adds_nothing(store, tmp_path):
    path = write(tmp_path / "a.jsonl", chat("hi", "hello"), chat("hi", "hey", id="named"))
    first = store.import_(path)
    assert figures(first) == (2, 0, 0, 4)
    again = store.import_(path)
    assert figures(again) == (0, 0, 2, 0)
    assert again.sessions == first.sessions
    assert first.sessions[1] == "named"
    assert [store.get(i).version for i in first.sessions] == [4, 4]  # the last says where from
    assert first.to_dict() == {
        "created": 2,
        "updated": 0,
        "unchanged": 0,
        "messages": 4,
        "sessions": first.sessions,
        "damaged": [],
    }


def test_equal_conversations_at_different_positions_are_distinct(store, tmp_path):
    path = write(tmp_path / "a.jsonl", *[chat("hi", "hello")] * 3, chat("hi", "hello", "more"))
    result = store.import_(path)
    assert figures(result) == (4, 0, 0, 9)
    assert len(set(result.sessions)) == 4
    assert figures(store.import_(path)) == (0, 0, 4, 0)


def test_a_file_that_grew_adds_only_what_is_new(store, tmp_path):
    path = write(tmp_path / "a.jsonl", chat("one", "1"), chat("two", "2", id="n"))
    before = store.import_(path).sessions
    write(path, chat("one", "1", "three", "3"), chat("two", "2", "four", id="n"), chat("five"))
    result = store.import_(path)
    assert figures(result) == (1, 2, 0, 4)
    assert result.sessions[:2] == before
    assert texts(store, before[0]) == ["one", "1", "three", "3"]
    assert figures(store.import_(path)) == (0, 0, 3, 0)


def test_a_conversation_stored_before_its_first_answer_goes_on(store, tmp_path):
    path = write(tmp_path / "a.jsonl", chat("what?"))
    asked = store.import_(path).sessions
    write(path, chat("what?", "that"))
    result = store.import_(path)
    assert (figures(result), result.sessions) == ((0, 1, 0, 1), asked)
    assert figures(store.import_(path)) == (0, 0, 1, 0)


def test_a_question_and_its_answered_twin_stay_apart(store, tmp_path):
    for order in ([chat("q", "a"), chat("q")], [chat("r"), chat("r", "a")]):
        path = write(tmp_path / "a.jsonl", *order)
        assert store.import_(path).created == 2
        assert figures(store.import_(path)) == (0, 0, 2, 0)


def test_an_older_copy_of_a_file_takes_nothing_away(store, tmp_path):
    new = write(tmp_path / "new.jsonl", chat("one", "1", "two", "2"), chat("x", "y", "z", id="n"))
    old = write(tmp_path / "old.jsonl", chat("one", "1"), chat("x", "y", id="n"))
    sessions = store.import_(new).sessions
    result = store.import_(old)
    assert (figures(result), result.sessions) == ((0, 0, 2, 0), sessions)
    assert len(texts(store, sessions[0])) == 4


def test_moved_and_reordered_files_are_recognised(store, tmp_path):
    many = [chat("hi", "hello", f"and {i}") for i in range(4)]
    store.import_(write(tmp_path / "a.jsonl", *many))
    assert figures(store.import_(write(tmp_path / "b.jsonl", *reversed(many)))) == (0, 0, 4, 0)


def test_a_conversation_with_an_id_that_was_edited_goes_back_and_grows(store, tmp_path):
    path = write(tmp_path / "a.jsonl", chat("one", "1", "two", "2", id="n"))
    store.import_(path)
    write(path, chat("one", "1", "zwei", "2", id="n"))
    assert figures(store.import_(path)) == (0, 1, 0, 2)
    session = store.get("n")
    assert [m.text for m in session.messages()] == ["one", "1", "zwei", "2"]
    assert [m.text for m in session.messages(at=5)] == ["one", "1", "two", "2"]
    assert (session.info.preview, session.info.message_count, session.info.turn_count) == ("one", 4, 2)
    write(path, chat("eins", id="n"))
    store.import_(path)
    assert (texts(store, "n"), session.info.preview) == (["eins"], "eins")
    assert store.verify().clean


def test_an_id_that_is_not_unique_overwrites_nothing(store, tmp_path):
    path = write(
        tmp_path / "a.jsonl", chat("one", "1", id="n"), chat("two", "2", id="n"), chat("one", id="n")
    )
    result = store.import_(path)
    assert result.sessions == ["n", "n~2"]
    assert (texts(store, "n"), texts(store, "n~2")) == (["one", "1"], ["two", "2"])
    assert store.import_(path).messages == 0


def test_ids_that_no_session_may_have_are_replaced(store, tmp_path):
    path = write(
        tmp_path / "a.jsonl",
        chat("a", id="x" * 300),
        chat("b", id="tab\there"),
        chat("c", id=7),
        chat("d", id=""),
    )
    result = store.import_(path)
    assert figures(result) == (4, 0, 0, 4)
    assert all(len(i) == 36 for i in result.sessions)
    assert figures(store.import_(path)) == (0, 0, 4, 0)


def test_attributes_and_where_it_came_from(store, tmp_path):
    store.import_(
        write(tmp_path / "a.jsonl", chat("hi", id="n", model="m", title="T", task_id=3, source="s"))
    )
    info = store.get("n").info
    assert (info.model, info.name, info.metadata["task_id"], info.metadata["source"]) == ("m", "T", 3, "s")
    assert info.metadata["imported"] == {"format": "openai-chat", "file": "a.jsonl", "id": "n"}
    assert [one.id for one in store.sessions(metadata={"task_id": 3}, model="m")] == ["n"]


def test_what_was_said_in_the_store_stays(store, tmp_path):
    path = write(tmp_path / "a.jsonl", chat("one", "1"))
    (session_id,) = store.import_(path).sessions
    store.get(session_id).append(Message.user("my own"))
    assert figures(store.import_(path)) == (0, 0, 1, 0)
    assert texts(store, session_id) == ["one", "1", "my own"]


def test_the_trash_is_reported_and_left_alone(store, tmp_path):
    path = write(tmp_path / "a.jsonl", chat("one", "1"), chat("two", id="n"), chat("three"))
    sessions = store.import_(path).sessions
    for session_id in sessions[:2]:
        store.trash(session_id)
    result = store.import_(path)
    assert figures(result) == (0, 0, 1, 0)
    assert ["trash" in damage.reason for damage in result.damaged] == [True, True]
    assert [damage.file for damage in result.damaged] == [str(path)] * 2
    assert not store.exists("n")


def test_damage_is_reported_with_its_place_and_the_import_goes_on(store, tmp_path):
    good = [json.dumps(chat(f"q{i}", f"a{i}")) for i in range(4)]
    cut, nan = good[1][:30], good[1].replace('"a1"', "NaN")
    deep = json.dumps(chat("deep", extra=json.loads("[" * 200 + "]" * 200)))
    lines = [good[0], cut + good[1], "\0" * 5 + good[2], nan, "no json at all", deep, good[3] + good[3]]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(lines) + '\n{"messages":[{"role":"user"')
    result = store.import_(path)
    assert figures(result) == (6, 0, 0, 11)  # what NaN stands in is a message: the other one is kept
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    assert [d.offset for d in result.damaged] == [
        starts[1],
        starts[2],
        starts[3] + nan.index('{"role": "assistant"'),
        starts[4],
        starts[5],
        starts[7],
    ]
    assert all(d.file == str(path) and d.reason for d in result.damaged)
    assert store.import_(path).messages == 0


def test_damage_never_quotes_what_was_said(store, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"messages":[{"role":"user","content":"SECRET" "SECRET"}]}\n{"messages":[{"role":"SECRET"}]}\n'
    )
    result = store.import_(path)
    assert len(result.damaged) == 2
    assert "SECRET" not in json.dumps(result.to_dict())


def test_tools_are_paired_and_found_by_search(store, tmp_path):
    call = {"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": '{"word":"quokka"}'}}
    conversation = {
        "messages": [
            {"role": "user", "content": "What is it?"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "name": "look_up", "content": "a small wallaby"},
        ]
    }
    (session_id,) = store.import_(write(tmp_path / "a.jsonl", conversation)).sessions
    _, called, answered = store.get(session_id).messages()
    assert called.parts == (ToolCallPart("look_up", {"word": "quokka"}, "c1"),)
    assert answered.parts == (ToolCallResponsePart("a small wallaby", "c1", {"name": "look_up"}),)
    assert [hit.role for hit in store.search("quokka")] == ["assistant"]
    assert [hit.position for hit in store.search("wallaby")] == [3]
    assert json.loads(store.export(session_id, format="openai-chat")) == conversation


@pytest.mark.parametrize(
    "document",
    [
        chat("hi", "hello"),
        chat("hi", "hello", id="n", model=None, title="T", tools=[{"a": 1}], reward=0.5),
        {"traj": chat("hi")["messages"], "task_id": 0, "info": {"x": None}},
        chat("hi")["messages"],
    ],
)
def test_openai_chat_in_and_out_gives_the_same_values(store, tmp_path, document):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([document] if isinstance(document, dict) else document))
    (session_id,) = store.import_(path).sessions
    assert json.loads(store.export(session_id, format="openai-chat")) == document


def test_an_export_of_ones_own_comes_back_to_the_same_session(store, tmp_path):
    session = store.open("mine", name="N", model="m")
    session.append(Message.user("hi"), Message.assistant("hello"))
    path = tmp_path / "out.json"
    store.export("mine", format="openai-chat", to=path)
    assert figures(store.import_(path)) == (0, 0, 1, 0)


def test_large_conversations_are_written_in_several_commits(store, tmp_path):
    said = [f"message {i}" for i in range(5000)]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(chat(*said)))
    (session_id,) = store.import_(path).sessions
    assert texts(store, session_id) == said
    assert figures(store.import_(path)) == (0, 0, 1, 0)
    path.write_text(json.dumps(chat(*said, "one more")))
    assert figures(store.import_(path)) == (0, 1, 0, 1)
    assert store.verify().clean


def test_errors_before_anything_is_imported(store, tmp_path):
    good = write(tmp_path / "a.jsonl", chat("hi"))
    with pytest.raises(NotFoundError, match=r"missing\.json"):
        store.import_(good, tmp_path / "missing.json")
    with pytest.raises(UnsupportedError, match="openai-chat"):
        store.import_(good, format="nonsense")
    assert len(store.sessions()) == 0


def test_a_file_of_no_known_format(store, tmp_path):
    notes = tmp_path / "notes.txt"
    notes.write_text("just notes")
    with pytest.raises(UnsupportedError, match=r"notes\.txt.*openai-chat"):
        store.import_(notes)
    result = store.import_(notes, write(tmp_path / "a.jsonl", chat("hi")))
    assert (result.created, [damage.file for damage in result.damaged]) == (1, [str(notes)])
    forced = store.import_(notes, format="openai-chat")
    assert (forced.created, len(forced.damaged)) == (0, 1)


def test_a_read_only_store_takes_nothing(tmp_path):
    url = f"sqlite:///{tmp_path}/s.db"
    Store(url).close()
    with Store(url, readonly=True) as store, pytest.raises(AccessError):
        store.import_(write(tmp_path / "a.jsonl", chat("hi")))


def test_two_imports_at_once_add_everything_once(tmp_path):
    """Another process imports the same file just before this one's first commit."""
    url = f"sqlite:///{tmp_path}/s.db"
    path = write(tmp_path / "a.jsonl", *[chat(f"q{i}", "a") for i in range(20)])

    with Store(url) as mine, Store(url) as other:
        commit, done = mine._core.backend.commit, []

        async def late(*commits):
            if not done:
                done.append(other.import_(path))
            await commit(*commits)

        mine._core.backend.commit = late
        result = mine.import_(path)
        assert figures(done[0]) == (20, 0, 0, 40)
        assert figures(result) == (0, 0, 20, 0)
        assert len(mine.sessions(limit=50)) == 20


def test_an_open_stream(store):
    result = store.import_(io.BytesIO(json.dumps(chat("hi")).encode()))
    assert figures(result) == (1, 0, 0, 1)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["sqlite", "file"])
def test_an_import_that_was_killed_is_completed_by_the_next(tmp_path, engine):
    path = write(tmp_path / "a.jsonl", *[chat(f"question {i}", f"answer {i}", "more") for i in range(6000)])
    url = f"sqlite:///{tmp_path}/s.db" if engine == "sqlite" else f"file://{tmp_path}/store"
    url += "?durability=relaxed"
    program = "import recollect, sys; print(flush=True); recollect.Store(sys.argv[1]).import_(sys.argv[2])"
    for delay in (0.15, 0.3, 0.45):
        command = [sys.executable, "-c", program, url, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as running:
            assert running.stdout is not None
            running.stdout.readline()
            time.sleep(delay)
            running.kill()
        with Store(url) as store:
            assert store.verify().clean
    with Store(url) as store:
        before = store.stats().messages
        result = store.import_(path)
        assert (result.messages, len(result.sessions)) == (18000 - before, 6000)
        assert (store.stats().sessions, store.stats().messages) == (6000, 18000)
