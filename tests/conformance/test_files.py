"""The files engine meets every contract, durable and relaxed."""

from __future__ import annotations

import pytest

from recollect.backends.files import FilesBackend
from recollect.core.drafts import texts_of_body
from recollect.testing import AsyncStoreSuite, BackendSuite, StoreSuite


def flip_a_byte(folder, key, seq):
    """Spoil one byte of a record's body in the session's file."""
    (path,) = folder.glob(f"*/{key.session_id}.jsonl")
    content = bytearray(path.read_bytes())
    at = content.index(b'"seq":%d,' % seq)
    at = content.index(b'"body', at) + len(b'"body64":"')
    content[at] ^= 1
    path.write_bytes(content)


class _Files:
    @pytest.fixture
    def folder(self, tmp_path):
        return tmp_path / "store"


class TestFiles(_Files, BackendSuite):
    @pytest.fixture
    def make_backend(self, folder):
        return lambda **options: FilesBackend(folder, **options)

    @pytest.fixture
    def damage(self, folder):
        return lambda key, seq: flip_a_byte(folder, key, seq)


class _WithTexts(_Files):
    @pytest.fixture
    def make_backend(self, folder):
        return lambda **options: FilesBackend(folder, durability="relaxed", texts=texts_of_body, **options)


class TestFilesStore(_WithTexts, StoreSuite):
    pass


class TestFilesAsyncStore(_WithTexts, AsyncStoreSuite):
    pass
