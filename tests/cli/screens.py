"""A person at a terminal, for tests: a pseudo-terminal, keys to press, and what the screen shows."""

from __future__ import annotations

import codecs
import os
import re
import select
import signal
import sys
import time
from collections.abc import Callable

_SEQUENCE = re.compile(r"\x1b\[([?>]?)([\d;]*)([A-Za-z])|\x1b[=>]")
_CONTROL = re.compile(r"\x1b|[\x00-\x07\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
PROMPT = "you>"


class Screen:
    """What is written, as a terminal shows it; all lines ever scrolled away included.

    Knows what rich and prompt_toolkit use. Anything else that could steer a terminal is noted
    in ``strange``.
    """

    def __init__(self, rows: int = 24, columns: int = 80) -> None:
        self.rows, self.columns = rows, columns
        self.lines: list[list[str]] = [[]]
        self.row = self.column = 0
        self.strange: list[str] = []
        self._left = ""

    def feed(self, text: str) -> None:
        """Take in what was written."""
        text, self._left = self._left + text, ""
        place = 0
        while place < len(text):
            if match := _SEQUENCE.match(text, place):
                self._obey(match)
                place = match.end()
            elif text[place] == "\x1b" and len(text) - place < 12:
                self._left = text[place:]
                return
            else:
                self._put(text[place])
                place += 1

    def _put(self, character: str) -> None:
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self.row += 1
            self._reach()
        elif character == "\b":
            self.column = max(0, self.column - 1)
        elif _CONTROL.match(character):
            self.strange.append(character)
        else:
            if self.column >= self.columns:
                self.row, self.column = self.row + 1, 0
            self._reach()
            line = self.lines[self.row]
            line.extend(" " * (self.column + 1 - len(line)))
            line[self.column] = character
            self.column += 1

    def _reach(self) -> None:
        while len(self.lines) <= self.row:
            self.lines.append([])

    def _obey(self, match: re.Match[str]) -> None:
        private, given, verb = match.groups()
        if verb is None or private or verb in "mhln":
            if verb == "m" and ("35" in (given or "").split(";") and "45" in (given or "").split(";")):
                self.strange.append(match[0])
            return
        first = int(given.split(";")[0] or 0) if given else 0
        if verb == "A":
            top = max(0, len(self.lines) - self.rows)
            self.row = max(top, self.row - max(1, first))
        elif verb == "B":
            self.row += max(1, first)
            self._reach()
        elif verb == "C":
            self.column += max(1, first)
        elif verb == "D":
            self.column = max(0, self.column - max(1, first))
        elif verb == "G":
            self.column = max(0, first - 1)
        elif verb == "K" and first == 2:
            self.lines[self.row] = []
        elif verb == "K" and first == 0:
            del self.lines[self.row][self.column :]
        elif verb == "J" and first == 0:
            del self.lines[self.row][self.column :]
            del self.lines[self.row + 1 :]
        else:
            self.strange.append(match[0])

    @property
    def text(self) -> str:
        """All lines, without the blanks at their ends."""
        return "\n".join("".join(line).rstrip() for line in self.lines).rstrip()


class Person:
    """Runs a command on a terminal, waits for what it shows, presses keys."""

    def __init__(self, *args: str, rows: int = 24, columns: int = 80, **environ: str) -> None:
        import fcntl
        import pty
        import struct
        import termios

        # Without an answer about the cursor's place prompt_toolkit would wait for one.
        given = {"TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1", "LC_ALL": "C.UTF-8", **environ}
        self.screen = Screen(rows, columns)
        self.raw = b""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._read = 0
        self.child, self._terminal = pty.fork()
        if self.child == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execve(sys.executable, [sys.executable, "-m", "recollect", *args], {**os.environ, **given})

    def sees(self, text: str, seconds: float = 15) -> Person:
        """Wait until the text was written anew, behind what was waited for before."""
        end = time.monotonic() + seconds
        while (found := self.raw.find(text.encode(), self._read)) < 0:
            if not self._take(end):
                raise AssertionError(f"It ended before {text!r}:\n{self.screen.text}")
        self._read = found + len(text.encode())
        return self

    def shows(self, text: str, seconds: float = 15) -> Person:
        """Wait until the text stands on the screen, however it was drawn."""
        return self._until(lambda: text in self.screen.text, repr(text), seconds)

    def asked(self, seconds: float = 15) -> Person:
        """Wait until the prompt is the last line, with nothing typed yet."""
        return self._until(lambda: self._last_lines()[-1] == PROMPT, "the prompt", seconds)

    def presses(self, keys: str) -> Person:
        """Press keys; ``\\r`` is Enter."""
        os.write(self._terminal, keys.encode())
        return self

    def types(self, line: str) -> Person:
        """Type a line at the prompt, see it there, and press Enter."""
        self.asked().presses(line)
        self._until(lambda: f"{PROMPT} {line}" in self._last_lines()[-8:], repr(line), 15)
        return self.presses("\r")

    def _last_lines(self) -> list[str]:
        return self.screen.text.splitlines() or [""]

    def _until(self, seen: Callable[[], bool], what: str, seconds: float) -> Person:
        end = time.monotonic() + seconds
        while not seen():
            if not self._take(end):
                raise AssertionError(f"It ended before {what}:\n{self.screen.text}")
        return self

    def ends(self, seconds: float = 15) -> int:
        """Wait for the command's end; returns its exit code."""
        end = time.monotonic() + seconds
        while self._take(end):
            pass
        os.close(self._terminal)
        return os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])

    def _take(self, end: float) -> bool:
        """Read what was written; False when the command has ended. Fails when nothing comes in time."""
        ready, _, _ = select.select([self._terminal], [], [], max(0, end - time.monotonic()))
        if not ready:
            os.kill(self.child, signal.SIGKILL)
            os.waitpid(self.child, 0)
            raise AssertionError(f"Nothing more came; the screen shows:\n{self.screen.text}")
        try:
            chunk = os.read(self._terminal, 65536)
        except OSError:  # Linux says so when the other side is closed
            return False
        self.raw += chunk
        self.screen.feed(self._decoder.decode(chunk))
        return bool(chunk)
