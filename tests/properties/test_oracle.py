"""Every verb does what a plain model of sessions says, whatever program runs.

``RECOLLECT_SOAK=20`` runs 20 times as many programs. A failure prints the smallest program found
that fails too: give it to ``run`` of ``programs.py`` to see it again.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recollect.backends.files import FilesBackend
from recollect.backends.memory import MemoryBackend
from recollect.backends.sql.sqlite import SqliteBackend
from recollect.core.drafts import texts_of_body

from .programs import Op, cut_down, program, run

SOAK = int(os.environ.get("RECOLLECT_SOAK", "1"))
STEPS = 60
SEEDS = {"memory": 240, "sqlite": 90, "files": 20}
"""Programs of 60 steps: 21,000 steps in all."""


def _make(engine: str, folder: Path) -> Callable[[], Any]:
    if engine == "memory":
        return MemoryBackend
    if engine == "sqlite":
        return lambda: SqliteBackend(folder / "chats.db")
    return lambda: FilesBackend(folder / "chats", texts=texts_of_body)


def _run(engine: str, ops: list[Op]) -> None:
    with tempfile.TemporaryDirectory(prefix="recollect-oracle-") as name:
        folder = Path(name)
        run(_make(engine, folder), MemoryBackend, folder, ops)


def _fails(engine: str, kind: type[BaseException]) -> Callable[[Any], bool]:
    def fails(ops: Any) -> bool:
        try:
            _run(engine, ops)
        except kind:
            return True
        except Exception:  # noqa: BLE001 - another failure is not the one being cut down
            return False
        return False

    return fails


@pytest.mark.parametrize("block", range(10))
@pytest.mark.parametrize("engine", SEEDS)
def test_random_programs(engine: str, block: int) -> None:
    count = SEEDS[engine] * SOAK // 10
    for seed in range(block * count, (block + 1) * count):
        ops = program(random.Random(seed), STEPS)
        try:
            _run(engine, ops)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong is told with its program
            fewer = cut_down(_fails(engine, type(error)), ops)
            listed = "\n".join(f"    {op!r}," for op in fewer)
            pytest.fail(f"{engine}, seed {seed}: {error!r}\n{listed}")


@settings(
    max_examples=30 * SOAK,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    ops=st.lists(
        st.builds(
            lambda rng: program(rng, 1)[0],
            st.randoms(use_true_random=False),
        ),
        max_size=30,
    )
)
def test_programs_that_hypothesis_finds(ops: list[Op]) -> None:
    _run("memory", ops)
