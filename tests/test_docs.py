"""Every example of the documentation runs, every link leads somewhere, every reference is current."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def load(path: Path):
    """A module by its file: scripts are no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


doc_examples = load(ROOT / "tests" / "doc_examples.py")
make_reference = load(ROOT / "scripts" / "make_reference.py")

REFERENCE = ROOT / "docs" / "reference"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]
LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")


@pytest.mark.parametrize("name", NAMES)
def test_examples(name, tmp_path):
    examples = ROOT / "examples" / "conversations"
    if examples.is_dir():
        shutil.copytree(examples, tmp_path / "examples" / "conversations")
    doc_examples.Page(tmp_path).run((ROOT / name).read_text(encoding="utf-8"), name)


@pytest.mark.parametrize("name", NAMES)
def test_links(name):
    page = ROOT / name
    broken = []
    for match in LINK.finditer(without_code(page.read_text(encoding="utf-8"))):
        target = match[1] or match[2]
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists():
            broken.append(f"{target}: no such file")
        elif anchor and anchor not in anchors(file.read_text(encoding="utf-8")):
            broken.append(f"{target}: no such heading")
    assert broken == []


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", doc_examples.FENCE.sub("", text))


def anchors(text: str) -> set[str]:
    """The anchors that headings get where Markdown is usually shown."""
    headings = re.findall(r"^#+ (.*)$", doc_examples.FENCE.sub("", text), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", make_reference.PAGES)
def test_reference_is_current(name):
    assert (REFERENCE / name).is_file(), "run make docs"
    written = (REFERENCE / name).read_text(encoding="utf-8")
    assert written == make_reference.PAGES[name](), f"docs/reference/{name} is stale: run make docs"


def test_reference_holds_nothing_else():
    assert sorted(path.name for path in REFERENCE.iterdir()) == sorted(make_reference.PAGES)


# The runner itself: a page that lies must fail.


@pytest.mark.parametrize(
    "page",
    [
        "```python\nprint(1)\n```\n",
        "```python\nprint(1)\n```\n\n```output\n2\n```\n",
        "```python\n1 / 0\n```\n",
        "```console\n$ echo one\ntwo\n```\n",
        "```console\n$ echo one\n```\n",
        "```console\n$ exit 3\n```\n",
        "```console\n$ true # exit code 3\n```\n",
        "```bash\ntrue\n```\n",
        "```json\n{\n```\n",
        "```toml\n= 1\n```\n",
    ],
)
def test_a_page_that_lies_fails(page, tmp_path):
    with pytest.raises((doc_examples.ExampleError, ValueError)):
        doc_examples.Page(tmp_path).run(page, "page.md")


@pytest.mark.parametrize(
    ("page", "ran"),
    [
        ("```python\nx = 1\n```\n```python\nprint(x)\n```\n```output\n1\n```\n", 2),
        ("```console\n$ echo one two; echo three\none …\n…\n$ exit 3 # exit code 3\n```\n", 1),
        ("```console\n$ echo \\\n  one\none\n```\n", 1),
        ("- item\n\n  ```console\n  $ echo one\n  one\n  ```\n", 1),
        ("<!-- not run: needs a network -->\n```console\n$ false\n```\n", 0),
        ("```text\nanything\n```\n", 0),
    ],
)
def test_a_page_that_is_right_passes(page, ran, tmp_path):
    assert doc_examples.Page(tmp_path).run(page, "page.md") == ran
