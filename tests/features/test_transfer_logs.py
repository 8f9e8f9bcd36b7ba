"""Whole logs: out of one store and into another, byte for byte, and never over something else."""

import io
import itertools
import json
import os
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from recollect import (
    BlobPart,
    Message,
    NotFoundError,
    ReasoningPart,
    Store,
    TextPart,
    ToolCallPart,
    UnavailableError,
    UnsupportedError,
    Usage,
)

ENGINES = ("memory", "sqlite", "file")


def opened(engine, folder):
    urls = {"memory": "memory:", "sqlite": f"sqlite:///{folder}/s.db", "file": f"file://{folder}/store"}
    return Store(urls[engine])


def fill(store, session_id="s/1"):
    """A session with everything that a log can hold."""
    image = bytes(range(256)) * 400
    session = store.create(
        session_id, name="Ünï \x00 \ud83d", tags=["a", "b"], metadata={"deep": {"n": 2**70}}, model="m"
    )
    session.append(Message.system("be brief"), Message.user("hi \u2028 \x00 \ud800"))
    session.append(
        Message.assistant(
            [
                ReasoningPart("hm", {"signature": "x"}),
                TextPart("yes"),
                ToolCallPart("f", {"a": [1, None]}, "c"),
                BlobPart(image, "image/png", "image"),
                BlobPart(b"small", "image/png"),
            ],
            usage=Usage(1, 2, 3, 4, Decimal("0.000000001")),
            created_at=datetime(2020, 1, 2, 3, 4, 5, 6, UTC),
        ),
        Message.tool("c", {"x": 1.5}),
    )
    session.update(name="renamed", expires_at=datetime(2999, 1, 1, tzinfo=UTC))
    session.clear()
    session.append(Message.user("again"), Message.user([BlobPart(image), BlobPart(image[::-1])]))
    kept = session.messages()
    store.save(session_id, [kept[0], Message.user("another end")])
    return session


@pytest.mark.parametrize(("first", "second"), list(itertools.product(ENGINES, ENGINES)))
@pytest.mark.parametrize("format", ["json", "jsonl"])
def test_export_import_export_is_the_same_to_the_byte(first, second, format, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with opened(first, tmp_path / "a") as one, opened(second, tmp_path / "b") as two:
        fill(one)
        one.export("s/1", format=format, to=tmp_path / "out")
        written = (tmp_path / "out").read_bytes()
        result = two.namespace("other").import_(tmp_path / "out")
        assert (result.created, result.messages, result.sessions, result.damaged) == (1, 7, ["s/1"], [])
        assert two.namespace("other").export("s/1", format=format).encode() == written
        original, copy = one.get("s/1"), two.namespace("other").get("s/1")
        assert copy.messages() == original.messages()
        assert copy.messages(at=5) == original.messages(at=5)
        assert {**copy.info.to_dict(), "namespace": ""} == {**original.info.to_dict(), "namespace": ""}
        assert two.namespace("other").verify().clean
        assert two.namespace("other").import_(tmp_path / "out").unchanged == 1


@pytest.fixture
def store():
    with Store("memory:") as opened:
        yield opened


@pytest.fixture
def other():
    with Store("memory:") as opened:
        yield opened


def stream(text):
    return io.BytesIO(text.encode())


@pytest.mark.parametrize("format", ["json", "jsonl"])
def test_a_log_that_grew_is_continued(store, other, format):
    session = fill(store)
    other.import_(stream(store.export("s/1", format=format)))
    session.append(Message.assistant([BlobPart(b"\1" * 70_000)]))
    session.tag("new")
    longer = store.export("s/1", format=format)
    result = other.import_(stream(longer))
    assert (result.updated, result.messages, result.damaged) == (1, 1, [])
    assert other.export("s/1", format=format) == longer
    other.get("s/1").append(Message.user("more"))
    assert other.import_(stream(longer)).unchanged == 1


def test_a_log_that_diverged_changes_nothing(store, other):
    session = fill(store)
    other.import_(stream(store.export("s/1")))
    session.append(Message.user("here"))
    other.get("s/1").append(Message.user("there"))
    before = other.export("s/1")
    result = other.import_(stream(store.export("s/1")))
    assert (result.created, result.updated, result.unchanged, result.messages) == (0, 0, 0, 0)
    assert "another past" in result.damaged[0].reason
    assert other.export("s/1") == before


@pytest.mark.parametrize("format", ["json", "jsonl"])
def test_several_sessions_in_one_file(store, other, format):
    for name in ("a", "b", "c"):
        fill(store, name)
    exports = [store.export(name, format=format) for name in ("a", "b", "c")]
    joined = ["".join(exports)]
    if format == "json":
        joined.append("[" + ",".join(exports) + "]")
    for i, text in enumerate(joined):
        result = other.namespace(f"n{i}").import_(stream(text))
        assert (result.created, result.sessions, result.damaged) == (3, ["a", "b", "c"], [])
        assert [other.namespace(f"n{i}").export(name, format=format) for name in "abc"] == exports


def test_a_document_that_was_laid_out_anew_is_the_same_log(store, other):
    fill(store)
    spread = json.dumps(json.loads(store.export("s/1")), indent=2, ensure_ascii=False)
    result = other.import_(
        io.BytesIO(
            spread.encode("utf-8", "surrogatepass")
            .replace(b"\xed\xa0\x80", b"\\ud800")
            .replace(b"\xed\xa0\xbd", b"\\ud83d")
        )
    )
    assert result.damaged == []
    assert other.export("s/1") == store.export("s/1")


@pytest.mark.parametrize("format", ["json", "jsonl"])
def test_a_damaged_line_is_reported_and_all_before_it_is_kept(store, format):
    fill(store)
    whole = store.export("s/1", format=format)
    second = whole.replace("s/1", "second")
    for number, line in enumerate(whole.split("\n")):
        damaged = line.replace('"_":[', '"_":[1').replace('"content":"AA', '"content":"BA')
        if damaged == line:
            continue  # the header, or no line of the log
        text = whole.replace(line, damaged)
        with Store("memory:") as other:
            result = other.import_(stream(text + "\n" + second))
            assert len(result.damaged) == 1, number
            assert text.encode()[result.damaged[0].offset :].startswith(damaged.encode()[:60])
            assert result.sessions[-1] == "second"
            assert other.verify().clean
            repaired = other.import_(stream(whole))
            assert repaired.damaged == []
            assert other.export("s/1", format=format) == whole


@pytest.mark.parametrize("format", ["json", "jsonl"])
def test_a_file_cut_anywhere_is_reported_and_can_be_completed(store, format):
    fill(store)
    whole = store.export("s/1", format=format).encode()
    for cut in range(40, len(whole) - 3, max(1, len(whole) // 60)):
        with Store("memory:") as other:
            result = other.import_(io.BytesIO(whole[:cut]), format=format)
            assert result.damaged, cut
            assert other.verify().clean
            assert other.import_(io.BytesIO(whole)).damaged == []
            assert other.export("s/1", format=format).encode() == whole


def test_a_missing_blob_is_noticed(store, other):
    fill(store)
    lines = store.export("s/1", format="jsonl").split("\n")
    without = "\n".join(line for line in lines if not line.startswith('{"blob"'))
    result = other.import_(stream(without))
    assert "blob" in result.damaged[0].reason
    assert len(other.get("s/1").messages()) == 2


def test_the_trash_and_wrong_headers_are_reported(store, other):
    fill(store)
    text = store.export("s/1")
    store.trash("s/1")
    assert "trash" in store.import_(stream(text)).damaged[0].reason
    newer = other.import_(stream(text.replace('{"recollect":1', '{"recollect":2')))
    assert "version" in newer.damaged[0].reason
    lost = other.import_(stream("\n".join(store_lines(text))), format="jsonl")
    assert "no header" in lost.damaged[0].reason
    assert len(other.sessions()) == 0


def store_lines(text):
    return [line.rstrip(",") for line in text.split("\n")[1:-2]]


def test_an_export_goes_to_text_streams_files_and_nowhere_in_part(store, tmp_path, monkeypatch):
    fill(store)
    text = store.export("s/1")
    binary, letters = io.BytesIO(), io.StringIO()
    assert store.export("s/1", to=binary) is None
    assert store.export("s/1", to=letters) is None
    assert binary.getvalue().decode() == letters.getvalue() == text
    path = tmp_path / "out.json"
    path.write_text("old")
    store.export("s/1", to=path)
    assert path.read_bytes().decode() == text
    assert path.stat().st_mode & 0o777 == 0o600

    from recollect.transfer import destinations

    def broken(*_):
        raise OSError(28, "No space left on device")

    path.write_text("old")
    monkeypatch.setattr(destinations.os, "fsync", broken)
    with pytest.raises(Exception, match="No space"):
        store.export("s/1", to=path)
    assert [p.name for p in tmp_path.iterdir()] == ["out.json"]
    assert path.read_text() == "old"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs links and devices")
def test_links_and_devices_are_not_replaced(store, tmp_path):
    fill(store)
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    store.export("s/1", to=tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == store.export("s/1")
    store.export("s/1", to=os.devnull)
    assert not os.path.isfile(os.devnull)
    with pytest.raises(UnavailableError, match="directory"):
        store.export("s/1", to=tmp_path)


def test_export_errors(store, tmp_path):
    fill(store)
    with pytest.raises(UnsupportedError, match="markdown"):
        store.export("s/1", format="docx")
    with pytest.raises(NotFoundError):
        store.export("nobody")
    with pytest.raises(NotFoundError, match="no_folder"):
        store.export("s/1", to=tmp_path / "no_folder" / "x.json")


@pytest.mark.parametrize(
    "line",
    [
        {"seq": 1, "kind": ["message"], "parent": 0, "body": {}},
        {"seq": 1, "kind": "message", "parent": "0", "body": {"x": "\ud800"}},
        {"blob": "00", "content": ["x", "\ud800"]},
        {"seq": [], "kind": {}, "parent": {}, "body": "\ud800"},
    ],
)
def test_a_line_of_the_wrong_types_is_damage(line):
    header = json.dumps({"recollect": 1, "session": {"id": "s"}})
    with Store("memory:") as store:
        result = store.import_(io.BytesIO(f"{header}\n{json.dumps(line)}\n".encode()))
        assert "no record" in result.damaged[0].reason or "neither a record" in result.damaged[0].reason
