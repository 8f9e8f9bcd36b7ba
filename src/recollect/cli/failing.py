"""How a command ends that did not succeed: one sentence for people, one object for programs."""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import suppress
from typing import Any

import click

from ..errors import AmbiguousError, StoreError
from .app import App
from .codes import FAILURE, INTERRUPTED, USAGE, exit_code
from .escape import one_line, safe


def failed(app: App, error: BaseException) -> int:
    """Report ``error`` and return the exit code. With RECOLLECT_DEBUG=1 the traceback comes first."""
    if os.environ.get("RECOLLECT_DEBUG") and not isinstance(error, click.ClickException):
        sys.stderr.write(safe("".join(traceback.format_exception(error))))
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return _aborted(app, error)
    if isinstance(error, click.ClickException):
        return _usage(app, error)
    if isinstance(error, StoreError):
        return _store_error(app, error)
    if isinstance(error, OSError):
        message = error.strerror or type(error).__name__
        if error.filename is not None:
            message = f"{str(error.filename)!r}: {message}"
        return _report(app, FAILURE, "system", f"{message}.", None, retryable=False)
    # The text of an unforeseen exception may quote a conversation: only its kind is told.
    return _report(
        app,
        FAILURE,
        "internal",
        f"An unforeseen error happened ({type(error).__name__}).",
        "Set RECOLLECT_DEBUG=1 to see where.",
        retryable=False,
    )


def _store_error(app: App, error: StoreError) -> int:
    extra: dict[str, Any] = {}
    candidates: list[Any] = error.candidates if isinstance(error, AmbiguousError) else []
    if candidates:
        extra["candidates"] = [{"id": info.id, "name": info.name} for info in candidates]
    code = exit_code(error)
    _report(app, code, error.code, error.message, error.hint, retryable=error.retryable, extra=extra)
    if app.mode == "text":
        for info in candidates:
            click.echo(f"  {safe(info.id)}  {one_line(info.name or info.preview)[:40]}".rstrip(), err=True)
    return code


def _usage(app: App, error: click.ClickException) -> int:
    context = getattr(error, "ctx", None)
    hint = None
    if context is not None and context.command.get_help_option(context) is not None:
        hint = f"See {context.command_path} --help."
    message = error.format_message()
    code = USAGE if isinstance(error, click.UsageError) else FAILURE
    return _report(app, code, "usage" if code == USAGE else "system", message, hint, retryable=False)


def _aborted(app: App, error: BaseException) -> int:
    if isinstance(error.__cause__ or error.__context__ or error, KeyboardInterrupt):
        return _report(app, INTERRUPTED, "interrupted", "Interrupted.", None, retryable=True)
    return _report(app, FAILURE, "aborted", "Nothing was done.", None, retryable=False)


def _report(
    app: App,
    code: int,
    kind: str,
    message: str,
    hint: str | None,
    *,
    retryable: bool,
    extra: dict[str, Any] | None = None,
) -> int:
    if app.mode != "text":
        error = {"code": code, "kind": kind, "message": message, "hint": hint, "retryable": retryable}
        app.items([{"error": {**error, **(extra or {})}}])
        return code
    with suppress(OSError):  # what stdout cannot take must not keep the sentence off stderr
        sys.stdout.flush()
    click.echo(f"recollect: {safe(message)}", err=True)
    if hint:
        click.echo(f"  {safe(hint)}", err=True)
    return code
