"""Run every benchmark, print one table, and record it in ``results.json`` and ``README.md``.

Takes four minutes or so; ``--full`` repeats everything more often. A script that fails is named at
the end, and the exit status says so; a target that is missed is only reported.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from common import Figure, Place, cells, find_places, machine

TOPICS = (
    "append",
    "group",
    "load",
    "listing",
    "search",
    "files",
    "startup",
    "importing",
    "transcripts",
    "sync",
    "history",
    "chat",
)
HERE = Path(__file__).parent
BEGIN, END = "<!-- results -->", "<!-- end of results -->"
TITLES = ("figure", "place", "ours", "raw", "ratio", "target", "met")


class Results(msgspec.Struct, omit_defaults=True):
    """What ``results.json`` holds."""

    date: str
    machine: dict[str, str]
    figures: list[Figure]
    failed: list[str] = []


def main() -> int:
    """Run, print, record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("topics", nargs="*", metavar="TOPIC", help=f"of {', '.join(TOPICS)}; default: all")
    parser.add_argument("--full", action="store_true", help="more repetitions")
    parser.add_argument("--dir", help="folder on the disk to measure (default: that of temporary files)")
    parser.add_argument("--no-tmpfs", action="store_true", help="do not measure in memory")
    parser.add_argument("--no-record", action="store_true", help="leave the recorded results alone")
    given = parser.parse_args()
    for topic in given.topics:
        if topic not in TOPICS:
            parser.error(f"there is no topic {topic!r}")
    start = time.monotonic()
    results = measure(given.topics or TOPICS, given)
    results.figures = merged(results.figures, given.topics)
    table(results.figures)
    print(f"\n{summary(results.figures)}; {time.monotonic() - start:.0f} s in all")
    if not given.no_record:
        record(results)
    for topic in results.failed:
        print(f"{topic} failed", file=sys.stderr)
    return 1 if results.failed else 0


def measure(topics: tuple[str, ...] | list[str], given: argparse.Namespace) -> Results:
    """Each script in a process of its own."""
    places: list[Place] = find_places(given.dir, not given.no_tmpfs)
    results = Results(datetime.now(UTC).date().isoformat(), machine(places), [])
    options = ["--full"] * given.full + ["--no-tmpfs"] * given.no_tmpfs
    options += ["--dir", given.dir] if given.dir else []
    with tempfile.TemporaryDirectory() as folder:
        for topic in topics:
            output = Path(folder, f"{topic}.json")
            command = [sys.executable, str(HERE / f"{topic}.py"), *options, "--json", str(output)]
            if subprocess.run(command, check=False).returncode:
                results.failed.append(topic)
            if output.exists():
                results.figures += msgspec.json.decode(output.read_bytes(), type=list[Figure])
    return results


def merged(figures: list[Figure], topics: list[str]) -> list[Figure]:
    """With the recorded figures of topics that were not run this time."""
    path = HERE / "results.json"
    if not topics or not path.exists():
        return figures
    before = msgspec.json.decode(path.read_bytes(), type=Results).figures
    by_topic = {topic: [f for f in before if f.topic == topic] for topic in TOPICS}
    by_topic.update({topic: [f for f in figures if f.topic == topic] for topic in topics})
    return [figure for topic in TOPICS for figure in by_topic[topic]]


def table(figures: list[Figure]) -> None:
    """The figures for a terminal."""
    rows = [[figure.topic, *cells(figure)] for figure in figures]
    titles = ["topic", *TITLES]
    widths = [max(len(row[i]) for row in [titles, *rows]) for i in range(len(titles))]
    print()
    for row in [titles, *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def summary(figures: list[Figure]) -> str:
    """How many targets are reached, and which are not."""
    targets = [figure for figure in figures if figure.target is not None]
    missed = [figure for figure in targets if not figure.met]
    return f"{len(targets) - len(missed)} of {len(targets)} targets reached"


def record(results: Results) -> None:
    """Write ``results.json`` and the results in ``README.md``."""
    encoded = msgspec.json.format(msgspec.json.encode(results), indent=1)
    (HERE / "results.json").write_bytes(encoded + b"\n")
    readme = HERE / "README.md"
    text = readme.read_text(encoding="utf-8")
    block = f"{BEGIN}\n{markdown(results)}\n{END}"
    pattern = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    new, count = pattern.subn(lambda _: block, text)
    if count != 1:
        raise SystemExit(f"{readme.name} must have {BEGIN} and {END} once.")
    readme.write_text(new, encoding="utf-8")
    print(f"recorded in {os.path.relpath(HERE)}/results.json and README.md")


def markdown(results: Results) -> str:
    """The machine and the figures as Markdown."""
    lines = [f"Measured on {results.date}; {summary(results.figures)}.", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in results.machine.items()]
    for topic in TOPICS:
        figures = [figure for figure in results.figures if figure.topic == topic]
        if not figures:
            continue
        lines += ["", f"### {topic}", "", f"| {' | '.join(TITLES)} |", "|---|---|--:|--:|--:|---|---|"]
        for figure in figures:
            name, *rest = [cell.replace("|", "\\|") for cell in cells(figure)]
            rest[-1] = "**no**" if rest[-1] == "NO" else rest[-1]
            lines.append(f"| {name.strip()} | {' | '.join(rest)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
