"""docs/reference/cli.md: every command, from the definitions that the command line parses with."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from recollect.cli.main import (
    main,  # noqa: F401  # the entry point named in pyproject.toml
    root,
)

from .writing import page, table


def cli() -> str:
    """The page."""
    context = click.Context(root, info_name="recollect")
    parts = [
        _text(root.help),
        "Global options stand before or behind the command:",
        _options(root),
        _verbatim(root.epilog),
    ]
    for path, command in _walk(root, context, ()):
        parts += [f"## recollect {' '.join(path)}", *_command(path, command)]
    return page("Command line", *parts)


def _walk(
    group: click.Group, context: click.Context, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        if isinstance(command, click.Group):
            yield from _walk(command, context, (*path, name))
        else:
            yield (*path, name), command


def _command(path: tuple[str, ...], command: click.Command) -> list[str]:
    arguments = [
        f"[{metavar}]" if not parameter.required else metavar
        for parameter in command.params
        if isinstance(parameter, click.Argument)
        for metavar in [_argument(parameter)]
    ]
    usage = " ".join(["recollect", *path, "[OPTIONS]", *arguments])
    parts = [f"```text\n{usage}\n```", _text(command.help)]
    if any(_shown(parameter) for parameter in command.params):
        parts.append(_options(command))
    parts.append(_verbatim(command.epilog))
    return [part for part in parts if part]


def _argument(parameter: click.Argument) -> str:
    name = (parameter.metavar or (parameter.name or "").upper()).strip("[]")
    return f"{name.removesuffix('...')}…" if parameter.nargs == -1 else name


def _shown(parameter: click.Parameter) -> bool:
    return isinstance(parameter, click.Option) and not parameter.hidden


def _options(command: click.Command) -> str:
    rows = []
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            flags = ", ".join([*parameter.opts, *parameter.secondary_opts])
            value = "" if parameter.is_flag or parameter.count else _value(parameter)
            default = f" Default: {parameter.default}." if parameter.show_default else ""
            rows.append([f"`{flags}{value}`", f"{parameter.help or ''}{default}"])
    return table(["option", "meaning"], rows) if rows else ""


def _value(parameter: click.Option) -> str:
    if isinstance(parameter.type, click.Choice):
        return " " + "|".join(str(choice) for choice in parameter.type.choices)
    return " " + (parameter.metavar or parameter.type.name.upper())


def _text(text: str | None) -> str:
    """Help text as Markdown; what click is told not to rewrap stays as it is."""
    parts = []
    for paragraph in inspect.cleandoc(text or "").split("\n\n"):
        if paragraph.startswith("\b"):
            parts.append(f"```text\n{paragraph.removeprefix(chr(8)).strip(chr(10))}\n```")
        else:
            parts.append(paragraph.replace("``", "`"))
    return "\n\n".join(parts)


def _verbatim(text: str | None) -> str:
    return _text(text) if text else ""
