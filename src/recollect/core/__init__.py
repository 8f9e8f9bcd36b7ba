"""Every feature of recollect, written once over the backend protocol; no driver, no threads, no loop.

The features are loaded when they are first used: a program that appends and reads does not pay for
merging.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import appending as appending
    from . import attributes as attributes
    from . import branching as branching
    from . import editing as editing
    from . import filters as filters
    from . import forking as forking
    from . import history as history
    from . import listing as listing
    from . import merging as merging
    from . import reading as reading
    from . import retention as retention
    from . import saving as saving
    from . import searching as searching
    from . import sessions as sessions
    from . import tagging as tagging
    from . import toolcalls as toolcalls
    from . import verifying as verifying

_FEATURES = frozenset(
    {
        "appending",
        "attributes",
        "branching",
        "editing",
        "filters",
        "forking",
        "history",
        "listing",
        "merging",
        "reading",
        "retention",
        "saving",
        "searching",
        "sessions",
        "tagging",
        "toolcalls",
        "verifying",
    }
)


def __getattr__(name: str) -> ModuleType:
    if name in _FEATURES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
