"""Runs the fuzz target of every reader for some time each.

    python fuzz/run.py [--seconds 60] [FORMAT …]

A file that a reader fails on is kept in the folder that is named at the end.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from recollect.formats import import_formats

HERE = Path(__file__).resolve().parent


def main() -> int:
    """How many readers failed, as an exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument(
        "formats", nargs="*", metavar="FORMAT", help="all that can be imported, if none is named"
    )
    options = parser.parse_args()
    unknown = set(options.formats) - set(import_formats())
    if unknown:
        parser.error(f"no format {', '.join(sorted(unknown))}; there are {', '.join(import_formats())}")
    provide_atheris()
    failed = []
    found = Path(tempfile.mkdtemp(prefix="recollect-fuzz-"))
    for name in options.formats or import_formats():
        status = fuzz(name, options.seconds, found)
        print(f"{name}: {'ok' if status == 0 else 'FAILED'}", flush=True)
        if status:
            failed.append(name)
    if failed:
        print(f"{', '.join(failed)} failed; the files are in {found}.", file=sys.stderr)
    else:
        found.rmdir()
    return min(len(failed), 1)


def provide_atheris() -> None:
    """Install the fuzzing engine where it is missing; one sentence where it cannot be had."""
    if importlib.util.find_spec("atheris") is not None:
        return
    project = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = project["dependency-groups"]["fuzz"]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
    done = subprocess.run(pip, capture_output=True, check=False).returncode == 0
    importlib.invalidate_caches()
    if not done or importlib.util.find_spec("atheris") is None:
        version = ".".join(map(str, sys.version_info[:2]))
        sys.exit(f"Fuzzing needs atheris, which cannot be installed for Python {version} on {sys.platform}.")


def begin(name: str, corpus: Path) -> None:
    """Put the files of ``corpus/FORMAT`` there; those of all formats, should this one have none."""
    own = HERE / "corpus" / name
    seeds = sorted(own.iterdir()) if own.is_dir() else sorted((HERE / "corpus").glob("*/*"))
    for number, seed in enumerate(seeds):
        place = corpus / str(number)
        if seed.suffix != ".sql":
            shutil.copyfile(seed, place)
            continue
        connection = sqlite3.connect(place)
        connection.execute("PRAGMA page_size = 512")  # small files are quicker to change
        connection.executescript(seed.read_text(encoding="utf-8"))
        connection.close()


def fuzz(name: str, seconds: int, found: Path) -> int:
    """Fuzz one reader; gives the exit status of its process."""
    with tempfile.TemporaryDirectory(prefix="recollect-corpus-") as corpus:
        begin(name, Path(corpus))
        target = [sys.executable, str(HERE / "fuzz_reader.py"), name, corpus]
        limits = [f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=2048", "-max_len=65536"]
        log = found / f"{name}.log"
        with log.open("wb") as output:
            kept = f"-artifact_prefix={found}/{name}-"
            done = subprocess.run([*target, *limits, kept], stdout=output, stderr=output, check=False)
    if done.returncode == 0:
        log.unlink()
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
