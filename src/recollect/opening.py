"""From what a user gives ``Store`` or ``AsyncStore`` to a core over an engine, not yet opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .backend import Backend
from .core.base import DEFAULT_NAMESPACE, Clock, Core, SystemClock
from .errors import ConfigError
from .urls import StoreURL, backend_of, parse_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .caretaking import Caretaker
    from .config import Retention


class Opened:
    """An engine and what all views of one store share."""

    __slots__ = ("blocking", "caretaker", "closed", "core", "ready", "retention")

    def __init__(self, core: Core, blocking: bool, retention: Retention | None = None) -> None:
        self.core = core
        self.blocking = blocking
        self.retention = retention
        """What the configuration file says of retention, where it named the store."""
        self.caretaker: Caretaker | None = None
        self.ready = False
        self.closed = False


def open_target(
    target: str | Backend | None,
    namespace: str | None,
    durability: str | None,
    readonly: bool,
    clock: Clock | None,
) -> Opened:
    """Build the engine for ``target``. Raises ConfigError."""
    configured: Retention | None = None
    if target is None:
        from .config import load_settings

        settings = load_settings()
        target, namespace = settings.store, namespace or settings.namespace
        configured = settings.retention
    if isinstance(target, str):
        url = _with_options(parse_url(target), {"durability": durability})
        backend = backend_of(url, readonly=readonly)
        namespace = namespace or url.namespace
    else:
        if durability is not None:
            raise ConfigError("durability= goes with a URL; a Backend has its own.")
        backend = target
        if not hasattr(backend, "capabilities"):
            raise ConfigError(f"A store needs a URL or a Backend, not {type(target).__name__}.")
    blocking = backend.capabilities.blocking
    core = Core(
        backend,
        namespace=namespace or DEFAULT_NAMESPACE,
        clock=clock or (SystemClock() if blocking else _loop_clock()),
        readonly=readonly,
    )
    return Opened(core, blocking, configured)


def _loop_clock() -> Clock:
    from .workers import LoopClock  # asyncio is not loaded for engines that never suspend

    return LoopClock()


def _with_options(url: StoreURL, options: Mapping[str, str | None]) -> StoreURL:
    given = {name: value for name, value in options.items() if value is not None}
    return StoreURL(url.scheme, url.rest, {**url.options, **given})
