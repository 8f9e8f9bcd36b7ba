"""What a broken conversation still holds: a JSON document read up to a break, and where it goes on.

A document is walked along the way to its messages only; each of these is taken whole or not at all,
so that half a message never gets the id of another. For one that cannot be read Damage stands in its
list: what is counted by places keeps its number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple

from .base import Damage
from .jsonstream import Broken, Cursor, decode

_FIRST_KEY = re.compile(rb'\{\s*("(?:[^"\\]|\\.){0,200}")\s*:', re.S)
_OPENING = (0x5B, 0x7B)  # [ {
_A_NAME = rb'"[^"\\]{0,200}[0-9-][^"\\]{0,200}"\s*:\s*'
"""The name of a message: other keys have neither digits nor hyphens."""


class Shape(NamedTuple):
    """Where a conversation's messages are."""

    lists: frozenset[str]
    """The keys of the arrays, or objects by id, that they stand in."""
    inside: frozenset[str] = frozenset()
    """The keys of the objects around these."""
    is_nested: bool = False
    """Messages may hold others, under the same keys; what ``inside`` names is a message too."""
    behind: frozenset[str] = frozenset()
    """Keys that stand behind the messages, if any does, and in no message."""


class Mended(NamedTuple):
    """What could be read, and what is wrong; no value when no message could be."""

    value: Any
    damages: list[Damage]
    clear_to: int
    """The offset up to which it is clear what belongs to what."""
    is_conversation: bool
    """Whether there is a place for messages, if none."""


def mended(text: bytes, offset: int, shape: Shape, decoder: Callable[[bytes], Any] = decode) -> Mended:
    """What a broken document says, that begins like ``text`` and stands at ``offset``."""
    mender = _Mender(text, offset, shape, decoder)
    mender.run()
    damages = mender.damages
    value = mender.root if mender.messages else None
    return Mended(value, damages, mender.clear_to, mender.is_conversation)


class _Frame:
    """A container that is open."""

    def __init__(self, value: Any, kind: Literal["list", "object", "message"]) -> None:
        self.value = value
        self.kind = kind
        self.first_key: bytes | None = None
        """The key that the messages of a list begin with."""
        self.needs_comma = False
        self._last: str | None = None

    def put(self, key: str | None, value: Any) -> None:
        """One more member or element."""
        self._last = key
        if key is None:
            self.value.append(value)
        else:
            self.value[key] = value

    def drop(self, damage: Damage) -> None:
        """What was put last is none: in a list ``damage`` keeps its place."""
        if self._last is None:
            self.value[-1] = damage
        else:
            del self.value[self._last]


class _Mender(Cursor):
    def __init__(self, text: bytes, offset: int, shape: Shape, decoder: Callable[[bytes], Any]) -> None:
        super().__init__(lambda size: b"")  # noqa: ARG005  # there is no more than the text
        self._buffer = text
        self._base = offset
        self._shape = shape
        self._decoder = decoder
        self._open: list[_Frame] = []
        self._at = offset
        """Where the member or element begins that is being read."""
        self._floor = offset
        """Where the next one can begin, if that is broken."""
        self._key: str | None = None
        self.root: Any = None
        self.damages: list[Damage] = []
        self.clear_to = offset
        self.messages = 0
        self.is_conversation = False

    def run(self) -> None:
        """Read all there is."""
        if self.peek() not in _OPENING:
            return
        self.root = self._enter("object" if self.peek() == 0x7B else "list")
        is_clear = True
        while self._open:
            if is_clear:
                self.clear_to = self.offset
            try:
                self._step(self._open[-1])
            except Broken as broken:
                is_clear = False
                if not self._go_on(broken.reason):
                    return
        if is_clear:
            self.clear_to = self.offset

    def _enter(self, kind: Literal["list", "object", "message"]) -> Any:
        value: Any = {} if self.peek() == 0x7B else []
        self._pos += 1
        self._open.append(_Frame(value, kind))
        return value

    def _step(self, frame: _Frame) -> None:
        """The next member or element of the innermost container, or its end. Raises Broken."""
        byte = self.peek()
        self._at = self._floor = self.offset
        self._key = None
        if byte < 0:
            raise Broken(self.offset, "the text ends in the middle of a conversation")
        if byte == (0x7D if isinstance(frame.value, dict) else 0x5D):
            self._pos += 1
            self._open.pop()
            self.messages += frame.kind == "message"
            return
        if frame.needs_comma:
            if byte != 0x2C:
                raise Broken(self.offset, "a comma was expected")
            self._pos += 1
            self.peek()
            self._at = self.offset
        self._floor = self._at + 1
        frame.needs_comma = True
        if isinstance(frame.value, dict):
            self._key = self._name()
        kind = self._kind(frame, self.peek())
        if frame.first_key is None and self.looking_at(_FIRST_KEY):
            begun = _FIRST_KEY.match(self._buffer, self._pos)
            frame.first_key = begun[1] if begun else None
        if kind is not None:
            frame.put(self._key, self._enter(kind))
        else:
            self._take(frame)

    def _name(self) -> str:
        """The key here, and the cursor behind its colon."""
        if self.peek() != 0x22:
            raise Broken(self.offset, "a key was expected")
        try:
            key = decode(self.value() or b"")
        except ValueError:
            key = None
        if not isinstance(key, str) or self.peek() != 0x3A:
            raise Broken(self._at, "a key was expected")
        self._pos += 1
        return key

    def _kind(self, frame: _Frame, byte: int) -> Literal["list", "object", "message"] | None:
        """What is entered here; None for what is taken whole."""
        if frame.kind == "list":
            if self._shape.is_nested and byte == 0x7B:
                return "message"
        elif self._key in self._shape.lists and byte in _OPENING:
            self.is_conversation = True
            if frame.kind == "message":
                self.messages += 1  # it is as good as whole: others lie inside of it
            return "list"
        elif frame.kind == "object" and self._key in self._shape.inside and byte == 0x7B:
            return "message" if self._shape.is_nested else "object"
        return None

    def _take(self, frame: _Frame) -> None:
        """The value here, whole. Raises Broken."""
        offset = self.offset
        raw = self.value() or b""
        try:
            value = self._decoded(raw, offset)
        except ValueError:
            damage = Damage(offset, "this is no JSON")
            self.damages.append(damage)
            if frame.kind == "list":
                frame.put(self._key, damage)
            return
        frame.put(self._key, value)
        self.messages += frame.kind == "list" and isinstance(value, dict)

    def _decoded(self, raw: bytes, offset: int) -> Any:
        try:
            return self._decoder(raw)
        except UnicodeDecodeError as error:
            self.damages.append(Damage(offset + error.start, "a byte there is not UTF-8"))
            return self._decoder(raw.decode("utf-8", "replace").encode())

    def _go_on(self, reason: str) -> bool:
        """Note what is broken, and stand before what can be read next; False when that is nothing."""
        damage = Damage(self._at, reason)
        self.damages.append(damage)
        frame = self._open[-1]
        if frame.kind == "list" and self._floor > self._at:  # else it breaks between two messages
            if isinstance(frame.value, list):
                frame.value.append(damage)
            elif self._key is not None:
                frame.value.setdefault(self._key, damage)
        if frame.kind == "message":
            self._drop_half(damage)
        if sum(frame.kind == "message" for frame in self._open) > 1:
            return False  # nobody can tell what lies inside of what
        for level in range(len(self._open) - 1, -1, -1):
            pattern = self._next_of(self._open[level])
            found = pattern and pattern.search(self._buffer, max(self._pos, self._floor - self._base))
            if found:
                del self._open[level + 1 :]
                self._open[level].needs_comma = False
                self._pos = found.start()
                return True
        return False

    def _drop_half(self, damage: Damage) -> None:
        """Leave out the innermost message unless all of it but others inside was read."""
        frame = self._open[-1]
        if frame.kind != "message" or not self._shape.lists.isdisjoint(frame.value):
            return
        self._open.pop()
        self._open[-1].drop(damage)

    def _next_of(self, frame: _Frame) -> re.Pattern[bytes] | None:
        """How the next member or element begins that is worth reading."""
        if frame.kind == "list":
            if frame.first_key is None:
                return None
            name = _A_NAME if isinstance(frame.value, dict) else b""
            return re.compile(name + rb"\{\s*" + re.escape(frame.first_key) + rb"\s*:")
        entered = [key for key in self._shape.lists | self._shape.inside if key not in frame.value]
        found = [rb'"(?:' + _any_of(entered) + rb')"\s*:\s*[\[{]'] if entered else []
        if self._shape.behind:
            found.append(rb'"(?:' + _any_of(self._shape.behind) + rb')"\s*:')
        return re.compile(b"|".join(found)) if found else None


def _any_of(keys: Iterable[str]) -> bytes:
    return b"|".join(re.escape(key.encode()) for key in sorted(keys))


__all__ = ["Mended", "Shape", "mended"]
