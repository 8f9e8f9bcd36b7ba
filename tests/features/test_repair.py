"""Damage of every kind: found by verify, put right by repair, the rest untouched, nothing deleted."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import apsw
import pytest

from recollect import Message, Store, ToolCallPart

SEQS = range(1, 14)


def _make(path: Path) -> list[bytes]:
    """A session with every kind of record; returns the bodies by seq - 1."""
    with Store(f"sqlite:///{path}") as store:
        session = store.open("a", name="first", tags=["x"])
        session.append(Message.user("q1"), Message.assistant("a1"), Message.user("q2"))
        session.append(Message.assistant("a2"))
        session.branch("idea", at=session.messages()[1].id)
        session.checkout("idea")
        session.append(Message.user("other"), Message.assistant("way"))
        session.checkout("main")
        session.tag("y")
        erased = session.append(Message.user("secret"))[0]
        session.erase(erased.id)
        assert store.verify().clean
        assert session.version == SEQS[-1]
    with apsw.Connection(str(path)) as db:
        return [row[0] for row in db.execute("SELECT body FROM records ORDER BY rid")]


@pytest.mark.parametrize("seq", SEQS)
@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "noise"])
def test_one_damaged_record_costs_only_itself(tmp_path: Path, seq: int, damage: str) -> None:
    path = tmp_path / "chats.db"
    bodies = _make(path)
    body = bodies[seq - 1]
    flipped = bytearray(body)
    flipped[len(body) // 2] ^= 1
    bad = {"cut": body[: len(body) // 2], "flipped": bytes(flipped), "empty": b"", "noise": b"\x01\xff"}[
        damage
    ]
    with apsw.Connection(str(path)) as db:
        db.execute("UPDATE records SET body = ? WHERE rid & 0xFFFFFFFF = ?", (bad, seq))
    with Store(f"sqlite:///{path}") as store:
        before = store.verify()
        assert [f.place for f in before.findings] == [f"session 'a', record {seq}"]
        report = store.repair(quarantine=tmp_path / "aside.jsonl")
        assert (report.repaired, report.quarantined, report.unrepaired) == (["a"], 1, [])
        assert store.verify().clean
        store.get("a").append(Message.user("on it goes"))
        assert store.verify().clean
    line = json.loads((tmp_path / "aside.jsonl").read_text())
    assert (line["session_id"], line["seq"]) == ("a", seq)
    assert base64.b64decode(line["body_base64"]) == bad
    with apsw.Connection(str(path)) as db:
        after = [row[0] for row in db.execute("SELECT body FROM records ORDER BY rid")]
    kept = [i for i in range(len(bodies)) if i != seq - 1]
    assert [after[i] for i in kept] == [bodies[i] for i in kept]


@pytest.mark.parametrize("seq", [2, 3, 4, 5, 7, 10])
def test_a_missing_record_is_stood_in_for(tmp_path: Path, seq: int) -> None:
    path = tmp_path / "chats.db"
    _make(path)
    with apsw.Connection(str(path)) as db:
        db.execute("DELETE FROM records WHERE rid & 0xFFFFFFFF = ?", (seq,))
    with Store(f"sqlite:///{path}") as store:
        assert not store.verify().clean
        report = store.repair(quarantine=tmp_path / "aside.jsonl")
        assert (report.repaired, report.unrepaired) == (["a"], [])
        assert store.verify().clean


def test_a_row_that_lies_is_rebuilt_from_the_log(tmp_path: Path) -> None:
    path = tmp_path / "chats.db"
    _make(path)
    with Store(f"sqlite:///{path}") as store:
        info = store.get("a").info
    with apsw.Connection(str(path)) as db:
        wrong = "CAST(replace(CAST(body AS TEXT), 'first', 'wrong') AS BLOB)"
        db.execute(f"UPDATE sessions SET message_count = 99, body = {wrong}")
    with Store(f"sqlite:///{path}") as store:
        assert not store.verify().clean
        report = store.repair("a")
        assert (report.repaired, report.quarantined, report.quarantine) == (["a"], 0, None)
        assert store.get("a").info == info
        assert store.verify().clean


def test_a_call_without_an_answer_is_found_and_can_be_read_around(tmp_path: Path) -> None:
    with Store("memory:") as store:
        session = store.open("a")
        call = ToolCallPart("search", {"q": "x"}, "c1")
        session.append(Message.user("find"), Message.assistant([call]), Message.user("and?"))
        report = store.verify()
        assert report.clean
        assert [f.problem for f in report.orphans] == ["the tool call 'c1' has no answer"]
        line = session.messages(repair_tool_calls=True)
        assert [m.role for m in line] == ["user", "assistant", "tool", "user"]
        assert line[2].metadata == {"synthetic": True}
        assert len(session.messages()) == 3


@pytest.mark.parametrize("number", range(10))
def test_a_damaged_line_of_a_file_is_put_aside(tmp_path: Path, number: int) -> None:
    with Store(f"file://{tmp_path}/chats") as store:
        session = store.open("a", name="first")
        for text in ("q1", "a1", "q2", "a2"):
            session.append(Message.user(text) if text[0] == "q" else Message.assistant(text))
        session.tag("y")
        session.rewind(turns=1)
        session.append(Message.user("q3"), Message.assistant("a3"))
        session.touch()
        session.append(Message.user("q4"))
    (log,) = (tmp_path / "chats").rglob("*.jsonl")
    lines = log.read_bytes().splitlines(keepends=True)
    assert len(lines) == 10
    middle = len(lines[number]) // 2
    lines[number] = lines[number][:middle] + b"#" + lines[number][middle + 1 :]
    damaged = b"".join(lines)
    log.write_bytes(damaged)
    with Store(f"file://{tmp_path}/chats") as store:
        assert not store.verify().clean
        report = store.repair(quarantine=tmp_path / "aside.jsonl")
        assert report.unrepaired == []
        assert store.verify().clean
        texts = [m.text for m in store.get("a").messages()]
        assert set(texts) <= {"q1", "a1", "q3", "a3", "q4", "q2", "a2", ""}
        store.get("a").append(Message.user("on it goes"))
        assert store.verify().clean
    aside = [json.loads(line) for line in (tmp_path / "aside.jsonl").read_text().splitlines()]
    assert damaged in [base64.b64decode(line.get("raw_base64", "")) for line in aside]


def test_an_index_that_lost_a_message_is_noticed_and_built_anew(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/chats.db"
    with Store(url) as store:
        session = store.open("a")
        session.append(Message.user("a needle"), Message.assistant("in hay"))
        erased = session.append(Message.user("gone"))[0]
        session.erase(erased.id)
        assert store.verify().clean
    with apsw.Connection(str(tmp_path / "chats.db")) as db:
        db.execute("DELETE FROM text_0 WHERE rowid = (SELECT min(id) FROM text_0_docsize)")
    with Store(url) as store:
        assert not store.search("needle").items
        (finding,) = store.verify().findings
        assert (finding.place, finding.problem) == ("session 'a', text index", "it holds 1 of 2 messages")
        report = store.repair()
        assert (report.repaired, report.quarantined, report.unrepaired) == (["a"], 0, [])
        assert len(store.search("needle")) == 1
        assert store.verify().clean


def test_erased_text_is_out_of_the_files_when_erase_returns(tmp_path: Path) -> None:
    with Store(f"sqlite:///{tmp_path}/chats.db") as store:
        session = store.open("a")
        session.append(
            Message.user("hello"), Message.assistant("xylophonesque quiddity"), Message.user("bye")
        )
        assert len(store.search("xylophonesque")) == 1
        session.erase(session.messages()[1].id)
        for path in tmp_path.iterdir():
            assert b"lophonesq" not in path.read_bytes(), path.name
