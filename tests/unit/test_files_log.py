"""What a files store makes of files: windows, torn ends, damage, files that others changed."""

from __future__ import annotations

import os
import shutil
import warnings

import pytest

from recollect.backend import Key
from recollect.backends.files import FilesBackend
from recollect.backends.filestore import logs
from recollect.errors import ConflictError, CorruptError, StoreWarning, UnsupportedError
from recollect.testing import making as m
from recollect.testing.driving import Driven

KEY = m.key()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def connect(folder):
    opened = []

    def connect(**options):
        driven = Driven(FilesBackend(folder, **options))
        driven.open()
        opened.append(driven)
        return driven

    yield connect
    for driven in opened:
        driven.close()


def fill(b, commits, key=KEY):
    """A session of ``commits`` lines with two records each."""
    b.commit(m.create(key, ["a", "b"]))
    for _ in range(commits - 1):
        b.commit(m.append(b.row(key), ["c", "d"]))
    return b.read(key)


def log_of(folder, key=KEY):
    return folder / key.namespace / f"{key.session_id}.jsonl"


def forget_index(folder):
    for path in folder.glob(".index.db*"):
        path.unlink()


def test_the_files_are_where_people_look(connect, folder):
    b = connect()
    b.commit(m.create(Key("alice", "Chat one"), ["x"]))
    (path,) = (folder / "alice").iterdir()
    assert path.name == "%43hat%20one.jsonl"
    assert path.read_bytes().count(b"\n") == 1


def test_files_are_private_from_the_first_byte(connect, folder):
    old = os.umask(0)
    try:
        b = connect()
        commit = m.create(KEY, ["x"])
        commit.blobs[m.digest(b"x")] = b"x"
        b.commit(commit)
        b.find(m.query())
        b.close()
    finally:
        os.umask(old)
        commit.blobs.clear()
    for path in [folder, *folder.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path


def test_windows_of_a_cold_log_are_those_of_a_warm_one(connect):
    whole = fill(connect(), 300)
    for window in (
        {"last": 1},
        {"last": 20},
        {"last": 599},
        {"last": 700},
        {"last": 5, "before": 40},
        {"last": 5, "before": 2},
        {"last": 50, "after": 580},
        {"after": 598},
        {"after": 300, "limit": 3},
        {"after": 3, "before": 6},
        {"limit": 7},
    ):
        cold = connect().read(KEY, **window)
        inside = [r for r in whole if window.get("after", 0) < r[0] < window.get("before", 10**9)]
        if "last" in window:
            inside = inside[-window["last"] :]
        assert cold == inside[: window.get("limit")], window


def test_the_last_few_of_a_long_log_are_read_from_its_end(connect, folder, monkeypatch):
    fill(connect(), 2000)
    size = log_of(folder).stat().st_size
    cold, asked = connect(), []
    pread = os.pread

    def counting(fd, count, offset):
        data = pread(fd, count, offset)
        asked.append(len(data))
        return data

    monkeypatch.setattr(os, "pread", counting)
    assert [r[0] for r in cold.read(KEY, last=20)] == list(range(3981, 4001))
    assert sum(asked) < size / 10


@pytest.mark.parametrize(
    "tail", [b"{", b'{"v":1,"crc":"00000000","base":4', b"\x00" * 5000, b"\x00" * 50 + b"\n"]
)
def test_a_torn_end_is_ignored_by_readers_and_set_aside_by_the_next_writer(connect, folder, tail):
    b = connect()
    before = fill(b, 3)
    b.close()
    path = log_of(folder)
    intact = path.read_bytes()
    path.write_bytes(intact + tail)
    again = connect()
    assert again.read(KEY) == before
    assert again.row(KEY).version == 6
    assert [row.version for row in again.find(m.query())] == [6]
    assert path.read_bytes() == intact + tail
    with pytest.warns(StoreWarning, match="were moved to"):
        again.commit(m.append(again.row(KEY), ["e"]))
    assert path.read_bytes().startswith(intact)
    assert again.read(KEY)[:6] == before
    (aside,) = path.with_suffix(".torn").iterdir()
    assert aside.read_bytes() == tail
    assert aside.stat().st_mode & 0o077 == 0
    assert connect().row(KEY).version == 7


def test_a_session_whose_creation_was_torn_is_not_there(connect, folder):
    b = connect()
    fill(b, 1)
    b.close()
    line = log_of(folder).read_bytes()
    forget_index(folder)
    for size in range(len(line)):
        log_of(folder).write_bytes(line[:size])
        again = connect()
        assert again.row(KEY) is None
        assert again.read(KEY) == []
        assert again.find(m.query()) == []
        assert again.namespaces() == []
        again.close()
    again = connect()
    with pytest.warns(StoreWarning, match="were moved to"):
        again.commit(m.create(KEY, ["x"]))
    assert again.row(KEY).version == 1


@pytest.mark.slow
@pytest.mark.parametrize("remembered", [True, False])
def test_every_byte_of_the_last_two_commits_cut_away(connect, folder, remembered):
    b = connect()
    before = fill(b, 4)
    b.close()
    path = log_of(folder)
    intact = path.read_bytes()
    first_two = sum(map(len, intact.splitlines(keepends=True)[:2]))
    three = sum(map(len, intact.splitlines(keepends=True)[:3]))
    if not remembered:
        forget_index(folder)
    for size in range(first_two, len(intact)):
        path.write_bytes(intact[:size])
        again = connect()
        left = 6 if size >= three else 4
        assert again.read(KEY, before=left + 1) == before[:left]
        row = again.row(KEY)
        if remembered:
            assert row.version == 8
            with pytest.raises(CorruptError, match="which was acknowledged") as caught:
                again.read(KEY)
            assert caught.value.place
            assert [found.version for found in again.find(m.query())] == [8]
            with pytest.raises(CorruptError):
                again.commit(m.append(row, ["lost?"]))
            assert path.read_bytes() == intact[:size]
        else:
            assert row.version == left
            assert again.read(KEY) == before[:left]
        again.close()
        if not remembered:
            forget_index(folder)
    path.write_bytes(intact)
    assert connect().read(KEY) == before


def test_a_cut_file_can_be_accepted_as_it_is(connect, folder):
    b = connect()
    fill(b, 4)
    b.close()
    lines = log_of(folder).read_bytes().splitlines(keepends=True)
    log_of(folder).write_bytes(b"".join(lines[:2]))
    with pytest.raises(CorruptError):
        connect().read(KEY)
    forget_index(folder)
    again = connect()
    again.commit(m.append(again.row(KEY), ["on"]))
    assert [r[0] for r in again.read(KEY)] == [1, 2, 3, 4, 5]


def test_a_cut_is_noticed_while_the_store_is_open(connect, folder):
    b = connect()
    before = fill(b, 3)
    content = log_of(folder).read_bytes()
    log_of(folder).write_bytes(content[:-10])
    with pytest.raises(CorruptError, match="acknowledged"):
        b.read(KEY)
    assert b.read(KEY, before=5) == before[:4]


def test_a_damaged_session_can_be_deleted(connect, folder):
    b = connect()
    fill(b, 3)
    b.close()
    log_of(folder).write_bytes(log_of(folder).read_bytes()[:100])
    again = connect()
    again.commit(m.remove(again.row(KEY)))
    assert again.row(KEY) is None
    again.commit(m.create(KEY, ["new"]))
    assert connect().row(KEY).version == 1


@pytest.mark.parametrize("remembered", [True, False])
def test_a_damaged_line_in_the_middle(connect, folder, remembered):
    b = connect()
    before = fill(b, 5)
    b.close()
    if not remembered:
        forget_index(folder)
    path = log_of(folder)
    lines = path.read_bytes().splitlines(keepends=True)
    start = len(lines[0] + lines[1])
    for at in range(0, len(lines[2]), 7):
        damaged = bytearray(b"".join(lines))
        damaged[start + at] ^= 1
        path.write_bytes(damaged)
        again = connect()
        with pytest.raises(CorruptError) as caught:
            again.read(KEY)
        assert caught.value.place == f"{path}, byte {start}"
        assert again.read(KEY, before=5) == before[:4]
        assert again.read(KEY, after=6) == before[6:]
        assert again.read(KEY, last=4) == before[6:]
        assert again.read(KEY, limit=4) == before[:4]
        for window in ({"limit": 5}, {"last": 5}, {"after": 4, "before": 6}, {"after": 5, "limit": 1}):
            with pytest.raises(CorruptError):
                again.read(KEY, **window)
        again.close()
    again = connect()
    again.commit(m.append(again.row(KEY), ["on"]))
    assert again.read(KEY, after=6)[-1][0] == 11


def test_a_line_lost_or_split_is_noticed(connect, folder):
    b = connect()
    before = fill(b, 6)
    b.close()
    path = log_of(folder)
    lines = path.read_bytes().splitlines(keepends=True)
    merged = [lines[0], lines[1][:-1] + b" ", *lines[2:]]
    split = [lines[0], lines[1][:50] + b"\n" + lines[1][51:], *lines[2:]]
    for pieces, hole in ((merged, range(3, 7)), (split, range(3, 5))):
        path.write_bytes(b"".join(pieces))
        again = connect()
        with pytest.raises(CorruptError):
            again.read(KEY)
        assert again.read(KEY, before=hole.start) == before[: hole.start - 1]
        assert again.read(KEY, after=hole.stop - 1) == before[hole.stop - 1 :]
        again.close()


@pytest.mark.parametrize("remembered", [True, False])
def test_a_damaged_last_line_is_damage_not_a_torn_write(connect, folder, remembered):
    b = connect()
    before = fill(b, 3)
    b.close()
    if not remembered:
        forget_index(folder)
    content = bytearray(log_of(folder).read_bytes())
    content[-20] ^= 1
    log_of(folder).write_bytes(content)
    again = connect()
    row = again.row(KEY)
    assert row.version == (6 if remembered else 5), "something is there that cannot be read"
    assert again.read(KEY, before=5) == before[:4]
    with pytest.raises(CorruptError):
        again.read(KEY)
    with pytest.raises((CorruptError, ConflictError)):
        again.commit(m.append(row, ["x"]))
    assert log_of(folder).read_bytes() == content


def test_a_file_of_which_nothing_is_readable_is_no_empty_session(connect, folder):
    b = connect()
    fill(b, 1)
    b.commit(m.create(m.key("good"), ["x"]))
    b.close()
    forget_index(folder)
    content = bytearray(log_of(folder).read_bytes())
    content[40] ^= 1
    log_of(folder).write_bytes(content)
    again = connect()
    for call in (again.row, again.read):
        with pytest.raises(CorruptError):
            call(KEY)
    with pytest.raises((CorruptError, ConflictError)):
        again.commit(m.create(KEY, ["instead"]))
    with pytest.warns(StoreWarning, match="left out"):
        assert [row.key.session_id for row in again.find(m.query())] == ["good"]
    assert len(again.find(m.query())) == 1, "it is said once"


def test_a_newer_layout_is_refused(connect, folder):
    b = connect()
    fill(b, 2)
    b.close()
    forget_index(folder)
    log_of(folder).write_bytes(log_of(folder).read_bytes().replace(b'{"v":1,', b'{"v":2,'))
    with pytest.raises(UnsupportedError, match="newer version"):
        connect().read(KEY)


def test_a_copied_file_is_not_taken_for_another_session(connect, folder):
    b = connect()
    fill(b, 2)
    shutil.copy(log_of(folder), log_of(folder, m.key("copy")))
    with pytest.raises(CorruptError, match="renamed or copied"):
        b.row(m.key("copy"))
    with pytest.warns(StoreWarning, match="renamed or copied"):
        assert [row.key for row in b.find(m.query())] == [KEY]


def test_a_folder_moved_elsewhere_is_the_same_store(connect, folder, tmp_path):
    b = connect()
    before = fill(b, 3)
    b.commit(m.create(Key("Ünnamed", "é" * 200), ["needle"]))
    b.close()
    forget_index(folder)
    folder.rename(tmp_path / "elsewhere")
    moved = Driven(FilesBackend(tmp_path / "elsewhere"))
    moved.open()
    assert moved.read(KEY) == before
    assert moved.namespaces() == ["default", "Ünnamed"]
    assert [row.key.session_id for row in moved.find(m.query("Ünnamed"))] == ["é" * 200]
    moved.close()


def test_what_another_writer_did_is_seen(connect):
    first, second = connect(), connect()
    fill(first, 2)
    assert second.seqs(KEY, [b"s4"]) == {b"s4": 4}
    first.commit(m.append(first.row(KEY), ["x"]))
    assert second.seqs(KEY, [b"s5"]) == {b"s5": 5}
    with pytest.raises(ConflictError):
        second.commit(m.append(m.row(KEY, 4), ["late"]))
    first.commit(m.remove(first.row(KEY)))
    assert second.row(KEY) is None
    assert second.seqs(KEY, [b"s4"]) == {}
    first.commit(m.create(KEY, ["a new one"]))
    assert second.row(KEY).version == 1
    assert [r[0] for r in second.read(KEY)] == [1]


def test_a_session_recreated_by_another_process_is_not_a_cut_one(connect):
    first = connect()
    fill(first, 5)
    first.close()
    second, third = connect(), connect()
    assert third.row(KEY).version == 10
    second.commit(m.remove(second.row(KEY)))
    second.commit(m.create(KEY, ["fresh"], created_at=m.NOW + 5))
    assert third.row(KEY).version == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert connect().row(KEY).version == 1


def test_logs_that_were_forgotten_are_learnt_again(connect, monkeypatch):
    monkeypatch.setattr(logs, "_KEPT", 1)
    monkeypatch.setattr(logs, "_PLACES", 2)
    b = connect()
    for turn in range(6):
        for n in range(3):
            key = m.key(f"s{n}")
            b.commit(m.append(b.row(key), ["x"]) if turn else m.create(key, ["x"]))
            assert b.seqs(m.key("s0"), [b"s1"]) == {b"s1": 1}
    for n in range(3):
        assert [r[0] for r in b.read(m.key(f"s{n}"))] == list(range(1, 7))
