"""docs/reference/formats.md: what can be imported and exported."""

from __future__ import annotations

from recollect.formats import LOGS, NATIVE, export_formats, import_formats, reader, writer

from . import source
from .writing import code, page, table

_NATIVE = "The very file that a session was imported from, byte for byte."
_COMMON = """## What all imports have in common

- A session's id is the other program's own. If something else in the store has it already, the session is
  `format:id`. Where there is no id, it is made of how the conversation begins.
- One reply of a model is one message with a part for each block; one tool's answer is one message of
  role `tool`.
- What the program said in the person's name (context, commands, summaries) is marked: `metadata["injected"]`
  says what it is.
- In a tree the program's own main line is active; every other line is a branch `alternate-…`.
- Forks and sub-agents are sessions of their own: `metadata["imported"]["parent"]` names the session they
  began in, `["relation"]` says `fork` or `subagent`.
- Tokens and costs are as the source states them, each call counted once. `cached_tokens` are those read
  from a cache.
- Title, models, working folder, git branch and versions become the session's name, model and metadata.
- Each file's bytes are kept, compressed, unless `import --no-source` says otherwise; `native` gives them
  back."""


def formats() -> str:
    """The page."""
    reads, writes = import_formats(), export_formats()
    rows = []
    for name in sorted({*reads, *writes}):
        ways = ["yes" if name in names else "–" for names in (reads, writes)]
        rows.append([code(name), _about(name), *ways])
    return page(
        "Formats",
        "`recollect import` tells formats apart by content; `--format NAME` forces one."
        " `recollect export --format NAME` writes one.",
        table(["name", "what it is", "in", "out"], rows),
        _COMMON,
    )


def _about(name: str) -> str:
    """The first sentence of the module's docstring."""
    if name == NATIVE:
        return _NATIVE
    module = reader(name) if name in import_formats() or name in LOGS else writer(name)
    return source.markdown(" ".join((module.__doc__ or "").split("\n\n")[0].split()))
