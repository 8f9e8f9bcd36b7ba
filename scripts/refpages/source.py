"""What stands in the source: signatures, docstrings, fields and the text behind a field.

Read with ``ast``, not with ``inspect``: what it gives is the same under every Python.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

Function = ast.FunctionDef | ast.AsyncFunctionDef
WIDTH = 92


class Field(NamedTuple):
    name: str
    type: str
    default: str
    doc: str


class Member(NamedTuple):
    name: str
    signature: str
    doc: str


@cache
def module_tree(path: str) -> ast.Module:
    return ast.parse(Path(path).read_text(encoding="utf-8"))


def node_of(thing: object) -> ast.ClassDef | Function:
    """The definition of a class or function."""
    path = inspect.getsourcefile(thing)  # type: ignore[arg-type]  # classes and functions only
    assert path is not None
    name = thing.__name__  # type: ignore[attr-defined]  # classes and functions have one
    for node in module_tree(path).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            return node
    raise LookupError(f"{name} is not defined at the top of {path}")


def doc_of(node: ast.AST) -> str:
    """A docstring, as Markdown: ``code`` in one backtick, examples behind ``::`` as code."""
    assert isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.Module)
    return markdown(ast.get_docstring(node) or "")


def markdown(text: str) -> str:
    """Docstring text as Markdown."""
    out: list[str] = []
    language = "text"
    for paragraph in text.split("\n\n"):
        if match := re.fullmatch(r"\.\. code-block:: (\w+)", paragraph.strip()):
            language = match[1]
        elif paragraph.strip() and all(line.startswith("    ") for line in paragraph.splitlines() if line):
            out.append(f"```{language}\n{textwrap.dedent(paragraph).rstrip()}\n```")
            language = "text"
        else:
            out.append((paragraph[:-1] if paragraph.endswith("::") else paragraph).replace("``", "`"))
    return "\n\n".join(out).strip()


def signature(node: Function, *, name: str | None = None, drop_self: bool = True) -> str:
    """A call as Python would write it, broken into lines when it is long."""
    arguments = ast.parse(ast.unparse(node)).body[0].args  # type: ignore[attr-defined]  # a copy to change
    positional = arguments.posonlyargs or arguments.args
    if drop_self and positional and positional[0].arg in {"self", "cls"}:
        del positional[0]
    parts = [_spaced(part) for part in _parts(ast.unparse(arguments))]
    shown = ", ".join(parts)
    returns = f" -> {ast.unparse(node.returns)}" if node.returns is not None else ""
    keyword = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
    line = f"{keyword}{name or node.name}({shown}){returns}"
    if len(line) <= WIDTH:
        return line
    rows = "".join(f"    {part},\n" for part in parts)
    return f"{keyword}{name or node.name}(\n{rows}){returns}"


def _spaced(argument: str) -> str:
    """``limit: int=50`` as it is usually written."""
    name, equals, default = argument.partition("=")
    return f"{name} = {default}" if equals and ":" in name else argument


def _parts(arguments: str) -> Iterator[str]:
    """Arguments split at the commas that are not inside brackets."""
    depth, start = 0, 0
    for index, character in enumerate(arguments):
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            yield arguments[start:index].strip()
            start = index + 1
    if arguments[start:].strip():
        yield arguments[start:].strip()


def fields(cls: type) -> list[Field]:
    """The data fields of a class, in order, each with the text that stands behind it."""
    node = node_of(cls)
    found: list[Field] = []
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            if statement.target.id.startswith("_"):
                continue
            default = "" if statement.value is None else ast.unparse(statement.value)
            found.append(Field(statement.target.id, ast.unparse(statement.annotation), default, ""))
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) and found:
            text = markdown(inspect.cleandoc(str(statement.value.value)))
            found[-1] = found[-1]._replace(doc=" ".join(text.split()))
    return found


def methods(cls: type) -> Iterator[Member]:
    """The public methods and properties of a class, in order."""
    node = node_of(cls)
    for statement in node.body:
        if not isinstance(statement, Function) or statement.name.startswith("_"):
            continue
        decorators = {ast.unparse(decorator) for decorator in statement.decorator_list}
        if "overload" in decorators:
            continue
        if "property" in decorators:
            returns = "" if statement.returns is None else f": {ast.unparse(statement.returns)}"
            yield Member(statement.name, f"{statement.name}{returns}", doc_of(statement))
        else:
            yield Member(statement.name, signature(statement), doc_of(statement))


def initializer(cls: type) -> str:
    """How an instance is made, or an empty text for a class without ``__init__`` of its own."""
    for statement in node_of(cls).body:
        if isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
            return signature(statement, name=cls.__name__).partition(" -> ")[0]
    return ""
