"""Makes the virtual environment that the Makefile uses, and keeps it up to date.

    python scripts/setup_venv.py [--check] FOLDER run|dev

``run`` installs recollect (editable), ``dev`` also the dependency group ``dev`` of pyproject.toml
and every extra. ``--check`` changes nothing and exits 1 when there is something to do. Uses the
standard library and pip only, and pip's own configuration.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = ROOT / "pyproject.toml"


def main(arguments: list[str]) -> int:
    check = "--check" in arguments
    folder, what = [item for item in arguments if item != "--check"]
    venv = Path(folder).absolute()
    state = read_state(venv)
    if state is not None and what in state["installed"]:
        return 0
    if check:
        return 1
    if state is None:
        create(venv)
        state = {"wanted": wanted(python_of(venv)), "installed": []}
    install(venv, what)
    state["installed"] = sorted({*state["installed"], "run", what})
    state_file(venv).write_text(json.dumps(state), encoding="utf-8")
    return 0


def wanted(python: str) -> list[str]:
    """What an environment depends on: when any of it changes, the environment is made up anew."""
    digest = hashlib.sha256(PYPROJECT.read_bytes() + Path(__file__).read_bytes()).hexdigest()
    return [str(ROOT), python, digest]


def state_file(venv: Path) -> Path:
    return venv / "recollect-setup.json"


def read_state(venv: Path) -> dict[str, list[str]] | None:
    """What is installed, or None when the environment is missing, moved, stale or another Python's."""
    try:
        state: dict[str, list[str]] = json.loads(state_file(venv).read_text(encoding="utf-8"))
        current = state["wanted"] == wanted(python_of(venv))
    except (OSError, ValueError, KeyError):
        return None
    return state if current and python_of(venv) == this_python() else None


def this_python() -> str:
    return ".".join(map(str, sys.version_info[:3]))


def python_of(venv: Path) -> str:
    """The version of an environment's interpreter, as ``venv`` wrote it down."""
    for line in (venv / "pyvenv.cfg").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "version":
            return value.strip()
    return ""


def executable(venv: Path) -> Path:
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def create(venv: Path) -> None:
    """An environment with pip; an existing one of the same Python and place is kept."""
    if usable(venv):
        return
    if venv.exists():
        shutil.rmtree(venv)
    say(f"creating {venv.name} with Python {this_python()}")
    make = [sys.executable, "-m", "venv", str(venv)]
    made = subprocess.run(make, capture_output=True, text=True, check=False)
    if made.returncode == 0:
        return
    # Some distributions ship venv without ensurepip; the outer pip can fill such an environment.
    shutil.rmtree(venv, ignore_errors=True)
    subprocess.run([*make, "--without-pip"], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(executable(venv)), "install", "--quiet", "pip"]
    if subprocess.run(pip, check=False).returncode != 0:
        sys.exit(f"{made.stdout}{made.stderr}\npip could not be put into {venv}.")


def usable(venv: Path) -> bool:
    try:
        if python_of(venv) != this_python():
            return False
    except OSError:
        return False
    probe = [str(executable(venv)), "-c", "import pip"]
    try:
        return subprocess.run(probe, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def install(venv: Path, what: str) -> None:
    say("installing recollect" + (" and what its tests need" if what == "dev" else ""))
    targets = ["-e", str(ROOT)]
    if what == "dev":
        groups = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["dependency-groups"]
        targets = ["-e", f"{ROOT}[all]", *groups["dev"]]
    pip = [str(executable(venv)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *targets]
    if subprocess.run(pip, stdin=subprocess.DEVNULL, check=False).returncode != 0:
        sys.exit("pip failed; its message is above.")


def say(text: str) -> None:
    print(f"setup: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
