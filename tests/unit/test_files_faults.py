"""When the operating system refuses: typed errors, nothing torn, old data readable, writing works again."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import stat
import threading
import time
import warnings

import pytest
from msgspec import structs

from recollect.backends.files import FilesBackend
from recollect.backends.filestore import disk
from recollect.errors import (
    AccessError,
    BusyError,
    ClosedError,
    ConflictError,
    FullError,
    InvalidError,
    NotFoundError,
    StoreError,
    StoreWarning,
    UnavailableError,
    UnknownOutcomeError,
    UnsupportedError,
)
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


class Failing:
    """Lets an os function fail on its n-th call with an errno, after doing ``share`` of a write."""

    def __init__(self, monkeypatch, name, code, *, nth=1, share=0.5):
        self.left, self.code, self.share = nth, code, share
        self.real = getattr(os, name)
        self.write = name == "write"
        monkeypatch.setattr(os, name, self)

    def __call__(self, *arguments, **options):
        self.left -= 1
        if self.left:
            return self.real(*arguments, **options)
        if self.write:
            fd, data = arguments
            self.real(fd, data[: int(len(data) * self.share)])
        raise OSError(self.code, os.strerror(self.code))


def log_of(folder):
    return folder / KEY.namespace / f"{KEY.session_id}.jsonl"


CODES = [
    (errno.ENOSPC, FullError),
    (errno.EDQUOT, FullError),
    (errno.EIO, UnavailableError),
    (errno.EROFS, AccessError),
    (errno.EACCES, AccessError),
    (errno.EMFILE, UnavailableError),
]


@pytest.mark.parametrize(("code", "kind"), CODES)
def test_a_write_that_fails_midway_leaves_nothing_torn(connect, folder, monkeypatch, code, kind):
    b = connect()
    b.commit(m.create(KEY, ["one"]))
    before = log_of(folder).read_bytes()
    with monkeypatch.context() as patch:
        Failing(patch, "write", code)
        with pytest.raises(kind) as caught:
            b.commit(m.append(b.row(KEY), ["two"]))
    assert str(log_of(folder)) in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)
    assert log_of(folder).read_bytes() == before
    assert [r[0] for r in b.read(KEY)] == [1]
    b.commit(m.append(b.row(KEY), ["two"]))
    assert [r[0] for r in connect().read(KEY)] == [1, 2]


@pytest.mark.parametrize(("code", "kind"), CODES)
def test_a_creation_that_fails_leaves_no_session(connect, folder, monkeypatch, code, kind):
    b = connect()
    with monkeypatch.context() as patch:
        Failing(patch, "write", code)
        with pytest.raises(kind):
            b.commit(m.create(KEY, ["one"]))
    assert b.row(KEY) is None
    assert b.find(m.query()) == []
    b.commit(m.create(KEY, ["one"]))
    assert b.row(KEY).version == 1


def test_short_writes_are_gone_on_with(connect, folder, monkeypatch):
    b = connect()
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:7]))
    b.commit(m.create(KEY, ["one", "two"]))
    assert [r[0] for r in connect().read(KEY)] == [1, 2]


@pytest.mark.skipif(not hasattr(os, "fdatasync"), reason="needs fdatasync")
def test_a_failed_sync_leaves_the_outcome_open(connect, monkeypatch):
    b = connect()
    b.commit(m.create(KEY, ["one"]))
    with monkeypatch.context() as patch:
        Failing(patch, "fdatasync", errno.EIO)
        with pytest.raises(UnknownOutcomeError) as caught:
            b.commit(m.append(b.row(KEY), ["two"]))
    assert caught.value.retryable
    row = b.row(KEY)
    assert len(b.read(KEY)) == row.version
    b.commit(m.append(row, ["three"]))
    assert len(connect().read(KEY)) == row.version + 1


@pytest.mark.parametrize("name", ["write", "fdatasync", "replace", "fsync"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_an_erasure_that_fails_at_any_step_loses_nothing(connect, monkeypatch, name, code):
    b = connect()
    b.commit(m.create(KEY, ["one", "two", "three"]))
    before = b.read(KEY)
    row = b.row(KEY)
    erase = structs.replace(m.append(row, [m.update(4)]), erased=[(2, b"gone")])
    with monkeypatch.context() as patch:
        Failing(patch, name, code)
        with pytest.raises(StoreError):
            b.commit(erase)
    for engine in (b, connect()):
        if engine.row(KEY).version == 3:
            assert engine.read(KEY) == before
        else:
            assert name == "fsync", "only what comes after the renaming may fail behind it"
            assert [r[3] for r in engine.read(KEY)][1] == b"gone"
    if b.row(KEY).version == 3:
        b.commit(erase)
    assert [r[3] for r in connect().read(KEY)][1] == b"gone"


def test_blobs_of_a_failed_commit_are_gone(connect, folder, monkeypatch):
    b = connect()
    b.commit(m.create(KEY, ["one"]))
    blob = b"x" * 1000
    commit = structs.replace(m.append(b.row(KEY), ["two"]), blobs={m.digest(blob): blob})
    for nth in (1, 2):
        with monkeypatch.context() as patch:
            Failing(patch, "write", errno.ENOSPC, nth=nth)
            with pytest.raises(FullError):
                b.commit(commit)
        assert b.blob(KEY, m.digest(blob)) is None
        assert b.figures().blobs == 0
        assert list(folder.rglob("*.new")) == []
    b.commit(commit)
    assert b.blob(KEY, m.digest(blob)) == blob


def test_reading_says_what_failed(connect, monkeypatch):
    b = connect()
    b.commit(m.create(KEY, ["one"]))
    Failing(monkeypatch, "pread", errno.EIO)
    with pytest.raises(UnavailableError, match="Input/output error"):
        connect().read(KEY)


def test_refusals_come_before_anything_is_written(connect, folder):
    b = connect()
    with pytest.raises(UnsupportedError):
        b.commit(m.create(KEY, ["x"]), m.create(m.key("b"), ["x"]))
    with pytest.raises(InvalidError):
        b.commit(structs.replace(m.create(KEY, ["x"]), row=None))
    with pytest.raises(InvalidError):
        b.commit(structs.replace(m.create(KEY, ["x"]), row=m.row(m.key("other"))))
    with pytest.raises(InvalidError):
        b.commit(m.create(m.key("\ud800"), ["x"]))
    assert [path.name for path in folder.iterdir()] == [".locks"]


def test_a_read_only_store(connect, folder):
    with pytest.raises(NotFoundError):
        connect(readonly=True)
    b = connect()
    b.commit(m.create(KEY, ["needle"]))
    b.find(m.query())
    b.commit(m.create(m.key("new"), ["needle"]))
    files = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if ".index" not in path.name}
    index = (folder / ".index.db").read_bytes()
    reader = connect(readonly=True)
    assert len(reader.find(m.query())) == 2
    assert len(reader.search(m.words("needle"))) == 2
    assert reader.read(KEY) == b.read(KEY)
    assert reader.figures().records == 2
    with pytest.raises(AccessError):
        reader.commit(m.append(b.row(KEY), ["x"]))
    reader.close()
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if ".index" not in path.name} == files
    assert (folder / ".index.db").read_bytes() == index


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="needs permissions that bind")
def test_a_folder_that_cannot_be_written(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(AccessError):
            Driven(FilesBackend(tmp_path / "store")).open()
    finally:
        tmp_path.chmod(0o700)


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        for readonly in (False, True):
            with pytest.raises((AccessError, NotFoundError)) as caught:
                Driven(FilesBackend(path, readonly=readonly)).open()
            assert str(tmp_path) in str(caught.value)


def test_missing_folders_are_made_private(tmp_path):
    old = os.umask(0)
    try:
        b = Driven(FilesBackend(tmp_path / "a" / "b"))
        b.open()
        b.close()
    finally:
        os.umask(old)
    assert [stat.S_IMODE(os.stat(tmp_path / name).st_mode) for name in ("a", "a/b")] == [0o700] * 2


def test_a_folder_open_to_others_is_warned_of(tmp_path):
    (tmp_path / "wide").mkdir(mode=0o755)
    (tmp_path / "wide").chmod(0o755)
    with pytest.warns(StoreWarning, match="chmod 700"):
        Driven(FilesBackend(tmp_path / "wide")).open()


def test_a_held_lock_ends_in_a_busy_error(connect):
    b, other = connect(timeout=0.05), connect()
    b.commit(m.create(KEY, ["x"]))
    place = other.backend._logs.place(KEY)
    with other.backend._settled(place), pytest.raises(BusyError):
        b.commit(m.append(b.row(KEY), ["y"]))
    b.commit(m.append(b.row(KEY), ["y"]))
    assert len(b.read(KEY)) == 2


def test_reads_never_wait_for_a_writer(connect):
    b = connect(timeout=0.05)
    b.commit(m.create(KEY, ["x"]))
    with b.backend._settled(b.backend._logs.place(KEY)):
        results = []
        thread = threading.Thread(target=lambda: results.append((len(b.read(KEY)), len(b.find(m.query())))))
        thread.start()
        thread.join(10)
        assert results == [(1, 1)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_goes_on_by_itself(connect):
    b = connect()
    b.commit(m.create(KEY, ["needle one"]))
    assert len(b.search(m.words("needle"))) == 1
    child = os.fork()
    if child == 0:
        status = 1
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                b.commit(m.append(b.row(KEY), ["needle two"]))
                status = 0 if len(b.search(m.words("needle"))) == 2 else 2
                b.close()
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(b.search(m.words("needle"))) == 2
    b.commit(m.append(b.row(KEY), ["needle three"]))
    assert len(b.search(m.words("needle"))) == 3


def test_closing_twice_and_using_after(connect):
    b = connect()
    b.commit(m.create(KEY, ["x"]))
    b.close()
    b.close()
    for call in (b.reindex, b.indexed, b.namespaces):
        with pytest.raises(ClosedError):
            call()


def _append_for_ever(folder, start, acknowledged):
    b = Driven(FilesBackend(folder))
    b.open()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StoreWarning)
        row = b.row(KEY)
        while True:
            text = f"word{row.version + 1}" + " filler" * 500
            commit = m.append(row, [text], message_count=row.version + 1)
            b.commit(commit)
            row = commit.row
            acknowledged.value = row.version


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
def test_killed_writers_lose_nothing_acknowledged(connect, folder):
    b = connect()
    b.commit(m.create(KEY, ["word1"]))
    context = multiprocessing.get_context("fork")
    for turn in range(15):
        acknowledged = context.Value("q", 0, lock=False)
        child = context.Process(target=_append_for_ever, args=(folder, turn, acknowledged))
        child.start()
        time.sleep(0.03 + 0.002 * turn)
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        version = b.row(KEY).version
        assert version >= acknowledged.value
        assert [r[0] for r in b.read(KEY)] == list(range(1, version + 1))
        seen = acknowledged.value or 1
        assert [hit.seq for hit in b.search(m.words(f"word{seen}"))] == [seen]
        # What was written and not acknowledged, its writer killed in between, is noticed a little later.
        deadline = time.monotonic() + 10
        while not b.search(m.words(f"word{version}")):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def _append_fifty(folder, writer, failures):
    b = Driven(FilesBackend(folder))
    try:
        b.open()
        done = 0
        while done < 50:
            row = b.row(KEY)
            new = m.message(row.version + 1, body=b'{"w":%d,"n":%d}' % (writer, done))
            try:
                b.commit(m.append(row, [new]))
                done += 1
            except ConflictError:
                continue
        b.close()
    except StoreError as error:
        failures.put(repr(error))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
def test_eight_processes_lose_no_append(connect, folder):
    b = connect()
    b.commit(m.create(KEY, ["first"]))
    context = multiprocessing.get_context("fork")
    failures = context.SimpleQueue()
    children = [context.Process(target=_append_fifty, args=(folder, n, failures)) for n in range(8)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert failures.empty(), failures.get()
    log = b.read(KEY, after=1)
    assert [r[0] for r in log] == list(range(2, 402))
    for writer in range(8):
        mine = [r[3] for r in log if r[3].startswith(b'{"w":%d,' % writer)]
        assert mine == [b'{"w":%d,"n":%d}' % (writer, n) for n in range(50)]


def test_every_errno_has_its_error():
    for code, kind in CODES:
        assert type(disk.translated(OSError(code, "x"), "read", "there")) is kind
    assert type(disk.translated(FileNotFoundError(errno.ENOENT, "x"), "read", "there")) is NotFoundError
