"""docs/reference/errors.md: the tree, and what each error means."""

from __future__ import annotations

import inspect
import textwrap

from recollect import errors as tree
from recollect.cli.codes import exit_code

from . import source
from .writing import block, page, table


def errors() -> str:
    """The page."""
    kinds: list[type[tree.StoreError]] = [value for value in vars(tree).values() if _is_error(value)]
    rows = [
        [
            f"`{kind.__name__}`",
            f"`{kind.code}`",
            "yes" if kind.retryable else "no",
            str(exit_code(kind("x"))),
            source.doc_of(source.node_of(kind)).split("\n\n")[0],
        ]
        for kind in kinds
    ]
    drawing = [
        textwrap.dedent(paragraph)
        for paragraph in inspect.cleandoc(tree.__doc__ or "").split("\n\n")
        if paragraph.startswith("    ")
    ]
    return page(
        "Errors",
        "Every error of recollect derives from `recollect.StoreError`. Errors of drivers and of the operating"
        " system never come through; they are kept as the cause (`__cause__`).",
        *[block(part) for part in drawing],
        "Each has a `message` (what happened and where), a `hint` (what to do next, or None), a `code`"
        " (stable, for programs) and `retryable`: whether the same call can succeed later with nothing else"
        " changed. The last number is the exit code of the command line.",
        table(["error", "code", "retryable", "exit", "meaning"], rows),
        "`AmbiguousError.candidates` holds the sessions that were meant. `CorruptError.place` names the"
        " session, record, file or offset.",
        f"`StoreWarning`: {source.doc_of(source.node_of(tree.StoreWarning))}",
    )


def _is_error(value: object) -> bool:
    return inspect.isclass(value) and issubclass(value, tree.StoreError)
