"""The files engine meets every contract."""

from __future__ import annotations

import pytest

from recollect.backends.files import FilesBackend
from recollect.core.drafts import texts_of_body
from recollect.testing import AsyncStoreSuite, BackendSuite, StoreSuite


def spoil_line(root, session_id, number):
    """Change one letter in the middle of a line, so that its checksum no longer fits."""
    (path,) = [path for path in root.rglob("*.jsonl") if path.stem == session_id]
    lines = path.read_bytes().splitlines(keepends=True)
    line = bytearray(lines[number])
    middle = len(line) // 2
    line[middle] = ord("x") if line[middle] != ord("x") else ord("y")
    lines[number] = bytes(line)
    path.write_bytes(b"".join(lines))


class _Folder:
    @pytest.fixture
    def folder(self, tmp_path):
        return tmp_path / "chats"


class TestFiles(_Folder, BackendSuite):
    @pytest.fixture
    def make_backend(self, folder):
        return lambda **options: FilesBackend(folder, **options)

    @pytest.fixture
    def damage(self, folder):
        return lambda key, seq: spoil_line(folder, key.session_id, seq - 1)  # each commit had one record


class _Store(_Folder):
    @pytest.fixture
    def make_backend(self, folder):
        return lambda: FilesBackend(folder, texts=texts_of_body)  # as a URL opens it


class TestFilesStore(_Store, StoreSuite):
    pass


class TestFilesAsyncStore(_Store, AsyncStoreSuite):
    pass
