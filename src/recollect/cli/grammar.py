"""Commands and groups of recollect: global options anywhere, lazy loading, suggestions."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from typing import Any

import click

from .app import App
from .codes import USAGE


def _set(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Note a global option in the run's App; the innermost mention wins."""
    if value is None or value is False:
        return
    app = context.find_object(App)
    assert app is not None
    if parameter.name in ("json", "jsonl"):
        app.mode = "json" if parameter.name == "json" else "jsonl"
    elif parameter.name is not None:
        setattr(app, parameter.name, value)


def global_options(*, hidden: bool) -> list[click.Parameter]:
    """The options that every command takes, before or behind its name."""

    def option(flag: str, help_text: str, **settings: Any) -> click.Option:
        return click.Option(
            [flag],
            help=help_text,
            hidden=hidden,
            expose_value=False,
            callback=_set,
            is_eager=True,
            **settings,
        )

    return [
        option("--store", "The store, such as sqlite:///chats.db.", metavar="URL"),
        option("--namespace", "The part of the store to work in.", metavar="NAME"),
        option("--config", "A configuration file to read instead of the usual ones.", metavar="FILE"),
        option("--json", "Print one JSON document; errors too.", is_flag=True),
        option("--jsonl", "Print one JSON value a line.", is_flag=True),
        option("--no-color", "Print no colours (as NO_COLOR=1).", is_flag=True),
        option("--no-pager", "Print long output without a pager.", is_flag=True),
        option("--quiet", "Say nothing on stderr but errors.", is_flag=True),
    ]


class Command(click.Command):
    """A command that takes the global options too, without listing them in its help."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params = [*self.params, *global_options(hidden=True)]


class Group(click.Group):
    """A group whose commands are imported when they are asked for.

    ``lazy`` maps a command's name to ``module:attribute`` inside ``recollect.cli``.
    """

    command_class = Command

    def __init__(self, *args: Any, lazy: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **{"no_args_is_help": False, **kwargs})
        self.lazy = dict(lazy or {})

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """All names, those of other modules included, as they were declared."""
        return [*self.commands, *self.lazy]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported if need be."""
        if cmd_name in self.lazy:
            module, _, attribute = self.lazy[cmd_name].partition(":")
            found: click.Command = getattr(importlib.import_module(f"{__package__}.{module}"), attribute)
            return found
        return super().get_command(ctx, cmd_name)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Without a command a person is shown what there is; a program is told what is missing."""
        if not args and not ctx.resilient_parsing and not self.invoke_without_command:
            app = ctx.find_object(App)
            if app is None or app.mode == "text":
                click.echo(ctx.get_help(), err=True)
                ctx.exit(USAGE)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command meant by the next word; a mistyped one is answered with what is near."""
        name = args[0]
        if self.get_command(ctx, name) is None and not ctx.resilient_parsing and name[:1].isalnum():
            raise click.UsageError(self.mistyped(ctx, name), ctx)
        return super().resolve_command(ctx, args)

    def mistyped(self, ctx: click.Context, name: str) -> str:
        """What is said of a word that is no command: which one may have been meant."""
        near = difflib.get_close_matches(name, self.list_commands(ctx), n=1, cutoff=0.5)
        return f"There is no command {name!r}." + (f" Did you mean {near[0]}?" if near else "")


class SubGroup(Group):
    """A group below the root: it takes the global options too."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params = [*self.params, *global_options(hidden=True)]
