"""What an export holds: all of a session, or the part that was asked for; one session, or several."""

import asyncio
import csv
import io
import json

import pytest

from recollect import (
    AsyncStore,
    BlobPart,
    InvalidError,
    Message,
    NotFoundError,
    OtherPart,
    Store,
    TextPart,
    ToolCallPart,
    UnsupportedError,
    Usage,
)
from recollect.transfer import selecting
from recollect.transfer.file_names import file_names


@pytest.fixture(params=["memory:", "sqlite"])
def store(request, tmp_path):
    url = f"sqlite:///{tmp_path}/a.db" if request.param == "sqlite" else request.param
    with Store(url) as opened:
        yield opened


def said(store, session_id="s1", **selection) -> list:
    text = store.export(session_id, format="openai-chat", **selection)
    return [message["content"] for message in json.loads(text)["messages"]]


def test_the_last_messages(store):
    store.open("s1").append(*(Message.user(str(number)) for number in range(10)))
    assert said(store, last=3) == ["7", "8", "9"]
    assert said(store, last=99) == [str(number) for number in range(10)]
    for wrong in (0, -1, "3"):
        with pytest.raises(InvalidError, match="last="):
            store.export("s1", format="text", last=wrong)


@pytest.mark.parametrize("page", [1, 2, 3, 7, 128])
def test_long_lines_come_page_by_page(store, page, monkeypatch):
    monkeypatch.setattr(selecting, "PAGE", page)
    session = store.open("s1")
    picture = BlobPart(b"\x89PNG\r\n\x1a\n" + bytes(100_000), "image/png", "image")
    session.append(*(Message.user([TextPart(str(number)), picture]) for number in range(7)))
    ids = [message.id for message in session.messages()]
    session.edit(ids[3], "three")
    session.append(*(Message.assistant(f"after {number}") for number in range(6)))
    whole = [message.id for message in session.messages()]

    def exported(**selection) -> list:
        text = store.export("s1", format="csv", **selection)
        return [row["id"] for row in csv.DictReader(io.StringIO(text, newline=""))]

    assert exported() == whole
    for last in range(1, len(whole) + 2):
        assert exported(last=last) == whole[-last:]
    (other,) = [branch.name for branch in session.branches() if not branch.active]
    assert exported(branch=other) == ids
    assert exported(branch=other, last=2) == ids[-2:]
    assert store.export("s1", format="html").count("<img ") == sum(
        len(message.parts) > 1 for message in session.messages()
    )


def test_another_branch_with_its_own_figures(store):
    session = store.open("s1")
    session.append(
        Message.user("first", id="a"), Message.assistant("x", id="b"), Message.user("more", id="c")
    )
    session.branch("early", at="b")
    assert said(store, branch="early") == ["first", "x"]
    assert "messages: 2\n" in store.export("s1", format="markdown", branch="early")
    assert store.export("s1", format="text", branch="main") == store.export("s1", format="text")
    with pytest.raises(NotFoundError, match="no branch 'none'"):
        store.export("s1", format="text", branch="none")


def test_without_tools(store):
    store.open("s1").append(
        Message.user("q"),
        Message.assistant(
            [TextPart("let me"), ToolCallPart("run", {"cmd": "private"}, "c1")],
            metadata={
                "openai_chat": {"message": {"role": "assistant", "content": "private"}},
                "injected": "x",
            },
        ),
        Message.assistant([ToolCallPart("run", "private", "c2"), OtherPart("server_tool_use", "private")]),
        Message.tool("c1", "private"),
        Message.assistant("a"),
        Message(role="user"),
    )
    assert said(store, tools=False) == ["q", "let me", "a", None]
    for form in ("markdown", "html", "text", "csv", "anthropic"):
        text = store.export("s1", format=form, tools=False)
        assert "private" not in text
        assert "let me" in text


@pytest.mark.parametrize("form", ["json", "jsonl"])
@pytest.mark.parametrize("selection", [{"last": 1}, {"branch": "main"}, {"tools": False}, {"redact": True}])
def test_a_whole_log_cannot_be_cut(store, form, selection, tmp_path):
    store.open("s1").append(Message.user("x"))
    with pytest.raises(UnsupportedError, match=next(iter(selection))) as raised:
        store.export("s1", format=form, to=tmp_path / "x", **selection)
    assert "markdown" in raised.value.hint
    with pytest.raises(UnsupportedError):
        store.export_all(tmp_path, format=form, **selection)
    assert not (tmp_path / "x").exists()


def fill(store) -> None:
    for number, (name, tag) in enumerate([("One", "a"), ("Two", "b"), (None, "a")]):
        session = store.open(f"s{number}", name=name, tags=[tag])
        session.append(Message.user(f"question {number}", usage=Usage(1, 2)))


def test_several_sessions_go_to_a_folder(store, tmp_path):
    fill(store)
    files = store.export_all(tmp_path / "x" / "y", format="markdown")
    assert {key: file.name for key, file in files.items()} == {
        "s0": "One--s0.md",
        "s1": "Two--s1.md",
        "s2": "s2.md",
    }
    for session_id, file in files.items():
        assert file.read_text() == store.export(session_id, format="markdown")
    assert set(store.export_all(tmp_path / "z", tags=["a"])) == {"s0", "s2"}
    assert list(store.export_all(tmp_path / "z", sessions=["s2", "s1", "s2"])) == ["s2", "s1"]
    assert store.export_all(tmp_path / "none", tags=["c"]) == {}
    assert store.export_all(tmp_path / "none.csv", tags=["c"], format="csv") == {}
    assert not list(tmp_path.glob("none*"))
    with pytest.raises(InvalidError):
        store.export_all(tmp_path / "z", sessions=["s1"], tags=["a"])
    with pytest.raises(NotFoundError):
        store.export_all(tmp_path / "z", sessions=["s1", "s9"])
    (tmp_path / "file").write_text("")
    with pytest.raises(Exception, match="file") as raised:
        store.export_all(tmp_path / "file", format="html")
    assert raised.type.__module__ == "recollect.errors"


@pytest.mark.parametrize("form", ["jsonl", "csv", "openai-chat", "anthropic"])
def test_several_sessions_in_one_file(store, tmp_path, form):
    fill(store)
    ids = ["s0", "s1", "s2"]
    stream = io.BytesIO()
    assert store.export_all(stream, sessions=ids, format=form) == dict.fromkeys(ids)
    ending = {"jsonl": "jsonl", "csv": "csv"}.get(form, "json")
    files = store.export_all(tmp_path / f"all.{ending}", sessions=ids, format=form)
    assert set(files.values()) == {tmp_path / f"all.{ending}"}
    assert (tmp_path / f"all.{ending}").read_bytes() == stream.getvalue()
    letters = io.StringIO(newline="")
    store.export_all(letters, sessions=ids, format=form)
    assert letters.getvalue().encode() == stream.getvalue()
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(letters.getvalue(), newline="")))
        assert [row["text"] for row in rows] == ["question 0", "question 1", "question 2"]
    else:
        copy = store.namespace("copy")
        copy.import_(io.BytesIO(stream.getvalue()), format=form)
        assert sorted(info.id for info in copy.sessions()) == ids


@pytest.mark.parametrize("form", ["json", "markdown", "html", "text"])
def test_one_file_is_not_enough_for_some(store, form):
    fill(store)
    with pytest.raises(UnsupportedError, match="3") as raised:
        store.export_all(io.BytesIO(), format=form)
    assert "Give a folder" in raised.value.hint
    stream = io.BytesIO()
    store.export_all(stream, sessions=["s1"], format=form)
    assert stream.getvalue().decode() == store.export("s1", format=form)


def test_the_same_when_awaited(tmp_path):
    async def main() -> None:
        async with AsyncStore(f"sqlite:///{tmp_path}/a.db") as store:
            session = await store.open("s1", name="One")
            await session.append(Message.user("a"), Message.user("b"))
            files = await store.export_all(tmp_path / "out", format="text", last=1)
            assert files == {"s1": tmp_path / "out" / "One--s1.txt"}
            text = await store.export("s1", format="text", last=1)
            assert files["s1"].read_text() == text
            assert "\n  b\n" in text
            assert "\n  a\n" not in text

    asyncio.run(main())


# Names of files

HOSTILE = [
    *("../up", "/abs", ".hidden", "a/b", "a_b", "a\\b", "..", ".", "-", "--", "a--b", "-rf", "~", "a:b"),
    *(
        "CON",
        "con",
        "nul.txt",
        "com1",
        "LPT9.x",
        "Case",
        "case",
        "CASE",
        "straße",
        "STRASSE",
        "ﬁ",
        "fi",
        "a b",
    ),
    *(
        "\u00e9",
        "e\u0301",
        "x" * 255,
        "x" * 254,
        "漢" * 255,
        "𠀀" * 100,
        "a\u202eb",
        "a.",
        "a",
        "end ",
        "😀",
        "😁",
    ),
]
TITLES = [
    None,
    "T",
    "../../etc",
    "con",
    "CON.txt",
    "a--b",
    "x" * 300,
    "漢" * 99,
    "हिन्दी",
    "..",
    "é",
    "\u202e",
]


@pytest.mark.parametrize("title", TITLES)
def test_no_name_does_harm(title):
    names = file_names([(session_id, title) for session_id in HOSTILE], "md")
    assert list(names) == HOSTILE
    assert len({name.casefold() for name in names.values()}) == len(HOSTILE)
    for name in names.values():
        assert len(name.encode()) <= 200
        assert name.endswith(".md")
        assert name[0] not in ".-~ "
        assert not set(name) & set('/\\:*?"<>| \x00\u202e')
        assert name.partition(".")[0].casefold() not in {"con", "nul", "com1", "lpt9"}
        assert not name.removesuffix(".md").endswith((".", " "))


def test_names_are_the_same_in_every_export():
    together = file_names([(session_id, "T") for session_id in HOSTILE], "md")
    alone = {session_id: file_names([(session_id, "T")], "md")[session_id] for session_id in HOSTILE}
    assert together == alone
    assert file_names([("7f3a-1", "Borrow checker: why?")], "md") == {
        "7f3a-1": "Borrow-checker-why--7f3a-1.md"
    }
    assert file_names([("b--c", "a"), ("c", "a--b"), ("notes", "notes")], "x")["notes"] == "notes.x"
