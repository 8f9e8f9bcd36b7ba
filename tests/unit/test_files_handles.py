"""Logs that stay open between appends: few, never a file that was replaced, closed with the store."""

from __future__ import annotations

import errno
import gc
import os

import pytest
from msgspec import structs

from recollect.backend import Key
from recollect.backends.files import FilesBackend
from recollect.backends.filestore import handles
from recollect.errors import ConflictError, UnknownOutcomeError
from recollect.testing import making as m
from recollect.testing.driving import Driven

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc to count open files")

KEY = m.key()


@pytest.fixture
def connect(tmp_path):
    opened = []

    def connect(**options):
        driven = Driven(FilesBackend(tmp_path, **options))
        driven.open()
        opened.append(driven)
        return driven

    yield connect
    for driven in opened:
        driven.close()


def open_logs(folder):
    """The logs below a folder that this process has open, deleted ones marked so by the system."""
    found = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            path = os.readlink(f"/proc/self/fd/{fd}")
        except FileNotFoundError:
            continue  # that was the listing's own
        if path.startswith(str(folder)) and ".jsonl" in path:
            found.append(os.path.basename(path))
    return sorted(found)


def log_of(folder, key=KEY):
    return folder / key.namespace / f"{key.session_id}.jsonl"


def begin(b, key=KEY):
    b.commit(m.create(key, ["one"]))
    b.commit(m.append(b.row(key), ["two"]))


def erase(b):
    b.commit(structs.replace(m.append(b.row(KEY), ["three"]), erased=((1, b"{}"),)))


def texts(b, key=KEY):
    return [record[0] for record in b.read(key)]


def test_appends_open_their_log_once(connect, tmp_path, monkeypatch):
    b = connect()
    begin(b)
    row, opened, real = b.row(KEY), [], os.open
    monkeypatch.setattr(os, "open", lambda *arguments: opened.append(arguments) or real(*arguments))
    for _ in range(3):
        commit = m.append(row, ["more"])
        b.commit(commit)
        row = commit.row
    assert opened == []
    assert open_logs(tmp_path) == [log_of(tmp_path).name]


def test_only_so_many_stay_open(connect, tmp_path, monkeypatch):
    monkeypatch.setattr(handles, "_KEPT", 2)
    b = connect()
    keys = [Key("n", name) for name in "abc"]
    for key in keys:
        begin(b, key)
    assert open_logs(tmp_path) == ["b.jsonl", "c.jsonl"]
    b.commit(m.append(b.row(keys[0]), ["three"]))
    assert open_logs(tmp_path) == ["a.jsonl", "c.jsonl"]
    assert texts(connect(), keys[0]) == [1, 2, 3]


def test_closing_closes_them_and_opening_again_keeps_them_again(connect, tmp_path):
    b = connect()
    begin(b)
    b.close()
    assert open_logs(tmp_path) == []
    b.open()
    b.commit(m.append(b.row(KEY), ["three"]))
    assert open_logs(tmp_path) == [log_of(tmp_path).name]


def test_what_is_given_back_after_the_close_is_closed(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"")
    kept = handles.Handles()
    fd, info = kept.take(str(path))
    kept.close()
    kept.keep(str(path), fd, info)
    assert open_logs(tmp_path) == []


def test_a_store_that_is_dropped_unclosed_leaves_none(tmp_path):
    b = Driven(FilesBackend(tmp_path))
    b.open()
    begin(b)
    del b
    gc.collect()
    assert open_logs(tmp_path) == []


def test_an_erasure_elsewhere_is_noticed(connect, tmp_path):
    one, two = connect(), connect()
    begin(one)
    stale = m.append(one.row(KEY), ["x"])
    erase(two)
    with pytest.raises(ConflictError, match="is at version 3"):
        one.commit(stale)
    one.commit(m.append(one.row(KEY), ["four"]))
    assert texts(connect()) == texts(one) == [1, 2, 3, 4]
    assert b"four" in log_of(tmp_path).read_bytes()
    assert open_logs(tmp_path) == [log_of(tmp_path).name]


def test_a_deletion_elsewhere_is_noticed(connect, tmp_path):
    one, two = connect(), connect()
    begin(one)
    row = one.row(KEY)
    two.commit(m.remove(two.row(KEY)))
    with pytest.raises(ConflictError, match="There is no session"):
        one.commit(m.append(row, ["x"]))
    assert open_logs(tmp_path) == []


def test_a_session_made_anew_elsewhere_is_noticed(connect, tmp_path):
    one, two = connect(), connect()
    begin(one)
    two.commit(m.remove(two.row(KEY)))
    two.commit(m.create(KEY, ["new"]))
    one.commit(m.append(one.row(KEY), ["newer"]))
    assert texts(two) == [1, 2]
    assert open_logs(tmp_path) == [log_of(tmp_path).name]


def test_own_erasures_and_deletions_let_go(connect, tmp_path):
    b = connect()
    begin(b)
    erase(b)
    assert open_logs(tmp_path) == []
    b.commit(m.append(b.row(KEY), ["four"]))
    b.commit(m.remove(b.row(KEY)))
    assert open_logs(tmp_path) == []


@pytest.mark.skipif(not hasattr(os, "fdatasync"), reason="needs fdatasync")
def test_a_failed_sync_lets_go(connect, tmp_path, monkeypatch):
    b = connect()
    begin(b)

    def failing(fd):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", failing)
        with pytest.raises(UnknownOutcomeError):
            b.commit(m.append(b.row(KEY), ["three"]))
    assert open_logs(tmp_path) == []
    b.commit(m.append(b.row(KEY), ["four"]))
    assert texts(connect()) == [1, 2, 3, 4]


def test_a_look_that_is_refused_lets_go(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"")
    kept = handles.Handles()
    kept.keep(str(path), *kept.take(str(path)))
    path.unlink()
    with pytest.raises(FileNotFoundError):
        kept.take(str(path))
    assert open_logs(tmp_path) == []


def test_other_permissions_are_asked_for_anew(tmp_path, monkeypatch):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"")
    kept = handles.Handles()
    kept.keep(str(path), *kept.take(str(path)))
    path.chmod(0o400)

    def refused(*arguments):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(PermissionError):
        kept.take(str(path))
    assert open_logs(tmp_path) == []


def test_a_torn_end_written_elsewhere_is_set_aside(connect, tmp_path):
    b = connect()
    begin(b)
    with open(log_of(tmp_path), "ab") as file:
        file.write(b'{"v":1,"crc":"0')
    with pytest.warns(UserWarning, match="had been interrupted"):
        b.commit(m.append(b.row(KEY), ["three"]))
    assert texts(connect()) == [1, 2, 3]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_has_none_of_its_parents(connect, tmp_path):
    b = connect()
    begin(b)
    child = os.fork()
    if not child:
        code = 1
        try:
            if open_logs(tmp_path) == []:
                b.commit(m.append(b.row(KEY), ["from the child"]))
                code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    b.commit(m.append(b.row(KEY), ["from the parent"]))
    assert texts(connect()) == [1, 2, 3, 4]


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        handles.Handles().take(str(tmp_path / "none" / "a.jsonl"))
