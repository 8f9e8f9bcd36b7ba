"""Asking before what cannot be undone."""

from __future__ import annotations

import sys

import click


def confirm(question: str, yes: bool, *, doing: str) -> None:
    """Go on only if a person agrees; where nobody can answer, ``--yes`` must say it."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"{doing} cannot be undone: say --yes, too.")
    click.confirm(question, abort=True, err=True)
