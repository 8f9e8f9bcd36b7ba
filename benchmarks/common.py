"""What all benchmark scripts share: figures and their targets, interleaved timing, places, output.

Two sides of a figure are always measured in turns (A B A B …) in one run, so that whatever else the
machine does hits both, and their medians are compared.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import apsw
import msgspec
from msgspec import Struct

Unit = Literal["ms", "us", "s", "turns/s", "messages/s", "MB", "count", "x"]
Operation = Callable[[int], object]
"""Called with a running number."""

TMPFS = Path("/dev/shm")


# ---- figures


class Target(Struct, frozen=True):
    """What a figure must reach: ``times × raw + plus``, as a ceiling or with ``at_least`` a floor."""

    times: float | None = None
    plus: float = 0.0
    at_least: bool = False

    def bound(self, raw: float | None) -> float:
        """The bound in the figure's unit."""
        return self.plus if self.times is None else self.times * (raw or 0.0) + self.plus

    def text(self, unit: Unit) -> str:
        """For people."""
        sign = "≥" if self.at_least else "≤"
        if self.times is None:
            return f"{sign} {shown(self.plus, unit)}"
        extra = f" + {shown(self.plus, unit)}" if self.plus else ""
        return f"{sign} {self.times:g} × raw{extra}"


class Figure(Struct, frozen=True, omit_defaults=True):
    """One measured number, beside the raw limit where there is one."""

    topic: str
    name: str
    place: str
    ours: float
    unit: Unit
    raw: float | None = None
    target: Target | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours over raw."""
        return self.ours / self.raw if self.raw else None

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without one."""
        if self.target is None:
            return None
        bound = self.target.bound(self.raw)
        return self.ours >= bound if self.target.at_least else self.ours <= bound


class Report:
    """The figures of one topic, printed as they come."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.figures: list[Figure] = []

    def add(
        self,
        name: str,
        place: str,
        ours: float,
        unit: Unit,
        raw: float | None = None,
        target: Target | None = None,
        note: str = "",
    ) -> None:
        """Take a figure and print its line."""
        figure = Figure(self.topic, name, place, ours, unit, raw, target, note)
        self.figures.append(figure)
        print(line(figure), flush=True)

    def compare(self, name: str, place: str, ours: Times, raw: Times, times: float | None = None) -> None:
        """Take the medians of two timings and show p99 and least beside them."""
        target = None if times is None else Target(times)
        self.add(name, place, ours.p50, "us", raw.p50, target, f"{ours.spread()} / {raw.spread()}")

    def skip(self, name: str, why: str) -> None:
        """Say what was not measured."""
        print(f"  {name}: skipped, {why}", flush=True)


HEAD = f"  {'figure':<52} {'place':<6} {'ours':>12} {'raw':>12} {'ratio':>8}  {'target':<22} met"


def shown(value: float, unit: Unit) -> str:
    """A number with its unit."""
    digits = 0 if value >= 1000 else 1 if value >= 100 else 2 if value >= 1 else 3
    text = f"{value:,.{digits}f}"
    if unit in ("count", "x"):
        return text
    return f"{text} {'µs' if unit == 'us' else unit}"


def cells(figure: Figure) -> list[str]:
    """A figure as table cells."""
    ratio = figure.ratio
    return [
        figure.name,
        figure.place,
        shown(figure.ours, figure.unit),
        "" if figure.raw is None else shown(figure.raw, figure.unit),
        "" if ratio is None else f"{ratio:.2f}",
        "" if figure.target is None else figure.target.text(figure.unit),
        {None: "", True: "yes", False: "NO"}[figure.met],
    ]


def line(figure: Figure) -> str:
    """A figure as a line of a terminal's table."""
    name, place, ours, raw, ratio, target, met = cells(figure)
    note = f"   [{figure.note}]" if figure.note else ""
    return f"  {name:<52} {place:<6} {ours:>12} {raw:>12} {ratio:>8}  {target:<22} {met:<3}{note}"


# ---- timing


class Times:
    """Durations of single operations, in microseconds."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def add_ns(self, nanoseconds: int) -> None:
        """Take one more."""
        self.values.append(nanoseconds / 1000)

    def quantile(self, q: float) -> float:
        """The duration that the share ``q`` does not exceed."""
        ordered = sorted(self.values)
        return ordered[min(int(len(ordered) * q), len(ordered) - 1)]

    @property
    def p50(self) -> float:
        """The median."""
        return self.quantile(0.5)

    @property
    def p99(self) -> float:
        """What 99 of 100 do not exceed."""
        return self.quantile(0.99)

    def spread(self) -> str:
        """Least and 99th percentile, for notes."""
        return f"min {min(self.values):.0f} p99 {self.p99:.0f} µs"


def calling(function: Callable[..., object], *arguments: Any, **named: Any) -> Operation:
    """The operation that calls ``function`` with the same arguments each time."""
    return lambda _: function(*arguments, **named)


def nothing() -> None:
    """What there is to settle where nothing goes on behind the operations."""


def interleave(
    ours: Operation,
    raw: Operation,
    *,
    rounds: int,
    size: int,
    settle: Callable[[], None] = nothing,
    warm: int = 3,
) -> tuple[Times, Times]:
    """Time ``rounds`` chunks of ``size`` operations of each side in turns, after ``warm`` of each.

    ``settle`` runs after ours, untimed: work that goes on behind it must not slow the raw side down.
    """
    a, b = Times(), Times()
    clock = time.perf_counter_ns
    number = 0
    for i in range(-warm, 0):
        ours(i)
        raw(i)
    settle()
    gc.collect()
    for turn in range(rounds):
        for side, into in ((ours, a), (raw, b)) if turn % 2 == 0 else ((raw, b), (ours, a)):
            for i in range(number, number + size):
                start = clock()
                side(i)
                into.add_ns(clock() - start)
            if side is ours:
                settle()
        number += size
    return a, b


def repeat(operation: Operation, count: int, warm: int = 1) -> Times:
    """Time an operation by itself."""
    times = Times()
    for i in range(-warm, count):
        start = time.perf_counter_ns()
        operation(i)
        if i >= 0:
            times.add_ns(time.perf_counter_ns() - start)
    return times


# ---- places


class Place(Struct, frozen=True):
    """A folder to measure in, and its short name in tables."""

    name: str
    path: Path

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A fresh folder, removed afterwards."""
        path = Path(tempfile.mkdtemp(prefix="recollect-bench-", dir=self.path))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)


def file_system(path: Path) -> str:
    """The type of the file system that holds ``path``, where the system says so."""
    best, kind = "", "unknown"
    try:
        mounts = Path("/proc/mounts").read_text().splitlines()
    except OSError:
        return kind
    for mount in mounts:
        _, point, name, *_ = mount.split()
        inside = point == "/" or str(path.resolve()) == point or str(path.resolve()).startswith(point + "/")
        if inside and len(point) >= len(best):
            best, kind = point, name
    return kind


class Options(Struct, frozen=True):
    """What the command line said."""

    full: bool
    places: list[Place]

    @property
    def disk(self) -> Place | None:
        """The disk, if there is one to measure on."""
        return next((place for place in self.places if place.name == "disk"), None)

    @property
    def fast(self) -> Place:
        """Where fsync costs least."""
        return self.places[-1]


def find_places(folder: str | None, tmpfs: bool) -> list[Place]:
    """Where to measure: the disk first, then memory; says what is skipped and why."""
    found: list[Place] = []
    disk = Path(folder or tempfile.gettempdir())
    if folder is None and file_system(disk) == "tmpfs":
        print("disk: skipped, the folder for temporary files is a tmpfs (name another with --dir)")
    else:
        found.append(Place("disk", disk))
    if not tmpfs:
        print("tmpfs: skipped, as asked")
    elif file_system(TMPFS) != "tmpfs" or not os.access(TMPFS, os.W_OK):
        print("tmpfs: skipped, this machine has no /dev/shm to write to")
    else:
        found.append(Place("tmpfs", TMPFS))
    if not found:
        sys.exit("There is no place to measure in: name a folder with --dir.")
    return found


def run(topic: str, measure: Callable[[Report, Options], None]) -> None:
    """The ``main`` of a benchmark script."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--full", action="store_true", help="more repetitions and the largest stores")
    parser.add_argument("--dir", help="folder on the disk to measure (default: that of temporary files)")
    parser.add_argument("--no-tmpfs", action="store_true", help="do not measure in memory")
    parser.add_argument("--json", help="also write the figures to this file")
    given = parser.parse_args()
    print(f"== {topic}")
    options = Options(given.full, find_places(given.dir, not given.no_tmpfs))
    print(HEAD)
    report = Report(topic)
    measure(report, options)
    if given.json:
        Path(given.json).write_bytes(msgspec.json.encode(report.figures))


# ---- the machine


def machine(places: Sequence[Place]) -> dict[str, str]:
    """What the figures were measured on, without names."""
    found = {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": _memory(),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "SQLite": f"{apsw.sqlite_lib_version()} (apsw {apsw.apsw_version()})",
        "msgspec": msgspec.__version__,
    }
    if hasattr(os, "getloadavg"):
        found["load before"] = f"{os.getloadavg()[0]:.1f} processes on average wanted a core"
    for place in places:
        times = _fdatasync(place)
        found[place.name] = (
            f"{file_system(place.path)}; 4 KiB write + fdatasync:"
            f" median {times.p50:.0f} µs, p99 {times.p99:.0f} µs"
        )
    return found


def _processor() -> str:
    try:
        for entry in Path("/proc/cpuinfo").read_text().splitlines():
            if entry.startswith("model name"):
                return entry.partition(":")[2].strip()
    except OSError:
        pass  # not Linux: the generic name below has to do
    return platform.processor() or platform.machine()


def _memory() -> str:
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return "unknown"
    return f"{size / 2**30:.0f} GiB"


def _fdatasync(place: Place) -> Times:
    with place.folder() as folder:
        fd = os.open(folder / "probe", os.O_RDWR | os.O_CREAT, 0o600)
        sync = getattr(os, "fdatasync", os.fsync)

        def write(_: int) -> None:
            os.write(fd, b"x" * 4096)
            sync(fd)

        try:
            return repeat(write, 200, warm=10)
        finally:
            os.close(fd)


def python(code: str, *arguments: str, environment: dict[str, str] | None = None) -> str:
    """Run ``code`` in a fresh interpreter like this one; gives its output."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        check=True,
        capture_output=True,
        text=True,
        env=None if environment is None else {**os.environ, **environment},
    ).stdout
