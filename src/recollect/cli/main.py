"""The entry point: the root command, and how a run ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from .._version import __version__
from .app import App
from .codes import FAILURE, OK
from .grammar import Group, global_options

EPILOG = """\b
Examples:
  recollect "What is a monad?"
  recollect chat --continue
  recollect import ~/Downloads/conversations.jsonl
  recollect sessions list --tags work --since 2026-01-01
  recollect search 'borrow checker'
  recollect sessions show @last

\b
ID is a session's id, the start of it (4 characters or more), its name, or @last.
Global options may stand before or behind the command.
Exit codes: 0 ok, 1 failure, 2 usage, 3 not found, 4 key or access, 5 conflict,
6 corrupt, 7 busy, 8 partly done, 130 interrupted.
"""


class ReaderGone(Exception):
    """Whoever read our output has seen enough, as ``| head`` does."""


class Root(Group):
    """The root command: whoever runs it, errors end as one sentence and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. click would turn a broken pipe into exit code 1 on its own."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise ReaderGone from error

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command meant by the next word. A text of several words is said to a model."""
        name = args[0]
        if self.get_command(ctx, name) is not None or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        if any(character.isspace() for character in name):
            said = ["--", *args] if name.startswith("-") else args
            return "chat", self.get_command(ctx, "chat"), said
        raise click.UsageError(f"{self.mistyped(ctx, name)} To say it to a model: recollect chat {name}", ctx)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,  # noqa: ARG002  # click's signature
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: ARG002  # click's signature
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> NoReturn:
        """Run and exit."""
        words = list(sys.argv[1:] if args is None else args)
        app = App()
        _prepare_streams()
        try:
            # A wrong option must be reported as JSON even if --json stands behind it.
            before = words[: words.index("--")] if "--" in words else words
            app.mode = "json" if "--json" in before else "jsonl" if "--jsonl" in before else "text"
            code = super().main(
                words,
                prog_name="recollect",
                complete_var=complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                obj=app,
                **extra,
            )
            sys.stdout.flush()
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # every error becomes an exit code
            code = _end(app, error)
        sys.exit(code or OK)


def _end(app: App, error: BaseException) -> int:
    """Report an error, unless nobody listens any more."""
    from .failing import failed

    code = FAILURE
    try:
        if isinstance(error, ReaderGone | BrokenPipeError):
            return _abandon_stdout()
        code = failed(app, error)
        sys.stdout.flush()
    except BrokenPipeError:
        return _abandon_stdout()
    except OSError:  # what stdout cannot take was reported above; what is left in it goes nowhere
        _abandon_stdout()
    return code


def _abandon_stdout() -> int:
    """Point stdout elsewhere: the interpreter flushes it once more at exit and would complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return OK


def _prepare_streams() -> None:
    """What a stream's encoding lacks is spelled out rather than fatal; data for programs is UTF-8."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace", encoding=None if stream.isatty() else "utf-8")


@click.group(
    cls=Root,
    name="recollect",
    params=global_options(hidden=False),
    lazy={
        "chat": "chatting:chat",
        "sessions": "sessions:sessions",
        "search": "search:search",
        "import": "importing:import_",
        "sync": "syncing:sync",
        "export": "exporting:export",
        "migrate": "migrating:migrate",
        "backup": "backing_up:backup",
        "restore": "backing_up:restore",
        "tags": "tags:tags",
        "cleanup": "cleanup:cleanup",
        "trash": "trash:trash",
        "verify": "health:verify",
        "repair": "health:repair",
        "reindex": "health:reindex",
        "stats": "health:stats",
        "config": "config:config",
        "completion": "completion:completion",
    },
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "--version", message="recollect %(version)s")
def root() -> None:
    """Keep conversations with language models: hold, store, find, show and move them."""


def main() -> None:
    """The ``recollect`` command."""
    root.main()
