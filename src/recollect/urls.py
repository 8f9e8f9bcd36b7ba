"""URL → engine. Engines are imported only when their URL is used.

    memory:                          nothing on disk
    sqlite:///chats.db               a file beside the current folder
    sqlite:////var/lib/chats.db      a file by its absolute path
    sqlite::memory:                  SQLite without a file
    file:///var/lib/chats            a folder of JSON lines

Options follow a question mark: ``?namespace=alice``, ``?durability=relaxed``, ``?timeout=5``.
Other packages add schemes through the entry point group ``recollect.backends``: a callable that
takes a ``StoreURL`` and ``readonly`` and returns a Backend.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from .backend import Backend
from .core.drafts import texts_of_body
from .errors import ConfigError

ENTRY_POINTS = "recollect.backends"
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):(.*)", re.DOTALL | re.IGNORECASE)
_OPTIONS = frozenset({"namespace", "durability", "timeout"})
Durability = Literal["full", "relaxed"]


class StoreURL(Struct, frozen=True):
    """A store's address, taken apart. ``rest`` is what stands between the scheme and ``?``."""

    scheme: str
    rest: str
    options: dict[str, str] = {}

    @property
    def namespace(self) -> str | None:
        """The namespace to open, if the URL names one."""
        return self.options.get("namespace")

    @property
    def durability(self) -> Durability:
        """``full``: durable on return. ``relaxed``: a power cut may lose the newest commits."""
        value = self.options.get("durability", "full")
        if value not in ("full", "relaxed"):
            raise ConfigError(f"durability must be full or relaxed, not {value!r}.")
        return "full" if value == "full" else "relaxed"

    @property
    def timeout(self) -> float:
        """Seconds to wait for other writers."""
        value = self.options.get("timeout", "30")
        try:
            seconds = float(value)
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds < 1e9:
            raise ConfigError(f"timeout must be a number of seconds, not {value!r}.")
        return seconds


def parse_url(url: str) -> StoreURL:
    """Take a store URL apart. Raises ConfigError."""
    match = _SCHEME.fullmatch(url)
    if match is None or (len(match[1]) == 1 and match[2][:1] in "\\/"):
        raise ConfigError(
            f"{url!r} is not a store URL.", hint="For a SQLite file write sqlite:///chats.db, or memory:."
        )
    rest, _, query = match[2].partition("?")
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return StoreURL(match[1].lower(), rest, {_unquoted(k): _unquoted(v) for k, _, v in pairs})


def _unquoted(text: str) -> str:
    if "%" not in text:
        return text
    from urllib.parse import unquote

    return unquote(text)


def backend_of(url: StoreURL, *, readonly: bool = False) -> Backend:
    """The engine for a URL, not yet opened. Raises ConfigError."""
    make = _BUILT_IN.get(url.scheme)
    if make is not None:
        unknown = sorted(set(url.options) - _OPTIONS)
        if unknown:
            raise ConfigError(
                f"A store URL has no option {unknown[0]!r}.", hint=f"There are {', '.join(sorted(_OPTIONS))}."
            )
        return make(url, readonly)
    from importlib.metadata import entry_points  # slow to load, and hardly ever needed

    for entry in entry_points(group=ENTRY_POINTS):
        if entry.name == url.scheme:
            backend: Backend = entry.load()(url, readonly=readonly)
            return backend
    raise ConfigError(
        f"There is no engine for {url.scheme!r} URLs.", hint=f"There are {', '.join(sorted(_BUILT_IN))}."
    )


def _memory(url: StoreURL, _readonly: bool) -> Backend:
    from .backends.memory import MemoryBackend

    if url.rest.strip("/"):
        raise ConfigError(f"A memory store has no path, but {url.rest!r} was given.", hint="Write memory:.")
    return MemoryBackend()


def _sqlite(url: StoreURL, readonly: bool) -> Backend:
    from .backends.sql.sqlite import SqliteBackend

    path = ":memory:" if url.rest == ":memory:" else _path(url, "sqlite:///chats.db")
    return SqliteBackend(path, durability=url.durability, readonly=readonly, timeout=url.timeout)


def _files(url: StoreURL, readonly: bool) -> Backend:
    from .backends.files import FilesBackend

    return FilesBackend(
        _path(url, "file:///var/lib/chats"),
        durability=url.durability,
        readonly=readonly,
        timeout=url.timeout,
        texts=texts_of_body,
    )


def _path(url: StoreURL, example: str) -> str:
    rest = _unquoted(url.rest)
    if not rest.startswith("///") or len(rest) == 3:
        raise ConfigError(
            f"A {url.scheme} URL needs three slashes and a path, but has {url.rest!r}.",
            hint=f"Write {example}.",
        )
    if "\0" in rest:
        raise ConfigError("A path cannot contain a NUL character.")
    path = rest[3:]
    if url.scheme == "file" and not re.match(r"[A-Za-z]:[\\/]", path):
        path = rest[2:]  # file URLs are absolute: file:///dir is /dir
    return os.path.expanduser(path)


_BUILT_IN: dict[str, Callable[[StoreURL, bool], Backend]] = {
    "memory": _memory,
    "sqlite": _sqlite,
    "file": _files,
}
