"""Who may import whom, where drivers may appear, and how large things may grow: the rules as data."""

from __future__ import annotations

import ast
import re
import sys
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "recollect"
ROOT_MODULE = "recollect"
"""How the tables below name the package itself: the public names."""

WAIST = {"errors", "model", "backend"}
FEATURES = WAIST | {"records", "codec", "index", "core"}
OPENED = FEATURES | {"stepping", "urls", "opening", "options", "transfer"}
STORES = {"session", "store", "transaction", "aio_session", "aio", "aio_transaction", "moving", "aio_moving"}
MAY_IMPORT: dict[str, set[str]] = {
    "_version": set(),
    "errors": set(),
    "model": {"errors"},
    "backend": {"errors", "model"},
    "records": WAIST,
    "codec": WAIST | {"records"},
    "packing": set(),
    "index": {"errors", "backend"},
    "core": WAIST | {"records", "codec", "index", "packing"},
    "helpers": {"errors", "model"},
    "options": {"model"},
    "formats": WAIST | {"codec"},
    "transfer": FEATURES | {"formats", "packing"},
    "stepping": FEATURES,
    "workers": FEATURES | {"stepping"},
    "caretaking": FEATURES | {"config", "workers"},
    "config": {"errors"},
    "urls": FEATURES,
    "opening": FEATURES | {"stepping", "urls"},
    "session": FEATURES | {"options"},
    "store": OPENED | {"session"},
    "transaction": FEATURES | {"stepping", "store"},
    "aio_session": FEATURES | {"options", "session"},
    "aio": OPENED | {"aio_session", "store", "workers"},
    "driven": FEATURES,
    "moving": OPENED | {"driven", "store"},
    "aio_moving": OPENED | {"aio", "driven", "moving", "store"},
    "aio_transaction": FEATURES | {"stepping", "transaction", "aio"},
    ROOT_MODULE: FEATURES | STORES | {"_version", "helpers", "options", "transfer", "urls"},
    "backends": {"errors", "backend", "index"},
    "layers": {"errors", "backend"},
    "testing": FEATURES | STORES | {"helpers", "options", "backends", "formats", "transfer", "urls"},
    "chat": {ROOT_MODULE, "errors", "model", "backend", "core", "formats", "helpers"},
    "adapters": {ROOT_MODULE},
    "cli": {ROOT_MODULE, "_version", "config", "errors"},
    "server": {ROOT_MODULE, "config", "errors"},
    "__main__": {"cli"},
    "viewer": {ROOT_MODULE},
}
"""Part of the package → parts it may import. A part may always import itself."""

LAZILY: dict[str, set[str]] = {
    "urls": {"backends", "layers"},
    "opening": {"config", "workers"},
    "store": {"transaction", "workers"},
    "aio": {"aio_transaction", "caretaking"},
    "config": {"urls"},
    ROOT_MODULE: {"config"},
    "chat": {"config"},
}
"""More that a part may import, but inside functions only."""

FOR_TYPING: dict[str, set[str]] = {
    "session": {"store", "aio", "aio_session"},
    "store": {"transaction", "workers"},
    "aio_session": {"aio"},
    "aio": {"aio_transaction"},
    "opening": {"caretaking", "config"},
    ROOT_MODULE: {"chat"},
}
"""More that a part may name in annotations: under ``if TYPE_CHECKING`` only."""

PUBLIC_ONLY = {"adapters", "cli", "server", "viewer"}
"""Parts that may take nothing from the package but the names in ``recollect.__all__``."""

THIRD_PARTY: dict[str, tuple[str, ...]] = {
    "msgspec": ("*",),
    "apsw": (
        "backends/sql/*",
        "backends/memory_text.py",
        "backends/filestore/*",
        "testing/*",
        "formats/sqlitefile.py",
    ),
    "backports": ("packing.py",),
    "click": ("cli/*",),
    "rich": ("cli/*",),
    "watchfiles": ("cli/watching.py",),
    "markdown_it": ("formats/html_text.py",),
    "pygments": ("formats/html_text.py", "formats/html_style.py"),
    "platformdirs": ("config*",),
    "pydantic": ("chat/*",),
    "pydantic_ai": ("chat/*",),
    "genai_prices": ("chat/*",),
    "prompt_toolkit": ("cli/*",),
    "pytest": ("testing/*",),
    "hypothesis": ("testing/*",),
}
"""Third-party package → the files that may import it."""

LATER_STDLIB = {"compression"}
"""What newer Pythons bring along."""

PURE = {"errors", "model", "backend", "records", "codec", "core", "index", "formats", "helpers", "options"}
CONCURRENCY = {"asyncio", "threading", "multiprocessing", "concurrent", "socket", "subprocess", "sqlite3"}
"""What the pure parts must not import: whoever runs them decides about threads and loops."""

MAX_FILE, MAX_FUNCTION = 500, 80
"""Lines."""


class Import(NamedTuple):
    file: str
    line: int
    target: str
    """Absolute dotted name of the module."""
    names: tuple[str, ...]
    lazy: bool
    typing: bool

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


def imports_in(source: str, file: str) -> list[Import]:
    """All imports of a file inside the package, relative ones made absolute."""
    found: list[Import] = []
    package = [ROOT_MODULE, *Path(file).parent.parts]

    def visit(node: ast.AST, lazy: bool, typing: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                found.extend(
                    Import(file, child.lineno, alias.name, (), lazy, typing) for alias in child.names
                )
            elif isinstance(child, ast.ImportFrom):
                base = package[: len(package) - child.level + 1] if child.level else []
                stem = ".".join([*base, *([child.module] if child.module else [])])
                names = tuple(alias.name for alias in child.names)
                found.extend(split(Import(file, child.lineno, stem, names, lazy, typing)))
            else:
                inner = lazy or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                visit(child, inner, typing or is_typing_block(child))

    visit(ast.parse(source), lazy=False, typing=False)
    return found


def split(found: Import) -> list[Import]:
    """``from . import schema`` imports the module ``.schema``, not a name of the package."""
    modules, names = [], []
    for name in found.names:
        path = ROOT.joinpath("src", *found.target.split("."), name)
        (modules if path.is_dir() or path.with_suffix(".py").is_file() else names).append(name)
    split_off = [found._replace(target=f"{found.target}.{name}", names=()) for name in modules]
    return [*split_off, *([found._replace(names=tuple(names))] if names else [])]


def is_typing_block(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def part_of(module: str) -> str | None:
    """``recollect.core.base`` → ``core``; None for what is not ours."""
    top, _, rest = module.partition(".")
    if top != ROOT_MODULE:
        return None
    return rest.partition(".")[0] or ROOT_MODULE


def part_of_file(file: str) -> str:
    first = Path(file).parts[0].removesuffix(".py")
    return ROOT_MODULE if first == "__init__" else first


def layering(found: Import) -> str | None:
    """What is wrong with an import of a part of ours, or None."""
    mine, target = part_of_file(found.file), part_of(found.target)
    if target is None or target == mine:
        return None
    if mine not in MAY_IMPORT:
        return f"{found.place} {mine} is not in the table of parts"
    if target in MAY_IMPORT[mine] or (found.lazy and target in LAZILY.get(mine, ())):
        return None
    if found.typing and (target in FOR_TYPING.get(mine, ()) or mine in PUBLIC_ONLY):
        return None  # annotations may name a public class by its module; public_only looks at the name
    how = "lazily " if found.lazy else ""
    return f"{found.place} {mine} may not {how}import {target} ({found.target})"


def third_party(found: Import) -> str | None:
    """What is wrong with an import of somebody else's package, or None."""
    top = found.target.partition(".")[0]
    if top == ROOT_MODULE or top in {*sys.stdlib_module_names, *LATER_STDLIB} or found.typing:
        return None
    if top not in THIRD_PARTY:
        return f"{found.place} {top} is not a dependency"
    if any(fnmatch(found.file, pattern) for pattern in THIRD_PARTY[top]):
        return None
    return f"{found.place} {top} may be imported in {', '.join(THIRD_PARTY[top])} only"


def purity(found: Import) -> str | None:
    """What is wrong with an import of a concurrency module, or None."""
    top = found.target.partition(".")[0]
    if part_of_file(found.file) in PURE and top in CONCURRENCY:
        return f"{found.place} {part_of_file(found.file)} may not import {top}"
    return None


def public_only(found: Import) -> str | None:
    """What is wrong with a name that a part built on the public API takes, or None."""
    mine, target = part_of_file(found.file), part_of(found.target)
    if mine not in PUBLIC_ONLY or target in {None, mine, "config"} or (found.typing and target == "options"):
        return None
    private = [name for name in found.names if name not in {*public_names(), "__version__"}]
    return f"{found.place} {', '.join(private)} is not public" if private else None


@cache
def public_names() -> tuple[str, ...]:
    """``recollect.__all__``, read and not imported: rules hold for code that does not run, too."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return tuple(ast.literal_eval(node.value))
    raise AssertionError("recollect/__init__.py has no __all__")


def files(*folders: str, suffixes: tuple[str, ...] = (".py",)) -> list[Path]:
    return sorted(
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.suffix in suffixes and "__pycache__" not in path.parts
    )


def package_imports() -> list[Import]:
    return [
        found
        for path in files("src/recollect")
        for found in imports_in(path.read_text(encoding="utf-8"), path.relative_to(PACKAGE).as_posix())
    ]


@pytest.mark.parametrize("rule", [layering, third_party, purity, public_only])
def test_imports(rule):
    broken = [problem for problem in map(rule, package_imports()) if problem is not None]
    assert not broken, "\n".join(broken)


def test_the_table_of_parts_has_no_cycles():
    """Lazy imports aside, the parts can be put in an order in which each imports only earlier ones."""
    left = {part: allowed - {part} for part, allowed in MAY_IMPORT.items()}
    while ready := {part for part, allowed in left.items() if not allowed & left.keys()}:
        for part in ready:
            del left[part]
    assert not left, f"cycle among {sorted(left)}"


@pytest.mark.parametrize(
    ("rule", "file", "source", "part_of_message"),
    [
        (
            layering,
            "core/saving.py",
            "from ..store import Store",
            "core/saving.py:1 core may not import store",
        ),
        (
            layering,
            "backends/x.py",
            "def f():\n    from ..core.base import Core",
            ":2 backends may not lazily",
        ),
        (layering, "cli/x.py", "from ..store import Store", "cli may not import store"),
        (layering, "store.py", "from .testing import Clock", "store may not import testing"),
        (layering, "urls.py", "from .backends.memory import MemoryBackend", "urls may not import backends"),
        (layering, "newcomer.py", "from .errors import StoreError", "not in the table"),
        (third_party, "core/x.py", "import apsw", "apsw may be imported in"),
        (third_party, "store.py", "import requests", "requests is not a dependency"),
        (purity, "core/x.py", "def f():\n    import asyncio", ":2 core may not import asyncio"),
        (public_only, "cli/x.py", "from recollect import _hidden", "_hidden is not public"),
        (
            public_only,
            "cli/x.py",
            "if TYPE_CHECKING:\n    from ..core.base import Core",
            "Core is not public",
        ),
    ],
)
def test_a_broken_rule_is_found(rule, file, source, part_of_message):
    problems = [problem for problem in map(rule, imports_in(source, file)) if problem]
    assert len(problems) == 1
    assert part_of_message in problems[0]


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("urls.py", "def f():\n    from .backends.memory import MemoryBackend"),
        ("core/x.py", "from .base import Core\nfrom ..errors import StoreError"),
        ("backends/sql/x.py", "import apsw\nfrom . import schema\nfrom ...index.tokens import words"),
        ("cli/x.py", "import recollect\nfrom recollect import Store\nfrom .. import Message, __version__"),
        ("backends/memory_x.py", "if TYPE_CHECKING:\n    import apsw"),
    ],
)
def test_a_kept_rule_is_no_problem(file, source):
    rules = (layering, third_party, purity, public_only)
    assert [problem for found in imports_in(source, file) for rule in rules if (problem := rule(found))] == []


# Sizes


def functions(path: Path) -> list[tuple[str, int, int]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [
        (node.name, node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1)
        for node in ast.walk(tree)
        if isinstance(node, kinds)
    ]


def test_files_and_functions_stay_small():
    large = []
    for path in files("src", "tests", "benchmarks", "scripts", "examples"):
        place = path.relative_to(ROOT).as_posix()
        lines = path.read_text(encoding="utf-8").count("\n")
        if lines > MAX_FILE:
            large.append(f"{place} has {lines} lines")
        for name, line, length in functions(path):
            if length > MAX_FUNCTION:
                large.append(f"{place}:{line} {name} has {length} lines")
    assert not large, "\n".join(large)


# Words that belong on a developer's machine or desk, not in the repository

FORBIDDEN = re.compile(
    r"(?<![\w.])/(?:home|root|Users|work|tmp|opt)/\w|\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b|\bissue \d",
)
TEXT = (".py", ".md", ".toml", ".txt", ".yml", ".yaml", ".sql", ".svg", ".json", ".jsonl", ".run")


def test_no_places_or_reminders_of_one_machine():
    found = []
    for path in [*files("src", "tests", "benchmarks", "scripts", "docs", "examples", suffixes=TEXT), *tops()]:
        if path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if match := FORBIDDEN.search(line):
                found.append(f"{path.relative_to(ROOT).as_posix()}:{number} {match[0]!r}")
    assert not found, "\n".join(found)


def tops() -> list[Path]:
    names = (
        "README.md",
        "CHANGELOG.md",
        "Makefile",
        "pyproject.toml",
        ".gitignore",
        ".gitattributes",
        ".ci/run",
    )
    return [ROOT / name for name in names if (ROOT / name).is_file()]
