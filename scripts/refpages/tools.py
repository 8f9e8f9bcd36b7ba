"""docs/reference/tools.md: the folders that ``sync`` knows."""

from __future__ import annotations

import inspect

from recollect.transfer import tools

from . import source
from .writing import code, page, table


def known_tools() -> str:
    """The page."""
    return page(
        "Tools that sync knows",
        source.markdown(inspect.cleandoc(tools.__doc__ or "")),
        table(
            ["tool", "name", "folder", "files"],
            [
                [tool.title, code(tool.name), folder, ", ".join(code(pattern) for pattern in home.patterns)]
                for tool in tools.TOOLS
                for home in tool.homes
                for folder in [_folder(home)]
            ],
        ),
        "`*` in a file's path stays within one name, `**` is any number of folders. What the systems have for"
        " such files:",
        table(
            ["", "Linux", "macOS", "Windows"],
            [
                [
                    "`<config>`",
                    "`$XDG_CONFIG_HOME`, else `~/.config`",
                    "`~/Library/Application Support`, and as on Linux",
                    "`%APPDATA%`",
                ],
                [
                    "`<data>`",
                    "`$XDG_DATA_HOME`, else `~/.local/share`",
                    "`~/Library/Application Support`, and as on Linux",
                    "`%LOCALAPPDATA%`, `%APPDATA%`",
                ],
            ],
        ),
        "Other folders can be [named](../howto/keep-in-step.md). aider and SpecStory write into the folder of"
        " each project: name those.",
    )


def _folder(home: tools.Home) -> str:
    usual = ", ".join(code(folder) for folder in home.usual)
    if not home.override:
        return usual
    return f"{code(home.override)}, else {usual}" if usual else code(home.override)
