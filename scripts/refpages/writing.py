"""Small pieces of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .source import Field

NOTE = "<!-- Made by scripts/make_reference.py (make docs) from the code; changes here are lost. -->"


def page(title: str, *sections: str) -> str:
    """A whole page."""
    body = "\n\n".join(section.strip("\n") for section in sections if section)
    return f"{NOTE}\n\n# {title}\n\n{body}\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; bars and line feeds in cells are made harmless."""
    lines = [_row(head), _row(["---"] * len(head)), *[_row(row) for row in rows]]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"


def field_table(fields: Iterable[Field]) -> str:
    """Fields with types and defaults, and an explanation where one is given."""
    rows = list(fields)
    explained = any(field.doc for field in rows)
    defaults = any(field.default for field in rows)
    head = ["field", "type", *(["default"] if defaults else []), *(["meaning"] if explained else [])]
    return table(
        head,
        [
            [
                f"`{field.name}`",
                code(field.type),
                *([code(field.default)] if defaults else []),
                *([field.doc] if explained else []),
            ]
            for field in rows
        ],
    )


def code(text: str) -> str:
    """Inline code, or nothing."""
    return f"`{text}`" if text else ""


def block(text: str, language: str = "text") -> str:
    """A fenced block."""
    return f"```{language}\n{text.strip(chr(10))}\n```"
