"""Feeds a format's reader with damaged files until something is raised that should not be.

    python fuzz/fuzz_reader.py FORMAT [libFuzzer arguments, such as -max_total_time=60]

Whatever bytes a file holds, a reader gives conversations and reports damage. JSON is changed as JSON
half of the time, so that what is wrong lies deeper than the syntax.
"""

from __future__ import annotations

import io
import json
import random
import sys
from contextlib import suppress
from typing import Any

import atheris

with atheris.instrument_imports(include=["recollect"]):
    from recollect import formats
    from recollect.codec import dumps
    from recollect.errors import InvalidError
    from recollect.formats.base import Conversation, Damage

JUNK: list[Any] = [
    *(None, True, 0, -1, 1e308, 10**30, "", "\0", "\ud800", "x" * 300, "../../a", [], {}, [None], {"": 0}),
    *([[]], "2025-13-01T00:00:00Z", 1e12, "user", "assistant", "tool", [{"type": "text", "text": 1}]),
]


class Source(io.BytesIO):
    """Bytes as an open file."""

    name = label = "fuzzed"
    path = modified = beside = None


def read(module: Any, data: bytes) -> None:
    """Read everything, twice: it has to be the same."""
    for piece in module.read(Source(data)):
        if not isinstance(piece, Conversation):
            continue
        found = list(piece.messages)
        if found != list(piece.messages):
            raise AssertionError("another reading gave other messages")
        ids = [message.id for message in found if not isinstance(message, Damage)]
        if len(set(ids)) != len(ids):
            raise AssertionError("two messages have one id")
        if piece.head is not None and piece.head not in ids:
            raise AssertionError("the head is none of the messages")
        with suppress(InvalidError):  # lone surrogates: the importer says so
            dumps({"attributes": piece.attributes, "origin": piece.origin})
        if piece.mark is not None:
            piece.mark()


def mutated(data: bytes, chance: random.Random) -> bytes:
    """A file of JSON with some values exchanged, dropped or doubled; the bytes themselves if it is none."""
    try:
        if b"\n{" in data:
            records = [json.loads(line) for line in data.splitlines() if line.strip()]
            changed(records, chance)
            return b"\n".join(json.dumps(record).encode() for record in records) + b"\n"
        whole = [json.loads(data)]
        changed(whole, chance)
        return json.dumps(whole[0] if whole else None).encode()
    except (ValueError, RecursionError):
        return data


def changed(value: list[Any], chance: random.Random) -> None:
    """Change one place, somewhere below ``value``."""
    at: Any = value
    while True:
        keys = list(at.keys()) if isinstance(at, dict) else list(range(len(at)))
        if not keys:
            return
        key = chance.choice(keys)
        if isinstance(at[key], dict | list) and at[key] and chance.random() < 0.85:
            at = at[key]
            continue
        what = chance.random()
        if what < 0.6:
            at[key] = chance.choice(JUNK)
        elif what < 0.75:
            del at[key]
        elif isinstance(at, list):
            at.insert(key, at[chance.choice(keys)])
        else:
            at[key] = at[chance.choice(keys)]
        return


def main() -> None:
    """Run until the time is up or something is raised."""
    if len(sys.argv) < 2 or sys.argv[1] not in formats.import_formats():
        sys.exit(f"Name a format: {', '.join(formats.import_formats())}.")
    with atheris.instrument_imports(include=["recollect"]):
        module = formats.reader(sys.argv.pop(1))  # readers are loaded when they are asked for

    def one(data: bytes) -> None:
        module.detect(data[: 1 << 16], "fuzzed")
        read(module, data)

    def custom(data: bytes, most: int, seed: int) -> bytes:
        chance = random.Random(seed)
        if chance.random() < 0.5:
            return mutated(data, chance)[:most]
        return bytes(atheris.Mutate(data, most))

    atheris.Setup(sys.argv, one, custom_mutator=custom)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
