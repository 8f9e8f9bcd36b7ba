"""A gate that lets a process fork only while no thread of it is inside SQLite to read.

SQLite's own mutexes are copied as they are: one that another thread holds at that moment is never
released in the child. Writers are kept out by the store's lock; readers pass through this gate.
"""

from __future__ import annotations

import threading
import time

__all__ = ["begin_anew", "close_gate", "enter", "leave", "open_gate"]

_inside: set[int] = set()
_closed = 0
_gate = threading.Event()
_gate.set()


def enter(thread: int) -> None:
    """``thread`` is about to read; waits while another one forks."""
    _inside.add(thread)
    while _closed:  # looked at after the entry was made, as close_gate looks at the entries
        _inside.discard(thread)
        _gate.wait(1.0)
        _inside.add(thread)


def leave(thread: int) -> None:
    """``thread`` has read."""
    _inside.discard(thread)


def close_gate(seconds: float) -> None:
    """Before a fork: let no new reader in, and wait for those inside, so many seconds at most."""
    global _closed
    _gate.clear()
    _closed += 1
    mine = {threading.get_ident()}
    deadline = time.monotonic() + seconds
    while _inside - mine and time.monotonic() < deadline:
        time.sleep(0.0002)


def open_gate() -> None:
    """After a fork, in the parent."""
    global _closed
    _closed -= 1
    if not _closed:
        _gate.set()


def begin_anew() -> None:
    """After a fork, in the child, where only the forking thread lives on."""
    global _closed, _gate
    _inside.clear()
    _closed = 0
    _gate = threading.Event()
    _gate.set()
