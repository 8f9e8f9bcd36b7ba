"""Writes docs/reference from docstrings, command definitions and schemas: ``make docs``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # also when loaded by its path

from refpages.addresses import addresses
from refpages.api import api
from refpages.commands import cli
from refpages.errors import errors
from refpages.formats import formats
from refpages.layout import layout
from refpages.shapes import shapes
from refpages.tools import known_tools

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
PAGES: dict[str, Callable[[], str]] = {
    "api.md": api,
    "cli.md": cli,
    "errors.md": errors,
    "file-layout.md": layout,
    "json.md": shapes,
    "formats.md": formats,
    "tools.md": known_tools,
    "urls-and-configuration.md": addresses,
}


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        path = FOLDER / name
        text = make()
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(FOLDER.parent.parent)}")


if __name__ == "__main__":
    main()
