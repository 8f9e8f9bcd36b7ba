"""Shows recollect at work on the conversations beside this file: ``make demo``.

Everything happens in a throw-away store in a temporary folder, through the command line that a
user types. Exits with 1 if anything does not work.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CONVERSATIONS = HERE / "conversations"
RECOLLECT = [sys.executable, "-m", "recollect"]


class DemoError(Exception):
    """A step did not do what it says."""


class Demo:
    """Runs commands in one folder, with one store and nothing of the user's configuration."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        own = {name: value for name, value in os.environ.items() if not name.startswith("RECOLLECT_")}
        home = {name: str(folder) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")}
        self.environment = {**own, **home, "RECOLLECT_STORE": "sqlite:///demo.db"}

    def step(self, why: str, *arguments: str) -> None:
        """Say what a command does, show it as a user types it, run it."""
        typed = shlex.join(["recollect", *arguments])
        print(f"\n{self.styled('1', why)}\n{self.styled('36', '$ ' + typed)}", flush=True)
        done = subprocess.run(
            [*RECOLLECT, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,  # also keeps long output out of a pager
            stderr=subprocess.STDOUT,
            check=False,
        )
        if done.returncode != 0:
            raise DemoError(f"{typed} ended with exit code {done.returncode}")

    def ask(self, *arguments: str) -> Any:
        """What a command answers, as JSON."""
        done = subprocess.run(
            [*RECOLLECT, "--json", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=False,
        )
        if done.returncode != 0:
            raise DemoError(f"recollect {shlex.join(arguments)} ended with exit code {done.returncode}")
        return json.loads(done.stdout)

    def styled(self, code: str, text: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self.colour else text


def run(demo: Demo) -> None:
    files = sorted(path.name for path in CONVERSATIONS.iterdir())
    if not files:
        raise DemoError(f"there are no conversations in {CONVERSATIONS}")
    demo.step(f"Import conversations, here {len(files)} file(s).", "import", "examples/conversations")
    demo.step("Import them again: nothing is added twice.", "import", "examples/conversations")
    demo.step("List the sessions, the newest first.", "sessions", "list", "--limit", "5")

    sessions = demo.ask("sessions", "list")["sessions"]
    shortest = min(sessions, key=lambda session: session["message_count"])["id"]
    demo.step("Show a conversation.", "sessions", "show", shortest)
    demo.step("Search all of them: words, phrases, prefixes.", "search", "time* OR count*", "--limit", "3")
    if not demo.ask("search", "time* OR count*")["hits"]:
        raise DemoError("the search found nothing")

    demo.step("Give a conversation a name.", "sessions", "rename", shortest, "My favourite")
    demo.step("Give it a tag.", "sessions", "tag", shortest, "favourite")
    demo.step("Tags filter every list and every search.", "sessions", "list", "--tags", "favourite")
    demo.step("Ask again, differently.", "sessions", "edit", shortest, "@1", "The same, but shorter, please.")
    demo.step("The old line is still there, on a branch of its own.", "sessions", "tree", shortest)
    demo.step("Every change can be taken back.", "sessions", "undo", shortest)

    demo.step("Export as Markdown.", "export", shortest, "--format", "markdown")
    demo.step("Export the whole log for another store.", "export", shortest, "-o", "chat.json")
    demo.step("Check every record of the store.", "verify")
    if not (demo.folder / "chat.json").stat().st_size:
        raise DemoError("the export is empty")
    chat(demo)


def chat(demo: Demo) -> None:
    """Two runs of one conversation, each a process of its own."""
    talk = ("chat", "--model", "echo", "--session", "alice")
    demo.step("Talk to a model (echo needs no key).", *talk, "--create", "My name is Alice.")
    demo.step("Another run goes on where that one ended.", *talk, "What is my name?")
    demo.step("Both turns are there.", "sessions", "show", "alice")
    counts = {found["id"]: found["message_count"] for found in demo.ask("sessions", "list")["sessions"]}
    if counts.get("alice") != 4:
        raise DemoError("the chat has not kept its messages")


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="recollect-demo-") as name:
        folder = Path(name)
        (folder / "examples").symlink_to(HERE, target_is_directory=True)
        demo = Demo(folder)
        print(f"A throw-away store in {folder}:")
        print(demo.styled("36", f"$ export RECOLLECT_STORE={demo.environment['RECOLLECT_STORE']}"))
        try:
            run(demo)
        except DemoError as error:
            print(f"\nThe demo failed: {error}.", file=sys.stderr)
            return 1
        print("\nThat was all; the store is removed again. Read on in README.md.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
