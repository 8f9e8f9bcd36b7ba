"""The end of a session's file cut away byte by byte: what is intact is read, what is gone is reported."""

from __future__ import annotations

import pytest

from recollect import CorruptError, Message, NotFoundError, Store

from .conftest import rounds, url_of


@pytest.fixture
def cut(tmp_path):
    """A store of four commits, its file, and where its third commit begins and ends."""
    url = url_of("files", tmp_path)
    with Store(url) as store:
        session = store.create("s")
        for number in range(3):
            session.append(Message.user(f"q{number}"))
        store.create("other").append(Message.user("q9"))
        assert len(store.sessions()) == 2
    (path,) = tmp_path.rglob("s.jsonl")
    ends = [0]
    for line in path.read_bytes().splitlines(keepends=True):
        ends.append(ends[-1] + len(line))
    return url, path, ends


def sizes(ends):
    """Every size that cuts into the last two commits; in the short form, every seventh and the borders."""
    every = range(ends[2], ends[4])
    borders = {ends[2], ends[2] + 1, ends[3] - 1, ends[3], ends[3] + 1, ends[4] - 1}
    return sorted({*every[:: rounds(7, 1)], *borders})


def test_every_byte_of_the_last_two_commits_while_the_index_remembers(cut):
    url, path, ends = cut
    whole = path.read_bytes()
    for size in sizes(ends):
        path.write_bytes(whole[:size])
        intact = 2 if size < ends[3] else 3
        with Store(url) as store:
            session = store.get("s")
            assert [m.text for m in session.messages(at=intact)] == ["q0", "q1"][: intact - 1]
            with pytest.raises(CorruptError) as caught:
                session.messages()
            assert str(path) in caught.value.place
            with pytest.raises(CorruptError):
                session.append(Message.user("more"))
            report = store.verify()
            assert [str(path) in finding.place for finding in report.findings] == [True]
            assert [m.text for m in store.get("other").messages()] == ["q9"]
        assert path.read_bytes() == whole[:size]
    path.write_bytes(whole)
    with Store(url) as store:
        assert store.verify().clean


def test_every_byte_of_the_last_two_commits_when_nobody_remembers(cut):
    """Then a cut looks like a write that was interrupted: what is left is whole and can be gone on with."""
    url, path, ends = cut
    whole = path.read_bytes()
    for size in sizes(ends):
        path.write_bytes(whole[:size])
        for index in path.parent.parent.glob(".index.db*"):
            index.unlink()
        with Store(url) as store:
            texts = [m.text for m in store.get("s").messages()]
            assert texts == (["q0"] if size < ends[3] else ["q0", "q1"])
            assert store.verify().clean
            assert len(store.search("q0")) == 1


def test_a_session_of_which_nothing_is_left(cut):
    """While the index remembers, even that is a damaged session, never an empty or a missing one."""
    url, path, ends = cut
    whole = path.read_bytes()
    for size in (0, 1, ends[1] - 1, ends[1]):
        path.write_bytes(whole[:size])
        with Store(url) as store:
            with pytest.raises(CorruptError):
                store.get("s").messages()
            assert not store.verify().clean
            with pytest.raises(NotFoundError):
                store.get("never there")
