"""Draws docs/images/command-line.svg from what the command line really prints on a terminal.

    .venv/bin/python scripts/make_picture.py

Needs a POSIX system: the commands run in a pseudo-terminal.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "images" / "command-line.svg"
WIDTH = 96
PREPARE = "recollect --quiet import examples/conversations"
COMMANDS = (
    "recollect sessions list",
    "recollect search 'borrow* OR coffee' --since 2026-04-01",
    "recollect sessions show count-words --last 2",
)


def main() -> None:
    console = Console(
        record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "examples").symlink_to(ROOT / "examples", target_is_directory=True)
        subprocess.run(PREPARE, shell=True, cwd=folder, env=environment(folder), check=True)
        for command in COMMANDS:
            console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
            console.print(Text.from_ansi(run(command, folder)), end="\n\n")
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(console.export_svg(title="recollect", unique_id="recollect"), encoding="utf-8")
    print(f"wrote {PICTURE.relative_to(ROOT)}")


def environment(folder: str) -> dict[str, str]:
    """A terminal with colours, and nothing of the user's configuration."""
    foreign = {name: value for name, value in os.environ.items() if not name.startswith("RECOLLECT_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    terminal = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "TZ": "UTC"}
    return {**foreign, **terminal, "PATH": path, "HOME": folder, "RECOLLECT_STORE": "sqlite:///demo.db"}


def run(command: str, folder: str) -> str:
    """What a command prints on a terminal, colours included."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 60, WIDTH, 0, 0))
    with subprocess.Popen(
        command,
        shell=True,
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=slave,
        stderr=slave,
    ) as process:
        os.close(slave)
        printed = b""
        while chunk := read(master):
            printed += chunk
    os.close(master)
    if process.returncode != 0:
        sys.exit(f"{command} ended with exit code {process.returncode}:\n{printed.decode()}")
    return printed.decode().replace("\r\n", "\n").strip("\n")


def read(master: int) -> bytes:
    try:
        return os.read(master, 65536)
    except OSError:  # the terminal's other end was closed
        return b""


if __name__ == "__main__":
    main()
