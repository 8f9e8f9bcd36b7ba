"""Text that comes in on standard input."""

from __future__ import annotations

import sys

import click


def stdin_text() -> str:
    """All of stdin without its last line end. Raises UsageError for what is not UTF-8."""
    try:
        return sys.stdin.buffer.read().decode("utf-8").removesuffix("\n")
    except UnicodeDecodeError:
        raise click.UsageError("What stdin gave is not UTF-8.") from None
