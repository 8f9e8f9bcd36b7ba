"""Where the tools that keep conversations as files put them, on each system.

A folder begins with ``~`` (the user's home), with a variable that the tool itself heeds (``$CODEX_HOME``),
with ``<config>`` or ``<data>`` (what the system has for such files). Where a variable is set, it counts
instead of the folders behind it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ..errors import InvalidError


class Home(NamedTuple):
    """A folder of a tool: the one of its variable, or its usual ones; and which files below it."""

    override: str
    """Empty: the tool heeds no variable of its own."""
    usual: tuple[str, ...]
    patterns: tuple[str, ...]
    """Paths from the folder: ``*`` and ``?`` stay within a name, ``**`` is any number of folders."""


class Tool(NamedTuple):
    """A tool, by the name of its format."""

    name: str
    title: str
    homes: tuple[Home, ...]


class Spot(NamedTuple):
    """A folder to look into on this machine, whether it is there or not."""

    tool: str
    folder: str
    patterns: tuple[str, ...]


TOOLS: tuple[Tool, ...] = (
    Tool(
        "claude-code",
        "Claude Code",
        (
            Home(
                "$CLAUDE_CONFIG_DIR/projects",
                ("~/.claude/projects", "<config>/claude/projects"),
                ("**/*.jsonl",),
            ),
        ),
    ),
    Tool(
        "codex",
        "OpenAI Codex",
        tuple(
            Home(
                f"$CODEX_HOME/{folder}",
                (f"~/.codex/{folder}",),
                ("**/rollout-*.jsonl", "**/rollout-*.jsonl.zst", "**/rollout-*.json"),
            )
            for folder in ("sessions", "archived_sessions")
        ),
    ),
    Tool(
        "copilot-cli",
        "GitHub Copilot CLI",
        (Home("$COPILOT_HOME/session-state", ("~/.copilot/session-state",), ("*/events.jsonl",)),),
    ),
    Tool(
        "gemini-cli",
        "Gemini CLI",
        (
            Home(
                "$GEMINI_CLI_HOME/.gemini/tmp",
                ("~/.gemini/tmp",),
                ("*/chats/**/*.json", "*/chats/**/*.jsonl"),
            ),
        ),
    ),
    Tool(
        "pi",
        "pi",
        (
            Home("$PI_CODING_AGENT_DIR/sessions", ("~/.pi/agent/sessions",), ("**/*.jsonl",)),
            Home("$PI_CODING_AGENT_SESSION_DIR", (), ("**/*.jsonl",)),
        ),
    ),
    Tool(
        "opencode",
        "opencode",
        (
            Home(
                "",
                ("<data>/opencode", "~/.local/share/opencode"),
                ("storage/session/**/ses_*.json", "opencode.db", "opencode-*.db"),
            ),
        ),
    ),
    Tool("llm", "llm", (Home("$LLM_USER_PATH", ("<config>/io.datasette.llm",), ("logs.db",)),)),
    Tool(
        "magellai",
        "Magellai",
        (
            Home(
                "",
                ("~/.config/magellai", "<config>/magellai", "~/.magellai"),
                ("sessions/*.json", "**/recovery.json", "*.db", "sessions/*.db"),
            ),
        ),
    ),
    Tool("synapse", "Synapse", (Home("", ("~/.config/synapse", "<config>/synapse"), ("sessions.db",)),)),
    Tool(
        "claude-agent-sdk",
        "Claude Agent SDK for Elixir",
        (Home("", ("~/.claude_sdk/sessions",), ("*.json",)),),
    ),
    Tool(
        "go-deep-agent",
        "go-deep-agent",
        (Home("", ("~/.go-deep-agent/sessions", "~/.go-deep-agent/memories"), ("*.json",)),),
    ),
)


def tool_names() -> list[str]:
    """The tools whose folders are known."""
    return [tool.name for tool in TOOLS]


def spots(
    tools: Sequence[str] | None = None,
    environ: Mapping[str, str] | None = None,
    platform: str = sys.platform,
) -> list[Spot]:
    """The folders of these tools, of all when None, each folder once. Raises InvalidError."""
    environ = os.environ if environ is None else environ
    for name in tools or ():
        if name not in tool_names():
            raise InvalidError(
                f"There is no tool {name!r} whose folder is known.",
                hint=f"There are {', '.join(tool_names())}.",
            )
    found: dict[tuple[str, str], Spot] = {}
    for tool in TOOLS:
        if tools is None or tool.name in tools:
            for home in tool.homes:
                for folder in _folders(home, environ, platform):
                    found.setdefault(
                        (tool.name, os.path.realpath(folder)), Spot(tool.name, folder, home.patterns)
                    )
    return list(found.values())


def _folders(home: Home, environ: Mapping[str, str], platform: str) -> Iterator[str]:
    """A home on this machine."""
    if home.override:
        variable, _, rest = home.override.removeprefix("$").partition("/")
        if environ.get(variable):
            yield _joined(environ[variable], rest, environ)
            return
    for folder in home.usual:
        first, _, rest = folder.partition("/")
        bases = _bases(first, environ, platform) if first.startswith("<") else [first]
        for base in bases:
            yield _joined(base, rest, environ)


def _bases(name: str, environ: Mapping[str, str], platform: str) -> list[str]:
    """The folders that programs of this system use for configuration or data."""
    if platform == "win32":
        variables = ("APPDATA",) if name == "<config>" else ("LOCALAPPDATA", "APPDATA")
        return [environ[variable] for variable in variables if environ.get(variable)]
    variable, usual = (
        ("XDG_CONFIG_HOME", "~/.config") if name == "<config>" else ("XDG_DATA_HOME", "~/.local/share")
    )
    xdg = environ.get(variable) or usual
    return ["~/Library/Application Support", xdg] if platform == "darwin" else [xdg]


def _joined(base: str, rest: str, environ: Mapping[str, str]) -> str:
    """A path below a folder; ``~`` is the home of the environment given."""
    if base == "~" or base.startswith("~/"):
        home = environ.get("HOME") or environ.get("USERPROFILE") or os.path.expanduser("~")
        base = home + base[1:]
    return os.path.abspath(os.path.join(base, *rest.split("/")) if rest else base)
