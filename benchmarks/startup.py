"""Fresh processes: importing, the command line's version, opening and reading one session."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from common import Options, Report, Target, interleave, run
from corpus import Corpus
from recollect import Store

MESSAGES = 50

READ = """
import sys, recollect
with recollect.Store("sqlite:///" + sys.argv[1]) as store:
    assert len(store.get("s").messages()) == int(sys.argv[2])
"""

RAW = """
import sys
from datetime import datetime
from typing import Any
import apsw
from msgspec import Struct
from msgspec.json import Decoder

class Text(Struct, tag_field="type", tag="text", frozen=True, gc=False):
    content: str
    metadata: dict[str, Any] | None = None

class ToolCall(Struct, tag_field="type", tag="tool_call", frozen=True, gc=False):
    name: str
    arguments: Any = None
    id: str | None = None

class Answer(Struct, tag_field="type", tag="tool_call_response", frozen=True, gc=False):
    response: Any = None
    id: str | None = None

class Usage(Struct, frozen=True, gc=False):
    input_tokens: int = 0
    output_tokens: int = 0

class Message(Struct, frozen=True, gc=False):
    id: str
    parts: tuple[Text | ToolCall | Answer, ...]
    created_at: datetime
    role: str = "user"
    model: str | None = None
    usage: Usage | None = None
    metadata: dict[str, Any] | None = None

conn = apsw.Connection(sys.argv[1])
(sid, body), = conn.execute("SELECT sid, body FROM sessions WHERE namespace = 'default' AND session_id = 's'")
sql = "SELECT body FROM records WHERE rid > ? AND rid < ? AND kind = 1 ORDER BY rid"
rows = conn.execute(sql, (sid << 32, sid + 1 << 32)).fetchall()
assert len(Decoder(list[Message]).decode(b"[%b]" % b",".join([row[0] for row in rows]))) == int(sys.argv[2])
conn.close()
"""


def _command(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, env=_environment)


_environment = dict(os.environ)


def _cache_bytecode(folder: Path) -> None:
    """Compiled modules are kept, as wherever a package is installed; warming up fills the cache."""
    _environment.pop("PYTHONDONTWRITEBYTECODE", None)
    _environment["PYTHONPYCACHEPREFIX"] = str(folder)


def measure(report: Report, options: Options) -> None:
    """All figures of this topic; files are in the cache, so that the place hardly matters."""
    rounds = 30 if options.full else 8
    place = options.places[0]
    with place.folder() as folder:
        _cache_bytecode(folder / "bytecode")
        path = folder / "ours.db"
        with Store(f"sqlite:///{path}") as store:
            store.save("s", Corpus().conversation(MESSAGES))
        imported, bare = interleave(
            lambda _: _command("-c", "import recollect"),
            lambda _: _command("-c", "pass"),
            rounds=rounds,
            size=3,
        )
        beside = (imported.p50 - bare.p50) / 1e3
        target = Target(plus=60)
        note = f"{imported.p50 / 1e3:.0f} against {bare.p50 / 1e3:.0f} ms"
        report.add(
            "import recollect, over bare Python", place.name, beside, "ms", None, Target(plus=60), note
        )
        version, _ = interleave(
            lambda _: _command("-m", "recollect", "--version"),
            lambda _: _command("-c", "pass"),
            rounds=rounds,
            size=3,
        )
        target = Target(plus=120)
        report.add("recollect --version", place.name, version.p50 / 1e3, "ms", None, target, version.spread())
        reads(report, place.name, path, rounds)


def reads(report: Report, place: str, path: Path, rounds: int) -> None:
    """Open and read one session, the same by hand, and what the imports alone take of it."""
    arguments = (str(path), str(MESSAGES))
    ours, raw = interleave(
        lambda _: _command("-c", READ, *arguments),
        lambda _: _command("-c", RAW, *arguments),
        rounds=rounds,
        size=3,
    )
    target = Target(1.6)
    note = f"{ours.spread()} / {raw.spread()}"
    report.add("open + read one session", place, ours.p50 / 1e3, "ms", raw.p50 / 1e3, target, note)
    shell, _ = interleave(
        lambda _: _command("-m", "recollect", "--store", f"sqlite:///{path}", "sessions", "show", "s"),
        lambda _: _command("-c", "pass"),
        rounds=rounds,
        size=2,
    )
    report.add("recollect sessions show", place, shell.p50 / 1e3, "ms", None, None, shell.spread())


if __name__ == "__main__":
    run("startup", measure)
