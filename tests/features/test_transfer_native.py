"""The files that sessions came from: kept, given back byte for byte, forgotten when they must be."""

import io
import json
import random
import tarfile
import zipfile

import apsw
import pytest

from recollect import Message, NotFoundError, Store, UnsupportedError
from recollect.transfer.sources import Input


@pytest.fixture(params=["memory", "sqlite", "file"])
def store(request, tmp_path):
    urls = {"memory": "memory:", "sqlite": f"sqlite:///{tmp_path}/s.db", "file": f"file://{tmp_path}/store"}
    with Store(urls[request.param]) as opened:
        yield opened


def record(number: int, text: str, *, session: str = "5e551011-0000-4000-8000-000000000001", **fields) -> str:
    """A line of a Claude Code session: questions with even numbers, answers with odd ones."""
    role = "assistant" if number % 2 else "user"
    message = {"role": role, "content": text if role == "user" else [{"type": "text", "text": text}]}
    if role == "assistant":
        message |= {
            "id": f"msg_{number}",
            "model": "m",
            "stop_reason": "end_turn",
            "usage": {"output_tokens": 1},
        }
    line = {
        "type": role,
        "uuid": f"00000000-0000-4000-8000-{number:012}",
        "parentUuid": f"00000000-0000-4000-8000-{number - 1:012}" if number else None,
        "sessionId": session,
        "timestamp": f"2025-05-01T12:00:{number % 60:02}.000Z",
        "cwd": "/srv/app",
        "version": "2.0.0",
        "message": message,
    }
    return json.dumps({**line, **fields}) + "\n"


def chat(*texts: str, **fields) -> dict:
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[i % 2], "content": t} for i, t in enumerate(texts)], **fields}


def native(store, session_id: str) -> bytes:
    return store.export(session_id, format="native")


def test_a_file_comes_back_byte_for_byte(store, tmp_path):
    path = tmp_path / "5e551011-0000-4000-8000-000000000001.jsonl"
    text = record(0, "hé\u0000llo\\") + '{"type":"unknown","x":[1, 2]}\n' + record(1, "yes").rstrip("\n")
    path.write_text(text, "utf-8")
    (session_id,) = store.import_(path).sessions
    assert native(store, session_id) == path.read_bytes()
    store.export(session_id, format="native", to=tmp_path / "again.jsonl")
    assert (tmp_path / "again.jsonl").read_bytes() == path.read_bytes()
    assert store.verify().clean


def test_large_files_are_kept_in_chunks_and_grow_by_what_is_new(store, tmp_path, monkeypatch):
    monkeypatch.setattr("recollect.transfer.keeping.CHUNK", 10_000)
    monkeypatch.setattr("recollect.transfer.keeping.PER_NOTE", 2)
    monkeypatch.setattr("recollect.transfer.keeping.INLINE", 500)
    noise = random.Random(1)
    path = tmp_path / "5e551011-0000-4000-8000-000000000001.jsonl"
    lines = [record(n, noise.randbytes(1000).hex()) for n in range(40)]
    path.write_text("".join(lines[:30]))
    (session_id,) = store.import_(path).sessions
    assert native(store, session_id) == path.read_bytes()
    before = store.stats()
    for upto in (31, 32, 36, 40):
        path.write_text("".join(lines[:upto]))
        assert store.import_(path).updated == 1
        assert native(store, session_id) == path.read_bytes()
    assert store.stats().body_bytes - before.body_bytes < 3 * sum(map(len, lines[30:]))
    assert store.verify().clean
    fork = store.get(session_id).fork(session_id="fork")
    assert native(store, fork.id) == path.read_bytes()
    log = store.export(session_id, format="jsonl")
    with Store("memory:") as other:
        other.import_(io.BytesIO(log.encode()))
        assert native(other, session_id) == path.read_bytes()
        assert other.export(session_id, format="jsonl") == log


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("document", ["array", "lines", "one"])
def test_a_file_of_many_conversations_comes_back_from_each(store, tmp_path, document, encoding):
    chats = [chat("hi", "hello"), chat("ho", "yes", "and?"), chat("hi", "hey", id="named")]
    path = tmp_path / "chats.json"
    texts = {
        "array": "[\n" + ",\n  ".join(map(json.dumps, chats)) + "\n]\n\n",
        "lines": "\n".join(map(json.dumps, chats)),
        "one": json.dumps(chats[0], indent=2) + "\n",
    }
    path.write_text(texts[document], encoding)
    result = store.import_(path)
    for session_id in result.sessions:
        assert native(store, session_id) == path.read_bytes()
    files = store.export_all(tmp_path / "out", sessions=result.sessions, format="native")
    assert {file.name for file in files.values()} == {"chats.json"}
    assert [file.read_bytes() for file in (tmp_path / "out").iterdir()] == [path.read_bytes()]


def test_members_of_archives_come_back(store, tmp_path):
    chats = json.dumps([chat("hi", "hello"), chat("ho", "yes")]).encode()
    other = record(0, "from a tar").encode()
    with tarfile.open(tmp_path / "all.tar.xz", "w:xz") as archive:
        for name, content in (("a/chats.json", chats), ("b/x.jsonl", other)):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as zipped:
        zipped.writestr("z/more.json", json.dumps([chat("zip", "yes"), chat("zap", "no")]))
    first = store.import_(tmp_path / "all.tar.xz", tmp_path / "all.zip")
    assert first.created == 5
    assert native(store, first.sessions[1]) == chats
    assert native(store, first.sessions[2]) == other
    again = store.import_(tmp_path / "all.tar.xz", tmp_path / "all.zip")
    assert (again.unchanged, again.messages, again.sessions) == (5, 0, first.sessions)
    assert native(store, again.sessions[3]) == native(store, again.sessions[4])


def test_nothing_is_kept_when_nobody_wants_it(store, tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([chat("hi", "hello")]))
    (session_id,) = store.import_(path, keep_source=False).sessions
    with pytest.raises(NotFoundError, match="not kept"):
        native(store, session_id)
    assert store.import_(path).unchanged == 1
    assert native(store, session_id) == path.read_bytes()


def test_what_was_erased_is_gone_from_the_source_too(store, tmp_path):
    path = tmp_path / "5e551011-0000-4000-8000-000000000001.jsonl"
    path.write_text(record(0, "the secret") + record(1, "well"))
    (session_id,) = store.import_(path).sessions
    store.get(session_id).erase(store.get(session_id).messages()[0].id)
    with pytest.raises(NotFoundError, match="erased"):
        native(store, session_id)
    assert store.verify().clean
    path.write_text(path.read_text() + record(2, "more"))
    assert store.import_(path).messages == 1
    with pytest.raises(NotFoundError, match="erased"):
        native(store, session_id)
    assert "secret" not in store.export(session_id, format="jsonl")


def test_what_was_erased_is_gone_from_a_database_that_another_session_keeps(store, tmp_path):
    path = tmp_path / "history.db"
    with apsw.Connection(str(path)) as made:
        made.execute("CREATE TABLE message_store (id INTEGER PRIMARY KEY, session_id TEXT, message TEXT)")
        for session, text in (("a", "hello"), ("b", "the secret"), ("a", "again")):
            message = json.dumps({"type": "human", "data": {"content": text}})
            made.execute("INSERT INTO message_store (session_id, message) VALUES (?, ?)", (session, message))
    made.close()
    assert store.import_(path).sessions == ["a", "b"]
    assert native(store, "b") == native(store, "a") == path.read_bytes()
    store.get("b").erase(store.get("b").messages()[0].id)
    for session in ("a", "b"):
        with pytest.raises(NotFoundError):
            native(store, session)
    assert len(store.get("a").messages()) == 2
    assert store.verify().clean


def test_sessions_that_were_not_imported_have_no_file(store):
    session = store.open("mine")
    session.append(Message.user("hi"))
    with pytest.raises(NotFoundError, match="not imported"):
        native(store, "mine")
    with pytest.raises(UnsupportedError, match="last"):
        store.export("mine", format="native", last=3)


def test_a_part_that_is_gone_is_told(store, tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([chat("hi", "hello"), chat("ho", "yes")]))
    one, two = store.import_(path).sessions
    store.delete(one)
    with pytest.raises(NotFoundError, match="not all of it"):
        native(store, two)
    assert store.import_(path).created == 1
    assert native(store, two) == path.read_bytes()


def test_a_file_that_grew_is_read_from_where_it_ended(store, tmp_path, monkeypatch):
    path = tmp_path / "5e551011-0000-4000-8000-000000000001.jsonl"
    path.write_text("".join(record(n, f"text {n}") for n in range(100)))
    (session_id,) = store.import_(path).sessions
    parsed = []
    read = Input.read

    def watched(self, size):
        parsed.append(read(self, size))
        return parsed[-1]

    monkeypatch.setattr(Input, "read", watched)
    path.write_text("".join(record(n, f"text {n}") for n in range(103)))
    result = store.import_(path)
    assert (result.updated, result.messages) == (1, 3)
    assert sum(map(len, parsed)) < 0.2 * path.stat().st_size
    assert [m.text for m in store.get(session_id).messages()] == [f"text {n}" for n in range(103)]
    assert native(store, session_id) == path.read_bytes()
    parsed.clear()
    assert store.import_(path).unchanged == 1
    assert not parsed


def test_a_file_whose_beginning_changed_is_read_whole(store, tmp_path):
    path = tmp_path / "5e551011-0000-4000-8000-000000000001.jsonl"
    path.write_text("".join(record(n, f"text {n}") for n in range(50)))
    (session_id,) = store.import_(path).sessions
    path.write_text("".join(record(n, f"text {n}".replace("text 10", "next 10")) for n in range(52)))
    store.import_(path)
    assert store.get(session_id).messages()[10].text == "next 10"
    assert len(store.get(session_id).messages()) == 52
    assert len(store.get(session_id).branches()) == 2
    assert native(store, session_id) == path.read_bytes()


def test_a_session_that_was_deleted_comes_back_when_it_is_imported_again(store, tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([chat("hi", "hello", id="n")]))
    store.import_(path)
    store.delete("n")
    assert store.import_(path).created == 1


def test_books_are_not_shown(store, tmp_path):
    (tmp_path / "a.json").write_text(json.dumps([chat("hi", "hello")]))
    store.import_(tmp_path / "a.json")
    assert store.namespaces() == ["default"]
    assert store.reindex()["sessions"] == 1
