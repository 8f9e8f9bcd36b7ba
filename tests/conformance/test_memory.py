"""The memory engine meets every contract."""

from __future__ import annotations

import pytest

from recollect.backends.memory import MemoryBackend
from recollect.testing import BackendSuite


class TestMemory(BackendSuite):
    damages = False  # its data is in this process only

    @pytest.fixture
    def make_backend(self):
        backend = MemoryBackend()  # two would share nothing
        return lambda: backend
