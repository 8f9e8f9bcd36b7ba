"""Runs the examples of a Markdown page, in order, in one folder, as a reader would.

    ```python    executed; blocks of a page share their names; what they print must be shown in an
                 ```output block right behind
    ```console   every ``$ command`` runs in a shell; what it prints must be what is shown
    ```json, ```toml   must parse

In shown output ``…`` stands for anything; alone on a line, for any number of lines. A command that
fails on purpose says so: ``$ recollect … # exit code 3``. A block that cannot run says why in a
comment before it: ``<!-- not run: needs a server -->``. Blocks in other languages are only shown.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import tomllib
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>[\w-]*)[^\n]*\n(?P<code>.*?)^(?P=indent)```[ ]*$", re.M | re.S
)
NOT_RUN = re.compile(r"<!-- not run: \S.*? -->\s*\Z", re.S)
COMMAND = re.compile(r"\$ (?P<command>.*?)(?:\s+# exit code (?P<code>\d+))?\Z", re.S)
SHELLS = {"bash", "sh", "shell", "zsh"}
TIMEOUT = 60


class Block(NamedTuple):
    place: str
    language: str
    code: str
    skipped: bool


class Command(NamedTuple):
    command: str
    code: int
    shown: str


class ExampleError(AssertionError):
    """An example does not do what the page says."""


def blocks(text: str, name: str) -> Iterator[Block]:
    """The fenced blocks of a page."""
    for match in FENCE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        indent = match["indent"]
        code = "".join(row.removeprefix(indent) for row in match["code"].splitlines(keepends=True))
        skipped = NOT_RUN.search(text[: match.start()]) is not None
        yield Block(f"{name}:{line}", match["language"], code, skipped)


def commands(code: str) -> Iterator[Command]:
    """The commands of a console block, each with the output shown behind it."""
    command: list[str] = []
    shown: list[str] = []
    for line in [*code.splitlines(), "$ "]:
        if command and command[-1].endswith("\\"):
            command.append(line)
        elif line.startswith("$ "):
            if command:
                match = COMMAND.match("\n".join(command))
                assert match is not None
                yield Command(match["command"], int(match["code"] or 0), "\n".join(shown))
            command, shown = [line], []
        else:
            shown.append(line)


def matches(shown: str, printed: str) -> bool:
    """Whether output is what a page shows, ``…`` standing for anything."""
    parts = []
    for line in shown.strip("\n").splitlines():
        if line.strip() == "…":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append("[^\n]*?".join(re.escape(piece) for piece in line.rstrip().split("…")) + r"[ ]*\n")
    printed = "\n".join(line.rstrip() for line in printed.strip("\n").splitlines())
    return re.fullmatch("".join(parts), printed + "\n" if printed else "") is not None


class Page:
    """One page and the folder its examples run in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: dict[str, object] = {"__name__": "__main__"}

    def run(self, text: str, name: str) -> int:
        """Run all examples; returns how many ran. Raises ExampleError for the first that differs."""
        ran = 0
        found = list(blocks(text, name))
        for number, block in enumerate(found):
            if block.skipped:
                continue
            after = found[number + 1] if number + 1 < len(found) else None
            shown = after.code if after is not None and after.language == "output" else ""
            ran += self.one(block, shown)
        return ran

    def one(self, block: Block, shown: str) -> bool:
        if block.language in SHELLS:
            raise ExampleError(f"{block.place}: write commands as ```console with $, so that they can run")
        if block.language == "python":
            self.python(block, shown)
        elif block.language == "console":
            for command in commands(block.code):
                self.command(command, block.place)
        elif block.language == "json":
            json.loads(block.code)
        elif block.language == "toml":
            tomllib.loads(block.code)
        else:
            return False
        return True

    def python(self, block: Block, shown: str) -> None:
        printed = io.StringIO()
        # Padding makes tracebacks point to the page's own lines.
        padding = "\n" * int(block.place.rpartition(":")[2])
        try:
            with contextlib.redirect_stdout(printed), contextlib.chdir(self.folder):
                exec(compile(padding + block.code, block.place, "exec"), self.names)
        except Exception as error:
            raise ExampleError(f"{block.place}:\n{traceback.format_exc()}") from error
        if not matches(shown, printed.getvalue()):
            raise ExampleError(f"{block.place} shows\n{shown}\nbut prints\n{printed.getvalue()}")

    def command(self, command: Command, place: str) -> None:
        scripts = str(Path(sys.executable).parent)
        environment = {
            **os.environ,
            "PATH": scripts + os.pathsep + os.environ.get("PATH", ""),
            "COLUMNS": "100",
        }
        done = subprocess.run(
            command.command,
            shell=True,
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            timeout=TIMEOUT,
            check=False,
        )
        if done.returncode != command.code:
            raise ExampleError(f"{place}: $ {command.command}\nexit code {done.returncode}:\n{done.stdout}")
        if not matches(command.shown, done.stdout):
            raise ExampleError(
                f"{place}: $ {command.command}\nthe page shows\n{command.shown}\nbut it prints\n{done.stdout}"
            )
