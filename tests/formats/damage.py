"""Damaging real files on purpose: which files, how, and what has to survive."""

from __future__ import annotations

import json
import os
import random
import tarfile
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from recollect import Message, formats
from recollect.codec import dumps
from recollect.errors import InvalidError
from recollect.formats.base import Conversation, Damage

from .format_sources import TRANSCRIPTS, Source

SOAK = int(os.environ.get("RECOLLECT_SOAK", "0"))
TRIALS = 10 * SOAK or 20
QUICK = 1_500_000
"""Larger files get fewer trials outside of soak runs."""
LINES = frozenset({"claude-code", "codex", "copilot-cli", "pi", "jsonl", "oasst"})
"""Formats of which each line is a record of its own."""
CORPUS = Path(__file__).resolve().parents[2] / "fuzz" / "corpus"
_SLICE = 60_000
_ARCHIVES = {
    "aider.tar.xz": ".aider.chat.history.md",
    "pi.tar.xz": ".jsonl",
    "llm_logs.tar.xz": ".db",
    "openai_chat.tar.xz": ".json",
    "bulk_short.tar.xz": ".jsonl",
    "sharegpt.tar.xz": ".json",
    "oasst.tar.xz": ".jsonl",
}
_FOLDERS = ("samples", "chatgpt", "claude_ai", "librechat", "open_webui", "chatbotui", "fixtures_small")
_LARGE = ("conversations.json", "chatgpt-export.json")


class Sample(NamedTuple):
    """A real file, in a folder or in an archive, or one of the corpus for fuzzing."""

    place: str
    archive: str | None = None
    format: str | None = None
    """Only of the corpus: the format that the file is of."""

    @property
    def label(self) -> str:
        """What tests call it."""
        if self.format is not None:
            return f"{self.format}-{Path(self.place).name}"
        return self.place.rsplit("/", 1)[-1] if self.archive is None else f"{self.archive}:{self.place}"


def corpus() -> list[Sample]:
    """The small files that fuzzing begins with, except those that become databases."""
    found = sorted(path for path in CORPUS.glob("*/*") if path.suffix != ".sql")
    return [Sample(str(path), format=path.parent.name) for path in found]


def samples() -> list[Sample]:
    """The files to be damaged: all in soak runs, else a selection that takes seconds."""
    if not TRANSCRIPTS.is_dir():
        return []
    loose = [
        Sample(path.relative_to(TRANSCRIPTS).as_posix())
        for folder in _FOLDERS
        for path in sorted((TRANSCRIPTS / folder).rglob("*.*"))
        if path.is_file()
    ]
    if not SOAK:
        few = [s for s in loose if "fixtures_small" not in s.place or "/session/" in s.place]
        few = [s for s in few if not s.place.endswith(_LARGE) or "claude_ai" in s.place]
        return [*few, *(Sample(suffix, archive) for archive, suffix in _ARCHIVES.items())]
    with (TRANSCRIPTS / "manifest.jsonl").open(encoding="utf-8") as manifest:
        listed = [json.loads(line) for line in manifest]
    inside = [
        Sample(one["path"], one["container"]) for one in listed if str(one.get("container")).endswith(".xz")
    ]
    return [*loose, *inside]


@lru_cache(maxsize=1)
def _archived(archive: str) -> dict[str, bytes]:
    found = {}
    with tarfile.open(TRANSCRIPTS / archive) as opened:
        for member in opened:
            content = opened.extractfile(member) if member.isfile() else None
            if content is not None:
                found[member.name] = content.read()
    return found


def load(sample: Sample) -> tuple[bytes, str, Path | None]:
    """The file's bytes, its name, and where it lies."""
    if sample.format is not None:
        return Path(sample.place).read_bytes(), Path(sample.place).name, None
    if sample.archive is None:
        path = TRANSCRIPTS / sample.place
        return path.read_bytes(), path.name, path
    held = _archived(sample.archive)
    name = next(name for name in sorted(held) if name.endswith(sample.place))
    data = held[name]
    if not SOAK and len(data) > _SLICE and name.endswith((".jsonl", ".md")):
        data = data[: data.rindex(b"\n", 0, _SLICE) + 1]
    return data, name.rsplit("/", 1)[-1], None


class Outcome(NamedTuple):
    """What was read from a file."""

    conversations: list[tuple[Conversation, list[Message]]]
    damages: list[Damage]

    @property
    def parts(self) -> Counter[bytes]:
        """All that was said, called and answered, whatever message it became part of."""
        found: Counter[bytes] = Counter()
        for _, messages in self.conversations:
            for message in messages:
                for part in message.parts:
                    found[_plain(part)] += 1
        return found


def _plain(part: Any) -> bytes:
    """A part without what the reader knew from elsewhere in the file."""
    told = {name: getattr(part, name) for name in part.__struct_fields__ if name not in ("metadata", "id")}
    try:
        return dumps(told)
    except InvalidError:  # lone surrogates in a reader that gives them on
        return repr(told).encode("utf-8", "backslashreplace")


def outcome(module: Any, data: bytes, name: str, path: Path | None) -> Outcome:
    """Read everything that the module finds; whatever it raises is a failure of the test."""
    source = Source(data, name, path=path)
    conversations: list[tuple[Conversation, list[Message]]] = []
    damages: list[Damage] = []
    for piece in module.read(source):
        if isinstance(piece, Damage):
            damages.append(piece)
        elif isinstance(piece, Conversation):
            messages: list[Message] = []
            for found in piece.messages:
                if isinstance(found, Damage):
                    damages.append(found)
                else:
                    messages.append(found)
            conversations.append((piece, messages))
    return Outcome(conversations, damages)


def trials(data: bytes) -> int:
    """How many times to damage a file of this size."""
    return TRIALS if SOAK else max(2, min(TRIALS, TRIALS * QUICK // max(1, len(data))))


def cuts(data: bytes, seed: str) -> Iterator[int]:
    """Places at which the file ends too soon."""
    chance = random.Random(f"cut {seed}")
    for _ in range(trials(data)):
        yield chance.randrange(len(data))


def flips(data: bytes, seed: str) -> Iterator[tuple[int, bytes]]:
    """A place, and the file with another byte there."""
    chance = random.Random(f"flip {seed}")
    for _ in range(trials(data)):
        place = chance.randrange(len(data))
        other = data[place] ^ chance.randrange(1, 256)
        yield place, data[:place] + bytes((other,)) + data[place + 1 :]


def without_line(data: bytes, place: int) -> bytes:
    """The file without the line in which a byte was changed; two, where that joined or cut lines."""
    begin = data.rfind(b"\n", 0, place) + 1
    end = data.find(b"\n", place)
    if data[place] == 0x0A:
        end = data.find(b"\n", place + 1)
    return data[:begin] + (data[end + 1 :] if end >= 0 else b"")


def renames_a_key(data: bytes, place: int) -> bool:
    """Whether the byte is in a key of an object: another key says nothing to anyone, and is no damage."""
    begin, end = data.rfind(b'"', 0, place), data.find(b'"', place)
    return begin >= 0 and end >= 0 and data[end + 1 : end + 20].lstrip().startswith(b":")


def reader_of(sample: Sample, data: bytes, name: str) -> Any:
    """The module of the undamaged file's format; None when no format knows it."""
    return formats.detected(data, name) if sample.format is None else formats.reader(sample.format)
