"""A clock that tests set: time passes only when they say so."""

from __future__ import annotations

from . import making as m

__all__ = ["Clock"]


class Clock:
    """Stands in for the store's clock. ``sleep`` returns at once and moves the time instead."""

    def __init__(self, start: int = m.NOW, *, step: int = 0) -> None:
        self.time = start
        """Microseconds since 1970 UTC. May be set backwards."""
        self.step = step
        """What every look at the clock adds."""
        self.slept: list[float] = []
        """Every wait asked for, in seconds."""

    def now(self) -> int:
        """The time set, in microseconds since 1970 UTC."""
        self.time += self.step
        return self.time

    def advance(self, seconds: float) -> None:
        """Let time pass (or run backwards)."""
        self.time += round(seconds * 1_000_000)

    async def sleep(self, seconds: float) -> None:
        """Note the wait and let that much time pass."""
        self.slept.append(seconds)
        self.advance(seconds)
