"""Transcript formats: one module each, found by what a file begins with, loaded when needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .base import HEAD_BYTES, Source, unsupported
from .sqlitefile import MAGIC, schema_of

_READERS = {
    "claude-code": "claude_code",
    "codex": "codex",
    "copilot-cli": "copilot_cli",
    "gemini-cli": "gemini_cli",
    "pi": "pi",
    "jsonl": "own_jsonl",
    "json": "own_json",
    "openai-chat": "openai_chat",
    "anthropic": "anthropic",
    "chatgpt": "chatgpt",
    "claude-ai": "claude_ai",
    "open-webui": "open_webui",
    "librechat": "librechat",
    "chatbot-ui": "chatbot_ui",
    "sharegpt": "sharegpt",
    "oasst": "oasst",
    "llm": "llm_logs",
    "magellai": "magellai",
    "synapse": "synapse",
    "langchain": "langchain",
    "openai-agents": "openai_agents",
    "claude-agent-sdk": "claude_agent_sdk",
    "go-deep-agent": "go_deep_agent",
    "actorus": "actorus",
    "aider": "aider",
    "specstory": "specstory",
    "swe-agent": "swe_agent",
    "opencode": "opencode",
}
_WRITERS = {
    "claude-code": "claude_code",
    "markdown": "markdown",
    "html": "html",
    "csv": "csv_table",
    "text": "plain_text",
    "openai-chat": "openai_chat",
    "anthropic": "anthropic",
    "chatgpt": "chatgpt",
    "sharegpt": "sharegpt",
}
LOGS = ("json", "jsonl")
"""Formats that hold a session's whole log; the others hold its active line."""
NATIVE = "native"
"""The very file that a session was imported from, whatever its format."""
JOINED = frozenset({"jsonl", "csv", "openai-chat", "sharegpt", "anthropic"})
"""Formats in which several sessions can stand in one file, one behind the other."""
CERTAIN = 0.95
"""A format that is as sure as this need not be compared with others."""
_ENDINGS = {
    "markdown": "md",
    "html": "html",
    "text": "txt",
    "csv": "csv",
    "jsonl": "jsonl",
    "claude-code": "jsonl",
}


def _load(module: str) -> Any:
    return import_module(f".{module}", __name__)


def import_formats() -> list[str]:
    """The names of the formats that can be imported."""
    return sorted(_READERS)


def export_formats() -> list[str]:
    """The names of the formats that a session can be exported to."""
    return sorted({*LOGS, NATIVE, *_WRITERS})


def ending(name: str) -> str:
    """What the names of files in a format end with, without the dot."""
    return _ENDINGS.get(name, "json")


def reader(name: str) -> Any:
    """The module that reads a format. Raises UnsupportedError."""
    if name not in _READERS:
        raise unsupported(name, "import", import_formats())
    return _load(_READERS[name])


def writer(name: str) -> Any:
    """The module that writes a format. Raises UnsupportedError."""
    if name not in _WRITERS:
        raise unsupported(name, "export to", export_formats())
    return _load(_WRITERS[name])


def detected(head: bytes, name: str) -> Any:
    """The module of the format that a file with this beginning most likely has, or None."""
    return _likeliest(head, name)[1]


def detected_in(head: bytes, source: Source) -> tuple[Any, Source]:
    """The same for a source whose beginning is ``head``, and the source to read from: in a database
    what tells the formats apart may stand anywhere."""
    best, found = _likeliest(head, source.name)
    if best >= CERTAIN or not head.startswith(MAGIC):
        return found, source
    schema, source = schema_of(source)
    schema = schema[-HEAD_BYTES // 2 :]
    return detected(head[: HEAD_BYTES - len(schema)] + schema, source.name), source


def _likeliest(head: bytes, name: str) -> tuple[float, Any]:
    best, found = 0.0, None
    for module in map(_load, _READERS.values()):
        score = module.detect(head[:HEAD_BYTES], name)
        if score > best:
            best, found = score, module
            if score >= CERTAIN:
                break
    return best, found


__all__ = [
    "JOINED",
    "LOGS",
    "NATIVE",
    "detected",
    "detected_in",
    "ending",
    "export_formats",
    "import_formats",
    "reader",
    "writer",
]
