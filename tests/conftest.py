"""Every test runs without the user's home, configuration and environment; engines are summed up."""

from __future__ import annotations

import itertools
import os
import signal
from collections import Counter

import pytest
from hypothesis import settings

# A runner in the background of a shell ignores Ctrl-C, and so would every program that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Examples take as long as they take: the machine may be busy. RECOLLECT_SOAK=20 tries 20 times as many.
SOAK = int(os.environ.get("RECOLLECT_SOAK", "1"))
settings.register_profile("recollect", deadline=None, max_examples=100 * SOAK)
settings.load_profile("recollect")

# Switches of the tests themselves; every other RECOLLECT_ variable would configure the product.
TEST_SWITCHES = frozenset({"RECOLLECT_SOAK", "RECOLLECT_TRANSCRIPTS"})

# What other tools are told about their folders.
TOOL_FOLDERS = (
    "CLAUDE_CONFIG_DIR",
    "CODEX_HOME",
    "COPILOT_HOME",
    "GEMINI_CLI_HOME",
    "LLM_USER_PATH",
    "PI_CODING_AGENT_DIR",
    "PI_CODING_AGENT_SESSION_DIR",
)
_numbers = itertools.count()


@pytest.fixture(scope="session")
def _homes(tmp_path_factory):
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(autouse=True)
def hermetic(monkeypatch, _homes):
    """An empty home folder, no configuration, no colour or paging settings, UTC."""
    home = _homes / str(next(_numbers))
    home.mkdir()
    for name in [name for name in os.environ if name.startswith("RECOLLECT_")]:
        if name not in TEST_SWITCHES:
            monkeypatch.delenv(name)
    for name in TOOL_FOLDERS:
        monkeypatch.delenv(name, raising=False)
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "COLUMNS", "LINES", "PAGER", "LESS", "EDITOR"):
        monkeypatch.delenv(name, raising=False)
    folders = {
        "HOME": home,
        "USERPROFILE": home,
        "APPDATA": home / "AppData" / "Roaming",
        "LOCALAPPDATA": home / "AppData" / "Local",
        "XDG_CONFIG_HOME": home / ".config",
        "XDG_DATA_HOME": home / ".local" / "share",
        "XDG_STATE_HOME": home / ".local" / "state",
        "XDG_CACHE_HOME": home / ".cache",
    }
    for name, folder in folders.items():
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(home / "etc"))
    monkeypatch.setenv("TZ", "UTC")
    return home


# One line per engine at the end of a run: how many of its conformance tests ran, and why others did not.


def engine_of(nodeid: str) -> str | None:
    """``tests/conformance/test_sqlite.py::…`` is about the engine ``sqlite``."""
    path = nodeid.partition("::")[0]
    folder, _, name = path.rpartition("/")
    if not folder.endswith("conformance") or not name.startswith("test_"):
        return None
    return name.removeprefix("test_").removesuffix(".py")


def reason_of(report) -> str:
    """Why a test was skipped."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


def engine_lines(stats) -> list[str]:
    """Sum up the reports of a run by engine."""
    outcomes: dict[str, Counter[str]] = {}
    reasons: dict[str, Counter[str]] = {}
    for outcome in ("passed", "failed", "error", "skipped", "xfailed"):
        for report in stats.get(outcome, []):
            engine = engine_of(getattr(report, "nodeid", ""))
            if engine is None:
                continue
            outcomes.setdefault(engine, Counter())[outcome] += 1
            if outcome == "skipped":
                reasons.setdefault(engine, Counter())[reason_of(report)] += 1
    lines = []
    for engine in sorted(outcomes):
        counts = ", ".join(f"{number} {outcome}" for outcome, number in outcomes[engine].items())
        tested = "tested" if outcomes[engine].keys() - {"skipped"} else "skipped"
        why = "; ".join(f"{number} × {reason}" for reason, number in reasons.get(engine, Counter()).items())
        lines.append(f"{engine}: {tested} ({counts})" + (f": {why}" if why else ""))
    return lines


def pytest_terminal_summary(terminalreporter) -> None:
    lines = engine_lines(terminalreporter.stats)
    if lines:
        terminalreporter.section("engines")
        for line in lines:
            terminalreporter.write_line(line)
