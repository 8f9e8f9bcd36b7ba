"""The conformance kit: what every storage engine has to prove, and tools for testing against one.

An engine's author writes one fixture and inherits the rest::

    from recollect.testing import BackendSuite

    class TestMyEngine(BackendSuite):
        @pytest.fixture
        def make_backend(self, tmp_path):
            def make(**options):
                return MyBackend(tmp_path / "data", **options)  # every call opens the same data
            return make

``BackendSuite`` covers the protocol of ``recollect.backend``; ``StoreSuite`` and
``AsyncStoreSuite`` cover every verb of ``Store`` and ``AsyncStore`` over the same fixture. Beside
them: ``FaultyBackend`` (delays, failures and lost replies on a seeded schedule), ``Clock`` (a
settable one), ``strategies`` (hypothesis) and ``hazards`` (ids and texts that break naive engines).
"""

from __future__ import annotations

from ..errors import MissingExtraError

try:
    import hypothesis as _hypothesis  # noqa: F401  # only its presence is asked for here
    import pytest
except ImportError as error:
    raise MissingExtraError(
        "recollect.testing needs pytest and hypothesis.", hint='pip install "recollect[testing]"'
    ) from error

# The suites live outside test modules; without this their asserts would fail without a word.
for _name in (
    *("base", "blobs", "commits", "counting", "erasing", "finding", "lifecycle", "naming", "racing"),
    *("reading", "searching", "transactions"),
):
    pytest.register_assert_rewrite(f"{__name__}.{_name}")
pytest.register_assert_rewrite(f"{__name__}.verbs")

from . import hazards, strategies  # noqa: E402  # after the rewrite hook
from .clock import Clock  # noqa: E402
from .faults import FaultyBackend  # noqa: E402
from .suite import BackendSuite  # noqa: E402
from .verbs.suite import AsyncStoreSuite, StoreSuite  # noqa: E402

__all__ = [
    "AsyncStoreSuite",
    "BackendSuite",
    "Clock",
    "FaultyBackend",
    "StoreSuite",
    "hazards",
    "strategies",
]
