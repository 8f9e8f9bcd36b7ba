"""Files of a SQLite store: permissions, folders, read-only use."""

from __future__ import annotations

import os
import stat

import pytest

from recollect.backend import MESSAGE, Commit, Key, Record, RowQuery, SessionRow
from recollect.backends.sql.sqlite import SqliteBackend
from recollect.errors import AccessError, ClosedError, NotFoundError, StoreWarning
from recollect.stepping import step

KEY = Key("", "s")
posix = pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")


def opened(path, **options):
    backend = SqliteBackend(path, **options)
    step(backend.open())
    return backend


def write(backend, version=1):
    row = SessionRow(KEY, version, 0, version, b"{}")
    record = Record(version, MESSAGE, version - 1, b"", 0, "user", b"body %d" % version)
    step(backend.commit(Commit(key=KEY, base=version - 1, row=row, records=[record])))


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@posix
def test_all_files_and_new_folders_are_private(tmp_path):
    old = os.umask(0)
    try:
        backend = opened(tmp_path / "deep" / "er" / "a.db")
        write(backend)
        names = {path.name: mode(path) for path in (tmp_path / "deep" / "er").iterdir()}
    finally:
        os.umask(old)
    assert names == dict.fromkeys(["a.db", "a.db-wal", "a.db-shm", "a.db.lock"], 0o600)
    assert mode(tmp_path / "deep") == mode(tmp_path / "deep" / "er") == 0o700
    step(backend.close())


@posix
def test_a_file_open_to_others_is_warned_of(tmp_path):
    step(opened(tmp_path / "a.db").close())
    (tmp_path / "a.db").chmod(0o644)
    with pytest.warns(StoreWarning, match="chmod 600"):
        step(opened(tmp_path / "a.db").close())


def test_a_path_below_a_file_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(AccessError, match=r"a\.db cannot be created: Not a directory"):
        opened(tmp_path / "file" / "a.db")


def test_closing_leaves_one_database_and_the_lock(tmp_path):
    backend = opened(tmp_path / "a.db")
    write(backend)
    step(backend.read(KEY))
    step(backend.close())
    step(backend.close())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.db", "a.db.lock"]
    with pytest.raises(ClosedError):
        step(backend.read(KEY))
    with pytest.raises(ClosedError):
        write(backend, 2)
    with pytest.raises(ClosedError):
        step(backend.find(RowQuery(namespace="", now=0)))


def test_a_closed_backend_opens_again(tmp_path):
    backend = opened(tmp_path / "a.db")
    write(backend)
    step(backend.close())
    step(backend.open())
    write(backend, 2)
    assert len(step(backend.read(KEY))) == 2
    step(backend.close())


def test_read_only_creates_nothing(tmp_path):
    with pytest.raises(NotFoundError, match="no store at"):
        opened(tmp_path / "a.db", readonly=True)
    assert list(tmp_path.iterdir()) == []


def test_read_only_refuses_writes_and_follows_a_live_writer(tmp_path):
    writer = opened(tmp_path / "a.db")
    write(writer)
    reader = opened(tmp_path / "a.db", readonly=True)
    assert len(step(reader.read(KEY))) == 1
    write(writer, 2)
    assert len(step(reader.read(KEY))) == 2
    with pytest.raises(AccessError, match="read-only"):
        write(reader, 3)
    with pytest.raises(AccessError, match="read-only"):
        step(reader.exclusive().__aenter__())
    with pytest.raises(AccessError, match="read-only"):
        step(reader.reindex())
    step(reader.close())
    step(writer.close())


class PlainUser:
    """A forked process without root's rights that reads the store: a line in, a line out."""

    def __init__(self, path):
        (self.answers, out), (goes, self._go) = os.pipe(), os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.close(self._go)
                if os.geteuid() == 0:
                    os.setgroups([])
                    os.setgid(65534)
                    os.setuid(65534)
                self._read(path, out, goes)
            finally:
                os._exit(0)
        os.close(out)
        os.close(goes)

    def _read(self, path, out, goes):
        backend = SqliteBackend(path, readonly=True)
        try:
            step(backend.open())
            while os.read(goes, 1):
                os.write(out, b"%d" % len(step(backend.read(KEY))))
            step(backend.close())
        except Exception as error:  # noqa: BLE001  # the test shows whatever it was
            os.write(out, repr(error).encode())

    def ask(self):
        os.write(self._go, b".")
        return os.read(self.answers, 1000).decode()

    def end(self):
        os.close(self._go)
        os.waitpid(self.pid, 0)
        os.close(self.answers)


@pytest.fixture
def locked_folder(tmp_path):
    if os.geteuid() == 0:
        for part in (tmp_path, *tmp_path.parents):
            if not part.stat().st_mode & 0o077:  # pytest makes its folders 0700
                part.chmod(part.stat().st_mode | 0o011)
    folder = tmp_path / "locked"
    folder.mkdir()
    yield folder
    folder.chmod(0o700)


@posix
def test_read_only_on_a_folder_that_cannot_be_written(locked_folder):
    backend = opened(locked_folder / "a.db")
    write(backend)
    step(backend.close())
    (locked_folder / "a.db").chmod(0o444)
    locked_folder.chmod(0o555)
    reader = PlainUser(locked_folder / "a.db")
    assert reader.ask() == "1"
    reader.end()
    assert sorted(path.name for path in locked_folder.iterdir()) == ["a.db", "a.db.lock"]


@posix
def test_a_file_read_as_it_lies_is_watched(locked_folder):
    backend = opened(locked_folder / "a.db")
    write(backend)
    step(backend.close())
    (locked_folder / "a.db").chmod(0o444)
    locked_folder.chmod(0o555)
    reader = PlainUser(locked_folder / "a.db")
    assert reader.ask() == "1"
    locked_folder.chmod(0o700)
    (locked_folder / "a.db").chmod(0o600)
    backend = opened(locked_folder / "a.db")
    write(backend, 2)
    step(backend.close())
    (locked_folder / "a.db").chmod(0o444)
    locked_folder.chmod(0o555)
    assert reader.ask() == "2"
    reader.end()


@posix
def test_a_log_that_cannot_be_shared_is_one_sentence(locked_folder):
    backend = opened(locked_folder / "a.db")
    write(backend)
    content = (locked_folder / "a.db").read_bytes(), (locked_folder / "a.db-wal").read_bytes()
    step(backend.close())
    (locked_folder / "a.db").write_bytes(content[0])
    (locked_folder / "a.db-wal").write_bytes(content[1])
    for path in locked_folder.iterdir():
        path.chmod(0o444)
    locked_folder.chmod(0o555)
    reader = PlainUser(locked_folder / "a.db")
    assert "write-ahead log that this user may not share" in reader.ask()
    reader.end()
