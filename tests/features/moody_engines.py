"""Engines over memory that refuse, lose replies, are overtaken, or live on an event loop."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from recollect import ConflictError, InvalidError, UnknownOutcomeError
from recollect.backends.memory import MemoryBackend


class Moody(MemoryBackend):
    """Refuses large bodies, loses replies by chance, before or after the commit, lets ``before`` go first
    once; ``hurried``: others are always faster."""

    def __init__(self, *, largest=None, chance=None, hurried=False):
        super().__init__()
        self.largest = largest
        self.chance = chance
        self.hurried = hurried
        self.before = None

    async def commit(self, *commits):
        if self.before is not None:
            before, self.before = self.before, None
            before()
        if self.hurried:
            raise ConflictError("Somebody was faster.")
        if self.largest and any(len(record.body) > self.largest for c in commits for record in c.records):
            raise InvalidError("A record is too large.")
        mood = self.chance.random() if self.chance else 1
        if mood < 0.2:
            raise UnknownOutcomeError("No reply.")
        await super().commit(*commits)
        if mood < 0.4:
            raise UnknownOutcomeError("No reply.")


class Looping:
    """An engine whose coroutines suspend, as those of servers do, and refuse any other loop."""

    def __init__(self):
        self._inner = MemoryBackend()
        self._loop = None

    @property
    def capabilities(self):
        return replace(self._inner.capabilities, blocking=False)

    async def open(self):
        self._loop = asyncio.get_running_loop()
        await self._inner.open()

    async def _suspended(self, name, *args, **options):
        assert asyncio.get_running_loop() is self._loop
        await asyncio.sleep(0)
        return await getattr(self._inner, name)(*args, **options)


def _method(name):
    async def call(self, *args, **options):
        return await self._suspended(name, *args, **options)

    return call


for _name in ("close", "commit", "row", "read", "seqs", "find", "blob", "figures", "namespaces"):
    setattr(Looping, _name, _method(_name))


async def _scrub(self):
    await asyncio.sleep(0)


Looping.scrub = _scrub
