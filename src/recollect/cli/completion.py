"""``recollect completion``: scripts that teach shells our commands, options and live ids."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from .app import App, pass_app
from .grammar import Command

EPILOG = """\b
Add one line to your shell's start-up file:
  eval "$(recollect completion bash)"        # ~/.bashrc
  eval "$(recollect completion zsh)"         # ~/.zshrc
  recollect completion fish | source         # ~/.config/fish/config.fish
"""


@click.command(cls=Command, epilog=EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
@pass_app
def completion(app: App, context: click.Context, shell: str) -> None:
    """Print the completion script for a shell."""
    kind = get_completion_class(shell)
    assert kind is not None
    app.data(kind(context.find_root().command, {}, "recollect", "_RECOLLECT_COMPLETE").source())
