"""SQLite meets every contract, in a file and in memory."""

from __future__ import annotations

import apsw
import pytest

from recollect.backends.sql.sqlite import SqliteBackend
from recollect.testing import AsyncStoreSuite, BackendSuite, StoreSuite


def break_chain(path, key, seq):
    """Point the chain of pages that hold a record's body to a page that is not there."""
    conn = apsw.Connection(str(path))
    conn.pragma("wal_checkpoint(TRUNCATE)")
    size = conn.pragma("page_size")
    body = conn.execute(
        "SELECT r.body FROM records r JOIN sessions s ON s.sid = r.rid >> 32"
        " WHERE namespace = ? AND session_id = ? AND r.rid & 4294967295 = ?",
        (*key, seq),
    ).get
    conn.close()
    needle = body[size * 2 : size * 2 + 40]
    content = bytearray(path.read_bytes())
    for start in range(0, len(content), size):
        page = content[start : start + size]
        if needle in page and page[0] == 0:  # a leaf of the table would start with 13
            content[start : start + 4] = b"\xff\xff\xff\xf0"
            path.write_bytes(content)
            return
    raise AssertionError("no page holds the middle of that body")


class _File:
    @pytest.fixture
    def path(self, tmp_path):
        return tmp_path / "chats.db"

    @pytest.fixture
    def make_backend(self, path):
        return lambda **options: SqliteBackend(path, **options)


class _InMemory:
    @pytest.fixture
    def make_backend(self):
        backend = SqliteBackend(":memory:")  # each is a database of its own
        return lambda: backend


class TestSqliteFile(_File, BackendSuite):
    @pytest.fixture
    def damage(self, path):
        return lambda key, seq: break_chain(path, key, seq)


class TestSqliteInMemory(_InMemory, BackendSuite):
    damages = False  # its data is in this process only


class TestSqliteStore(_File, StoreSuite):
    pass


class TestSqliteAsyncStore(_File, AsyncStoreSuite):
    pass


class TestSqliteInMemoryStore(_InMemory, StoreSuite):
    pass
