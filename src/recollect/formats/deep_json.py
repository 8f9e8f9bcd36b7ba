"""JSON in which records lie inside of one another: as deep as a conversation is long."""

from __future__ import annotations

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]  # not in the stubs
from typing import Any

from .jsonstream import decode

_SPACE = re.compile(r"[ \t\r\n]*")


def decode_nested(raw: bytes, keys: frozenset[str]) -> Any:
    """A JSON text as Python values; only what lies under ``keys`` may be nested to any depth, the
    rest as deep as ``decode`` takes it. Raises ValueError."""
    try:
        return decode(raw)
    except ValueError as error:
        if "too deep" not in str(error):
            raise
    try:
        return _Walk(raw.decode(), keys).run()
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    except IndexError as error:
        raise ValueError("the text ends in the middle of a value") from error


class _Walk:
    """Steps into objects and arrays under the given keys, and takes all other values whole."""

    def __init__(self, text: str, keys: frozenset[str]) -> None:
        self._text = text
        self._keys = keys
        self._place = 0
        self._whole = json.JSONDecoder(strict=False, parse_constant=_refuse).raw_decode
        self._open: list[dict[str, Any] | list[Any]] = []

    def run(self) -> Any:
        if self._next() not in "{[":
            raise ValueError("an object or an array was expected")
        root = self._step_in()
        while self._open:
            current = self._open[-1]
            if self._next() == ("}" if isinstance(current, dict) else "]"):
                self._place += 1
                self._open.pop()
                continue
            if current:
                self._take(",")
            self._member(current)
        if _SPACE.fullmatch(self._text, self._place) is None:
            raise ValueError(f"char {self._place} does not belong there")
        return root

    def _next(self) -> str:
        """The next character that is no white space, which is where it stops."""
        match = _SPACE.match(self._text, self._place)
        self._place = match.end() if match else self._place
        return self._text[self._place]

    def _take(self, character: str) -> None:
        if self._next() != character:
            raise ValueError(f"{character} was expected at char {self._place}")
        self._place += 1

    def _step_in(self) -> dict[str, Any] | list[Any]:
        new: dict[str, Any] | list[Any] = {} if self._text[self._place] == "{" else []
        self._open.append(new)
        self._place += 1
        return new

    def _member(self, current: dict[str, Any] | list[Any]) -> None:
        """The next element or member of the innermost open container."""
        key = None
        if isinstance(current, dict):
            self._take('"')
            key, self._place = scanstring(self._text, self._place, False)
            self._take(":")
        value: Any
        if self._next() in "{[" and (key is None or key in self._keys):
            value = self._step_in()
        else:
            value, self._place = self._whole(self._text, self._place)
        if isinstance(current, dict):
            current[str(key)] = value
        else:
            current.append(value)


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
