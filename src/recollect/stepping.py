"""How coroutines of the core run for synchronous callers of blocking engines: without an event loop.

A blocking engine's coroutines never suspend, so one ``send(None)`` runs them to their end.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def step(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends to its end."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    coroutine.close()
    raise RuntimeError("A backend that declares itself blocking suspended.")
