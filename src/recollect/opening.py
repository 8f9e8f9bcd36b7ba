"""From what a user gives ``Store`` or ``AsyncStore`` to a core over an engine, not yet opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .backend import Backend
from .core.base import DEFAULT_NAMESPACE, Clock, Core, SystemClock
from .errors import ConfigError
from .stepping import LoopClock
from .urls import StoreURL, backend_of, parse_url

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass
class Opened:
    """An engine and what all views of one store share."""

    core: Core
    blocking: bool
    ready: bool = False
    closed: bool = False


def open_target(
    target: str | Backend | None,
    namespace: str | None,
    durability: str | None,
    readonly: bool,
    clock: Clock | None,
) -> Opened:
    """Build the engine for ``target``. Raises ConfigError."""
    if target is None:
        from .config import load_settings

        settings = load_settings()
        target, namespace = settings.store, namespace or settings.namespace
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
        clock=clock or (SystemClock() if blocking else LoopClock()),
        readonly=readonly,
    )
    return Opened(core, blocking)


def _with_options(url: StoreURL, options: Mapping[str, str | None]) -> StoreURL:
    given = {name: value for name, value in options.items() if value is not None}
    return StoreURL(url.scheme, url.rest, {**url.options, **given})
