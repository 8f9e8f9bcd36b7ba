"""Real sessions that grow, brought in step after step, half lines included: as if imported at the end."""

import os
import random
import tarfile
from pathlib import Path

import pytest

from recollect import Store

_BESIDE = Path(__file__).resolve().parents[3] / "shared" / "transcripts"
TRANSCRIPTS = Path(os.environ.get("RECOLLECT_TRANSCRIPTS") or _BESIDE)
GROWING = TRANSCRIPTS / "growing.tar.xz"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not GROWING.is_file(), reason=f"no real transcripts at {TRANSCRIPTS}"),
]


def growing():
    """Path in the archive → the file's stages."""
    found = {}
    if GROWING.is_file():
        with tarfile.open(GROWING) as archive:
            for member in archive:
                if member.isfile():
                    found[member.name] = archive.extractfile(member).read()
    series = {}
    for name in sorted(found):
        series.setdefault(os.path.dirname(name), []).append(found[name])
    return series


SERIES = growing()


def place(home, series):
    """Where the tool would write the file."""
    session_id = os.path.basename(series)
    if "/codex/" in series:
        path = home / f".codex/sessions/2026/01/01/rollout-2026-01-01T00-00-00-{session_id}.jsonl"
    else:
        path = home / f".claude/projects/-project/{session_id}.jsonl"
    path.parent.mkdir(parents=True)
    return path, session_id


def steps(stages, seed):
    """The stages, and a cut at some byte on the way to each that only adds to the one before."""
    chance = random.Random(seed)
    for number, content in enumerate(stages):
        before = stages[number - 1] if number else b""
        if content.startswith(before):
            yield content[: chance.randint(len(before), len(content))]
        yield content


def everything(store):
    return {
        info.id: [(m.id, m.role, m.parts, m.usage) for m in store.get(info.id).messages()]
        for info in store.sessions(limit=500)
    }


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("series", SERIES)
def test_growing_in_steps_is_as_importing_the_last(hermetic, series, seed):
    path, session_id = place(hermetic, series)
    with Store("memory:") as stepwise, Store("memory:") as whole:
        for content in steps(SERIES[series], seed):
            path.write_bytes(content)
            assert stepwise.sync().imported.damaged == []
        whole.import_(path)
        assert everything(stepwise) == everything(whole)
        assert stepwise.export(session_id, format="native") == path.read_bytes()
        assert stepwise.sync().read == []
