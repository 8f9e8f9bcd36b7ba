"""What all backend tests share: the fixtures an engine supplies and those made from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings

from ..backend import Backend, Key, SessionRow
from .driving import Driven

__all__ = ["BackendTests", "Connect", "Damage", "EngineTests", "MakeBackend", "examples", "reopen", "stored"]


def examples(count: int) -> settings:
    """Hypothesis settings for kit tests.

    Fixtures serve all examples of a test (each takes names of its own), and one test method runs in
    the class of every engine: both on purpose.
    """
    allowed = [HealthCheck.function_scoped_fixture, HealthCheck.differing_executors]
    return settings(max_examples=count, deadline=None, suppress_health_check=allowed)


MakeBackend = Callable[..., Backend]
Connect = Callable[..., Driven]
Damage = Callable[..., None]


class EngineTests:
    """What an engine's author supplies."""

    @pytest.fixture
    def make_backend(self) -> MakeBackend:
        """A function that returns an unopened backend; every call means the same stored data."""
        raise NotImplementedError("Define a fixture make_backend (see recollect.testing).")


class BackendTests(EngineTests):
    """Base of every contract. An engine overrides ``make_backend``, and ``damage`` where it can."""

    damages: ClassVar[bool] = True
    """Set to False to declare that stored data of this engine cannot be damaged from outside."""

    @pytest.fixture
    def damage(self) -> Damage:
        """A function ``damage(key, seq)`` that spoils a stored record while no backend is open."""
        if not self.damages:
            pytest.skip("this engine declares that its data cannot be damaged from outside")
        raise NotImplementedError("Define a fixture damage, or declare damages = False.")

    @pytest.fixture
    def connect(self, make_backend: MakeBackend) -> Iterator[Connect]:
        """Opens the engine's data, once more for every call; closes all at the end."""
        opened: list[Driven] = []

        def connect(**options: Any) -> Driven:
            driven = Driven(make_backend(**options))
            opened.append(driven)
            driven.open()
            return driven

        yield connect
        for driven in opened:
            driven.close()

    @pytest.fixture
    def b(self, connect: Connect) -> Driven:
        """The engine, open and empty."""
        return connect()


def reopen(b: Driven, connect: Connect) -> Driven:
    """The same data through a new backend; skips where data does not survive its backend."""
    if not b.capabilities.durable:
        pytest.skip("this engine declares durable=False")
    b.close()
    return connect()


def stored(b: Driven, key: Key) -> SessionRow:
    """The row of a session that must be there."""
    row = b.row(key)
    assert row is not None, f"{key} is not stored"
    return row
