"""Real transcripts, where they are beside the repository: exact counts into every engine, found by
search, once only, in little memory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from recollect import Store

_BESIDE = Path(__file__).resolve().parents[3] / "shared" / "transcripts"
TRANSCRIPTS = Path(os.environ.get("RECOLLECT_TRANSCRIPTS") or _BESIDE)

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not TRANSCRIPTS.is_dir(), reason=f"no real transcripts at {TRANSCRIPTS}"),
]


@pytest.fixture(params=["memory", "sqlite", "file"])
def store(request, tmp_path):
    urls = {"memory": "memory:", "sqlite": f"sqlite:///{tmp_path}/s.db", "file": f"file://{tmp_path}/store"}
    with Store(urls[request.param] + ("" if request.param == "memory" else "?durability=relaxed")) as opened:
        yield opened


@pytest.mark.parametrize(
    ("archive", "sessions", "messages", "word"),
    [
        ("openai_chat.tar.xz", 100, 2526, "reservation"),
        pytest.param("bulk_short.tar.xz", 4720, 86592, "find", marks=pytest.mark.slow),
    ],
)
def test_counts(store, archive, sessions, messages, word):
    result = store.import_(TRANSCRIPTS / archive)
    assert (result.created, result.messages, len(result.sessions)) == (sessions, messages, sessions)
    assert result.damaged == []
    assert (store.stats().sessions, store.stats().messages) == (sessions, messages)
    hits = store.search(word, limit=5)
    assert len(hits) == 5
    assert all(word in hit.snippet.lower() for hit in hits)
    again = store.import_(TRANSCRIPTS / archive)
    assert (again.created, again.updated, again.unchanged, again.messages) == (0, 0, sessions, 0)


@pytest.mark.slow
def test_memory_stays_bounded(tmp_path):
    """All real conversations as one conversation of some 89,000 messages on a single line."""
    program = """
import json, resource, sys, tarfile
import recollect
folder, target = sys.argv[1:]
with open(target, "w") as out:
    out.write('{"messages":[{"role":"system","content":"all"}')
    with tarfile.open(folder + "/bulk_short.tar.xz") as archive:
        member = next(m for m in archive if m.isfile())
        for line in archive.extractfile(member):
            for message in json.loads(line)["messages"]:
                out.write("," + json.dumps(message))
    out.write('],"model":"m"}')
with recollect.Store("sqlite:///" + target + ".db?durability=relaxed") as store:
    result = store.import_(target)
    assert (result.created, result.messages, result.damaged) == (1, 86593, []), result
if sys.platform == "linux":  # there ru_maxrss begins with what the parent process had
    with open("/proc/self/status") as status:
        print(next(int(line.split()[1]) >> 10 for line in status if line.startswith("VmHWM")))
else:
    scale = 1 if sys.platform == "darwin" else 1024
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale >> 20)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(TRANSCRIPTS), str(tmp_path / "all.json")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 200
