"""Which store, namespace and model are meant: flag > environment > ./recollect.toml > user file > default.

A configuration file is TOML with the keys ``store`` (a URL), ``namespace`` and ``model`` (of chats)
and the table ``[retention]``. A relative SQLite path in a file counts from that file's folder.
``RECOLLECT_CONFIG`` or an explicit path names a file that is read instead of ``./recollect.toml`` and
the user's file.

The first file with a ``[retention]`` table says all of what may go; but that of ``./recollect.toml``
counts only for the store named there: a folder one happens to be in must not empty another store.
Nor does a model in ``./recollect.toml`` name a server's address, which would be sent conversations and key.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from ..errors import ConfigError
from .retention import Retention, read_retention

PROJECT_FILE = "recollect.toml"
KEYS = ("store", "namespace", "model")
_SECRET = re.compile(
    r"([?&][^=&]*(?:password|passwd|pwd|secret|token|key|signature|credential|sig)[^=&]*=)[^&]*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Settings:
    """The values in force, and for each where it came from.

    ``origin`` maps ``store``, ``namespace``, ``model`` and ``retention`` to ``flag``, ``environment
    RECOLLECT_…``, a file's path, ``default``, or one of these followed by ``(in the URL)``.
    ``files`` are those looked for, the strongest first, each with whether it is there.
    ``namespace`` and ``model`` are None when nothing names one.
    """

    store: str
    namespace: str | None
    origin: Mapping[str, str]
    files: tuple[tuple[Path, bool], ...] = field(default=())
    retention: Retention = field(default=Retention())
    model: str | None = None

    def to_dict(self) -> dict[str, object]:
        """The settings as JSON values, without secrets."""
        return {
            "store": {"value": masked(self.store), "origin": self.origin["store"]},
            "namespace": {"value": self.namespace, "origin": self.origin["namespace"]},
            "model": {"value": self.model, "origin": self.origin["model"]},
            "retention": {"value": self.retention.to_dict(), "origin": self.origin["retention"]},
            "files": [{"path": str(path), "found": found} for path, found in self.files],
        }


@dataclass(frozen=True)
class _Source:
    """A place that settings come from, and what it says."""

    origin: str
    values: Mapping[str, str]
    retention: Retention | None = None
    local: bool = False
    """Whether it is ``./recollect.toml``, which speaks for its own store only."""

    def origin_of(self, key: str) -> str:
        return f"{self.origin} RECOLLECT_{key.upper()}" if self.origin == "environment" else self.origin


def load_settings(
    *,
    store: str | None = None,
    namespace: str | None = None,
    model: str | None = None,
    config: str | os.PathLike[str] | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
) -> Settings:
    """The settings in force. Arguments stand for flags. Raises ConfigError.

    Empty environment variables count as unset.
    """
    environ = os.environ if environ is None else environ
    flags = {"store": store, "namespace": namespace, "model": model}
    variables = {key: environ.get(f"RECOLLECT_{key.upper()}") or None for key in KEYS}
    explicit = config or environ.get("RECOLLECT_CONFIG") or None
    paths = [Path(explicit).expanduser()] if explicit else [Path(cwd or ".") / PROJECT_FILE, user_file()]
    files = [(_absolute(path), path.exists()) for path in paths]
    if explicit and not files[0][1]:
        raise ConfigError(f"There is no configuration file {str(files[0][0])!r}.")
    sources = [
        _Source("flag", {k: v for k, v in flags.items() if v is not None}),
        _Source("environment", {k: v for k, v in variables.items() if v is not None}),
        *[
            _read(path, local=not explicit and number == 0)
            for number, (path, found) in enumerate(files)
            if found
        ],
        _Source("default", {"store": default_store()}),
    ]
    return _settled(sources, tuple(files))


def _settled(sources: list[_Source], files: tuple[tuple[Path, bool], ...]) -> Settings:
    """The first source that has a value wins; a namespace in the URL ranks just below its source's."""
    by_store = next(rank for rank, source in enumerate(sources) if "store" in source.values)
    by_name = next((rank for rank, source in enumerate(sources) if "namespace" in source.values), None)
    store = sources[by_store].values["store"]
    by_model = next((source for source in sources if "model" in source.values), None)
    origin = {"store": sources[by_store].origin_of("store"), "namespace": "default", "model": "default"}
    if by_model is not None:
        origin["model"] = by_model.origin_of("model")
    in_url = dict(parse_qsl(store.partition("?")[2])).get("namespace")
    namespace = None
    if by_name is not None and (in_url is None or by_name <= by_store):
        namespace = sources[by_name].values["namespace"]
        origin["namespace"] = sources[by_name].origin_of("namespace")
    elif in_url is not None:
        namespace, origin["namespace"] = in_url, f"{origin['store']} (in the URL)"
    retention = next(
        (
            source
            for rank, source in enumerate(sources)
            if source.retention is not None and (not source.local or rank == by_store)
        ),
        sources[-1],
    )
    origin["retention"] = retention.origin
    model = None if by_model is None else by_model.values["model"]
    return Settings(store, namespace, origin, files, retention.retention or Retention(), model)


def _absolute(path: Path) -> Path:
    try:
        return path.absolute()
    except FileNotFoundError:  # the current folder is gone
        return path


def user_file() -> Path:
    """The user's configuration file, whether it is there or not."""
    from platformdirs import user_config_dir

    return Path(user_config_dir("recollect", appauthor=False)) / "config.toml"


def default_store() -> str:
    """The SQLite file in the platform's data folder, as a URL."""
    from platformdirs import user_data_dir

    path = Path(user_data_dir("recollect", appauthor=False)) / "recollect.db"
    return f"sqlite:///{_quoted(path)}"


def masked(url: str) -> str:
    """A store URL without what may be secret in it: user and password, tokens among its options.

    Rather too much than too little: all up to the last ``@`` goes, since passwords hold anything.
    """
    head, slashes, rest = url.partition("://")
    if slashes and not rest.startswith("/") and "@" in rest:
        url = f"{head}://***@{rest.rpartition('@')[2]}"
    return _SECRET.sub(r"\1***", url)


def _read(path: Path, *, local: bool) -> _Source:
    """A file's settings, checked."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(
            f"The configuration file {str(path)!r} cannot be read: {error.strerror}."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"The configuration file {str(path)!r} is not UTF-8.") from error
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"The configuration file {str(path)!r} is not TOML: {error}.") from error
    table = values.pop("retention", None)
    retention = None if table is None else read_retention(table, lambda key: _place(path, text, key))
    _check(values, path, text)
    if local and "@" in values.get("model", ""):
        raise ConfigError(
            f"A model in a folder's own file must not name a server ({_place(path, text, 'model')}).",
            hint="Put it into your own configuration file, or into RECOLLECT_MODEL.",
        )
    if "store" in values:
        values["store"] = _anchored(values["store"], path.parent)
    return _Source(str(path), values, retention, local)


def _check(values: Mapping[str, Any], path: Path, text: str) -> None:
    """Raise ConfigError for a key that does not exist, or a value that is no text."""
    for key, value in values.items():
        if key not in KEYS:
            raise ConfigError(
                f"There is no setting {key!r} ({_place(path, text, key)}).",
                hint=f"There are {', '.join(KEYS[:-1])} and {KEYS[-1]}, and the table [retention].",
            )
        if not isinstance(value, str) or not value:
            raise ConfigError(
                f"The setting {key!r} must be text that is not empty ({_place(path, text, key)})."
            )


def _place(path: Path, text: str, key: str) -> str:
    """The file and, where the key stands at the start of a line, its number."""
    pattern = re.compile(rf"\s*\[*\s*[\"']?{re.escape(key)}[\"']?\s*[.=\]]")
    for number, line in enumerate(text.splitlines(), 1):
        if pattern.match(line):
            return f"{path}, line {number}"
    return str(path)


def _anchored(url: str, folder: Path) -> str:
    """The URL with a relative SQLite path made absolute, counted from ``folder``."""
    match = re.fullmatch(r"(sqlite:///)(?![/~\\]|[A-Za-z]:|:memory:)([^?]+)(\?.*)?", url, re.DOTALL)
    if match is None:
        return url
    return f"{match[1]}{_quoted(folder.absolute())}/{match[2]}{match[3] or ''}"


def _quoted(path: Path) -> str:
    """A path for a URL: only what means something there is escaped, so that people can read it."""
    return str(path).replace("%", "%25").replace("?", "%3F")
