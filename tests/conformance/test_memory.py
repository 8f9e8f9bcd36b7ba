"""The memory engine meets every contract."""

from __future__ import annotations

import pytest

from recollect.backends.memory import MemoryBackend
from recollect.testing import AsyncStoreSuite, BackendSuite, StoreSuite


class _Memory:
    @pytest.fixture
    def make_backend(self):
        backend = MemoryBackend()  # two would share nothing
        return lambda: backend


class TestMemory(_Memory, BackendSuite):
    damages = False  # its data is in this process only


class TestMemoryStore(_Memory, StoreSuite):
    pass


class TestMemoryAsyncStore(_Memory, AsyncStoreSuite):
    pass
