"""Importing a file of 100,000 messages: peak memory and speed, in a fresh process."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from common import Options, Report, Target, python, run
from corpus import Corpus
from recollect import Message, TextPart, ToolCallPart, ToolCallResponsePart

MESSAGES = 100_000
PER_CONVERSATION = 40

IMPORT = """
import resource, sys, time
import recollect

def peak():
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most // 1024 if sys.platform == "darwin" else most

with recollect.Store(sys.argv[1]) as store:
    before, start = peak(), time.perf_counter()
    result = store.import_(sys.argv[2])
    took = time.perf_counter() - start
    assert not result.damaged
    assert result.messages == int(sys.argv[3]), result.messages
    start = time.perf_counter()
    again = store.import_(sys.argv[2])
    assert again.messages == 0
    print(took, time.perf_counter() - start, peak() / 1024, before / 1024)
"""


def measure(report: Report, options: Options) -> None:
    """All figures of this topic."""
    place = options.places[0]
    with place.folder() as folder:
        array, lines = folder / "array.json", folder / "lines.jsonl"
        count = _write(array, lines)
        size = array.stat().st_size / 2**20
        print(f"  ({count:,} messages, {size:.0f} MiB of JSON)", flush=True)
        cases = [("one array into SQLite", array, "sqlite:///{}/a.db")]
        cases.append(("JSON lines into SQLite", lines, "sqlite:///{}/b.db"))
        if options.full:
            cases.append(("one array into files", array, "file://{}/files?durability=relaxed"))
        for name, path, url in cases:
            took, again, peak, before = map(
                float, python(IMPORT, url.format(folder), str(path), str(count)).split()
            )
            target = Target(plus=200)
            report.add(f"{name}: peak memory", place.name, peak, "MB", None, target, f"{before:.0f} before")
            report.add(f"{name}: speed", place.name, count / took, "messages/s")
            report.add("  again, with nothing new", place.name, count / again, "messages/s")


def _write(array: Path, lines: Path) -> int:
    """The same conversations as a JSON array and as JSON lines."""
    corpus = Corpus()
    conversations = [
        [_chat(message) for message in corpus.conversation(PER_CONVERSATION)]
        for _ in range(MESSAGES // PER_CONVERSATION)
    ]
    encoded = [msgspec.json.encode({"messages": messages}) for messages in conversations]
    array.write_bytes(b"[" + b",\n".join(encoded) + b"]")
    lines.write_bytes(b"\n".join(encoded) + b"\n")
    return sum(map(len, conversations))


def _chat(message: Message) -> dict[str, object]:
    """A message as the OpenAI chat API has it."""
    (part,) = message.parts
    if isinstance(part, ToolCallPart):
        function = {"name": part.name, "arguments": json.dumps(part.arguments)}
        call = {"id": part.id, "type": "function", "function": function}
        return {"role": "assistant", "content": None, "tool_calls": [call]}
    if isinstance(part, ToolCallResponsePart):
        return {"role": "tool", "tool_call_id": part.id, "content": part.response}
    assert isinstance(part, TextPart)
    return {"role": message.role, "content": part.content}


if __name__ == "__main__":
    run("importing", measure)
