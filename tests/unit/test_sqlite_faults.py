"""A disk that fails or fills up at every step of an append."""

from __future__ import annotations

import itertools

import apsw
import pytest

from recollect.backend import MESSAGE, Commit, Key, Record, SessionRow
from recollect.backends.sql.sqlite import SqliteBackend
from recollect.errors import FullError, StoreError, UnavailableError
from recollect.stepping import step

KEY = Key("", "s")
_serial = itertools.count()


class FaultyVfs(apsw.VFS):
    """Fails the operations from number ``at`` on, ``times`` in a row, with ``error``."""

    def __init__(self):
        self.name = f"faulty-{next(_serial)}"
        self.at, self.times, self.count, self.error = 0, 1, 0, apsw.IOError
        super().__init__(self.name, "")

    def xOpen(self, name, flags):  # noqa: N802  # apsw's name
        return FaultyFile(self, name, flags)

    def arm(self, at, times, error):
        self.count, self.at, self.times, self.error = 0, at, times, error

    def check(self, what):
        self.count += 1
        if self.at and self.at <= self.count < self.at + self.times:
            raise self.error(f"injected at {what}")


class FaultyFile(apsw.VFSFile):
    def __init__(self, vfs, name, flags):
        self.vfs = vfs
        super().__init__("", name, flags)

    def xWrite(self, data, offset):  # noqa: N802  # apsw's name
        self.vfs.check("write")
        super().xWrite(data, offset)

    def xSync(self, flags):  # noqa: N802  # apsw's name
        self.vfs.check("sync")
        super().xSync(flags)

    def xTruncate(self, size):  # noqa: N802  # apsw's name
        self.vfs.check("truncate")
        super().xTruncate(size)


def append(backend, version):
    record = Record(
        version + 1, MESSAGE, version, b"s%d" % version, 0, "user", b"%d" % version * 3000, ("w", "", "")
    )
    row = SessionRow(KEY, version + 1, 0, version, b"{}")
    step(backend.commit(Commit(key=KEY, base=version, row=row, records=[record], attributes=version == 0)))


def read(path):
    """What a new process would find, and that the file is sound."""
    conn = apsw.Connection(str(path))
    assert conn.pragma("integrity_check") == "ok"
    conn.close()
    backend = SqliteBackend(path)
    step(backend.open())
    found = [seq for seq, *_ in step(backend.read(KEY))]
    row = step(backend.row(KEY))
    step(backend.close())
    assert found == list(range(1, (row.version if row else 0) + 1))
    return found


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("times", [1, 1000])
@pytest.mark.parametrize(
    ("error", "expected"), [(apsw.IOError, UnavailableError), (apsw.FullError, FullError)]
)
def test_every_step_of_an_append_can_fail(tmp_path, error, expected, times):
    vfs = FaultyVfs()
    failures = []
    for at in range(1, 40):
        path = tmp_path / f"{at}.db"
        backend = SqliteBackend(path, vfs=vfs.name)
        vfs.arm(0, 0, error)
        step(backend.open())
        acknowledged = 0
        for version in range(3):
            append(backend, version)
            acknowledged = version + 1
        vfs.arm(at, times, error)
        try:
            append(backend, 3)
            acknowledged = 4
        except StoreError as caught:
            failures.append(caught)
        vfs.arm(0, 0, error)
        row = step(backend.row(KEY))
        assert row.version == acknowledged
        append(backend, row.version)  # once the disk works again, so does the store
        step(backend.close())
        assert read(path) == list(range(1, acknowledged + 2))
    assert len(failures) > 5
    assert {isinstance(failure, expected) for failure in failures} == {True}
    assert {isinstance(failure.__cause__, apsw.Error) for failure in failures} == {True}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("at", range(1, 25, 3))
def test_a_failing_transaction_is_whole_or_absent(tmp_path, at):
    vfs = FaultyVfs()
    backend = SqliteBackend(tmp_path / "a.db", vfs=vfs.name)
    step(backend.open())
    append(backend, 0)
    manager = backend.exclusive()
    try:
        step(manager.__aenter__())
        for version in range(1, 4):
            append(backend, version)
        vfs.arm(at, 1000, apsw.IOError)
        step(manager.__aexit__(None, None, None))
        committed = True
    except StoreError:
        committed = False
    vfs.arm(0, 0, apsw.IOError)
    assert step(backend.row(KEY)).version == (4 if committed else 1)
    append(backend, 4 if committed else 1)
    step(backend.close())
    assert read(tmp_path / "a.db") == list(range(1, 6 if committed else 3))
