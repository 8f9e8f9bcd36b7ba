"""JSON in pieces: values of any size cut out of a stream without holding the stream.

A ``Cursor`` stands before a value and either takes it whole, as bytes to be decoded elsewhere, or
steps into it. While it looks for a value's end it checks that what stands outside of strings can
be JSON at all, so that a lost quote or bracket shows within a few bytes and not at the end of the
file; ``resync`` then goes on at the next place where a record seems to begin.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

CHUNK = 1 << 18
MAX_VALUE = 1 << 30
"""No single value is longer: past this a damaged file is more likely than a message."""

# Everything between brackets: separators, numbers, literals (NaN and Infinity too), whole strings.
# Possessive, so that a string of 64 MB costs no memory for backtracking.
_RUN = re.compile(rb'(?:[ \t\r\n,:0-9+\-.EaeflnrstuNIiy]++|"(?:[^"\\]++|\\.)*+")*+', re.S)
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.S)
_SCALAR = re.compile(rb"[^\s,\[\]{}:\"\x00]++")
_SPACE = re.compile(rb"[ \t\r\n]*+")
_FIRST_KEY = re.compile(rb'\{\s*("(?:[^"\\]|\\.){0,200}")\s*:', re.S)
_CLOSER = {0x5B: 0x5D, 0x7B: 0x7D}  # [ ] and { }
_MAY_PRECEDE = b",:[{"


class Broken(Exception):
    """What stands at ``offset`` is no JSON."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(reason)
        self.offset = offset
        self.reason = reason


class Found(NamedTuple):
    """A top-level value: its place, and its bytes unless it is longer than asked for."""

    offset: int
    raw: bytes | None


def decode(raw: bytes) -> Any:
    """A JSON text as Python values, tolerating raw control characters in strings. Raises ValueError."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass  # the slower decoder below takes more, and says what is wrong with the rest
    try:
        return json.loads(raw.decode(), strict=False, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


class Cursor:
    """A place in a stream of JSON text."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._buffer = b""
        self._pos = 0
        self._base = 0
        self._eof = False
        self._first_key: bytes | None = None
        self._in_array = False
        self._has_ended = False
        self._start = 0
        self._started = -1
        self._held: list[bytes] | None = None
        self._held_to = 0
        self._room = 0

    @property
    def offset(self) -> int:
        """Where it stands, in bytes from the start."""
        return self._base + self._pos

    def _fill(self) -> bool:
        """Read more behind what is held; False at the end. What lies before ``_pos`` is dropped."""
        if self._eof:
            return False
        held = len(self._buffer) - self._pos
        fresh = self._read(max(CHUNK, held // 4))
        if not fresh:
            self._eof = True
            return False
        self._let_go(self._pos)
        self._base += self._pos
        self._buffer = self._buffer[self._pos :] + fresh if held else fresh
        self._pos = 0
        return True

    def hold(self, at_most: int) -> None:
        """Keep the text from here on, whatever is made of it, until ``held`` is asked for it."""
        self._held, self._held_to, self._room = [], self.offset, at_most

    def held(self) -> bytes:
        """The text between where ``hold`` was called and here, as far as it was to be kept."""
        self._let_go(self._pos)
        return b"".join(self._held or ())

    def release(self) -> None:
        """Keep no more text."""
        self._held = None

    def _let_go(self, end: int) -> None:
        """What lies before ``end`` in the buffer is passed: it is put by when it is to be kept."""
        if self._held is not None and self._base + end > self._held_to:
            begin = self._held_to - self._base
            piece = self._buffer[begin : min(end, begin + self._room)]
            self._held.append(piece)
            self._held_to, self._room = self._base + end, self._room - len(piece)

    def peek(self) -> int:
        """The next byte that is no white space; -1 at the end."""
        while True:
            match = _SPACE.match(self._buffer, self._pos)
            assert match is not None
            self._pos = match.end()
            if self._pos < len(self._buffer):
                return self._buffer[self._pos]
            if not self._fill():
                return -1

    def looking_at(self, pattern: re.Pattern[bytes]) -> bool:
        """Whether the text from here on (300 bytes of it at least) begins like this."""
        self.peek()
        while len(self._buffer) - self._pos < 300 and self._fill():
            pass
        return pattern.match(self._buffer, self._pos) is not None

    def value(self, limit: int = MAX_VALUE) -> bytes | None:
        """The value here, and the cursor behind it; None, and the cursor where it was, when the
        value is longer than ``limit``. Raises Broken."""
        first = self.peek()
        if first in _CLOSER:
            end = self._container_end(limit)
        elif first == 0x22:
            end = self._match_end(_STRING, limit, complete=True)
        else:
            end = self._match_end(_SCALAR, limit, complete=False)
        if end < 0:
            return None
        raw = self._buffer[self._pos : end]
        self._pos = end
        if end > 4 * CHUNK:  # let go of a large value's bytes: the caller has its own copy
            self._let_go(end)
            self._base += end
            self._buffer = self._buffer[end:]
            self._pos = 0
        return raw

    def _match_end(self, pattern: re.Pattern[bytes], limit: int, *, complete: bool) -> int:
        """The end of a string or scalar, relative to the buffer; -1 when it is too long."""
        while True:
            match = pattern.match(self._buffer, self._pos)
            if match is not None and (complete or match.end() < len(self._buffer) or self._eof):
                return match.end() if match.end() - self._pos <= limit else -1
            if match is None and (self._eof or not complete) and self._pos < len(self._buffer):
                raise Broken(self.offset, "a value was expected" if not complete else "a string has no end")
            if len(self._buffer) - self._pos > min(limit, MAX_VALUE):
                return self._too_long(limit)
            if not self._fill() and match is None:
                raise Broken(self.offset, "the text ends where a value was expected")

    def _too_long(self, limit: int) -> int:
        if limit >= MAX_VALUE:
            raise Broken(self.offset, f"a value has no end within {MAX_VALUE} bytes")
        return -1

    def _container_end(self, limit: int) -> int:
        """The end of the array or object here, relative to the buffer; -1 when it is too long."""
        open_brackets = bytearray()
        buffer, i, run = self._buffer, self._pos, _RUN.match
        while True:
            match = run(buffer, i)
            assert match is not None
            i = match.end()
            if i == len(buffer) or buffer[i] == 0x22:
                if i - self._pos > limit or len(buffer) - self._pos > min(limit, MAX_VALUE):
                    return self._too_long(limit)
                i -= self._pos
                if not self._fill():
                    raise Broken(self.offset, "the text ends in the middle of a record")
                buffer, i = self._buffer, i + self._pos
                continue
            byte = buffer[i]
            if byte in _CLOSER:
                if open_brackets and not self._may_open(i):
                    raise Broken(self.offset, f"a comma is missing at byte {self._base + i}")
                open_brackets.append(_CLOSER[byte])
            elif not open_brackets or byte != open_brackets[-1]:
                raise Broken(self.offset, f"byte {self._base + i} does not belong there")
            else:
                open_brackets.pop()
                if not open_brackets:
                    return i + 1 if i + 1 - self._pos <= limit else self._too_long(limit)
            i += 1

    def _may_open(self, i: int) -> bool:
        """Whether a bracket may open at ``i``: behind a comma, a colon or another opening one."""
        i -= 1
        while self._buffer[i] in b" \t\r\n":
            i -= 1
        return self._buffer[i] in _MAY_PRECEDE

    def items(self) -> Iterator[int]:
        """Step into the array here: its elements' offsets. Each element is to be taken before the
        next is asked for. Raises Broken."""
        yield from self._inside(0x5B, 0x5D)

    def members(self) -> Iterator[str]:
        """Step into the object here: its keys. Each value is to be taken before the next key."""
        for _ in self._inside(0x7B, 0x7D):
            start = self.offset
            raw = self.value()
            try:
                key = decode(raw or b"")
            except ValueError:
                key = None
            if not isinstance(key, str) or self.peek() != 0x3A:
                raise Broken(start, "a key was expected")
            self._pos += 1
            yield key

    def _inside(self, opening: int, closing: int) -> Iterator[int]:
        if self.peek() != opening:
            raise Broken(self.offset, f"{chr(opening)} was expected")
        self._pos += 1
        if self.peek() == closing:
            self._pos += 1
            return
        while True:
            self.peek()
            yield self.offset
            byte = self.peek()
            if byte == closing:
                self._pos += 1
                return
            if byte != 0x2C:
                raise Broken(self.offset, f"a comma or {chr(closing)} was expected")
            self._pos += 1

    def records(self, limit: int) -> Iterator[Found | Broken]:
        """All top-level values, one behind the other with or without line ends, or those of one
        array around them. A value longer than ``limit`` has to be stepped into by the caller.

        Damage is handed out and never stops the iteration; a caller that hits Broken on its own
        calls ``resync``. With a limit of 0 nothing is taken: the caller steps into every value.
        """
        found: Found | Broken | None = None
        while True:
            byte = self.peek()
            if byte < 0:
                if self._in_array and not self._has_ended and not isinstance(found, Broken):
                    yield Broken(self.offset, "the text ends before the list does")
                return
            if byte == 0x2C or (byte == 0x5D and self._in_array):
                self._has_ended = byte == 0x5D
                self._pos += 1
                continue
            if byte == 0x5B and not self._in_array and self.offset == self._start:
                self._in_array = True
                self._pos += 1
                continue
            if byte == 0:
                found = self._skip_zeros()
            elif byte in _CLOSER:
                found = self._record(limit)
            else:
                found = Broken(self._skip_to_record(), "neither an object nor an array stands there")
            yield found

    def start(self) -> None:
        """Note that the text begins here, behind white space and byte-order mark: the one place at
        which a bracket opens an array around all records."""
        while len(self._buffer) - self._pos < 3 and self._fill():
            pass
        if self._buffer[self._pos : self._pos + 3] == b"\xef\xbb\xbf":
            self._pos += 3
        self.peek()
        self._start = self.offset

    def _record(self, limit: int) -> Found | Broken:
        self._started = offset = self.offset
        if not limit:
            self._note_key()
            return Found(offset, None)
        try:
            raw = self.value(limit)
        except Broken as broken:
            if self._first_key is None:
                self._note_key()
            self.resync()
            return Broken(offset, broken.reason)
        self._note_key(raw)
        return Found(offset, raw)

    def _note_key(self, raw: bytes | None = None) -> None:
        """Remember which key records begin with."""
        key = _FIRST_KEY.match(self._buffer, self._pos) if raw is None else _FIRST_KEY.match(raw)
        if key is not None:
            self._first_key = key[1]

    def _skip_to_record(self) -> int:
        self._started = offset = self.offset
        self.resync()
        return offset

    def _skip_zeros(self) -> Broken:
        offset = self.offset
        while self.peek() == 0:
            rest = self._buffer[self._pos :].lstrip(b"\0")
            self._pos = len(self._buffer) - len(rest)
        return Broken(offset, f"{self.offset - offset} zero bytes stand there")

    def resync(self) -> None:
        """Go on behind a damage: to the next ``{`` that begins as records here do, or that begins
        a line."""
        start = rb"(?<=\n)\{\s*+\"|\{\s*+" + re.escape(self._first_key or b'"')
        pattern = re.compile(start)
        floor = max(self._started + 1, self.offset)
        while True:
            match = pattern.search(self._buffer, max(self._pos, floor - self._base))
            if match is not None:
                self._pos = match.start()
                return
            # Keep a tail in which a beginning may lie cut in two.
            self._pos = max(self._pos, len(self._buffer) - 300)
            if not self._fill():
                self._pos = len(self._buffer)
                return
