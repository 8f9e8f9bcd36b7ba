"""Typed looks into JSON that nobody vouches for.

Each function gives the value of a key when the container is an object and the value of that type,
and otherwise what stands for nothing: a file with a number where a list belongs is read all the same.
"""

from __future__ import annotations

from math import isfinite
from typing import Any


def value_of(value: object, *path: str) -> Any:
    """The value that lies behind these keys, one below the other; None where one is missing."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def text_of(value: object, *path: str) -> str | None:
    """The text there, also when it is empty."""
    found = value_of(value, *path)
    return found if isinstance(found, str) else None


def name_of(value: object, *path: str) -> str | None:
    """The text there unless it is empty: ids, names, models."""
    found = value_of(value, *path)
    return found if isinstance(found, str) and found else None


def dict_of(value: object, *path: str) -> dict[str, Any]:
    """The object there, else an empty one."""
    found = value_of(value, *path)
    return found if isinstance(found, dict) else {}


def list_of(value: object, *path: str) -> list[Any]:
    """The array there, else an empty one."""
    found = value_of(value, *path)
    return found if isinstance(found, list) else []


def dicts_of(value: object, *path: str) -> list[dict[str, Any]]:
    """The objects among the elements of the array there."""
    return [item for item in list_of(value, *path) if isinstance(item, dict)]


def texts_of(value: object, *path: str) -> list[str]:
    """The texts among the elements of the array there."""
    return [item for item in list_of(value, *path) if isinstance(item, str)]


def int_of(value: object, *path: str) -> int | None:
    """The whole number there; truth values are none, and 3.0 is 3."""
    found = value_of(value, *path)
    if isinstance(found, float) and found.is_integer():
        return int(found)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def count_of(value: object, *path: str) -> int:
    """The whole number there when it can count something stored in 64 bits, else 0."""
    found = int_of(value, *path)
    return found if found is not None and 0 <= found < 1 << 63 else 0


def number_of(value: object, *path: str) -> int | float | None:
    """The number there; truth values are none."""
    found = value_of(value, *path)
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None


def bool_of(value: object, *path: str) -> bool | None:
    """The truth value there."""
    found = value_of(value, *path)
    return found if isinstance(found, bool) else None


def present(**values: Any) -> dict[str, Any]:
    """Those of the values that say something: neither None nor empty; 0 and False stay."""
    return {key: value for key, value in values.items() if not is_empty(value)}


def chosen(value: object, *keys: str) -> dict[str, Any]:
    """Those of an object's keys, in this order, whose values say something."""
    found = ((key, value_of(value, key)) for key in keys)
    return {key: item for key, item in found if not is_empty(item)}


def scalars_of(value: object, *keys: str) -> dict[str, Any]:
    """Those of an object's keys whose values are plain: texts, numbers, truth values, lists of texts."""
    found = chosen(value, *keys)
    return {
        key: item
        for key, item in found.items()
        if isinstance(item, str | bool)
        or (isinstance(item, float) and isfinite(item))
        or (isinstance(item, int) and -(1 << 63) <= item < 1 << 63)
        or (isinstance(item, list) and all(isinstance(inner, str) for inner in item))
    }


def is_empty(value: object) -> bool:
    """Whether a value is None or an empty text, array or object."""
    return value is None or (isinstance(value, str | list | tuple | dict) and not value)
