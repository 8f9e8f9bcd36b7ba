"""The table ``[retention]`` of a configuration file: what may go, and when the trash is emptied.

.. code-block:: toml

    [retention]
    max_sessions = 100
    max_age = "90d"
    auto = true

Nothing is ever deleted by default. 0 and what is absent mean no limit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any

from ..errors import ConfigError
from .amounts import parse_duration, parse_size


@dataclass(frozen=True)
class Retention:
    """What may go: None is no limit. With ``auto`` the command line sees to it by itself.

    ``trash_days`` is how long sessions stay in the trash before they are removed for good, 0 for
    ever.
    """

    max_sessions: int | None = None
    max_age: timedelta | None = None
    max_total_bytes: int | None = None
    keep_pinned: bool = True
    keep_tags: tuple[str, ...] = ()
    trash_days: float = 30
    auto: bool = False

    @property
    def limited(self) -> bool:
        """Whether there is any limit."""
        return bool(self.max_sessions or self.max_age or self.max_total_bytes)

    def to_dict(self) -> dict[str, Any]:
        """The values as JSON; ``max_age`` in seconds."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values["max_age"] = None if self.max_age is None else self.max_age.total_seconds()
        values["keep_tags"] = list(self.keep_tags)
        return values


def read_retention(table: object, place: Callable[[str], str]) -> Retention:
    """The table's values, checked; ``place`` says where a key stands. Raises ConfigError."""
    if not isinstance(table, Mapping):
        raise ConfigError(f"The setting 'retention' must be a table ({place('retention')}).")
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in _READERS:
            raise ConfigError(
                f"There is no setting {key!r} in [retention] ({place(key)}).",
                hint=f"There are {', '.join(_READERS)}.",
            )
        what, read = _READERS[key]
        try:
            values[key] = read(value)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"The setting {key!r} must be {what} ({place(key)}).") from error
    return Retention(**values)


def _count(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError
    return value or None


def _span(value: object) -> timedelta | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError
    return parse_duration(str(value)) or None


def _size(value: object) -> int | None:
    return parse_size(value) or None if isinstance(value, str) else _count(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _tags(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(tag, str) and tag for tag in value):
        raise TypeError
    return tuple(value)


def _days(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1_000_000:
        raise TypeError
    return value


_READERS: dict[str, tuple[str, Callable[[object], Any]]] = {
    "max_sessions": ("a whole number (0: no limit)", _count),
    "max_age": ('a span of time such as "90d" (0: no limit)', _span),
    "max_total_bytes": ('a size such as "1GB" (0: no limit)', _size),
    "keep_pinned": ("true or false", _flag),
    "keep_tags": ('a list of tags such as ["keep"]', _tags),
    "trash_days": ("a number of days (0: the trash is never emptied)", _days),
    "auto": ("true or false", _flag),
}
